"""The arithmetic of an order: from a target and a position to units, packs, caps and a reason.

Belongs here: what `rec_order_terms.sql` does, column for column; a test holds the two together, order by order.
Does not belong here: where targets come from (policies), and constraints that several orders share (budget, vendor minimum).

Quantities are counted in ten-thousandths, as the decimals of SQL are, so that the terms add up to the order exactly.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_DIGITS = 10_000
SMALLEST_UNITS = 1 / _DIGITS
"""The step in which units are counted that are not whole."""
_LARGEST = 99_999_999_999_999 * _DIGITS
REQUIRED = ("mean_units", "reorder_units", "usable_on_hand_units", "on_order_units")
OPTIONAL: dict[str, object] = {
    "fixed_lead_time_target_units": None,
    "target_units": None,
    "override_shift_units": None,
    "horizon_days": None,
    "mean_lead_time_days": None,
    "on_hand_units": None,
    "backorder_units": None,
    "quarantined_units": None,
    "expected_defective_units": None,
    "on_order_defective_units": None,
    "defect_share": None,
    "is_dormant": False,
    "batch_rule": "none",
    "unit_cost_usd": None,
    "order_cost_usd_per_line": None,
    "holding_cost_rate_per_year": None,
    "max_cover_days": None,
    "moq_units": None,
    "pack_units": None,
    "max_stock_units": None,
    "shelf_life_days": None,
    "is_whole_units": True,
}
BATCH_RULES = ("none", "at least", "multiples", "above")
"""How the economic batch shapes an order: not at all; the need, at least one batch; whole batches; a batch above the reorder point."""

TERMS = (
    "demand_units",
    "demand_safety_stock_units",
    "lead_time_safety_stock_units",
    "override_shift_units",
    "reorder_point_units",
    "order_up_to_units",
    "full_position_units",
    "need_units",
    "gross_need_units",
    "economic_batch_units",
    "batch_units",
    "minimum_units",
    "packed_units",
    "max_stock_room_units",
    "shelf_life_room_units",
    "max_stock_cut_units",
    "shelf_life_cut_units",
    "order_units",
)
_COUNTS = (
    "quarantined_units",
    "expected_defective_units",
    "usable_on_hand_units",
    "on_order_units",
    "on_order_defective_units",
    "backorder_units",
    "inventory_position_units",
    "moq_units",
    "pack_units",
)
_LARGEST_DEFECT_SHARE = 0.9


def order_terms(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with every quantity its orders are made of, and `order_reason`.

    A row is one item at one location and is decided by itself. `reorder_units` is the position at or below which it orders,
    `target_units` the one it orders up to (absent or lower: the reorder level). `fixed_lead_time_target_units` only splits the
    safety stock; absent, all of it is for demand. `usable_on_hand_units` is what is left after `quarantined_units` and
    `expected_defective_units`, which are only handed on; `defect_share` of what comes will be defective, so that an order is the need
    divided by the yield, before batch, minimum and pack. What is missing, negative or not a number has a defined result: without a
    target or a position there is no order but null, without cost or lead time no economic batch, without pack single units,
    negative stock counts as none. An order is never negative, and whole unless `is_whole_units` is false; then a pack that
    is unknown does not round at all. Raises ValueError for a column that must be there or an unknown batch rule.
    """
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise ValueError(f"orders need the columns {missing}; there are {frame.columns}")
    if "batch_rule" in frame.columns:
        unknown = set(frame["batch_rule"].drop_nulls().unique()) - set(BATCH_RULES)
        if unknown:
            raise ValueError(f"batch_rule {sorted(unknown)} is not one of {BATCH_RULES}")
    work = _inputs(frame)
    for step in (_levels, _need, _batch, _packs, _caps):
        work = work.with_columns(**step())
    work = work.with_columns(order_reason=_reason())
    exact = [_as_units(pl.col(name)).alias(name) for name in (*TERMS, *_COUNTS)]
    other = (
        "defect_share",
        "daily_demand_units",
        "economic_order_units",
        "shelf_life_days",
        "is_reorder_level_reached",
        "order_reason",
    )
    return frame.with_columns(work.select(*exact, *other))


