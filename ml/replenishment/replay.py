"""Replay: policies run against history, week by week, from the same opening stock, and what each would have cost.

Belongs here: the flow of stock under a policy, its costs, comparisons of policies. Does not belong here: reading history
(`replay_panel`), forecasts (`rolling`), levels of policies (`replay_policies`), tables.

A week: the position (on hand + on order) is looked at on the first morning and an order may leave; it arrives on the morning of the
day its lead time says; demand comes evenly over the week and is lost where the shelf is empty. Stock is a number with fractions then,
and each week's average is the exact integral of that flow. Everything is one array operation per week over thousands of series.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.replenishment.replay_panel import LONGEST_LEAD_WEEKS, ReplayPanel
from ml.replenishment.replay_policies import POLICIES, Known, Levels, replayed_in_words
from ml.replenishment.rolling import Rolling, roll

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

ACTUAL = "actual"
VARIANTS = ("estimate", "low", "high")
MEASURES = (
    "holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd", "demand_units", "sold_units", "order_lines", "cogs_usd",
    "cycles", "short_cycles", "inventory_usd_weeks",
)  # fmt: skip
_CHUNK = 4096
_THREADS = min(4, os.cpu_count() or 1)
_SLOTS = LONGEST_LEAD_WEEKS + 1
_EMPTY = 1e-3


@dataclass(frozen=True)
class Outcome:
    """What happened to one variant of one policy; (series,) sums over the weeks."""

    average_units: Array
    """Sum over weeks of the week's average stock."""
    order_lines: Array
    demand_units: Array
    sold_units: Array
    cycles: Array
    short_cycles: Array
    orders: Floats | None = None
    """(series, weeks) units ordered, where asked for."""
    closing_units: Floats | None = None
    received_units: Floats | None = None
    sold_by_week: Floats | None = None


def replay(
    panel: ReplayPanel,
    policies: Sequence[str],
    *,
    rolling: Rolling | None = None,
    truth: Rolling | None = None,
    variants: Sequence[str] = VARIANTS,
    progress: Callable[[float], None] = lambda share: None,
) -> pl.DataFrame:
    """Costs and service of each policy on each item-location and each variant of demand: the keys, policy, variant and `MEASURES`.

    `policies` are names of `replay_policies.POLICIES`, or "actual". `rolling` are forecasts to use instead of those made here; `truth` is the
    true distribution, for "clairvoyant_distribution". Raises ValueError for an unknown name.
    """
    unknown = [name for name in policies if name not in POLICIES and name != ACTUAL]
    if unknown:
        raise ValueError(f"no policy {', '.join(unknown)}; there are {', '.join([*POLICIES, ACTUAL])}. {replayed_in_words()}")
    if ACTUAL in policies and panel.actual is None:
        raise ValueError("nothing is known of what was really done: the panel has no actual stock")
    if "clairvoyant_distribution" in policies and truth is None:
        raise ValueError("clairvoyant_distribution needs the true distribution: generated data only")
    if rolling is None and set(policies) - {ACTUAL, "clairvoyant_distribution"}:
        rolling = roll(panel.known, panel.start, panel.group, panel.first)
    frames = []
    for k, name in enumerate(policies):
        if name == ACTUAL:
            outcomes = {variant: _what_was_done(panel, variant) for variant in variants}
        else:
            forecast = truth if name == "clairvoyant_distribution" else rolling
            outcomes = simulate(panel, name, forecast, variants)
        frames += [_measured(panel, name, variant, outcome) for variant, outcome in outcomes.items()]
        progress((k + 1) / len(policies))
    return pl.concat(frames)


def simulate(
    panel: ReplayPanel, policy: str, rolling: Rolling, variants: Sequence[str] = ("estimate",), traced: bool = False
) -> dict[str, Outcome]:
    """One policy on all series, for each variant of demand; `traced` keeps what happened in each week."""
    chunks = [slice(begin, min(begin + _CHUNK, panel.series)) for begin in range(0, panel.series, _CHUNK)]
    with ThreadPoolExecutor(_THREADS) as pool:  # array operations run beside each other; results come in the order of the chunks
        parts = list(pool.map(lambda rows: _simulate_chunk(panel, rows, policy, rolling, variants, traced), chunks))
    return {variant: _joined([part[variant] for part in parts]) for variant in variants}


def demand_of(panel: ReplayPanel, variant: str) -> Floats:
    """Demand of the replayed weeks in one variant: estimate, low or high."""
    return {"estimate": panel.demand, "low": panel.demand_low, "high": panel.demand_high}[variant]


def _simulate_chunk(
    panel: ReplayPanel, rows: slice, policy: str, rolling: Rolling, variants: Sequence[str], traced: bool
) -> dict[str, Outcome]:
    decide = POLICIES[policy].start(panel, rows, rolling)
    states = {variant: _State(panel, rows, demand_of(panel, variant)[rows], traced) for variant in variants}
    for week in range(panel.weeks):
        levels = decide(Known(panel, rows, rolling, week))
        for state in states.values():
            state.live(week, levels)
    return {variant: state.outcome() for variant, state in states.items()}


