"""What a forecast run may be told.

Belongs here: every number of the forecasting layer that somebody could want to change, with its unit and its reason.
Does not belong here: policy (service levels, costs, packs), which SQL holds with effective dates.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ForecastSettings:
    """Settings of one run; all but `chunk_series` is part of its identity. Raises ValueError when out of range."""

    models: tuple[str, ...] = ("seasonal_naive", "moving_average", "croston_sba", "theta")
    """Names from the registry in `ml.forecasting.models`."""
    horizon_weeks: int | None = None
    """Weeks forecast; None takes what the longest protection interval needs (review plus 99 % lead time)."""
    max_horizon_weeks: int = 26
    """Cap of that horizon; demand beyond it goes on at the level of the last week."""
    lead_time_cut: float = 0.99
    """Share of a vendor's lead times the horizon must cover."""
    default_lead_time_days: int = 14
    """Lead time where no vendor has any observation."""
    origins: int = 6
    """Backtest origins; each refits every model, so time grows with it."""
    origin_step_weeks: int = 2
    """Weeks between two origins."""
    min_training_weeks: int = 8
    """Weeks of history below which no model is fitted and the mean of the history is used."""
    max_history_weeks: int = 157
    """Older weeks are not read: three years and a week, so that a yearly season can still be backtested."""
    season_weeks: int = 52
    """Season of the seasonal naive model; a series needs it in full before its first origin."""
    moving_average_weeks: int = 13
    """Window of the moving average."""
    repair_stock_outs: bool = True
    """Lift weeks with a stock-out to the mean of earlier in-stock weeks before fitting."""
    repair_window_weeks: int = 8
    """In-stock weeks that mean looks back on."""
    dispersion_weeks: int = 52
    """Weeks over which a series' own variance-to-mean ratio is measured."""
    dispersion_prior_weeks: float = 4.0
    """Weight, in weeks of history, of the segment's ratio beside the series' own."""
    pool_prior_windows: float = 50.0
    """Weight, in backtest windows, of the whole model's errors beside a segment's."""
    theory_prior_windows: float = 20.0
    """Weight, in backtest windows, of independent weeks (variance scale 1) beside the errors."""
    min_share_of_history: float = 0.1
    """Floor of every forecast week, as a share of the series' historical mean: a model at zero proves no demand of zero."""
    lattice_points: int = 256
    """Points on which a distribution is computed; fewer is coarser for fast movers."""
    chunk_series: int = 2000
    """Series whose distributions are held in memory together; it does not change any result."""

    def __post_init__(self) -> None:
        counts = (
            "origins",
            "origin_step_weeks",
            "min_training_weeks",
            "max_horizon_weeks",
            "max_history_weeks",
            "season_weeks",
            "moving_average_weeks",
            "repair_window_weeks",
            "dispersion_weeks",
            "chunk_series",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.horizon_weeks is not None and self.horizon_weeks < 1:
            raise ValueError(f"horizon_weeks must be at least 1 or None, got {self.horizon_weeks}")
        if not 0 < self.lead_time_cut <= 1:
            raise ValueError(f"lead_time_cut must lie in (0, 1], got {self.lead_time_cut}")
        if self.lattice_points < 32 or self.default_lead_time_days < 0 or self.min_share_of_history < 0:
            raise ValueError("lattice_points below 32, or a negative lead time or floor")
        if not self.models or len(set(self.models)) != len(self.models):
            raise ValueError(f"models must be distinct and at least one, got {self.models}")