def room_units(terms: pl.DataFrame, position: NDArray[np.float64], rate: NDArray[np.float64], lead: float) -> NDArray[np.float64]:
    """(S,) units that max stock and shelf life leave room for, as `order_terms` cuts to; infinite where nothing limits it.

    `terms` has max_stock, shelf_life_periods, pack, moq and is_whole_units; `position` in units, `rate` in units per period, `lead` in
    periods. For whoever weighs an order before its terms are made.
    """
    most, life, pack, least = (
        terms[name].fill_null(np.nan).to_numpy() for name in ("max_stock", "shelf_life_periods", "pack", "moq")
    )
    left = np.maximum(position - rate * lead, 0.0)
    room = np.fmin(np.maximum(most, 0.0) - position, np.where(life > 0, rate * life - left, np.inf))
    room = np.maximum(np.where(np.isnan(room), np.inf, room), 0.0)
    is_whole = terms["is_whole_units"].to_numpy()
    pack = np.where(is_whole, np.where(pack >= 1, np.ceil(pack), 1.0), np.where(pack > 0, pack, SMALLEST_UNITS))
    fits = np.where(np.isinf(room), np.inf, np.floor(np.where(np.isinf(room), 0.0, room) / pack + 1e-9) * pack)
    return np.where(fits >= np.nan_to_num(np.maximum(least, 0.0)), fits, 0.0)


