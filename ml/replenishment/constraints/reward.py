"""What the next pack of an order is worth: the margin it saves where demand reaches it, the holding it costs where it does not.

Belongs here: the distribution of demand over the protection interval, and the expected reward of units at a position.
Does not belong here: any limit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

KEY = ("item_id", "location_id")
CENTS_PER_USD = 10_000
"""Money is counted in hundredths of a cent, as whole numbers: sums are exact in any order."""


class Demand:
    """Distributions of demand over the protection interval, one per row, from their quantiles: straight lines between them.

    Below the lowest quantile the line starts at zero demand; above the highest it goes on with the last slope to probability one.
    A row without quantiles has no demand.
    """

    def __init__(self, levels: pl.Series, units: pl.Series) -> None:
        width = max(int(units.list.len().fill_null(0).max() or 0), 1)
        probability = np.column_stack([levels.list.get(i, null_on_oob=True).cast(pl.Float64).to_numpy() for i in range(width)])
        quantile = np.column_stack([units.list.get(i, null_on_oob=True).cast(pl.Float64).to_numpy() for i in range(width)])
        missing = np.isnan(quantile) | np.isnan(probability)
        quantile[missing[:, 0], 0], probability[missing[:, 0], 0] = 0.0, 1.0
        for i in range(1, width):  # a short row repeats its last quantile
            quantile[missing[:, i], i], probability[missing[:, i], i] = (
                quantile[missing[:, i], i - 1],
                probability[missing[:, i], i - 1],
            )
        quantile = np.maximum.accumulate(np.maximum(quantile, 0), axis=1)
        probability = np.maximum.accumulate(np.clip(probability, 0, 1), axis=1)
        if width > 1:
            rise = probability[:, -1] - probability[:, -2]
            run = quantile[:, -1] - quantile[:, -2]
            tail = np.where(rise > 0, run * (1 - probability[:, -1]) / np.where(rise > 0, rise, 1), 0)
        else:
            tail = np.zeros(len(quantile))
        rows = len(quantile)
        self.knots = np.column_stack([np.zeros(rows), quantile, quantile[:, -1] + tail])
        self.probability = np.column_stack([np.zeros(rows), probability, np.ones(rows)])
        area = np.diff(self.knots, axis=1) * (self.probability[:, 1:] + self.probability[:, :-1]) / 2
        self._area = np.column_stack([np.zeros(rows), np.cumsum(area, axis=1)])

    def not_sold(self, rows: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Expected units left over of `units`: the integral of the distribution function from zero to there."""
        units = np.maximum(units, 0)
        knots = self.knots[rows]
        last = knots.shape[1] - 1
        at = np.minimum((knots <= units[:, None]).sum(axis=1) - 1, last)
        after = np.minimum(at + 1, last)
        take = np.arange(len(rows))
        start, end = knots[take, at], knots[take, after]
        low, high = self.probability[rows, at], self.probability[rows, after]
        into = units - start
        slope = np.where(end > start, (high - low) / np.where(end > start, end - start, 1), 0)
        return self._area[rows, at] + into * np.where(at == last, 1.0, low + slope * into / 2)


