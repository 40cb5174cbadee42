"""Reconciled forecasts: they add up, none is negative, and they are the least-squares ones."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from ml.forecasting.hierarchy import build_hierarchy, reconcile, reconcile_arrays

WEEK = date(2024, 12, 30)


def bottom_frame(units, items, stores, categories) -> pl.DataFrame:
    units = np.atleast_2d(np.asarray(units, dtype=float))
    weeks = units.shape[1]
    return pl.DataFrame(
        {
            "item_id": np.repeat(items, weeks),
            "location_id": np.repeat(stores, weeks),
            "product_category": [category for category in categories for _ in range(weeks)],
            "week_start_date": [WEEK + timedelta(days=7 * k) for k in range(weeks)] * len(units),
            "mean_units": units.ravel(),
        },
        schema_overrides={"item_id": pl.Int32, "location_id": pl.Int32, "product_category": pl.String},
    )


def upper_frame(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(level, node, WEEK, units) for level, node, units in rows],
        schema=["level", "node", "week_start_date", "base_units"],
        orient="row",
    )


def units_of(rows: pl.DataFrame, column: str = "reconciled_units") -> dict[str, float]:
    return dict(rows.select("node", column).iter_rows())


def test_a_correction_from_above_is_shared_by_size() -> None:
    rows = reconcile(bottom_frame([[6.0], [2.0]], [58, 58], [1, 2], ["Wine", "Wine"]), upper_frame(("item", "item 58", 12.0)))
    # Variances 6, 2 and 8. The item is 4 above its stores' 8; its share of the way is 8 / (8 + 8): both meet at 10, which is
    # 2 more for the stores, shared 6 : 2.
    assert units_of(rows) == pytest.approx(
        {
            "chain": 10,
            "store 1": 7.5,
            "store 2": 2.5,
            "category Wine": 10,
            "item 58": 10,
            "item 58 / store 1": 7.5,
            "item 58 / store 2": 2.5,
        },
        rel=1e-4,
    )
    assert units_of(rows, "bottom_up_units")["chain"] == 8
    assert rows.filter(pl.col("level") == "item")["base_units"].to_list() == [12]
    assert rows.filter(pl.col("level") == "chain")["base_units"].to_list() == [None]


def test_measured_variances_decide_who_gives_way() -> None:
    variance = pl.DataFrame({"level": ["item", "item_store"], "node": ["item 58", "item 58 / store 1"], "variance": [1e-3, 6.0]})
    bottom = bottom_frame([[6.0], [2.0]], [58, 58], [1, 2], ["Wine", "Wine"])
    rows = reconcile(bottom, upper_frame(("item", "item 58", 12.0)), variance)
    assert units_of(rows)["item 58"] == pytest.approx(12, abs=0.01)


def test_without_upper_forecasts_it_is_bottom_up() -> None:
    rows = reconcile(bottom_frame([[6.0, 1.0], [2.0, 0.0]], [58, 60], [1, 1], ["Wine", None]))
    assert rows["reconciled_units"].to_list() == rows["bottom_up_units"].to_list()
    assert rows.filter(pl.col("level") == "category")["node"].unique().to_list() == ["category Wine"]
    assert rows.filter(pl.col("level") == "chain")["reconciled_units"].to_list() == [8, 1]


def test_a_missing_category_has_no_node() -> None:
    hierarchy = build_hierarchy(
        pl.DataFrame(
            {"item_id": [1, 2], "location_id": [1, 1], "product_category": [None, None]},
            schema_overrides={"product_category": pl.String},
        )
    )
    assert hierarchy.nodes["level"].to_list() == ["chain", "store", "item", "item", "item_store", "item_store"]


def random_case(seed: int = 1, noise: float = 0.2):
    random = np.random.default_rng(seed)
    pairs = [(item, store) for item in range(12) for store in range(5) if random.random() < 0.7]
    items, stores = (np.array(values) for values in zip(*pairs, strict=True))
    frame = pl.DataFrame({"item_id": items, "location_id": stores, "product_category": [f"c{item % 3}" for item in items]})
    hierarchy = build_hierarchy(frame)
    base = hierarchy.summing @ random.gamma(2, 5, (len(pairs), 3)) * random.lognormal(0, noise, (hierarchy.nodes.height, 3))
    return hierarchy, base


@pytest.mark.parametrize("solver", ["library", "direct"])
def test_every_level_adds_up_and_none_is_negative(solver: str) -> None:
    hierarchy, base = random_case()
    base[3] = np.nan
    found = reconcile_arrays(hierarchy, base, solver=solver)
    assert found == pytest.approx(hierarchy.summing @ found[-hierarchy.bottom :], abs=1e-6)
    assert (found >= 0).all()


@pytest.mark.parametrize("solver", ["library", "direct"])
def test_it_is_the_weighted_least_squares_solution(solver: str) -> None:
    hierarchy, base = random_case(noise=0.02)
    variance = hierarchy.summing @ np.full(hierarchy.bottom, 2.0)
    found = reconcile_arrays(hierarchy, base, variance, solver)
    summing, precision = hierarchy.summing.toarray(), np.diag(1 / variance)
    exact = summing @ np.linalg.solve(summing.T @ precision @ summing, summing.T @ precision @ base)
    # equal but for the weeks in which the exact solution has a negative node
    positive = (exact > 0).all(axis=0)
    assert positive.any()
    assert found[:, positive] == pytest.approx(exact[:, positive], rel=1e-3, abs=1e-3)


def test_a_better_total_makes_better_item_stores() -> None:
    """Each store's forecast is 30 % too high; the item's is right."""
    truth = np.array([[4.0], [8.0], [1.0]])
    rows = reconcile(bottom_frame(truth * 1.3, [1, 1, 1], [1, 2, 3], ["c"] * 3), upper_frame(("item", "item 1", 13.0)))
    found = rows.filter(pl.col("level") == "item_store")["reconciled_units"].to_numpy()
    assert np.abs(found - truth[:, 0]).sum() < 0.6 * np.abs(0.3 * truth).sum()


def test_what_cannot_be_placed_is_refused() -> None:
    bottom = bottom_frame([[6.0, 1.0], [2.0, 1.0]], [58, 60], [1, 1], ["Wine", None])
    with pytest.raises(ValueError, match="unknown node"):
        reconcile(bottom, upper_frame(("item", "item 99", 12.0)))
    with pytest.raises(ValueError, match="every item-store"):
        reconcile(bottom[:3])