def _as_units(digits: pl.Expr) -> pl.Expr:
    """Ten-thousandths as units; what is whole stays whole where doubles are coarser than that.

    Rounded: polars divides one row and many in different ways, and the last digit would tell.
    """
    whole = pl.when(digits % _DIGITS == 0).then((digits // _DIGITS).cast(pl.Float64))
    return whole.otherwise((digits.cast(pl.Float64) / _DIGITS).round(4))


def _inputs(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns, typed; numbers that are none are null; units in ten-thousandths."""
    absent = [pl.lit(value).alias(name) for name, value in OPTIONAL.items() if name not in frame.columns]
    names = [*REQUIRED, *OPTIONAL]
    texts_and_flags = {"batch_rule": pl.String, "is_dormant": pl.Boolean, "is_whole_units": pl.Boolean}
    typed = [
        pl.col(name).cast(texts_and_flags[name])
        if name in texts_and_flags
        else _finite(pl.col(name).cast(pl.Float64)).alias(name)
        for name in names
    ]
    work = frame.with_columns(absent).select(typed)
    column = pl.col
    pack_default = pl.when(column("is_whole_units")).then(_DIGITS).otherwise(1)
    has_pack = pl.when(column("is_whole_units")).then(column("pack_units") >= 1).otherwise(column("pack_units") > 0)
    known_usable = pl.when(column("usable_on_hand_units").is_not_null()).then(column("usable_on_hand_units").clip(lower_bound=0))
    fixed = pl.coalesce("fixed_lead_time_target_units", "reorder_units")
    has_batch = column("batch_rule").is_in(["at least", "multiples", "above"])
    return work.with_columns(is_whole_units=column("is_whole_units").fill_null(True)).with_columns(
        input_reason=pl.concat_str(
            _said((column("on_hand_units") < 0) | (column("usable_on_hand_units") < 0), "books below zero: taken for none"),
            _said(column("horizon_days").fill_null(0) <= 0, "lead time unknown: no economic batch, no limit by shelf life"),
            _said(has_batch & (column("unit_cost_usd").fill_null(0) <= 0), "cost unknown: no economic batch"),
            _said(~has_pack.fill_null(False), "pack unknown: single units"),
            _said(column("moq_units").fill_null(-1) < 0, "minimum order unknown: none"),
            _said(column("max_stock_units") < 0, "max stock below zero: taken for none"),
            _said(column("shelf_life_days") <= 0, "shelf life not above zero: not used"),
            separator="; ",
            ignore_nulls=True,
        ),
        is_dormant=column("is_dormant").fill_null(False),
        batch_rule=column("batch_rule").fill_null("none"),
        demand_units=_digits(column("mean_units")),
        demand_safety_stock_units=_digits(fixed) - _digits(column("mean_units")),
        lead_time_safety_stock_units=_digits(column("reorder_units")) - _digits(fixed),
        target_gap_units=_digits(column("target_units")) - _digits(column("reorder_units")),
        override_units=column("override_shift_units").fill_null(0),
        override_shift_units=_digits(column("override_shift_units").fill_null(0)),
        usable_on_hand_units=_digits(known_usable),
        on_order_units=_digits(column("on_order_units")),
        quarantined_units=_digits(column("quarantined_units").fill_null(0)),
        expected_defective_units=_digits(column("expected_defective_units").fill_null(0)),
        on_order_defective_units=_digits(column("on_order_defective_units").fill_null(0)),
        defect_share=column("defect_share").fill_null(0).clip(0, _LARGEST_DEFECT_SHARE),
        backorder_units=_digits(column("backorder_units").fill_null(0)),
        moq_units=_digits(column("moq_units").fill_null(0).clip(lower_bound=0)),
        pack_units=pl.when(~has_pack.fill_null(False))
        .then(pack_default)
        .when("is_whole_units")
        .then(_digits(column("pack_units").ceil()))
        .otherwise(_digits(column("pack_units")).clip(lower_bound=1)),
        max_stock_units=_digits(column("max_stock_units").clip(lower_bound=0)),
        shelf_life_days=pl.when(column("shelf_life_days") > 0).then(column("shelf_life_days")),
        lead_time=column("mean_lead_time_days").fill_null(0).clip(lower_bound=0),
        horizon=pl.when(column("horizon_days") > 0).then(column("horizon_days")),
    )


def _levels() -> dict[str, pl.Expr]:
    column = pl.col
    daily = (column("mean_units") + column("override_units")).clip(lower_bound=0) / column("horizon")
    holding = column("holding_cost_rate_per_year") * column("unit_cost_usd").clip(lower_bound=0)
    economic = (
        (2 * column("order_cost_usd_per_line").clip(lower_bound=0) * (365 * daily) / pl.when(holding > 0).then(holding))
        .sqrt()
        .fill_null(0)
    )
    batch = _digits(pl.min_horizontal(economic, daily * column("max_cover_days")))
    reorder_point = (
        column("demand_units")
        + column("demand_safety_stock_units")
        + column("lead_time_safety_stock_units")
        + column("override_shift_units")
    )
    gap = (
        pl.when(column("batch_rule") == "above")
        .then(batch)
        .otherwise(column("target_gap_units").fill_null(0).clip(lower_bound=0))
    )
    return {
        "inventory_position_units": column("usable_on_hand_units")
        + column("on_order_units")
        - column("on_order_defective_units")
        - column("backorder_units"),
        "daily_demand_units": daily,
        "economic_order_units": economic,
        "economic_batch_units": batch,
        "reorder_point_units": reorder_point,
        "order_up_to_units": reorder_point + gap,
    }


def _need() -> dict[str, pl.Expr]:
    column = pl.col
    position = column("inventory_position_units")
    daily = column("daily_demand_units")
    # what is left when the order arrives is sold first
    left = (position.cast(pl.Float64) / _DIGITS - daily * column("lead_time")).clip(lower_bound=0)
    need = column("order_up_to_units") - position
    share = column("defect_share")
    return {
        "need_units": need,
        # what comes defective does not meet the need
        "gross_need_units": pl.when((need > 0) & (share > 0))
        .then(_digits(need.cast(pl.Float64) / _DIGITS / (1 - share)))
        .otherwise(need),
        "is_reorder_level_reached": position <= column("reorder_point_units"),
        "max_stock_room_units": column("max_stock_units") - position,
        "shelf_life_room_units": _digits(daily * column("shelf_life_days") - left),
    }


def _batch() -> dict[str, pl.Expr]:
    """Neither batch nor minimum nor pack causes an order: they only shape one that is needed."""
    need, gross = pl.col("need_units"), pl.col("gross_need_units")
    batch, rule = pl.col("economic_batch_units"), pl.col("batch_rule")
    nothing = (need <= 0) | pl.col("is_dormant") | ~pl.col("is_reorder_level_reached")
    return {
        "batch_units": pl.when(need.is_null())
        .then(None)
        .when(nothing)
        .then(0)
        .when(rule == "at least")
        .then(pl.max_horizontal(gross, batch))
        .when((rule == "multiples") & (batch > 0))
        .then((gross + batch - 1) // batch * batch)
        .otherwise(gross)
    }


def _packs() -> dict[str, pl.Expr]:
    batch, pack = pl.col("batch_units"), pl.col("pack_units")
    minimum = pl.when(batch > 0).then(pl.max_horizontal(batch, "moq_units")).otherwise(batch)
    return {"minimum_units": minimum, "packed_units": (minimum + pack - 1) // pack * pack}


def _caps() -> dict[str, pl.Expr]:
    """A cap rounds down to whole packs; where less than the minimum fits, nothing is ordered."""
    packed = pl.col("packed_units")
    in_stock = _capped(packed, pl.col("max_stock_room_units"))
    order = _capped(in_stock, pl.col("shelf_life_room_units"))
    return {
        "max_stock_cut_units": in_stock - packed,
        "shelf_life_cut_units": order - in_stock,
        "order_units": order,
        "full_position_units": _full_position(),
    }


def _full_position() -> pl.Expr:
    """Just below the reorder level when the largest order is placed; where nothing is expected to sell, nothing is."""
    column, reorder, pack = pl.col, pl.col("reorder_point_units"), pl.col("pack_units")
    whole = pl.when(column("is_whole_units")).then(_DIGITS).otherwise(1)
    batch = pl.when(column("batch_rule") != "none").then(column("economic_batch_units"))
    largest = pl.max_horizontal(column("order_up_to_units") - reorder, batch, column("moq_units"))
    sells = column("daily_demand_units").fill_null(0) > 0
    order = pl.when(sells).then((largest + pack - 1) // pack * pack).otherwise(0)
    full = (reorder + whole - 1) // whole * whole + order
    return pl.when(full > column("max_stock_units")).then(column("max_stock_units")).otherwise(full)


def _capped(units: pl.Expr, room: pl.Expr) -> pl.Expr:
    pack = pl.col("pack_units")
    fits = room.clip(lower_bound=0) // pack * pack
    return pl.when(units > room).then(pl.when(fits >= pl.col("moq_units")).then(fits).otherwise(0)).otherwise(units)


def _reason() -> pl.Expr:
    column = pl.col
    order, cut_by_stock, cut_by_life = (
        column("order_units"),
        column("max_stock_cut_units") < 0,
        column("shelf_life_cut_units") < 0,
    )
    outcome = (
        pl.when(column("reorder_point_units").is_null())
        .then(pl.lit("no target: nothing can be decided"))
        .when(column("inventory_position_units").is_null())
        .then(pl.lit("stock is not known: only the target level is given"))
        .when(column("is_dormant"))
        .then(pl.lit("not bought for long and nothing there: taken for dropped"))
        .when(column("need_units") <= 0)
        .then(pl.lit("nothing needed"))
        .when(~column("is_reorder_level_reached"))
        .then(pl.lit("reorder level not reached"))
        .when(order == column("packed_units"))
        .then(pl.lit("ordered"))
        .when((order > 0) & cut_by_stock & cut_by_life)
        .then(pl.lit("cut to max stock and to what the shelf life can sell"))
        .when((order > 0) & cut_by_stock)
        .then(pl.lit("cut to max stock"))
        .when(order > 0)
        .then(pl.lit("cut to what the shelf life can sell"))
        .when(cut_by_stock & (column("moq_units") > column("max_stock_units")))
        .then(pl.lit("minimum order above max stock: nothing ordered"))
        .when(column("packed_units") + column("max_stock_cut_units") == 0)
        .then(pl.lit("no room for an order under max stock: nothing ordered"))
        .otherwise(pl.lit("an order would outlast the shelf life: nothing ordered"))
    )
    notes = pl.when(column("input_reason") != "").then(column("input_reason"))
    return pl.concat_str(outcome, notes, separator="; ", ignore_nulls=True)


def _finite(value: pl.Expr) -> pl.Expr:
    return pl.when(value.is_finite()).then(value)


def _digits(units: pl.Expr) -> pl.Expr:
    """Ten-thousandths, halves away from zero, as a cast to decimal(18, 4) rounds; what does not fit there is the most that does."""
    return (units.fill_nan(None) * _DIGITS).clip(-_LARGEST, _LARGEST).round(0, mode="half_away_from_zero").cast(pl.Int64)


def _said(condition: pl.Expr, text: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(text))
