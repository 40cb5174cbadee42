"""Every policy by name: the worked facts of its textbook, and orders that add up under it.

Belongs here: the compiled SQL of rec_policy_targets over demand of our own. Does not belong here: single formulas, whose hand-worked
numbers stand beside the model.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.settings import PROJECT_ROOT

GOLDEN = PROJECT_ROOT / "data" / "golden"
SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"


def test_a_fill_rate_of_95_percent_takes_a_safety_stock_of_74_32_and_minus_22_units(
    run_dbt, tiny_source: Path, tmp_path: Path
) -> None:
    """d = 50, sd = 15 a day, 14 days: mean 700, sd 56.12. A cycle sells Q = 50, 200 or 700: the demand of 1, 4 or 14 days."""
    mean, sd, cycles = 700.0, 15 * 14**0.5, {1: 1, 2: 4, 3: 14}
    (tmp_path / "dbt").mkdir()
    compiled = run_dbt(tiny_source, tmp_path / "dbt" / "stockroom.duckdb", "compile", "--select", "rec_policy_targets")
    key = {"item_id": list(cycles), "location_id": [1] * 3}
    none = pl.lit(None, pl.Float64)
    tables = {
        "recommendations.rec_policy_assignment": pl.DataFrame(
            key | {"assigned_policy": "fill_rate", "cycle_service_level": 0.95, "fill_rate_level": 0.95}
        ).with_columns(as_of_date=pl.date(2016, 12, 31)),
        "features.ftr_item_locations": pl.DataFrame(key | {"review_period_days": list(cycles.values())}).with_columns(
            unit_cost_usd=none, shortage_cost_usd=none, holding_cost_usd=none
        ),
        "staging.stg_ml__order_targets": pl.DataFrame(key).with_columns(reorder_units=none, target_units=none).clear(),
        "recommendations.rec_champion": pl.DataFrame(key | {"champion_model": "theta"}),
        "staging.stg_ml__lead_time_demand": pl.concat(
            pl.DataFrame(key).with_columns(
                as_of_date=pl.date(2016, 12, 31), model=pl.lit("theta"), run_id=pl.lit("r"), horizon_days=14.0, mean_units=mean,
                quantile=quantile, quantile_units=mean + z * sd, fixed_lead_time_units=mean + z * sd,
            )
            for quantile, z in ((0.05, -1.644854), (0.5, 0.0), (0.95, 1.644854))
        ),
        "intermediate.int_policy": pl.DataFrame({"order_cost_usd_per_line": 2.5, "holding_cost_rate_per_year": 0.25, "max_cover_days": 90.0}),
        "policy.standard_normal": pl.read_csv(SEEDS / "standard_normal.csv"),
        "policy.standard_normal_loss": pl.read_csv(SEEDS / "standard_normal_loss.csv"),
    }  # fmt: skip
    with duckdb.connect(str(tmp_path / "stockroom.duckdb")) as connection:
        for name, frame in tables.items():
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.register("given", frame)
            connection.execute(f"create table {name} as from given")
        answer = connection.sql(compiled.result.results[0].node.compiled_code).pl().sort("item_id")
    assert answer["demand_sd_units"].to_list() == pytest.approx([sd] * 3)
    safety_stock = (answer["reorder_units"] - mean).to_list()
    assert [round(units) for units in safety_stock] == [74, 32, -22]


@pytest.mark.parametrize("policy", ["newsvendor", "fill_rate", "eoq_sq", "rss", "base_stock", "just_in_time", "least_cost"])
def test_under_every_policy_orders_can_be_placed_and_their_terms_add_up(
    policy: str, run_dbt, golden_warehouse: Path, tmp_path: Path
) -> None:
    warehouse = Path(shutil.copy(golden_warehouse, tmp_path / "stockroom.duckdb"))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update intermediate.int_policy_assignments set policy = ?", [policy])
    models = ("rec_policy_assignment", "rec_policy_targets", "rec_order_targets", "rec_order_terms", "rec_orders", "rec_why")
    # with the tests of these models, why_rows_sum_to_orders and orders_are_orderable among them
    run_dbt(GOLDEN, warehouse, "build", "--select", *models, checked=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        followed = connection.sql("select distinct assigned_policy, policy from recommendations.rec_policy_targets").fetchall()
        empty_shelf = connection.sql(
            "select order_units from recommendations.rec_orders where item_id = 103 and location_id = 1"
        ).fetchone()
    assert {assigned for assigned, _ in followed} == {policy}
    assert policy in {policy for _, policy in followed} or policy == "least_cost"
    assert empty_shelf[0] > 0
