"""What a forecast may be told.

Belongs here: every number of the forecasting layer that somebody could want to change, with its unit and its reason.
Does not belong here: policy (service levels, costs, packs), which SQL holds with effective dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

GRID = (0.005, 0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99, 0.995)
"""Levels on which distributions are held; a level between two is interpolated, one outside takes the nearest."""


@dataclass(frozen=True)
class ForecastSettings:
    """Settings of one forecast; all but `chunk_series` is part of its identity. Raises ValueError when out of range.

    A period is a day, a week or whatever step the data has.
    """

    models: tuple[str, ...] = ()
    """Names from the registry in `ml.forecasting.models`; empty takes what the size of the data allows (`auto`)."""
    origins: int = 3
    """Backtest origins; each refits every model, so time grows with it."""
    backtest_series: int = 40_000
    """Series backtested; a seeded sample where there are more. Weights and calibration are pooled, so a sample teaches them as well."""
    min_training_periods: int = 8
    """History below which no model is fitted and the mean of the history is used."""
    max_history_periods: int = 800
    """Older periods are not read."""
    moving_average_periods: int = 13
    """Window of the moving average, at least; whole seasons of days are taken where they are longer."""
    fair_series: int = 15_000
    """Series, those that move most, for which models of middling cost are fitted; the others take the smoothed level."""
    fair_periods: int = 364
    """Newest periods that models of middling cost read: twice as many take three times as long, and forecast no better."""
    dear_series: int = 300
    """Series, those that move most, for which dear models are fitted: a few series a second."""
    boosting_min_rows: int = 1_500
    """Training rows (series times origins times steps) below which boosting has too little to learn from."""
    boosting_max_rows: int = 150_000
    """Training rows above which a seeded sample is taken."""
    boosting_origins: int = 8
    """Past origins whose forecasts boosting learns from."""
    boosting_most_origins: int = 100
    """The same where few series leave room among the rows: more of their past, with its seasons and holidays."""
    boosting_rounds: int = 100
    boosting_quantile_rounds: int = 80
    boosting_learning_rate: float = 0.075
    boosting_leaves: int = 63
    component_series: int = 2_000
    """Class A series, those that move most, that are split into trend, season and remainder."""
    explained_series: int = 2_000
    """Class A series, those that move most, whose next week boosting explains."""
    neural_min_series: int = 500
    """Series below which a network has too little to learn from; it is then not among the automatic models."""
    neural_steps: int = 200
    """Steps of training, at most: a network stops early when the validation weeks no longer gain."""
    seed: int = 1
    repair_stock_outs: bool = True
    """Lift periods with a stock-out to what earlier periods in stock let expect, before fitting."""
    repair_window_periods: int = 8
    """In-stock periods that expectation looks back on."""
    min_in_stock_share: float = 0.5
    """Share of a window's periods that must be in stock for its sum to teach the calibration; scores ask for all."""
    dispersion_periods: int = 56
    """Periods over which a series' own variance-to-mean ratio is measured."""
    dispersion_prior_periods: float = 4.0
    """Weight, in periods of history, of the segment's ratio beside the series' own."""
    pool_prior_windows: float = 50.0
    """Weight, in backtest windows, of the whole pool's errors beside a segment's."""
    theory_prior_windows: float = 20.0
    """Weight, in backtest windows, of independent periods (variance scale 1) beside the errors."""
    bucket_windows: int = 300
    """Backtest windows an empirical distribution of errors is made of, at least."""
    max_buckets: int = 8
    """Kinds of predictability with an empirical distribution of their own, at most."""
    absolute_share: float = 0.0
    """Share of the centre that serves absolute errors in the published mean; above 0 it lowers WAPE and the mean of heavy-tailed demand."""
    min_share_of_history: float = 0.05
    """Floor of every forecast period, as a share of the historical mean: a model at zero proves no demand of zero."""
    lattice_points: int = 256
    """Points on which a distribution is computed; fewer is coarser for fast movers."""
    chunk_series: int = 4000
    """Series whose distributions are held in memory together; it does not change any result."""
    max_horizon_weeks: int = 26
    """Cap of the horizon of weekly runs; demand beyond it goes on at the level of the last week."""
    lead_time_cut: float = 0.99
    """Share of a vendor's lead times the horizon must cover."""
    default_lead_time_days: int = 14
    """Lead time where no vendor has any observation."""
    champion_standard_errors: float = 2.0
    """Standard errors by which a model must beat the ensemble in a segment. Policy: a run of the warehouse is told SQL's number."""
    champion_min_series: int = 20
    """Series that must be scored with both. Policy as well: the run must write what SQL will choose."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and field.name not in ("seed", "default_lead_time_days", "origins") and value < 1:
                raise ValueError(f"{field.name} must be at least 1, got {value}")
        if self.origins < 0 or self.default_lead_time_days < 0 or self.min_share_of_history < 0:
            raise ValueError("origins, default_lead_time_days and min_share_of_history must not be negative")
        if not 0 <= self.absolute_share <= 1:
            raise ValueError(f"absolute_share must lie in [0, 1], got {self.absolute_share}")
        if not 0 < self.lead_time_cut <= 1:
            raise ValueError(f"lead_time_cut must lie in (0, 1], got {self.lead_time_cut}")
        if self.lattice_points < 32:
            raise ValueError(f"lattice_points must be at least 32, got {self.lattice_points}")
        if len(set(self.models)) != len(self.models):
            raise ValueError(f"models must be distinct, got {self.models}")

    def changed(self, parameters: Mapping[str, Any]) -> ForecastSettings:
        """The same settings with others for some fields."""
        return replace(self, **parameters)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> ForecastSettings:
        """Settings from a configuration as `tune` writes it. Raises ValueError for a name that is none of theirs."""
        unknown = sorted(set(parameters) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"forecast settings do not know {unknown}; they have {sorted(field.name for field in fields(cls))}")
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()})
