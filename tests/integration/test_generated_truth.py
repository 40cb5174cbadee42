"""What the warehouse makes of synthetic data, against the generator's hidden truth.

Belongs here: estimates that can be checked to the unit. Does not belong here: the generator's own tests.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl


def test_what_was_lost_and_adjusted_is_found_to_the_unit(built_warehouse: Path, tiny_source: Path):
    """Losses nobody saw are what counts find, cycle counts and the last one; what was written down stands apart."""
    key = ["item_id", "location_id"]
    unseen = pl.read_parquet(tiny_source / "truth" / "shrinkage.parquet").group_by(key).agg(lost=pl.col("units").sum())
    recorded = pl.read_csv(tiny_source / "stock_adjustments.csv").group_by(key).agg(recorded=pl.col("adjusted_units").sum())
    assert unseen.height > 2
    assert recorded.height > 2
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql(
            "select item_id, location_id, adjusted_units, recorded_adjustment_units from marts.rpt_inventory_item_location"
        ).fetchall()
    assert {(item, store): -units for item, store, units, _ in found if units} == _by_key(unseen)
    assert {(item, store): units for item, store, _, units in found if units} == _by_key(recorded)


def test_stock_is_as_old_as_it_is(built_warehouse: Path, tiny_source: Path):
    truth = pl.read_parquet(tiny_source / "truth" / "ageing.parquet").select("item_id", "location_id", "receipt_date", "units")
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql(
            "select item_id, location_id, receipt_date, layer_units from intermediate.int_stock_layers"
        ).fetchall()
    assert {row[:3]: row[3] for row in found} == {row[:3]: row[3] for row in truth.iter_rows()}
    assert truth["receipt_date"].n_unique() > 10


def _by_key(frame: pl.DataFrame) -> dict[tuple[int, int], int]:
    return {row[:2]: row[2] for row in frame.iter_rows() if row[2]}


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
