"""When an order arrives, if it does: a hazard by age, learned from what a supplier delivered and still owes.

Belongs here: late, early and lost orders in one model. Does not belong here: what is done about them (`search`).

The hazard of an age is the chance that an order of that age comes in the present period, given that it has not come before:
Kaplan and Meier's estimator with a beta prior per age, so open orders count as censored. Two priors stand beside each other, a supplier
who keeps the promised date and one who does not, and the deliveries say which it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaln

from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

_KEPT = 0.98  # chance that a reliable supplier delivers on the day
_KEPT_WEIGHT = 40.0
_LATE_WEIGHT = 4.0
_OFF_PERIODS, _OFF_SHARE, _FEWEST_DELIVERIES = 2, 0.8, 3
"""So many deliveries, four in five of them so far from the promised day and on the same side of it, make a lead time of their own."""
_LOOSE_EARLY, _LOOSE_ON_TIME, _LOOSE_WEIGHT = 0.15, 0.4, 1.0


@dataclass(frozen=True)
class Supply:
    """Hazards by age (S, ages) and the probability that the supplier keeps the promised date, (S,)."""

    hazard: Array
    reliable: Array

    def arrived_by(self, age: int, periods: int) -> Array:
        """Chance that an order of `age` (before this period's arrivals) has come by the end of each of the next periods, (S, periods).

        An age below 0 is that of an order that begins to age in so many periods.
        """
        ahead, wait = np.zeros((len(self.hazard), periods)), min(max(-age, 0), periods)
        known = self.hazard[:, max(age, 0) : max(age, 0) + periods - wait]
        ahead[:, wait : wait + known.shape[1]] = known
        return 1 - np.cumprod(1 - ahead, axis=1)


def learn_supply(arrived: Array, at_risk: Array, promised: int, settings: DecisionSettings) -> Supply:
    """Hazards from (S, ages) counts: orders that came at each age, and orders that could have; `promised` is the promised age."""
    age = np.arange(arrived.shape[1])
    kept_mean = np.where(age < promised, 1 - _KEPT, np.where(age == promised, _KEPT, 0.5))
    kept_weight = np.where(age <= promised, _KEPT_WEIGHT, _LATE_WEIGHT)
    loose_mean = np.where(age < promised, _LOOSE_EARLY, np.where(age == promised, _LOOSE_ON_TIME, settings.late_hazard))
    loose_weight = np.full(len(age), _LOOSE_WEIGHT)
    evidence, hazard = [], []
    for mean, weight in ((kept_mean, kept_weight), (loose_mean, loose_weight)):
        came, stayed = mean * weight, (1 - mean) * weight
        evidence.append((betaln(came + arrived, stayed + at_risk - arrived) - betaln(came, stayed)).sum(axis=1))
        hazard.append((came + arrived) / (weight + at_risk))
    prior = np.log(settings.reliable_share / (1 - settings.reliable_share))
    reliable = 1 / (1 + np.exp(-np.clip(prior + evidence[0] - evidence[1], -50, 50)))
    share = reliable[:, None]
    return Supply(share * hazard[0] + (1 - share) * hazard[1], reliable)


def source_of(table: pl.DataFrame) -> pl.Expr:
    """Whose deliveries a series learns from: its supplier's, else its own."""
    own = pl.col("unique_id")
    return pl.coalesce(pl.col("supplier").cast(pl.String), own) if "supplier" in table.columns else own


def usual_lead_times(table: pl.DataFrame, orders: pl.DataFrame) -> pl.Series:
    """(S,) periods after which orders are counted on: what is promised, or the median of what came where hardly anything keeps to it.

    `table`: row, unique_id, lead_time_periods, optionally supplier, which learn from each other by how many periods late they are. `orders`: row,
    age, came. Null where no lead time is known.
    """
    column = pl.col
    promised = table.select("row", source=source_of(table), promised=column("lead_time_periods").round(0).cast(pl.Int64))
    late = orders.filter("came").join(promised, on="row").with_columns(delay=column("age") - column("promised"))
    off = late.group_by("source").agg(
        column("delay").median(),
        deliveries=pl.len(),
        share=pl.max_horizontal((column("delay") >= _OFF_PERIODS).mean(), (column("delay") <= -_OFF_PERIODS).mean()),
    )
    off = off.filter(column("deliveries") >= _FEWEST_DELIVERIES, column("share") >= _OFF_SHARE)
    found = promised.join(off.select("source", "delay"), on="source", how="left", maintain_order="left")
    shift = column("delay").fill_null(0).round(0).cast(pl.Int64)
    return found.select((column("promised") + shift).clip(lower_bound=0))["promised"]
