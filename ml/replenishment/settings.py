"""What a decision assumes before it has seen anything.

Belongs here: priors and sizes, with what they were chosen on. Does not belong here: what the data says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecisionSettings:
    """Chosen on three kinds of demand at once (simulated games, weekly wholesale, daily fresh goods), where the scores are flat in most."""

    paths: int = 256
    """Demand and delivery paths simulated per series; the same random numbers for every series and every order quantity."""
    periods_beyond_lead_time: int = 5
    """Periods simulated after the promised lead time: later orders can mend what happens beyond."""
    most_late_periods: int = 10
    """An order that is later than this is not believed in at all."""
    most_history_periods: int = 160
    """Older demand is not read: no model gives it weight."""
    most_lead_time_periods: int = 1_000
    """A promised lead time or review period beyond is taken for a mistake."""
    chunk_series: int = 128
    """Series simulated at a time, fewer over long lead times: so many that they stay in the processor's cache; never changes a result."""
    workers: int = 2
    """Threads that simulate; never changes a result."""
    seed: int = 7

    # demand
    variance_discount: float = 0.95
    evidence_discount: float = 0.98
    prior_variation: float = 0.4
    """Standard deviation of demand as a share of the first demand seen, worth `prior_weight` observations."""
    prior_weight: float = 2.0
    change_probability: float = 1 / 20
    """That the level of demand jumps from one period to the next, where demand is smooth."""
    change_share: float = 0.3
    """Prior weight of the model with jumps; none where demand is lumpy, where it takes every burst for a new level."""
    lumpy_variation: float = 0.7
    """Residual variation (standard deviation over mean) from which demand counts as lumpy."""
    resampling_share: float = 0.3
    """Prior weight of drawing the future from the past as it was."""
    resampling_discount: float = 0.9
    group_share: float = 0.8
    """How far the shape of a series' demand leans towards what its group says, as a share of how far its mean does."""
    group_origins: int = 120
    """Past moments of a group whose outcomes its models learn from, at most, newest first."""
    group_rows: int = 16_000
    """Outcomes (series times moments) they learn from, at most: a sample of the series at each moment where there are more."""
    group_rounds: int = 40
    """Trees per model of a group."""
    group_leaves: int = 48
    """Twice the leaves of such a tree."""
    group_mean_share: float = 0.3
    """How far the mean of a series follows its group before anything was seen of it."""
    group_prior_windows: float = 300.0
    """Hidden outcomes that this guess is worth."""
    group_prior_units: float = 3.0
    """Demand over the interval at which a series leans half as far as its group's share."""

    # supply
    reliable_share: float = 0.7
    """Prior probability that a supplier keeps the promised date."""
    late_hazard: float = 0.15
    """Of an order of an unreliable supplier that is late: to come in the next period."""
    missing_cost_service_level: float = 0.95
    """What is aimed at where a cost is not known."""

    # decision
    correction_lag: float = 1.0
    """How much of a mistaken order stays until later orders can correct it: it grows with the lead time."""
    uncorrected_share: float = 0.3
    """The same without any lead time: what a falling demand leaves in stock."""
