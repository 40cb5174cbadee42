"""SQL and Python decide alike: `rec_order_terms` and `ml.replenishment.orders`, order by order, on cases nobody thought of.

Belongs here: the compiled SQL of a model run over generated tables, beside the Python that promises the same (on golden data,
test_golden_pipeline compares them). Does not belong here: whether the arithmetic is right: hand-worked numbers beside each show that.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from order_agreement import INPUTS, KEY, differences

from ml.replenishment.orders import BATCH_RULES, order_terms

CASES = 10_000
POLICY = {"order_cost_usd_per_line": 2.5, "holding_cost_rate_per_year": 0.25, "max_cover_days": 90.0}
# what the models read and hand on untouched
HANDED_ON = {
    "recommendations.rec_inventory_position": {"as_of_date": pl.Date},
    "intermediate.int_item_location_terms": {"vendor_id": pl.Int32, "abc_class": pl.String},
    "recommendations.rec_order_targets": {
        "model": pl.String, "policy": pl.String, "policy_reason": pl.String, "cycle_service_level": pl.Float64, "run_id": pl.String,
    },
    "intermediate.int_policy": {},
}  # fmt: skip


def sql_answer(sql: str, tables: dict[str, pl.DataFrame], folder: Path) -> pl.DataFrame:
    """What the SQL says of `tables`."""
    with duckdb.connect(str(folder / "stockroom.duckdb")) as connection:
        for name, frame in tables.items():
            connection.register(
                "given", frame.with_columns(pl.lit(None, dtype).alias(column) for column, dtype in HANDED_ON[name].items())
            )
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.execute(f"create table {name} as from given")
        return connection.sql(sql).pl()


def generated_cases(seed: int = 20161231) -> pl.DataFrame:
    """Cases as a careless world would send them: ordinary numbers, edges, and what is missing, mixed column by column."""
    random = np.random.default_rng(seed)

    def column(ordinary: np.ndarray, edges: list[float | None], edge_share: float, digits: int) -> pl.Series:
        values = pl.Series(np.round(ordinary, digits).tolist(), dtype=pl.Float64)
        picked = pl.Series([edges[i] for i in random.integers(len(edges), size=CASES)], dtype=pl.Float64)
        return picked.zip_with(pl.Series(random.random(CASES) < edge_share), values)

    def units(largest: float, edges: list[float | None], share: float = 0.15) -> pl.Series:
        return column(random.gamma(0.7, largest, CASES), edges, share, 0).cast(pl.Int32)

    mean = random.gamma(0.6, 60, CASES)
    mean = np.where(random.random(CASES) < 0.5, np.round(mean), mean)  # whole numbers meet levels and packs exactly
    fixed = np.maximum(mean + random.normal(0.3, 0.5, CASES) * mean, 0)
    reorder = np.where(random.random(CASES) < 0.3, fixed, np.maximum(fixed + random.normal(0.1, 0.2, CASES) * mean, 0))
    reorder = np.where(random.random(CASES) < 0.3, np.round(reorder), reorder)
    missing = [None, 0.0]
    stock = random.gamma(0.7, 30, CASES)
    stock = np.where(random.random(CASES) < 0.5, np.round(stock), stock)  # inspections make fractions of it
    cases = pl.DataFrame(
        {
            "item_id": pl.Series(range(1, CASES + 1), dtype=pl.Int32),
            "location_id": pl.Series([1] * CASES, dtype=pl.Int32),
            "on_hand_units": units(30, [-7, 0, None, 2_000_000]),
            "usable_on_hand_units": column(stock, [-7, 0, 0, None, 2_000_000], 0.3, 4).cast(pl.Decimal(18, 4)),
            "quarantined_units": units(3, [0, 0, None], 0.8),
            "expected_defective_units": column(random.gamma(0.5, 1, CASES), [0.0, 0.0, None], 0.6, 4).cast(pl.Decimal(18, 4)),
            "on_order_units": units(30, [0, 0, None], 0.4),
            "on_order_defective_units": column(random.gamma(0.5, 1, CASES), [0.0, 0.0, None], 0.6, 4).cast(pl.Decimal(18, 4)),
            "defect_share": column(random.beta(1, 20, CASES), [0.0, 0.0, None, -0.1, 0.5, 0.97], 0.5, 12),
            "backorder_units": units(5, [0, 0, 0, None], 0.7),
            "is_dormant": pl.Series(random.choice([True, False, None], CASES, p=[0.05, 0.9, 0.05]).tolist(), dtype=pl.Boolean),
            "unit_cost_usd": column(random.gamma(2, 8, CASES), [None, 0.0, -1.0, 9999.0], 0.15, 4).cast(pl.Decimal(18, 4)),
            "moq_units": units(12, [None, 0, 1, -3, 500], 0.4),
            "pack_units": units(6, [None, 0, 1, 1, -2, 144], 0.5),
            "max_stock_units": units(150, [None, None, None, 0, -5], 0.7),
            "shelf_life_days": units(30, [None, None, None, 0, -5], 0.7),
            "mean_lead_time_days": column(random.gamma(3, 4, CASES), missing, 0.1, 6),
            "batch_rule": pl.Series(random.choice(BATCH_RULES, CASES).tolist()),
            "horizon_days": column(random.gamma(4, 5, CASES) + 1, [*missing, 15.0], 0.2, 6),
            "mean_units": column(mean, missing, 0.1, 9),
            "reorder_units": column(reorder, missing, 0.1, 9),
            "target_units": column(reorder + random.gamma(0.5, 20, CASES) - 5, missing, 0.3, 9),
            "fixed_lead_time_target_units": column(fixed, [0.0], 0.02, 9),
            "override_shift_units": column(random.normal(0, 20, CASES), [0.0, 0.0, None, -200.0, 40.0], 0.8, 6),
        }
    )  # fmt: skip
    # what chance does not hit: cost so low that the batch is cut to 90 of 15 days' demand, and a need of exactly 1, 2 or 3 batches
    whole = pl.col("item_id") <= CASES // 50
    exact = {
        "batch_rule": pl.lit("multiples"),
        "unit_cost_usd": pl.lit(0.0001).cast(pl.Decimal(18, 4)),
        "horizon_days": pl.lit(15.0),
        "mean_units": pl.col("item_id").cast(pl.Float64),
        "reorder_units": 6.0 * pl.col("item_id") * (1 + pl.col("item_id") % 3),
        "override_shift_units": pl.lit(0.0),
        "usable_on_hand_units": pl.lit(0).cast(pl.Decimal(18, 4)),
        "on_order_defective_units": pl.lit(0).cast(pl.Decimal(18, 4)),
        "defect_share": pl.lit(0.0),
        "on_order_units": pl.lit(0, pl.Int32),
        "backorder_units": pl.lit(0, pl.Int32),
    }
    return cases.with_columns(pl.when(whole).then(value).otherwise(pl.col(name)).alias(name) for name, value in exact.items())


def test_on_ten_thousand_generated_cases(run_dbt, tiny_source: Path, tmp_path: Path) -> None:
    cases = generated_cases()
    tables = {name: cases.select(*KEY, *columns) for name, columns in INPUTS.items()}
    tables["intermediate.int_policy"] = pl.DataFrame([POLICY])
    (tmp_path / "dbt").mkdir()
    compiled = run_dbt(tiny_source, tmp_path / "dbt" / "stockroom.duckdb", "compile", "--select", "rec_order_terms")
    from_sql = sql_answer(compiled.result.results[0].node.compiled_code, tables, tmp_path)
    from_python = order_terms(cases.with_columns(**{name: pl.lit(value) for name, value in POLICY.items()}))
    assert differences(from_sql, from_python) == {}

    # the cases reach every branch, or they prove little
    outcomes = set(from_python["order_reason"].str.split("; ").list.first().unique())
    assert outcomes == {
        "no target: nothing can be decided",
        "stock is not known: only the target level is given",
        "nothing needed",
        "not bought for long and nothing there: taken for dropped",
        "reorder level not reached",
        "ordered",
        "cut to max stock",
        "cut to what the shelf life can sell",
        "cut to max stock and to what the shelf life can sell",
        "minimum order above max stock: nothing ordered",
        "no room for an order under max stock: nothing ordered",
        "an order would outlast the shelf life: nothing ordered",
    }
    ordered = from_python.filter(pl.col("order_units") > 0)
    assert ordered.height > CASES / 10
    assert ordered["batch_rule"].n_unique() == len(BATCH_RULES)
    assert (ordered["order_units"] % ordered["pack_units"]).sum() == 0
