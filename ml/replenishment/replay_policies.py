"""The policies that a replay knows by name: from what is known at the start of a week to levels.

Belongs here: one function per policy. Does not belong here: the flow of stock (`replay`), formulas (`policies`, `least_cost`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from ml.replenishment import policies as textbook
from ml.replenishment.least_cost import least_cost_levels
from ml.replenishment.replay_panel import ReplayPanel
from ml.replenishment.rolling import Rolling

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

_MAX_COVER_WEEKS = 90 / 7
"""Policy parameter max_cover_days: a batch is cut to this much demand."""
_FIXED_WEEKS = 13
_POINTS = 48


class Levels(NamedTuple):
    """Order where the position is at or below `reorder`: up to `target`, at least `least`, or whole batches where `batch` says so."""

    reorder: Floats
    target: Floats
    batch: Floats | None = None
    least: Floats | None = None


@dataclass(frozen=True)
class Known:
    """What is known at the start of one week about the series `rows`: forecasts, lead times, terms. Times in weeks."""

    panel: ReplayPanel
    rows: slice
    rolling: Rolling
    week: int

    @property
    def lead(self) -> Array:
        return self.panel.lead_mean[self.rows, self.week] / 7.0

    @property
    def lead_deviation(self) -> Array:
        return self.panel.lead_deviation[self.rows, self.week] / 7.0

    @property
    def review(self) -> Array:
        return self.panel.review_weeks[self.rows].astype(np.float64)

    @property
    def horizon(self) -> Array:
        """Protection interval: lead time and review period."""
        return self.lead + self.review

    @property
    def mean(self) -> Array:
        """Expected demand over the protection interval."""
        return self.rolling.mean(self.rows, self.week, self.horizon)

    def variance(self, mean: Array) -> Array:
        return self.rolling.variance(self.rows, self.week, mean, self.horizon, self.lead_deviation)

    @property
    def service_level(self) -> Array:
        return self.panel.service_level[self.rows]

    def textbook_safety_stock(self, rate: Array) -> Array:
        error = np.sqrt(self.rolling.error_variance[self.rows, self.week])
        sigma = textbook.lead_time_demand_deviation(error, self.lead, self.review, rate, self.lead_deviation)
        return textbook.safety_stock_for_cycle_service(self.service_level, sigma)

    def economic_order_quantity(self, rate: Array) -> Array:
        panel = self.panel
        batch = textbook.economic_order_quantity(panel.order_cost[self.rows], rate, panel.holding[self.rows])
        return np.maximum(np.minimum(batch, rate * _MAX_COVER_WEEKS), 1.0)


class Policy(Protocol):
    """Makes the function that is asked every week, with a memory of its own for one chunk of series."""

    def start(self, panel: ReplayPanel, rows: slice, rolling: Rolling) -> Callable[[Known], Levels]: ...


@dataclass(frozen=True)
class _Weekly:
    """A policy without memory."""

    levels: Callable[[Known], Levels]

    def start(self, panel: ReplayPanel, rows: slice, rolling: Rolling) -> Callable[[Known], Levels]:
        return self.levels


@dataclass(frozen=True)
class _Held:
    """A policy whose levels are set anew only every few weeks."""

    levels: Callable[[Known], Levels]
    every_weeks: int

    def start(self, panel: ReplayPanel, rows: slice, rolling: Rolling) -> Callable[[Known], Levels]:
        held: list[Levels] = []

        def decide(known: Known) -> Levels:
            if known.week % self.every_weeks == 0:
                held[:] = [self.levels(known)]
            return held[0]

        return decide


def _up_to(target: Array) -> Levels:
    """(R,S): order whenever the position is below S."""
    target = target.astype(np.float32)
    return Levels(target, target)


def _in_batches(known: Known, target: Array) -> Levels:
    """(R,S) as the warehouse orders: an order that is needed is at least an economic one."""
    batch = known.economic_order_quantity(known.mean / known.horizon)
    return _up_to(target)._replace(least=batch.astype(np.float32))


def _quantile(known: Known) -> Levels:
    mean = known.mean
    return _in_batches(known, gamma_quantile(known.service_level, mean, known.variance(mean)))


def _newsvendor(known: Known) -> Levels:
    return _in_batches(known, _newsvendor_level(known))


def _newsvendor_level(known: Known) -> Array:
    panel, rows = known.panel, known.rows
    ratio = textbook.critical_ratio(panel.shortage[rows], panel.holding[rows] * known.review)
    mean = known.mean
    return gamma_quantile(ratio, mean, known.variance(mean))


def _fill_rate(known: Known) -> Levels:
    mean = known.mean
    variance = known.variance(mean)
    asked = known.panel.fill_rate_level[known.rows]
    cycle = np.maximum(known.economic_order_quantity(mean / known.horizon), mean / known.horizon * known.review)
    safety = textbook.safety_stock_for_fill_rate(asked, cycle, np.sqrt(variance))
    instead = gamma_quantile(known.service_level, mean, variance)
    return _in_batches(known, np.where(np.isnan(asked), instead, np.maximum(mean + safety, 0.0)))


def _base_stock_quarterly(known: Known) -> Levels:
    return _up_to(_newsvendor_level(known))


def _eoq_textbook(known: Known) -> Levels:
    rate = known.mean / known.horizon
    point = textbook.reorder_point_units(rate, known.lead, known.textbook_safety_stock(rate)).astype(np.float32)
    batch = np.ceil(known.economic_order_quantity(rate)).astype(np.float32)
    return Levels(point, point + batch, batch)


def _rs_textbook(known: Known) -> Levels:
    rate = known.mean / known.horizon
    return _up_to(textbook.order_up_to_units(rate, known.lead, known.review, known.textbook_safety_stock(rate)))


def _rss_textbook(known: Known) -> Levels:
    rate = known.mean / known.horizon
    point = textbook.order_up_to_units(rate, known.lead, known.review, known.textbook_safety_stock(rate))
    return Levels(point.astype(np.float32), (point + known.economic_order_quantity(rate)).astype(np.float32))


def _just_in_time(known: Known) -> Levels:
    return _up_to(known.mean)


def _least_cost(known: Known) -> Levels:
    panel, rows = known.panel, known.rows
    mean = known.mean
    found = least_cost_levels(
        mean,
        known.variance(mean),
        lead_time=known.lead,
        review_period=known.review,
        holding=panel.holding[rows],
        shortage=panel.shortage[rows],
        order_cost=panel.order_cost[rows],
        lead_time_deviation=known.lead_deviation,
        moq=panel.moq[rows],
        pack=panel.pack[rows],
        max_cover=_MAX_COVER_WEEKS,
        points=_POINTS,
    )
    return Levels(found.reorder_units.astype(np.float32), found.target_units.astype(np.float32))


def gamma_quantile(level: Array, mean: Array, variance: Array) -> Array:
    """Quantile of the gamma distribution with this mean and variance; 0 without demand."""
    has_demand = (mean > 1e-9) & (level > 0)
    shape = np.divide(mean**2, variance, out=np.ones_like(mean), where=has_demand & (variance > 0))
    scale = np.divide(variance, mean, out=np.zeros_like(mean), where=has_demand)
    return np.where(has_demand, gammaincinv(np.minimum(shape, 1e6), level) * scale, 0.0)


POLICIES: dict[str, Policy] = {
    "quantile": _Weekly(_quantile),
    "newsvendor": _Weekly(_newsvendor),
    "fill_rate": _Weekly(_fill_rate),
    "eoq_textbook": _Weekly(_eoq_textbook),
    "rs_textbook": _Weekly(_rs_textbook),
    "rss_textbook": _Weekly(_rss_textbook),
    "base_stock_quarterly": _Held(_base_stock_quarterly, _FIXED_WEEKS),
    "just_in_time": _Weekly(_just_in_time),
    "least_cost": _Weekly(_least_cost),
    "clairvoyant_distribution": _Weekly(_least_cost),
}

WHAT_THEY_DO = {
    "quantile": "order up to the service level's quantile of demand summed over the protection interval, at least an economic batch",
    "newsvendor": "the same at the quantile that margin and holding cost ask for",
    "fill_rate": "order up to the level at which so large a share of demand is met at once, at least an economic batch",
    "eoq_textbook": "economic order quantity at the textbook reorder point",
    "rs_textbook": "order up to mean and z·σ over the protection interval, every review",
    "rss_textbook": "at the textbook level over the protection interval, order that and an economic order quantity",
    "base_stock_quarterly": "the newsvendor level, set anew once a quarter",
    "just_in_time": "no safety stock: what is expected to be needed until the next receipt",
    "least_cost": "the pair of levels of least expected holding, shortage and ordering cost",
    "clairvoyant_distribution": "the same knowing the true distribution of demand (generated data only)",
    "actual": "what the firm really did",
}

REPLAYED_AS = {
    "quantile": "quantile",
    "newsvendor": "newsvendor",
    "fill_rate": "fill_rate",
    "eoq_sq": "eoq_textbook",
    "rss": "rss_textbook",
    "base_stock": "rs_textbook",
    "just_in_time": "just_in_time",
    "least_cost": "least_cost",
}
"""The policies that the warehouse knows (seed policy_assignments), and what stands for each in a replay."""


def replayed_in_words() -> str:
    """Which policies of the warehouse are replayed, and under which name."""
    own = ", ".join(name for name, replayed in REPLAYED_AS.items() if replayed == name)
    others = ", ".join(f"{name} as {replayed}" for name, replayed in REPLAYED_AS.items() if replayed != name)
    return f"Of the warehouse's policies {own} are replayed under their names, {others}"
