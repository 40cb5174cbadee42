"""What the warehouse makes of synthetic data, against the generator's hidden truth.

Belongs here: estimates that can be checked to the unit. Does not belong here: the generator's own tests.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl


def test_unseen_losses_and_recorded_adjustments_are_found_to_the_unit(built_warehouse: Path, tiny_source: Path):
    key = ["item_id", "location_id"]
    unseen = pl.read_parquet(tiny_source / "truth" / "shrinkage.parquet").select(*key, adjusted_units=-pl.col("units").cast(int))
    recorded = pl.read_csv(tiny_source / "stock_adjustments.csv").rename({"adjusted_units": "recorded_adjustment_units"})
    recorded = recorded.select(pl.col(key).cast(pl.Int32), pl.col("recorded_adjustment_units").cast(int))
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        for units, lines in (("adjusted_units", unseen), ("recorded_adjustment_units", recorded)):
            truth = lines.group_by(key).agg(pl.col(units).sum()).filter(pl.col(units) != 0).sort(key)
            found = warehouse.sql(
                f"""
                select item_id, location_id, cast({units} as bigint) as {units}
                from intermediate.int_inventory_item_location where {units} <> 0 order by item_id, location_id
                """
            ).pl()
            assert truth.height > 3
            assert found.equals(truth.cast(dict(found.schema)))


def test_stock_is_as_old_as_it_is(built_warehouse: Path, tiny_source: Path):
    truth = pl.read_parquet(tiny_source / "truth" / "ageing.parquet").select("item_id", "location_id", "receipt_date", "units")
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql(
            "select item_id, location_id, receipt_date, layer_units from intermediate.int_stock_layers"
        ).fetchall()
    assert {row[:3]: row[3] for row in found} == {row[:3]: row[3] for row in truth.iter_rows()}
    assert truth["receipt_date"].n_unique() > 10


def test_every_store_lost_what_the_shrinkage_report_says(built_warehouse: Path, tiny_source: Path):
    truth = (
        pl.read_parquet(tiny_source / "truth" / "shrinkage.parquet")
        .group_by("location_id")
        .agg(pl.col("units").sum().cast(pl.Int64))
    )
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql("select location_id, shrinkage_units from marts.rpt_shrinkage where level = 'store'").fetchall()
        (chain,) = warehouse.sql("select shrinkage_units from marts.rpt_shrinkage where level = 'chain'").fetchone()
    assert dict(found) == dict(truth.iter_rows())
    assert chain == truth["units"].sum() > 0


def test_sales_are_all_there(built_warehouse: Path, tiny_source: Path):
    truth = pl.read_parquet(tiny_source / "truth" / "demand.parquet")["sales_units"].sum()
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        assert warehouse.sql("select sum(sold_units) from marts.fct_sales_daily").fetchone() == (truth,)


def test_the_age_of_stock_is_found_to_the_unit(built_warehouse: Path, tiny_source: Path):
    key = ["item_id", "location_id", "receipt_date"]
    truth = pl.read_parquet(tiny_source / "truth" / "ageing.parquet").sort(key)
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql(
            "select item_id, location_id, receipt_date, layer_units as units from intermediate.int_stock_layers"
        ).pl()
    assert truth["receipt_date"].n_unique() > 3
    assert found.sort(key).cast(dict(truth.schema)).equals(truth)
