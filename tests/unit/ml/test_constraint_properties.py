"""What holds of constraints whatever the lines are."""

from __future__ import annotations

import polars as pl
import pytest
from constraint_lines import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.replenishment.constraints import Constrained, constrain
from ml.replenishment.constraints.budget import cut_to_budget
from ml.replenishment.constraints.reward import Rewards, pack_steps, sorted_lines

CASES = settings(max_examples=150, deadline=None)


@st.composite
def a_line(draw) -> dict:
    pack, moq = draw(st.sampled_from([1, 1, 4, 6, 12])), draw(st.sampled_from([1, 1, 10, 24]))
    smallest = -(-moq // pack) * pack
    order = draw(st.sampled_from([0, 0, smallest, smallest + pack, smallest + 5 * pack]))
    knots = sorted(draw(st.lists(st.integers(0, 120), min_size=3, max_size=3)))
    position = draw(st.integers(-5, 150))
    return {
        "pack_units": pack,
        "moq_units": moq,
        "order_units": order,
        "need_units": float(order) - draw(st.integers(0, 3)) if order else -1.0,
        "vendor_id": draw(st.sampled_from([1, 2, 3, None])),
        "abc_class": draw(st.sampled_from(["A", "B"])),
        "unit_cost_usd": draw(st.sampled_from([None, 0.25, 1.0, 9.99, 10.0, 34.5])),
        "shortage_cost_usd": draw(st.sampled_from([None, 0.0, 0.5, 4.0, 30.0])),
        "holding_cost_usd": draw(st.sampled_from([0.0, 0.01, 1.0])),
        "inventory_position_units": position,
        "usable_on_hand_units": max(position, 0),
        "stored_units": max(position, 0) + draw(st.sampled_from([0.0, 0.5, 7.0])),
        "reorder_point_units": float(draw(st.integers(0, 60))),
        "daily_demand_units": draw(st.sampled_from([0.0, 0.3, 5.0])),
        "demand_quantile_units": [float(knot) for knot in knots],
        "is_dormant": draw(st.booleans()) if order == 0 else False,
        "override_order_units": draw(st.sampled_from([None, None, None, 0, 7])),
    }


@st.composite
def many_lines(draw) -> pl.DataFrame:
    keys = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=10, unique=True))
    minimums = {vendor: draw(st.sampled_from([None, 50.0, 400.0])) for vendor in (1, 2, 3)} | {None: None}
    weekdays = {vendor: draw(st.sampled_from([None, None, None, "1"])) for vendor in (1, 2, 3)} | {None: None}
    vendor_budgets = {vendor: draw(st.sampled_from([None, None, 100.0])) for vendor in (1, 2, 3)} | {None: None}
    class_budgets = {name: draw(st.sampled_from([None, None, 150.0])) for name in "AB"}
    rooms = {location: draw(st.sampled_from([None, None, 100, 300])) for location in (1, 2, 3)}
    total = draw(st.sampled_from([None, 0.0, 120.0, 1000.0]))
    cover = draw(st.sampled_from([0.0, 10.0]))
    rows = []
    for item, location in keys:
        row = draw(a_line()) | {"item_id": item, "location_id": location}
        vendor = row["vendor_id"]
        rows.append(
            row
            | {
                "minimum_order_usd": minimums[vendor],
                "order_weekdays": weekdays[vendor],
                "vendor_budget_usd": vendor_budgets[vendor],
            }
            | {"class_budget_usd": class_budgets[row["abc_class"]], "total_budget_usd": total, "transfer_cover_days": cover}
            | {"storage_capacity_units": rooms[location], "storage_capacity_litres": rooms[location]}
        )
    return lines(*rows)


def joined(frame: pl.DataFrame, result: Constrained) -> pl.DataFrame:
    """Lines with the order that came of them, and whether a person's word fixed it."""
    after = frame.drop("order_units").join(result.orders, on=["item_id", "location_id"])
    return after.with_columns(
        is_free=pl.col("override_order_units").is_null(), usd=pl.col("order_units") * pl.col("unit_cost_usd").fill_null(0)
    )


@CASES
@given(many_lines())
def test_orders_are_never_negative_are_whole_packs_of_at_least_the_minimum_or_nothing(frame: pl.DataFrame) -> None:
    free = joined(frame, constrain(frame)).filter("is_free")
    assert (free["order_units"] >= 0).all()
    assert (free["order_units"] % free["pack_units"] == 0).all()
    assert free.filter((pl.col("order_units") > 0) & (pl.col("order_units") < pl.col("moq_units"))).is_empty()


@CASES
@given(many_lines())
def test_no_order_is_above_a_budget_unless_a_person_alone_is(frame: pl.DataFrame) -> None:
    after = joined(frame, constrain(frame))
    for column, keys in (("total_budget_usd", []), ("vendor_budget_usd", ["vendor_id"]), ("class_budget_usd", ["abc_class"])):
        scoped = after.filter(pl.col(column).is_not_null())
        for own in scoped.partition_by(keys) if keys else [scoped]:
            word = own.filter(~pl.col("is_free"))["usd"].sum()
            assert own.is_empty() or own["usd"].sum() <= max(own[column].min(), word) + 1e-6


@CASES
@given(many_lines())
def test_what_is_ordered_fits_into_the_store(frame: pl.DataFrame) -> None:
    result = constrain(frame)
    after = joined(frame, result).filter(pl.col("storage_capacity_units").is_not_null())
    sides = pl.concat(
        result.transfers.select("item_id", location_id=side, moved=sign * pl.col("transfer_units"))
        for side, sign in (("to_location_id", 1), ("from_location_id", -1))
    )
    moved = sides.group_by("item_id", "location_id").agg(pl.col("moved").sum())
    after = after.join(moved, on=["item_id", "location_id"], how="left")
    held = pl.col("stored_units") + pl.col("moved").fill_null(0)
    for own in after.partition_by("location_id"):
        fixed = own.select((held + pl.when(pl.col("is_free")).then(0).otherwise("order_units")).sum()).item()
        assert own.select((held + pl.col("order_units")).sum()).item() <= max(own["storage_capacity_units"].min(), fixed)