class _State:
    """Stock and pipeline of one chunk of series under one policy and one variant of demand."""

    def __init__(self, panel: ReplayPanel, rows: slice, demand: Floats, traced: bool) -> None:
        self._demand = np.ascontiguousarray(demand.T)
        self._lead = np.ascontiguousarray(panel.lead_days[rows].T)
        count = self._demand.shape[1]
        phase = panel.keys["vendor_id"].to_numpy()[rows]
        self._review_weeks, self._phase = panel.review_weeks[rows], phase
        self._may_order = np.ascontiguousarray(panel.may_order[rows].T)
        self._moq, self._pack = panel.moq[rows].astype(np.float32), panel.pack[rows].astype(np.float32)
        self.stock = panel.opening_units[rows].astype(np.float32).copy()
        self._arriving = np.zeros((panel.weeks + _SLOTS, count), dtype=np.float32)
        self._arriving[: panel.weeks] = panel.arriving_units[rows].T
        self._day_units = np.zeros_like(self._arriving)
        self._day_units[: panel.weeks] = (panel.arriving_units[rows] * panel.arriving_day[rows]).T
        self.on_order = self._arriving.sum(axis=0)
        self._average, self._sold, self._lines, self._cycles, self._short = np.zeros((5, count))
        self._is_short = np.zeros(count, dtype=bool)
        self._columns = np.arange(count)
        self._trace: dict[str, list[Floats]] | None = (
            {"orders": [], "closing": [], "received": [], "sold": []} if traced else None
        )

    def live(self, week: int, levels: Levels) -> None:
        """Order, receive and sell for one week."""
        position = self.stock + self.on_order
        is_due = (position <= levels.reorder) & (position < levels.target) & self._may_order[week]
        is_due &= (week + self._phase) % self._review_weeks == 0
        need = levels.target - position
        if levels.batch is not None:
            # whole batches, as many as bring the position above the reorder point
            need = np.ceil(np.maximum((levels.reorder - position) / np.maximum(levels.batch, 1), 1e-6)) * np.maximum(
                levels.batch, 1
            )
        if levels.least is not None:
            need = np.maximum(need, levels.least)
        quantity = np.where(is_due, np.ceil(np.maximum(need, self._moq) / self._pack - 1e-4) * self._pack, 0).astype(np.float32)
        ordered = np.flatnonzero(quantity)
        slot, day = week + self._lead[week, ordered] // 7, self._lead[week, ordered] % 7
        self._arriving[slot, ordered] += quantity[ordered]
        self._day_units[slot, ordered] += quantity[ordered] * day
        self._lines += quantity > 0

        arrived, demand = self._arriving[week], self._demand[week]
        has_arrived = arrived > 0
        before = np.divide(self._day_units[week], arrived, out=np.zeros_like(arrived), where=has_arrived) / 7
        first = demand * before
        sold_first = np.minimum(self.stock, first)
        average = _mean_stock(self.stock, first) * before
        stock = self.stock - sold_first + arrived
        second = demand - first
        sold_second = np.minimum(stock, second)
        average += _mean_stock(stock, second) * (1 - before)
        self.on_order += quantity - arrived
        self.stock = stock - sold_second
        sold = sold_first + sold_second
        self._average += average
        self._sold += sold
        self._is_short |= first - sold_first > _EMPTY
        self._cycles += has_arrived
        self._short += has_arrived & self._is_short
        self._is_short &= ~has_arrived
        self._is_short |= second - sold_second > _EMPTY
        if self._trace is not None:
            for name, value in (("orders", quantity), ("closing", self.stock), ("received", arrived), ("sold", sold)):
                self._trace[name].append(value.copy())

    def outcome(self) -> Outcome:
        traced = {name: np.stack(values, axis=1) for name, values in self._trace.items()} if self._trace is not None else {}
        return Outcome(
            self._average,
            self._lines,
            self._demand.sum(axis=0, dtype=np.float64),
            self._sold,
            self._cycles,
            self._short,
            traced.get("orders"),
            traced.get("closing"),
            traced.get("received"),
            traced.get("sold"),
        )


def _mean_stock(stock: Floats, demand: Floats) -> Floats:
    """Mean stock while `demand` flows evenly out of `stock`."""
    emptied = np.divide(stock * stock, 2 * demand, out=np.zeros_like(stock), where=demand > stock)
    return np.where(demand > stock, emptied, stock - demand / 2)


def _joined(parts: list[Outcome]) -> Outcome:
    fields = Outcome.__dataclass_fields__
    columns = {name: [getattr(part, name) for part in parts] for name in fields}
    return Outcome(
        **{name: None if not values or values[0] is None else np.concatenate(values) for name, values in columns.items()}
    )


def _what_was_done(panel: ReplayPanel, variant: str) -> Outcome:
    done = panel.actual
    demand = demand_of(panel, variant).sum(axis=1, dtype=np.float64)
    sold = done.sold_units.sum(axis=1, dtype=np.float64)
    sums = (
        values.sum(axis=1, dtype=np.float64) for values in (done.average_units, done.order_lines, done.cycles, done.short_cycles)
    )
    average, lines, cycles, short = sums
    return Outcome(average, lines, np.maximum(demand, sold), sold, cycles, short)


