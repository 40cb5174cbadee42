"""Inventory games: a policy decides, period by period, and is paid for what it sells less what it holds.

Belongs here: the games (those of the games file, and ones made from real demand), their rules, and the policies that play.
Does not belong here: what is done with the scores (`orders`), and `decide` itself.

Each period: an order is placed, orders arrive, demand is met from stock or lost, what is left costs its holding. A policy sees the past
only: demand, its own orders, and the age at which those arrived that have.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from demand_sets import WHOLESALE, groceries
from numpy.typing import NDArray
from scipy.stats import norm

from ml.replenishment import decide

Array = NDArray[np.float64]
Policy = Callable[["View"], Array]

GAMES = "replenishment_games_dev.parquet"
FRESH = "freshretail_daily.parquet"
_SEEN, _PLAYED = 5, 50
_PROFITS = (1.0, 4.0, 19.0)
_PROMISED = {"0": 0, "4": 4, "stochastic": 2}


@dataclass(frozen=True)
class Games:
    """S games of T periods after K periods of demand that are known beforehand."""

    ids: NDArray[np.str_]
    seen: Array
    demand: Array
    lead_time: Array
    """(S, T): periods an order placed in each period takes; infinite where it never arrives."""
    promised: NDArray[np.int64]
    profit: Array
    holding_cost: Array
    kind: NDArray[np.str_]
    pattern: NDArray[np.str_]

    def some(self, which: NDArray[np.int64]) -> Games:
        return Games(**{field.name: getattr(self, field.name)[which] for field in dataclasses.fields(self)})


@dataclass(frozen=True)
class View:
    """What a policy may know when period `now` begins, of S games."""

    ids: NDArray[np.str_]
    now: int
    demand: Array
    """(S, K + now)."""
    on_hand: Array
    ordered: Array
    """(S, now): its own orders."""
    arrived_at_age: NDArray[np.int64]
    """(S, now): the age at which each arrived; -1 where it has not."""
    promised: NDArray[np.int64]
    profit: Array
    holding_cost: Array

    @property
    def on_order(self) -> Array:
        return np.where(self.arrived_at_age < 0, self.ordered, 0.0).sum(axis=1)


@dataclass(frozen=True)
class Played:
    """(S,) scores: the reward as a share of the profit on all demand, not below 0; and the time the policy took."""

    score: Array
    seconds: float


def read_games(path: Path) -> Games:
    """The games file: one row per game and period, the first ones (split train) only to learn from."""
    rows = pl.read_parquet(path).sort("instance", "split", "period")
    ids = rows["instance"].unique(maintain_order=True).to_numpy()
    test = rows.filter(pl.col("split") == "test")

    def table(frame: pl.DataFrame, column: str) -> Array:
        return frame[column].to_numpy().astype(float).reshape(len(ids), -1)

    parts = [name.split("/") for name in ids]
    return Games(
        ids=ids.astype(str),
        seen=table(rows.filter(pl.col("split") == "train"), "demand"),
        demand=table(test, "demand"),
        lead_time=table(test, "lead_time"),
        promised=table(test, "promised_lead_time")[:, 0].astype(np.int64),
        profit=table(test, "profit")[:, 0],
        holding_cost=table(test, "holding_cost")[:, 0],
        kind=np.array([part[0].removeprefix("lead_time_") for part in parts]),
        pattern=np.array([part[1].split("_", 1)[1].replace("_", " ") for part in parts]),
    )


def games_of(demand: Array, pattern: str, seed: int) -> Games:
    """Three games per row of (S, 55) real demand: at once, after four periods, and at random lead times with losses."""
    random = np.random.default_rng(seed)
    series = len(demand)
    kinds = np.array(list(_PROMISED))
    lead_time = np.zeros((series, len(kinds), _PLAYED))
    lead_time[:, 1] = 4.0
    for i in range(series):
        chances = random.dirichlet([1, 1, 2, 1, 0.5, 1])
        lead_time[i, 2] = random.choice([0, 1, 2, 3, 4, np.inf], _PLAYED, p=chances)
    number = np.repeat(np.arange(series), len(kinds))
    profit = np.array(_PROFITS)[(number + np.tile(np.arange(len(kinds)), series)) % len(_PROFITS)]
    kind = np.tile(kinds, series)
    return Games(
        ids=np.array([f"{k}/{pattern}/{n:05d}" for k, n in zip(kind, number, strict=True)]),
        seen=np.repeat(demand[:, :_SEEN], len(kinds), axis=0),
        demand=np.repeat(demand[:, _SEEN:], len(kinds), axis=0),
        lead_time=lead_time.reshape(-1, _PLAYED),
        promised=np.array([_PROMISED[k] for k in kind]),
        profit=profit,
        holding_cost=np.ones(len(number)),
        kind=kind,
        pattern=np.full(len(number), pattern),
    )


def weekly_wholesale(folder: Path, series: int, seed: int) -> Array:
    """(series, 55): weekly units of gifts, a random stretch of each item that sold in 20 weeks of it and in 2 of the first 5."""
    first, second = (_order_lines(folder / name) for name in WHOLESALE)
    lines = pl.concat([first.filter(pl.col("day") < date(2010, 12, 1)), second]).filter(pl.col("item").str.contains(r"^\d{5}"))
    week = (pl.col("day") - pl.col("day").min()).dt.total_days() // 7
    units = lines.with_columns(week=week.cast(pl.Int64)).group_by("item", "week").agg(pl.col("units").sum()).sort("item", "week")
    weeks = int(units["week"].max())  # the last one is not whole
    items = units["item"].unique(maintain_order=True)
    table = np.zeros((items.len(), weeks + 1))
    table[units["item"].rank("dense").to_numpy().astype(int) - 1, units["week"].to_numpy()] = units["units"].to_numpy()
    random = np.random.default_rng(seed)
    found: list[Array] = []
    for row in random.permutation(len(table)):
        sold = np.flatnonzero(table[row, :weeks])
        last = weeks - _SEEN - _PLAYED
        if len(sold) < 20 or sold[0] > last:
            continue
        begin = int(random.integers(sold[0], last + 1))
        stretch = table[row, begin : begin + _SEEN + _PLAYED]
        if (stretch[:_SEEN] > 0).sum() >= 2 and (stretch > 0).sum() >= 20:
            found.append(stretch)
        if len(found) == series:
            break
    return np.stack(found)


def daily_fresh(folder: Path, series: int, seed: int) -> Array:
    """(series, 55): daily sales of fresh goods in tenths, a random stretch of those with the fewest stock-out hours."""
    rows = pl.scan_parquet(folder / FRESH).select("store_id", "product_id", "dt", "sale", "so_hours_6_22")
    keys = ("store_id", "product_id")
    steady = (
        rows.group_by(keys)
        .agg(pl.col("so_hours_6_22").sum(), pl.col("sale").sum())
        .filter(pl.col("sale") > 0)
        .sort("so_hours_6_22", *keys)
        .head(4 * series)
        .sort(keys)
        .collect()
        .sample(series, seed=seed)
    )
    sales = rows.join(steady.lazy().select(keys), on=keys, how="semi").sort(*keys, "dt").collect()
    table = np.rint(sales["sale"].to_numpy().reshape(series, -1) / 0.1)
    begin = np.random.default_rng(seed).integers(0, table.shape[1] - _SEEN - _PLAYED + 1, series)
    return table[np.arange(series)[:, None], begin[:, None] + np.arange(_SEEN + _PLAYED)]


def daily_groceries(folder: Path, series: int, seed: int) -> Array:
    """(series, 55): daily units of slow groceries, a random stretch of each item that sold on 12 days of it and on 2 of the first 5."""
    table = groceries(folder, "D").rows.pivot(on="ds", index="unique_id", values="y").sort("unique_id")
    units = table.select(sorted(set(table.columns) - {"unique_id"})).fill_null(0.0).to_numpy()
    random, found = np.random.default_rng(seed), []
    for row in random.permutation(len(units)):
        begin = int(random.integers(0, units.shape[1] - _SEEN - _PLAYED + 1))
        stretch = units[row, begin : begin + _SEEN + _PLAYED]
        if (stretch[:_SEEN] > 0).sum() >= 2 and (stretch > 0).sum() >= 12:
            found.append(stretch)
        if len(found) == series:
            break
    return np.stack(found)


def _order_lines(path: Path) -> pl.DataFrame:
    """Sold units per line; the two files call their columns by different names."""
    rows = pl.read_parquet(path)
    rows = rows.rename({name: name.lower().replace(" ", "").replace("_", "") for name in rows.columns})
    price = next(name for name in rows.columns if name.endswith("price"))
    return rows.select(
        item=pl.col("stockcode").cast(pl.String),
        day=pl.col("invoicedate").cast(pl.String).str.slice(0, 10).str.to_date(),
        units=pl.col("quantity").cast(pl.Int64),
        price=pl.col(price).cast(pl.Float64),
    ).filter((pl.col("units") > 0) & (pl.col("price") > 0))


# Rules ----------------------------------------------------------------------------------------------------------------------


def play(games: Games, policy: Policy) -> Played:
    """Every game from the first period to the last; orders are rounded to whole units."""
    series, periods = games.demand.shape
    on_hand, reward, seconds = np.zeros(series), np.zeros(series), 0.0
    ordered = np.zeros((series, periods))
    arrived_at_age = np.full((series, periods), -1, dtype=np.int64)
    ages = np.arange(periods, 0, -1)
    for now in range(periods):
        view = View(
            games.ids,
            now,
            np.concatenate([games.seen, games.demand[:, :now]], axis=1),
            on_hand.copy(),
            ordered[:, :now].copy(),
            arrived_at_age[:, :now].copy(),
            games.promised,
            games.profit,
            games.holding_cost,
        )
        started = time.perf_counter()
        ordered[:, now] = np.maximum(np.rint(policy(view)), 0.0)
        seconds += time.perf_counter() - started
        age = ages[periods - now - 1 :] - 1  # of the orders placed in periods 0 to now
        arrives = games.lead_time[:, : now + 1] == age
        arrived_at_age[:, : now + 1] = np.where(arrives, age, arrived_at_age[:, : now + 1])
        on_hand = on_hand + np.where(arrives, ordered[:, : now + 1], 0.0).sum(axis=1)
        sold = np.minimum(on_hand, games.demand[:, now])
        on_hand = on_hand - sold
        reward += games.profit * sold - games.holding_cost * on_hand
    return Played(score_of(games, reward), seconds)


def score_of(games: Games, reward: Array) -> Array:
    return np.maximum(reward / (games.profit * games.demand.sum(axis=1)), 0.0)


# Policies -------------------------------------------------------------------------------------------------------------------


def least_cost(view: View) -> Array:
    """`decide`, as anyone would call it."""
    series, periods = view.demand.shape
    open_row, open_at = np.nonzero((view.arrived_at_age < 0) & (view.ordered > 0))
    row, at = np.nonzero((view.arrived_at_age >= 0) & (view.ordered > 0))
    orders = decide(
        history=pl.DataFrame(
            {
                "unique_id": np.repeat(view.ids, periods),
                "ds": np.tile(np.arange(periods) - periods + view.now, series),
                "y": view.demand.ravel(),
            }
        ),
        state=pl.DataFrame({"unique_id": view.ids, "on_hand": view.on_hand, "on_order": view.on_order}).with_columns(
            now=pl.lit(view.now)
        ),
        pipeline=pl.DataFrame(
            {
                "unique_id": view.ids[open_row],
                "ordered_at": open_at,
                "expected_at": open_at + view.promised[open_row],
                "quantity": view.ordered[open_row, open_at],
            }
        ),
        receipts=pl.DataFrame(
            {
                "unique_id": view.ids[row],
                "ordered_at": at,
                "received_at": at + view.arrived_at_age[row, at],
                "quantity": view.ordered[row, at],
            }
        ),
        params=pl.DataFrame(
            {
                "unique_id": view.ids,
                "lead_time_periods": view.promised,
                "holding_cost": view.holding_cost,
                "shortage_cost": view.profit,
            }
        ).with_columns(review_periods=pl.lit(1)),
    )
    asked = pl.DataFrame({"unique_id": view.ids})
    return asked.join(orders, on="unique_id", how="left", maintain_order="left")["order_qty"].to_numpy()


def capped_base_stock(view: View) -> Array:
    """Up to the critical quantile of normal demand over the promised lead time and this period, at most so much at once as one period
    is likely to need; mean and deviation of all past demand, all open orders counted in full."""
    mean, deviation = view.demand.mean(axis=1), view.demand.std(axis=1, ddof=1)
    interval = view.promised + 1
    safety = norm.ppf(view.profit / (view.profit + view.holding_cost)) * deviation * np.sqrt(interval)
    cap = mean + norm.ppf(0.95) * deviation
    return np.clip(interval * mean + safety - view.on_hand - view.on_order, 0.0, np.maximum(cap, 0.0))


def clairvoyant(games: Games) -> Array:
    """The best score there is: each period's demand is met by the latest arrival up to then, where the margin pays for the wait.

    Units of different periods do not compete for anything, so period by period is exact."""
    series, periods = games.demand.shape
    arrival = np.arange(periods) + games.lead_time
    latest = np.full((series, periods), -np.inf)
    for period in range(periods):
        latest[:, period] = np.where(arrival <= period, arrival, -np.inf).max(axis=1)
    gain = games.profit[:, None] - games.holding_cost[:, None] * (np.arange(periods) - latest)
    return score_of(games, (np.maximum(gain, 0.0) * games.demand).sum(axis=1))
