"""The ledger closes to the unit, and the truth holds what methods shall find."""

from __future__ import annotations

from datetime import date

import polars as pl

KEY = ["item_id", "location_id"]


def test_opening_and_all_movements_make_the_closing_stock_of_every_item_and_store(demo):
    net = demo.movements().group_by(KEY).agg(pl.col("units").sum().alias("net"))
    ledger = (
        net.join(demo.opening().rename({"units": "opening"}), on=KEY, how="full", coalesce=True)
        .join(demo.closing().rename({"units": "closing"}), on=KEY, how="full", coalesce=True)
        .fill_null(0)
    )
    assert ledger.height >= max(demo.opening().height, demo.closing().height)
    assert ledger.filter(pl.col("opening") + pl.col("net") != pl.col("closing")).height == 0


def test_stock_is_never_negative(demo):
    stock = demo.stock_at_close()["stock"]
    assert stock.min() == 0


def test_demand_is_lost_only_where_the_shelf_is_empty(small):
    lost = small.truth("demand").filter(pl.col("lost_units") > 0).select(*KEY, "date")
    at_close = small.stock_at_close().drop_nulls("date").select(*KEY, "date", "stock").sort("date")
    opening = small.opening().select(*KEY, pl.lit(small.summary.start).alias("date"), pl.col("units").alias("stock"))
    history = pl.concat([opening, at_close]).sort("date", maintain_order=True)
    empty = lost.sort("date").join_asof(history, on="date", by=KEY, check_sortedness=False)
    # what is found again at the end of such a day is on the shelf only then
    found = small.adjustments().filter(reason="found").select(*KEY, "date", "units")
    empty = empty.join(found, on=[*KEY, "date"], how="left").with_columns(pl.col("units").fill_null(0))
    assert lost.height > 100
    assert (empty["stock"] <= empty["units"]).all()


def test_lost_units_are_demand_less_sales_and_sales_are_those_of_the_file(demo):
    truth = demo.truth("demand")
    assert (truth["demand_units"] > 0).all()
    assert (truth["sales_units"] <= truth["demand_units"]).all()
    assert (truth["lost_units"] == truth["demand_units"] - truth["sales_units"]).all()
    sold = truth.filter(pl.col("sales_units") > 0)
    both = sold.join(demo.sales(), on=[*KEY, "date"], how="full", suffix="_file")
    assert both.height == sold.height == demo.sales().height
    assert (both["sales_units"] == both["units"]).all()


def test_shelves_are_empty_on_some_days_but_not_on_most(small):
    places = small.truth("item_locations")
    rate = places["stockout_days"].sum() / places["ranged_days"].sum()
    assert 0.03 < rate < 0.08
    assert rate == small.summary.stockout_rate
    assert 0.88 < small.summary.fill_rate < 0.99


def test_there_is_visible_overstock(small):
    closing = small.closing().join(small.truth("item_locations"), on=KEY)
    months = closing["units"] / (closing["mean_units_per_day"] * 30).clip(1e-9)
    assert 0.05 < (months > 6).mean() < 0.6


def test_demand_is_heavy_tailed_and_mostly_intermittent(small):
    by_item = small.truth("demand").group_by("item_id").agg(pl.col("demand_units").sum())
    units = by_item["demand_units"].sort(descending=True)
    top_fifth = units.head(len(units) // 5).sum() / units.sum()
    assert 0.6 < top_fifth < 0.95
    days = small.truth("demand").group_by(KEY).agg(pl.len())["len"]
    assert (days < small.truth("item_locations")["ranged_days"].max() / 1.32).mean() > 0.7


def test_expected_units_are_the_mean_of_demand(small):
    places = small.truth("item_locations").filter(pl.col("ranged_days") == 366)
    expected, drawn = (places["mean_units_per_day"] * 366).sum(), places["demand_units"].sum()
    assert abs(drawn / expected - 1) < 0.03


def test_weekends_sell_more_than_mondays_and_closed_days_nothing(small):
    daily = small.truth("demand").group_by("date").agg(pl.col("demand_units").sum())
    by_weekday = daily.group_by(pl.col("date").dt.weekday().alias("weekday")).agg(pl.col("demand_units").mean())
    units = dict(by_weekday.rows())
    assert units[6] > 1.5 * units[1]
    closed = [date(2016, 12, 25), date(2016, 11, 24)]
    assert daily.filter(pl.col("date").is_in(closed)).height == 0
    assert daily.height == 364


def test_december_outsells_february(small):
    monthly = small.truth("demand").group_by(pl.col("date").dt.month().alias("month")).agg(pl.col("demand_units").sum())
    units = dict(monthly.rows())
    assert units[12] / 31 > 1.2 * units[2] / 29


def test_promotions_lift_demand_and_cut_the_price_paid(small):
    promotions = small.truth("promotions").filter(pl.col("first_date") >= small.summary.start)
    days = promotions.select("item_id", "price_usd", date=pl.date_ranges("first_date", "last_date")).explode("date")
    promoted = small.truth("demand").filter(pl.col("item_id").is_in(days["item_id"].implode()))
    daily = promoted.group_by("item_id", "date").agg(pl.col("demand_units").sum())
    daily = daily.join(days, on=["item_id", "date"], how="left")
    on = pl.col("price_usd").is_not_null()
    items = daily.group_by("item_id").agg(
        pl.col("demand_units").filter(on).sum().alias("on"),
        pl.col("demand_units").filter(~on).sum().alias("off"),
    )
    items = items.join(days.group_by("item_id").agg(pl.len().alias("days_on")), on="item_id")
    usual = (items["off"] / (366 - items["days_on"]) * items["days_on"]).sum()
    assert 1.3 < items["on"].sum() / usual < 3.0

    paid = small.sales().join(days, on=["item_id", "date"], suffix="_promotion")
    assert paid.height > 1_000
    assert (paid["price_usd"] <= paid["price_usd_promotion"]).all()
    usual_price = small.sales().group_by("item_id").agg(pl.col("price_usd").max().alias("usual_usd"))
    cut = paid.join(usual_price, on="item_id").select(1 - pl.col("price_usd") / pl.col("usual_usd")).to_series()
    assert 0.10 < cut.mean() < 0.30


def test_launched_items_sell_only_after_their_first_receipt_and_delisted_ones_run_out(demo):
    items = demo.truth("items")
    launched = items.drop_nulls("launch_date").select("item_id", "launch_date")
    assert launched.height > 0
    early = demo.sales().join(launched, on="item_id").filter(pl.col("date") < pl.col("launch_date"))
    assert early.height == 0
    assert not demo.opening()["item_id"].is_in(launched["item_id"].implode()).any()
    delisted = items.drop_nulls("delist_date")
    assert delisted.height > 0
    late = (
        demo.truth("orders")
        .join(delisted, on="item_id")
        .filter((pl.col("order_date") - pl.col("delist_date")).dt.total_days() > 14)
    )
    assert late.height == 0


def test_shrinkage_is_small_but_there(small):
    losses = small.truth("shrinkage")
    assert (losses["units"] > 0).all()
    assert 0.001 < losses["units"].sum() / small.summary.sold_units < 0.01
