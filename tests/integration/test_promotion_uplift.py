"""What promotions sold beyond the ordinary, against the demand the generator simulated with and without them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.demo import generate
from dagster_project.demo.pricing import _DISPLAY_LIFT

SEED = 4


def test_the_uplift_of_all_promotions_is_within_10_percent_of_the_simulated_one(run_dbt, tmp_path: Path):
    source, warehouse = tmp_path / "source", tmp_path / "stockroom.duckdb"
    generate("medium", SEED, source)
    run_dbt(source, warehouse, "build", "--select", "+rpt_promotion_effect")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.sql(
            "select item_id, first_date, sold_units, uplift_units from marts.rpt_promotion_effect where baseline_units is not null"
        ).pl()

    truth = source / "truth"
    prices = pl.read_csv(source / "price_history.csv", try_parse_dates=True).with_columns(pl.col("item_id").cast(pl.Int32))
    promotions = (
        pl.read_parquet(truth / "promotions.parquet")
        .sort("first_date")
        .join_asof(prices.sort("valid_from"), left_on="first_date", right_on="valid_from", by="item_id", check_sortedness=False)
        .join(pl.read_parquet(truth / "items.parquet").select("item_id", "price_elasticity"), on="item_id")
        # what the price and the place at the end of the aisle made of the demand
        .with_columns(
            factor=(pl.col("price_usd") / pl.col("list_price_usd")) ** -pl.col("price_elasticity") * (1 + _DISPLAY_LIFT)
        )
    )
    compared = found.join(promotions, on=["item_id", "first_date"])
    assert compared.height > 1_000
    simulated = compared.select((pl.col("sold_units") * (1 - 1 / pl.col("factor"))).sum()).item()
    assert compared["uplift_units"].sum() == pytest.approx(simulated, rel=0.10)