def _measured(panel: ReplayPanel, policy: str, variant: str, outcome: Outcome) -> pl.DataFrame:
    holding = panel.holding * outcome.average_units
    ordering = panel.order_cost * outcome.order_lines
    lost = panel.shortage * np.maximum(outcome.demand_units - outcome.sold_units, 0)
    values = (
        holding, ordering, lost, holding + ordering + lost, outcome.demand_units, outcome.sold_units, outcome.order_lines,
        panel.unit_cost * outcome.sold_units, outcome.cycles, outcome.short_cycles, panel.unit_cost * outcome.average_units,
    )  # fmt: skip
    return panel.keys.with_columns(
        pl.lit(policy).alias("policy"),
        pl.lit(variant).alias("variant"),
        *(pl.Series(name, value) for name, value in zip(MEASURES, values, strict=True)),
    )


def summarised(results: pl.DataFrame, by: Iterable[str], weeks: int) -> pl.DataFrame:
    """Sums and ratios of `replay`'s results by `policy` and the columns `by`: ratios of sums, never means of ratios."""
    by = ["policy", *by]
    order = {name: k for k, name in enumerate(results["policy"].unique(maintain_order=True))}
    summed = results.group_by(*by, "variant").agg(pl.len().cast(pl.Int32).alias("series"), pl.col(MEASURES).sum())
    ratios = summed.with_columns(
        fill_rate=_ratio("sold_units", "demand_units"),
        cycle_service=1 - _ratio("short_cycles", "cycles"),
        average_inventory_usd=pl.col("inventory_usd_weeks") / weeks,
        turns=_ratio("cogs_usd", "inventory_usd_weeks") * 365 / 7,
    )
    found = ratios.filter(pl.col("variant") == "estimate").drop("variant", "inventory_usd_weeks")
    for variant in VARIANTS[1:]:
        other = ratios.filter(pl.col("variant") == variant).select(
            *by,
            pl.col("total_cost_usd").alias(f"total_cost_at_{variant}_demand_usd"),
            pl.col("demand_units").alias(f"demand_at_{variant}_units"),
            pl.col("sold_units").alias(f"sold_at_{variant}_units"),
        )
        found = found.join(other, on=by, how="left", nulls_equal=True)
    return found.sort(pl.col("policy").replace_strict(order, return_dtype=pl.Int32), *by[1:])


def differences(results: pl.DataFrame, baseline: str, *, draws: int = 1_000, seed: int = 1, level: float = 0.95) -> pl.DataFrame:
    """Total cost of each policy less that of `baseline`, paired by item-location, for all and per ABC class.

    Intervals by bootstrap: items are drawn with replacement, each with all its stores, since what makes an item cheap or dear is common
    to them. Seeded: the same results give the same interval.
    """
    estimate = results.filter(pl.col("variant") == "estimate")
    base = estimate.filter(pl.col("policy") == baseline).select("item_id", "location_id", base="total_cost_usd")
    if base.is_empty():
        raise ValueError(f"the baseline {baseline} was not replayed")
    paired = estimate.filter(pl.col("policy") != baseline).join(base, on=["item_id", "location_id"])
    rows = []
    for name in paired["policy"].unique(maintain_order=True):
        own = paired.filter(pl.col("policy") == name)
        for segment in ["all", *sorted(own["abc_class"].unique())]:
            part = own if segment == "all" else own.filter(pl.col("abc_class") == segment)
            items = part.group_by("item_id").agg(pl.col("base").sum(), cost=pl.col("total_cost_usd").sum()).sort("item_id")
            cost, of_base = items["cost"].to_numpy(), items["base"].to_numpy()
            low, high, low_share, high_share = _bootstrap(cost - of_base, of_base, draws, seed, level)
            total = float(of_base.sum())
            difference = float(cost.sum() - total)
            rows.append(
                {
                    "policy": name,
                    "baseline": baseline,
                    "segment": segment,
                    "series": part.height,
                    "baseline_cost_usd": total,
                    "difference_usd": difference,
                    "low_usd": low,
                    "high_usd": high,
                    "difference_share": difference / total if total else None,
                    "low_share": low_share if total else None,
                    "high_share": high_share if total else None,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _bootstrap(difference: Array, base: Array, draws: int, seed: int, level: float) -> tuple[float, float, float, float]:
    rng = np.random.default_rng(seed)
    count = len(difference)
    sums = np.empty((2, draws))
    for begin in range(0, draws, 50):
        size = min(50, draws - begin)
        drawn = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(size)])
        sums[0, begin : begin + size], sums[1, begin : begin + size] = drawn @ difference, drawn @ base
    ends = [(1 - level) / 2, (1 + level) / 2]
    shares = np.divide(sums[0], sums[1], out=np.zeros(draws), where=sums[1] > 0)
    low, high = np.quantile(sums[0], ends)
    low_share, high_share = np.quantile(shares, ends)
    return float(low), float(high), float(low_share), float(high_share)


def _ratio(numerator: str, denominator: str) -> pl.Expr:
    return pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator))