@CASES
@given(many_lines())
def test_every_vendor_is_above_its_minimum_or_waits(frame: pl.DataFrame) -> None:
    after = joined(frame, constrain(frame)).filter(pl.col("minimum_order_usd").is_not_null())
    for own in after.partition_by("vendor_id"):
        ordered = own.filter(pl.col("order_units") > 0)
        if ordered.filter("is_free").height and ordered["unit_cost_usd"].null_count() == 0:
            assert own["usd"].sum() >= own["minimum_order_usd"].max() - 1e-6


@CASES
@given(many_lines())
def test_nobody_orders_from_a_vendor_that_takes_no_orders_today_but_a_person(frame: pl.DataFrame) -> None:
    after = joined(frame, constrain(frame)).filter(pl.col("order_weekdays").is_not_null() & pl.col("is_free"))
    assert after["order_units"].sum() == 0


@CASES
@given(many_lines())
def test_the_adjustments_lead_from_the_order_wished_for_to_the_one_placed(frame: pl.DataFrame) -> None:
    result = constrain(frame)
    changes = result.adjustments.group_by("item_id", "location_id").agg(pl.col("adjustment_units").sum())
    before = frame.select("item_id", "location_id", before=pl.coalesce("override_order_units", "order_units").fill_null(0))
    both = before.join(changes, on=["item_id", "location_id"], how="left").join(result.orders, on=["item_id", "location_id"])
    assert (both["before"] + both["adjustment_units"].fill_null(0) == both["order_units"]).all()


@CASES
@given(many_lines(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(frame: pl.DataFrame, random) -> None:
    places = [*range(frame.height)]
    random.shuffle(places)
    first, second = constrain(frame), constrain(frame[places])
    assert second.orders.equals(first.orders)
    assert second.adjustments.equals(first.adjustments)
    assert second.transfers.equals(first.transfers)


def value_within(frame: pl.DataFrame, budget: dict[str, float | None]) -> tuple[float, float]:
    """What is bought within budgets is worth together, packs that earn nothing counted as nothing; and the best single pack."""
    columns = {name: pl.lit(None, dtype=pl.Float64) for name in ("total_budget_usd", "vendor_budget_usd", "class_budget_usd")}
    frame = sorted_lines(frame.with_columns(**columns | {name: pl.lit(usd, dtype=pl.Float64) for name, usd in budget.items()}))
    frame = frame.with_columns(
        override_order_units=pl.lit(None, dtype=pl.Int32), unit_cost_usd=pl.col("unit_cost_usd").fill_null(1)
    )
    wanted = frame["order_units"].to_numpy().astype(int)
    rewards = Rewards(frame)
    after, _ = cut_to_budget(frame, wanted, rewards)
    steps = pack_steps(rewards, frame, 0 * wanted, after)["reward_usd"]
    every = pack_steps(rewards, frame, 0 * wanted, wanted)["reward_usd"]
    return float(steps.clip(lower_bound=0).sum()), max(float(every.max() or 0), 0.0)


@CASES
@given(
    many_lines(),
    st.sampled_from(["total_budget_usd", "vendor_budget_usd", "class_budget_usd"]),
    st.integers(0, 800),
    st.integers(0, 800),
)
def test_a_wider_budget_never_buys_less_value(frame: pl.DataFrame, scope: str, one: int, other: int) -> None:
    narrow, _ = value_within(frame, {scope: float(min(one, other))})
    wide, _ = value_within(frame, {scope: float(max(one, other))})
    assert wide >= narrow - 1e-6


@CASES
@given(many_lines(), st.integers(0, 400), st.integers(0, 400), st.integers(0, 800))
def test_a_wider_budget_of_vendors_inside_a_total_loses_at_most_a_pack_for_each(
    frame: pl.DataFrame, one: int, other: int, total: int
) -> None:
    """Whole packs: a wider budget of one vendor may take the room of a pack that fitted. Never more than one pack for each budget."""
    narrow, best = value_within(frame, {"vendor_budget_usd": float(min(one, other)), "total_budget_usd": float(total)})
    wide, _ = value_within(frame, {"vendor_budget_usd": float(max(one, other)), "total_budget_usd": float(total)})
    budgets = frame["vendor_id"].n_unique() + 1
    assert wide >= narrow - budgets * best - 1e-6


def test_the_greedy_cut_is_the_best_there_is_where_packs_cost_the_same() -> None:
    """Against every choice of packs: 3 lines of 3 packs, room for 4 of 9."""
    frame = lines(
        *(
            {"total_budget_usd": 40.0, "order_units": 3, "shortage_cost_usd": margin, "inventory_position_units": 50}
            for margin in (4, 5, 9)
        )
    )
    after = constrain(frame).orders["order_units"].to_list()
    rewards = Rewards(sorted_lines(frame))
    steps = pack_steps(rewards, frame, frame["order_units"].to_numpy() * 0, frame["order_units"].to_numpy())

    def worth(choice: tuple[int, ...]) -> float:
        return sum(
            steps.filter((pl.col("row") == row) & (pl.col("step") < packs))["reward_usd"].sum()
            for row, packs in enumerate(choice)
        )

    choices = [(a, b, c) for a in range(4) for b in range(4) for c in range(4) if a + b + c <= 4]
    assert worth(tuple(after)) == pytest.approx(max(map(worth, choices)))
