"""The decision, whole, as a pure function: frames in, orders with their terms and reasons out.

Belongs here: the door, the policies' targets, and the terms of an order. Does not belong here: how frames are read (`case`), demand and
supply are foreseen (`demand`, `supply`), the search (`search`), what an order costs (`worth`) and the arithmetic of an order (`orders`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.replenishment.case import Batch, Case, one_grid, read_case
from ml.replenishment.clock import Clock
from ml.replenishment.demand import demand_paths
from ml.replenishment.draws import Draws, draw
from ml.replenishment.lots import in_lots, read_lots
from ml.replenishment.orders import SMALLEST_UNITS, order_terms, room_units
from ml.replenishment.pooled import Said, leaning, said_by_groups
from ml.replenishment.search import Situation, arrivals, best_order, draw_inflow, unmet_units
from ml.replenishment.season import shared_season
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.state_space import WAVES
from ml.replenishment.supply import Supply, learn_supply, source_of
from ml.replenishment.worth import notes, read_costs, worth_ordering

Array = NDArray[np.float64]
Policy = Literal["least_cost", "newsvendor", "quantile", "base_stock", "just_in_time"]

_HIGHEST_RATIO = 0.999
_RELIABLE = 0.5
"""Probability of keeping the date below which the interval to cover is drawn rather than counted."""

COLUMNS = (
    "expected_demand_units",
    "safety_stock_units",
    "on_hand_units",
    "believed_on_order_units",
    "owed_units",
    "nothing_to_order_units",
    "minimum_order_units",
    "pack_units",
    "cap_units",
)


def decide(
    history: Any,
    state: Any,
    pipeline: Any,
    receipts: Any,
    params: Any,
    policy: Policy = "least_cost",
    settings: DecisionSettings | None = None,
    freq: str | None = None,
) -> pl.DataFrame:
    """What to order now for every series of `state` and `params`, one row each, sorted by unique_id.

    Frames are polars, lazy or not, or pandas; `ds`, `now`, `ordered_at`, `expected_at` and `received_at` are whole numbers of periods or dates.

    - history: unique_id, ds, y (units of demand or sales), optionally in_stock: false where a stock-out cut it. A period without
      a row, between the first row of a series and now, is one without demand.
    - state: unique_id, now (the period about to start, in which the order is placed), on_hand, on_order (units).
    - pipeline: unique_id, ordered_at, expected_at, quantity: open orders, waited for until expected_at; either day may be null. receipts:
      unique_id, ordered_at, received_at, quantity: past ones, from which lead times and losses are learned; either frame may be None.
      What `on_order` holds beyond the pipeline is taken to come half-way through the promised lead time.
    - params: unique_id, lead_time_periods (promised), review_periods, holding_cost (per unit and period), shortage_cost (per unit),
      optionally order_cost (per order), moq, pack, shelf_life_periods, max_stock (units), service_level (used in place of
      the costs, and kept whatever an order costs), group (series that share a season and, twenty and more, learn from each other what demand to expect), supplier (series
      that share lead times), unmet ("lost" or "backordered"), is_whole_units (absent: whole where all past demand was). Every
      other column is an attribute of the series (category, store, price), which its group reads.

    `freq` is what a period is where times are dates: "D", "W" or "M"; None reads it from the dates of all series.

    An order is a whole number of packs and at least the minimum. Policy least_cost weighs whether one pack more, or the minimum, is worth it
    now (`lots`); other policies, and backordered demand, round up.

    In a period the order comes first, then arrivals, demand (lost if unmet) and costs. Where unmet demand is backordered, on_hand
    below zero is what is owed. Returns unique_id, order_qty, target_units (order up to this position), the terms, which add up to
    the order (`COLUMNS`), lead_time_reliability (probability that the supplier keeps the promised date), expected_shortage_units (asked
    for in vain until the next order can be there), and reason. The order is 0 where something is missing, and the reason says what. Series do not influence each other except
    through group and supplier; equal input gives equal orders.

    Raises ContractError for missing columns, wrong types, an unknown word and two rows of the same series (and period), ValueError for an unknown policy.
    """
    if policy not in get_args(Policy):
        raise ValueError(f"policy {policy!r} is not one of {', '.join(get_args(Policy))}")
    settings = settings or DecisionSettings()
    case = read_case(history, state, pipeline, receipts, params, settings, freq)
    said = said_by_groups(case, settings)
    with ThreadPoolExecutor(max_workers=max(settings.workers, 1)) as pool:
        found = list(
            pool.map(lambda pair: _decided(case, *pair, said, policy, settings), zip(case.batches, _seasons(case), strict=True))
        )
    terms = pl.concat(found) if found else pl.DataFrame(schema={"row": pl.Int64})
    return _orders(case, terms)


def _seasons(case: Case) -> list[dict[int, Array]]:
    """Per batch, the season of each of its series, by row; learned by groups over all batches."""
    seasons: list[dict[int, Array]] = [{} for _ in case.batches]
    if not case.batches:
        return seasons
    group = case.table["group"].to_list() if "group" in case.table.columns else [None] * case.table.height
    members: dict[object, list[tuple[int, int]]] = {}
    for number, batch in enumerate(case.batches):
        for place, row in enumerate(batch.row.tolist()):
            key = ("own", row) if group[row] is None else ("group", group[row])
            members.setdefault(key, []).append((number, place))
    for places in members.values():
        grid = one_grid([(case.batches[number], place) for number, place in places])
        first_day = case.batches[places[0][0]].first_day
        found = case.clock.season_positions(grid.first_period, grid.units.shape[1], first_day)
        if found is None or grid.units.shape[1] < found[1]:
            continue
        factors = shared_season(grid.units, grid.in_stock, *found)
        if factors is not None:
            for number, place in places:
                seasons[number][int(case.batches[number].row[place])] = factors
    return seasons


def _decided(
    case: Case, batch: Batch, season: dict[int, Array], said: dict[int, Said], policy: Policy, settings: DecisionSettings
) -> pl.DataFrame:
    """The targets of one batch and what they rest on."""
    table = case.table[batch.row]
    lead, review = batch.lead_time, batch.review
    periods = lead + max(settings.periods_beyond_lead_time, 2 * review)
    ages = lead + settings.most_late_periods
    # a column for each age, this order, later ones, and orders that begin to age only later
    draws = draw(settings.paths, periods, ages + 2 * periods + 1, settings.seed)
    paths = _paths(case.clock, batch, season, draws, settings)
    paths = leaning(paths, lead + review, batch.row.tolist(), said, settings)
    supply, open_units = _supply(case, table, batch, ages, periods, settings)
    costs = read_costs(table, settings)
    promised = table["lead_time_periods"].round(0).cast(pl.Int64).to_numpy()
    backordered = _flags(table, "unmet", "backordered")
    books = table["on_hand"].to_numpy()
    on_hand, owed = np.maximum(books, 0.0), np.where(backordered, np.maximum(-books, 0.0), 0.0)
    inflow = draw_inflow(open_units, supply, draws, periods)
    now = Situation(paths, inflow, on_hand, costs.shortage, costs.holding, lead, review)

    # what is ordered now has to last until the next order can be there
    usual = min(lead + review, periods)
    arrival = arrivals(supply, 0, draws.age[ages], periods)
    is_loose = supply.reliable[:, None] < _RELIABLE
    until = np.where(is_loose & (arrival < periods), np.minimum(arrival + review, periods), usual)
    window = paths[:, :, :usual].sum(axis=2)
    summed = np.where(is_loose, _until(paths, until), window)
    coming = np.where(is_loose, _until(inflow, until), 0.0)
    believed = np.where(is_loose[:, 0], coming.mean(axis=1), _believed(open_units, supply, usual, periods))
    ratio = np.minimum(costs.shortage / (costs.shortage + costs.holding), _HIGHEST_RATIO)
    position = on_hand + believed - owed
    lacking = summed - coming
    level = lacking.mean(axis=1) if policy == "just_in_time" else _quantile(lacking, ratio)
    level = level + np.where(is_loose[:, 0], believed, 0.0)
    quantity = np.maximum(level - position, 0.0)
    if policy == "least_cost":
        quantity = np.where(backordered, quantity, best_order(now, supply, draws, settings))
    # smooth paths stand for demand of whole units: 1.4 of them for 1, and not for 2
    unit = (table["is_whole_units"] & table["was_whole"]).to_numpy().astype(float)
    wanted, rate = _nearest(quantity, unit), window.mean(axis=1) / usual
    quantity = wanted
    if policy == "least_cost":
        lots = in_lots(now, supply, draws, wanted, rate, unit, read_lots(table))
        quantity = np.where(backordered | costs.is_by_level, wanted, lots)
    room = room_units(table, position, rate, lead)
    short = np.maximum(lacking + np.where(is_loose, believed[:, None], 0.0) - position[:, None], 0.0)
    quantity = worth_ordering(
        now, supply, draws, quantity, rate, room, np.where(backordered[:, None], short, np.nan), costs, table
    )
    quantity = _nearest(quantity, unit)
    placed = np.minimum(quantity, np.maximum(room, 0.0))
    after = np.where(backordered, np.maximum(short - placed[:, None], 0.0).mean(axis=1), unmet_units(now, placed, arrival, until))
    return pl.DataFrame(
        {
            "row": batch.row,
            "mean_units": summed.mean(axis=1),
            "reorder_units": np.where(quantity > 0, position + quantity, np.minimum(level, position)),
            "usable_on_hand_units": on_hand,
            "on_order_units": believed,
            "backorder_units": owed,
            "horizon_days": until.mean(axis=1),
            "mean_lead_time_days": np.full(len(on_hand), float(lead)),
            # a supplier with a lead time of its own does not keep the promised one
            "lead_time_reliability": np.where(promised == lead, supply.reliable, 0.0),
            "expected_shortage_units": after,
            "is_waiting": (wanted > 0) & (quantity == 0),
            "note": notes(costs, promised, lead),
        }
    )


def _paths(clock: Clock, batch: Batch, season: dict[int, Array], draws: Draws, settings: DecisionSettings) -> Array:
    """Demand of the coming periods, the season of each series taken out before and put back after."""
    rows = batch.row.tolist()
    length, ahead = batch.units.shape[1], draws.noise.shape[1]
    first = batch.first_period
    found = clock.season_positions(first, batch.now - first + ahead, batch.first_day) if season else None
    units = batch.units
    coming = None
    if found is not None:
        flat = np.ones(found[1])
        factors = np.stack([season.get(row, flat) for row in rows])
        units = units / factors[:, found[0][:length]]
        coming = factors[:, found[0][batch.now - first :]]
    paths = demand_paths(units, batch.in_stock, batch.start, WAVES, draws, settings)
    return paths if coming is None else paths * coming[:, None, :]


def _supply(
    case: Case, table: pl.DataFrame, batch: Batch, ages: int, periods: int, settings: DecisionSettings
) -> tuple[Supply, Array]:
    """Hazards per series, and units on order by age (series, periods + ages), from age -periods on, at the beginning of the period."""
    known = case.orders.filter(pl.col("row").is_in(batch.row.tolist()))
    count = len(batch.row)
    place_of = np.zeros(case.table.height, dtype=np.int64)
    place_of[batch.row] = np.arange(count)
    if "supplier" in table.columns:
        names = case.table.select("row", supplier=source_of(case.table))
        names = names.with_columns(pl.col("supplier").rank("dense").cast(pl.Int64) - 1)
        own = names["supplier"].to_numpy()[batch.row]
        suppliers, source = np.unique(own, return_inverse=True)
        learned = case.orders.join(names, on="row", maintain_order="left").filter(pl.col("supplier").is_in(suppliers.tolist()))
        place = np.searchsorted(suppliers, learned["supplier"].to_numpy())
    else:
        learned, source = known, np.arange(count)
        place = place_of[learned["row"].to_numpy()]
    kinds = int(source.max()) + 1
    arrived, last_age, open_units = np.zeros((kinds, ages)), np.zeros((kinds, ages + 1)), np.zeros((count, periods + ages))
    age, came = learned["age"].to_numpy(), learned["came"].to_numpy()
    in_time = came & (age < ages)
    np.add.at(arrived, (place[in_time], age[in_time]), 1.0)
    # an order that came at an age was at risk up to it; an open one, up to the period before this one
    reached = np.minimum(np.where(came, age, age - 1), ages - 1)
    started = reached >= 0
    np.add.at(last_age, (place[started], reached[started]), 1.0)
    at_risk = np.cumsum(last_age[:, ::-1], axis=1)[:, ::-1][:, :ages]
    is_open = known.filter(~pl.col("came") & (pl.col("age") < ages))
    column = np.maximum(is_open["age"].to_numpy(), -periods) + periods
    np.add.at(open_units, (place_of[is_open["row"].to_numpy()], column), is_open["units"].to_numpy())
    listed = known.filter(~pl.col("came")).group_by("row").agg(pl.col("units").sum())
    stated = table.join(listed, on="row", how="left", maintain_order="left")
    unlisted = np.maximum(stated["on_order"].fill_null(0.0).to_numpy() - stated["units"].fill_null(0.0).to_numpy(), 0.0)
    open_units[:, periods + min(max(batch.lead_time // 2, 1), ages - 1)] += unlisted
    return learn_supply(arrived[source], at_risk[source], batch.lead_time, settings), open_units


def _believed(open_units: Array, supply: Supply, until: int, periods: int) -> Array:
    """(S,): units on order, by age from -periods on, that are expected before period `until`."""
    total = np.zeros(len(open_units))
    for column in np.flatnonzero(open_units.any(axis=0)):
        total += open_units[:, column] * supply.arrived_by(int(column) - periods, until)[:, -1]
    return total


def _until(units: Array, until: NDArray[np.int64]) -> Array:
    """(S, N): the sum of (S, N, periods) over the first `until` periods, at least one."""
    return np.take_along_axis(units.cumsum(axis=2), until[:, :, None] - 1, axis=2)[:, :, 0]


def _nearest(quantity: Array, unit: Array) -> Array:
    """Rounded to whole units where demand is whole."""
    return np.where(unit > 0, np.floor(quantity + 0.5), quantity)


def _quantile(paths: Array, level: Array) -> Array:
    """(S,): the smallest path that at least `level` of all paths do not pass."""
    ordered = np.sort(paths, axis=1)
    place = np.clip(np.ceil(level * paths.shape[1]).astype(int) - 1, 0, paths.shape[1] - 1)
    return ordered[np.arange(len(ordered)), place]


def _flags(table: pl.DataFrame, name: str, value: str) -> NDArray[np.bool_]:
    if name not in table.columns:
        return np.zeros(table.height, dtype=bool)
    return (table[name].cast(pl.String) == value).fill_null(False).to_numpy()


def _orders(case: Case, found: pl.DataFrame) -> pl.DataFrame:
    """Orders of all series: minimum, pack and caps by the arithmetic that SQL shares; zero with a word where nothing was decided."""
    column = pl.col
    terms = case.table.join(found, on="row", how="left", maintain_order="left") if found.height else case.table
    if not found.height:
        absent = (
            "mean_units",
            "reorder_units",
            "usable_on_hand_units",
            "on_order_units",
            "backorder_units",
            "lead_time_reliability",
            "expected_shortage_units",
        )
        terms = terms.with_columns(*(pl.lit(None, pl.Float64).alias(name) for name in absent), is_waiting=False, note=pl.lit(""))
        terms = terms.with_columns(horizon_days=pl.lit(None, pl.Float64), mean_lead_time_days=pl.lit(None, pl.Float64))
    made = order_terms(
        terms.with_columns(
            # what is owed is no mistake of the books
            on_hand_units=pl.when(column("backorder_units") > 0).then(0.0).otherwise("on_hand"),
            moq_units=column("moq").fill_null(0),
            pack_units=column("pack").fill_null(pl.when("is_whole_units").then(1.0).otherwise(SMALLEST_UNITS)),
            max_stock_units=column("max_stock"),
            shelf_life_days=column("shelf_life_periods"),
        )
    )
    quantity = pl.when(column("word").is_null()).then(column("order_units").fill_null(0.0)).otherwise(0.0)
    made = made.with_columns(
        order_qty=quantity,
        target_units=column("reorder_point_units"),
        expected_demand_units=column("demand_units"),
        safety_stock_units=column("reorder_point_units") - column("demand_units"),
        on_hand_units=0.0 - column("usable_on_hand_units"),
        believed_on_order_units=0.0 - column("on_order_units"),
        owed_units=column("backorder_units"),
        nothing_to_order_units=column("batch_units") - column("need_units"),
        minimum_order_units=column("minimum_units") - column("batch_units"),
        pack_units=column("packed_units") - column("minimum_units"),
        cap_units=column("order_units") - column("packed_units"),
        reason=pl.concat_str(
            pl.coalesce("word", pl.when("is_waiting").then(pl.lit("an order would not pay for itself yet")), "order_reason"),
            pl.when(column("word").is_null() & (column("note") != "")).then(column("note")),
            separator="; ",
            ignore_nulls=True,
        ),
    )
    shown = ("order_qty", "target_units", *COLUMNS, "lead_time_reliability", "expected_shortage_units", "reason")
    return made.select(column("unique_id").cast(case.id_dtype), *shown).sort("unique_id")


def explain(orders: pl.DataFrame) -> pl.DataFrame:
    """Orders as why-rows: unique_id, term, units; the terms of a series add up to its order."""
    return (
        orders.unpivot(COLUMNS, index="unique_id", variable_name="term", value_name="units")
        .drop_nulls("units")
        .filter(pl.col("units") != 0)
        .sort("unique_id", maintain_order=True)
    )


__all__: Sequence[str] = ("COLUMNS", "Policy", "decide", "explain")