class Rewards:
    """Expected reward of units of each line, above its position."""

    def __init__(self, lines: pl.DataFrame) -> None:
        self.demand = Demand(lines["demand_levels"], lines["demand_quantile_units"])
        self.holding = lines["holding_cost_usd"].fill_null(0).to_numpy()
        self.shortage = lines["shortage_cost_usd"].fill_null(0).to_numpy()
        self.position = lines["inventory_position_units"].fill_null(0).to_numpy().astype(float)

    def of(self, rows: np.ndarray, start: np.ndarray, units: np.ndarray) -> np.ndarray:
        """shortage_cost x P(D > x) - holding_cost x P(D <= x), summed over the units after the first `start` of the order."""
        left = self._left(rows, start, units)
        return self.shortage[rows] * (units - left) - self.holding[rows] * left

    def shortage_of(self, rows: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Expected margin lost until the next order arrives where these units are not ordered now."""
        return self.shortage[rows] * (units - self._left(rows, np.zeros(len(rows)), units))

    def _left(self, rows: np.ndarray, start: np.ndarray, units: np.ndarray) -> np.ndarray:
        low = self.position[rows] + start
        return self.demand.not_sold(rows, low + units) - self.demand.not_sold(rows, low)


def sorted_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in the one order that all constraints count in, so that the order of rows changes nothing."""
    return lines.sort(KEY)


def pack_steps(rewards: Rewards, lines: pl.DataFrame, start: np.ndarray, end: np.ndarray) -> pl.DataFrame:
    """The packs of each line's order between `start` and `end` units, one row each, with what they cost and are expected to earn.

    The first step of a line is the smallest order there may be: the minimum, in whole packs. Columns: row, step, units, weight
    (in hundredths of a cent), reward_usd.
    """
    pack = np.maximum(lines["pack_units"].to_numpy(), 1).astype(np.int64)
    smallest = smallest_order(lines)
    start, end = start.astype(np.int64), end.astype(np.int64)
    first = np.where(start > 0, pack, smallest)
    count = np.where(end - start >= first, (end - start - first) // pack + 1, 0)
    rows = np.repeat(np.arange(lines.height), count)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    units = np.where(step == 0, first[rows], pack[rows])
    before = start[rows] + np.where(step == 0, 0, first[rows] + (step - 1) * pack[rows])
    cost = np.rint(lines["unit_cost_usd"].fill_null(0).to_numpy() * CENTS_PER_USD).astype(np.int64)
    return pl.DataFrame(
        {
            "row": rows,
            "step": step,
            "units": units,
            "weight": units * cost[rows],
            "reward_usd": rewards.of(rows, before.astype(float), units.astype(float)),
        }
    )


def smallest_order(lines: pl.DataFrame) -> np.ndarray:
    """The minimum of each line in whole packs, at least one pack."""
    pack = np.maximum(lines["pack_units"].to_numpy(), 1).astype(np.int64)
    return -(-np.maximum(lines["moq_units"].to_numpy(), 1) // pack) * pack


def ranked(steps: pl.DataFrame, per: str = "weight") -> pl.DataFrame:
    """Steps, the best first: by reward per unit of weight, then by line and step. No step comes before an earlier one of its line."""
    weight = pl.max_horizontal(pl.col(per).cast(pl.Float64), pl.lit(1e-9))
    return (
        steps.sort("row", "step")
        .with_columns(rank_by=(pl.col("reward_usd") / weight).cum_min().over("row"))
        .sort("rank_by", "row", "step", descending=[True, False, False])
    )


def take_while_room(steps: pl.DataFrame, weight: str, scopes: Iterable[tuple[np.ndarray, dict[int, int]]]) -> np.ndarray:
    """Which of the ranked steps fit: the best first, each that fits whole; a line ends with its first step that does not.

    `scopes` are pairs of the scope of each row (of the lines; below zero: in none) and the room of each scope, a whole number.
    With one scope, more room never takes less in value: where the paths part, the wider room takes a step that is worth more than
    all the narrower one can buy for it.
    """
    rows, weights = steps["row"].to_numpy(), steps[weight].to_numpy()
    taken = np.ones(len(rows), dtype=bool)
    limits = []
    free = len(rows)
    for of_row, room in scopes:
        scope = of_row[rows]
        for name, limit in room.items():
            members = np.flatnonzero(scope == name)
            over = np.flatnonzero(np.cumsum(weights[members]) > limit)
            if len(over):
                free = min(free, int(members[over[0]]))
        limits.append((scope, room))
    if free == len(rows):
        return taken
    left = [
        {name: limit - int(weights[:free][scope[:free] == name].sum()) for name, limit in room.items()} for scope, room in limits
    ]
    ended: set[int] = set()
    columns = [scope.tolist() for scope, _ in limits]
    weight_list, row_list = weights.tolist(), rows.tolist()
    for i in range(free, len(rows)):
        row, needed = row_list[i], weight_list[i]
        within = [(room, scope[i]) for room, scope in zip(left, columns, strict=True) if scope[i] in room]
        if row in ended or any(room[name] < needed for room, name in within):
            taken[i] = False
            ended.add(row)
            continue
        for room, name in within:
            room[name] -= needed
    return taken
