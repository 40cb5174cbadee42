"""What the warehouse makes of synthetic data, against the generator's hidden truth.

Belongs here: estimates that can be checked to the unit. Does not belong here: the generator's own tests.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl


def test_what_was_lost_and_adjusted_is_found_to_the_unit(built_warehouse: Path, tiny_source: Path):
    key = ["item_id", "location_id"]
    unseen = pl.read_parquet(tiny_source / "truth" / "shrinkage.parquet").select(*key, -pl.col("units").cast(pl.Int64))
    recorded = pl.read_csv(tiny_source / "stock_adjustments.csv").rename({"adjusted_units": "units"})
    recorded = recorded.select(pl.col(key).cast(pl.Int32), "units")
    truth = pl.concat([unseen, recorded]).group_by(key).agg(adjusted_units=pl.col("units").sum())
    truth = truth.filter(pl.col("adjusted_units") != 0).sort(key)
    assert unseen.height > 2
    assert recorded.height > 2
    with duckdb.connect(str(built_warehouse), read_only=True) as warehouse:
        found = warehouse.sql(
            """
            select item_id, location_id, cast(adjusted_units as bigint) as adjusted_units
            from marts.rpt_inventory_item_location where adjusted_units <> 0 order by item_id, location_id
            """
        ).pl()
    assert found.equals(truth.cast(dict(found.schema)))


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
