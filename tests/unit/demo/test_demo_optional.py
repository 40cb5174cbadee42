"""The optional files keep to their declaration and agree with the six files and the truth."""

from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest
import yaml

from dagster_project.demo.optional import COLUMNS
from dagster_project.settings import DBT_PROJECT_DIR

KEY = ["item_id", "location_id"]
DECLARATION = DBT_PROJECT_DIR / "models" / "staging" / "optional" / "_optional__sources.yml"


def declared(name: str) -> dict[str, dict]:
    """Column name -> its meta, of one optional file."""
    (source,) = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))["sources"]
    (table,) = (table for table in source["tables"] if table["name"] == name)
    return {column["name"]: column["config"]["meta"] for column in table["columns"]}


def test_every_declared_file_is_written():
    (source,) = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))["sources"]
    assert {table["name"] for table in source["tables"]} == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_header_types_and_bounds_are_those_declared(demo, name):
    columns = declared(name)
    raw = pl.read_csv(demo.folder / f"{name}.csv", infer_schema=False)
    assert raw.columns == list(columns)
    assert raw.height > 0
    for column, meta in columns.items():
        text = raw[column].drop_nulls()
        assert meta.get("is_nullable") or text.len() == raw.height, column
        if meta["type"] == "integer":
            values = text.cast(pl.Int64)
        elif meta["type"] == "date":
            values = text.str.to_date("%Y-%m-%d")
        elif meta["type"] == "boolean":
            assert text.is_in(["true", "false"]).all(), column
        elif meta["type"].startswith("decimal"):
            places = int(meta["type"].split(",")[1].strip(" )"))
            assert text.str.contains(rf"^-?\d+(\.\d{{1,{places}}})?$").all(), column
            values = text.cast(pl.Float64)
        elif meta["type"] == "double":
            values = text.cast(pl.Float64)
        if "minimum" in meta and text.len():
            assert values.min() >= meta["minimum"], column
        if meta.get("is_past"):
            assert values.max() <= demo.summary.end, column


def test_items_locations_and_vendors_are_known_ones(demo):
    items = demo.csv("2017PurchasePricesDec.csv")
    known = {
        "item_id": set(items["Brand"].cast(pl.Int64)),
        "vendor_id": set(items["VendorNumber"].cast(pl.Int64)),
        "location_id": set(range(1, demo.summary.stores + 1)),
        "customer_id": set(demo.optional("customers")["customer_id"]),
    }
    for name in COLUMNS:
        frame = demo.optional(name)
        for column in known.keys() & set(frame.columns):
            assert set(frame[column].drop_nulls()) <= known[column], (name, column)


def test_products_have_the_house_and_the_variety_of_their_description(small):
    listed = small.csv("2017PurchasePricesDec.csv").select(pl.col("Brand").cast(pl.Int64).alias("item_id"), "Description")
    products = small.optional("products").join(listed, on="item_id")
    assert products.height == listed.height == products["item_id"].n_unique()
    named = products.filter(pl.col("brand_name").is_not_null())
    assert named.height == products.height - 1
    assert named.select(pl.col("Description").str.starts_with(pl.col("brand_name")).all()).item()
    is_whole = pl.col("Description").str.len_chars() < 29
    assert named.filter(is_whole).select(pl.col("Description").str.contains(pl.col("subcategory"), literal=True).all()).item()
    assert named["brand_name"].n_unique() < named.height / 3
    truth = small.truth("items").select(pl.col("item_id").cast(pl.Int64), "category")
    assert named.join(truth, on="item_id").select((pl.col("category") == pl.col("category_right")).all()).item()


def test_attributes_are_json(small):
    attributes = [json.loads(text) for text in small.optional("products")["attributes"].drop_nulls()]
    assert all(10 <= facts["abv"] <= 50 and len(facts["country"]) == 2 for facts in attributes)
    assert {facts.get("colour") for facts in attributes} == {"red", "white", "rose", None}


def test_only_goods_that_do_not_keep_have_a_shelf_life(small):
    perishable = small.optional("products").drop_nulls("shelf_life_days")
    assert 0 < perishable.height < 0.2 * 360
    assert set(perishable["category"]) <= {"liqueur", "fortified", "rose", "sparkling"}
    assert perishable["shelf_life_days"].is_between(240, 540).all()


def test_promotions_are_those_of_the_truth_and_plans(demo):
    promotions, truth = demo.optional("promotions"), demo.truth("promotions")
    assert promotions["promotion_id"].is_duplicated().sum() == 0
    stated = promotions.select(pl.col("item_id").cast(pl.Int32), "first_date", "last_date", price_usd="promotion_price_usd")
    assert stated.filter(pl.col("first_date") <= demo.summary.end).equals(truth)
    planned = stated.filter(pl.col("first_date") > demo.summary.end)
    assert planned.height > 0
    assert (planned["first_date"] - demo.summary.end).dt.total_days().is_between(1, 28).all()
    assert planned["item_id"].is_in(truth["item_id"].implode()).all()
    assert promotions["discount_share"].is_between(0.05, 0.35).all()


def test_price_history_holds_what_was_paid_and_asked(demo):
    history = demo.optional("price_history").with_columns(pl.col("item_id").cast(pl.Int32)).sort("valid_from")
    assert history.select("item_id", "valid_from").is_duplicated().sum() == 0
    first = history.group_by("item_id").agg(pl.col("valid_from").min())
    assert (first["valid_from"] == demo.summary.start).all()

    bought = demo.purchases().filter(pl.col("PODate") >= demo.summary.start).sort("PODate")
    bought = bought.join_asof(history, left_on="PODate", right_on="valid_from", by="item_id", check_sortedness=False)
    assert (bought["PurchasePrice"] == bought["purchase_price_usd"]).all()

    sold = demo.sales().sort("date")
    sold = sold.join_asof(history, left_on="date", right_on="valid_from", by="item_id", check_sortedness=False)
    assert (sold["price_usd"] <= sold["list_price_usd"]).all()
    promoted = demo.truth("promotions").select("item_id", date=pl.date_ranges("first_date", "last_date")).explode("date")
    usual = sold.join(promoted, on=["item_id", "date"], how="anti")
    assert (usual["price_usd"] == usual["list_price_usd"]).all()


def test_the_price_list_is_the_end_of_the_price_history(small):
    number = {"Brand": pl.Int64, "Price": pl.Float64, "PurchasePrice": pl.Float64}
    listed = small.csv("2017PurchasePricesDec.csv").cast(number).rename({"Brand": "item_id"})
    history = small.optional("price_history")
    last = history.sort("valid_from").group_by("item_id").last().join(listed, on="item_id")
    assert (last["purchase_price_usd"] == last["PurchasePrice"]).all()
    gone = small.truth("items").drop_nulls("delist_date")["item_id"].cast(pl.Int64)
    asked = last.filter(~pl.col("item_id").is_in(gone.implode())).drop_nulls("list_price_usd")
    assert (asked["list_price_usd"] == asked["Price"]).all()
    changed = history.group_by("item_id").agg(pl.col("purchase_price_usd").n_unique())
    assert 0.03 < (changed["purchase_price_usd"] > 1).mean() < 0.3


def test_stores_are_closed_on_the_days_without_any_sale(small):
    days = small.optional("calendar")
    assert days.select("calendar_date").is_duplicated().sum() == 0
    closed = set(days.filter("is_closed", pl.col("calendar_date") <= small.summary.end)["calendar_date"])
    every_day = {small.summary.start + timedelta(days=i) for i in range(366)}
    assert closed == every_day - set(small.sales()["date"]) == {date(2016, 11, 24), date(2016, 12, 25)}
    assert {date(2016, 5, 30), date(2016, 9, 5), date(2017, 1, 1), date(2017, 11, 23)} <= set(days["calendar_date"])
    assert days["is_holiday"].mean() < 1


def test_weather_is_there_for_every_store_and_day_and_the_same_within_a_town(small):
    signals = small.optional("external_signals")
    weather = signals.drop_nulls("location_id")
    assert weather.group_by("location_id", "signal_name").len()["len"].unique().to_list() == [366]
    assert set(weather["signal_name"]) == {"temperature_c", "precipitation_mm"}
    monthly = weather.filter(signal_name="temperature_c").group_by(pl.col("signal_date").dt.month()).agg(pl.mean("signal_value"))
    by_month = dict(monthly.rows())
    assert by_month[7] > by_month[1] + 15
    assert weather.filter(signal_name="precipitation_mm")["signal_value"].min() == 0
    towns = small.opening().select("location_id").unique()
    assert set(weather["location_id"]) == set(towns["location_id"])
    economy = signals.filter(pl.col("location_id").is_null())
    assert economy["signal_date"].to_list() == [date(2016, month, 1) for month in range(1, 13)]


def test_customer_orders_are_part_of_the_sales(demo):
    orders = demo.optional("customer_orders").with_columns(pl.col(KEY).cast(pl.Int32), date="order_date")
    bought = orders.filter(pl.col("ordered_units") > 0)
    lines = bought.group_by(*KEY, "date").agg(pl.col("ordered_units", "revenue_usd").sum()).join(demo.sales(), on=[*KEY, "date"])
    assert lines.height == bought.select(*KEY, "date").n_unique()
    assert (lines["ordered_units"] <= lines["units"]).all()
    assert (lines["revenue_usd"] - lines["ordered_units"] * lines["price_usd"]).abs().max() < 0.005
    one_visit = orders.group_by("order_id").agg(pl.col("customer_id", "location_id", "date").n_unique())
    assert one_visit.drop("order_id").max().row(0) == (1, 1, 1)


def test_cards_cover_a_share_of_the_units(small):
    units = small.optional("customer_orders").filter(pl.col("ordered_units") > 0)["ordered_units"].sum()
    assert 0.12 < units / small.summary.sold_units < 0.18


def test_what_came_back_was_bought_before_by_the_same_customer(small):
    orders = small.optional("customer_orders")
    key = ["customer_id", *KEY]
    back = orders.filter(pl.col("ordered_units") < 0)
    bought = orders.filter(pl.col("ordered_units") > 0).select(*key, bought="order_date", units="ordered_units")
    earlier = back.with_row_index().join(bought, on=key).filter(pl.col("bought") < pl.col("order_date"))
    assert 0.005 < back.height / orders.height < 0.03
    assert earlier["index"].n_unique() == back.height
    assert (earlier.group_by("index").agg(pl.sum("units") + pl.first("ordered_units"))["units"] >= 0).all()


def test_customers_differ_in_recency_frequency_and_value(small):
    customers = (
        small.optional("customer_orders")
        .group_by("customer_id")
        .agg(pl.col("order_id").n_unique().alias("orders"), pl.col("revenue_usd").sum(), pl.col("order_date").max())
    )
    revenue = customers["revenue_usd"].sort(descending=True)
    assert 0.5 < revenue.head(len(revenue) // 5).sum() / revenue.sum() < 0.85
    assert customers["orders"].quantile(0.9) >= 5 * customers["orders"].quantile(0.25)
    absent = (pl.lit(small.summary.end) - pl.col("order_date")).dt.total_days()
    recency = customers.select(absent.alias("days"))["days"]
    assert (recency > 180).mean() > 0.1
    assert (recency < 30).mean() > 0.25


def test_competitors_are_watched_weekly_on_best_sellers(small):
    seen = small.optional("competitor_prices")
    assert seen.select("observed_date", "item_id", "competitor_name").is_duplicated().sum() == 0
    assert seen["competitor_name"].n_unique() == 3
    assert seen["observed_date"].dt.weekday().unique().to_list() == [1]
    sold = small.sales().group_by("item_id").agg(pl.sum("units"))
    watched = sold["item_id"].is_in(seen["item_id"].unique().cast(pl.Int32).implode())
    assert sold.filter(watched)["units"].mean() > 3 * sold.filter(~watched)["units"].mean()
    listed = small.optional("price_history").sort("valid_from")
    both = seen.sort("observed_date").join_asof(
        listed, left_on="observed_date", right_on="valid_from", by="item_id", check_sortedness=False
    )
    ratio = both["competitor_price_usd"] / both["list_price_usd"]
    assert ratio.is_between(0.6, 1.5).all()
    assert 0.9 < ratio.median() < 1.1


def test_cycle_counts_find_the_true_stock_at_the_end_of_the_day(demo):
    counts = demo.optional("stock_counts").with_columns(pl.col(KEY).cast(pl.Int32))
    assert counts.select(*KEY, "count_date").is_duplicated().sum() == 0
    assert counts["count_date"].is_between(demo.summary.start, demo.summary.end, closed="none").all()
    before_all = demo.summary.start - timedelta(days=1)
    stock = demo.stock_at_close().with_columns(pl.col("date").fill_null(before_all)).sort("date", maintain_order=True)
    both = counts.sort("count_date").join_asof(
        stock, left_on="count_date", right_on="date", by=KEY, check_sortedness=False, coalesce=False
    )
    assert both["stock"].null_count() == 0
    assert (both["counted_units"] == both["stock"]).all()


def test_cycle_counts_show_unseen_losses(small):
    counts = small.optional("stock_counts").with_columns(pl.col(KEY).cast(pl.Int32))
    lost = counts.join(small.truth("shrinkage"), on=KEY).filter(pl.col("date") <= pl.col("count_date"))
    assert lost.select(*KEY, "count_date").n_unique() > 0.05 * counts.height


def test_a_third_of_the_losses_is_recorded_with_its_reason(small):
    adjustments = small.adjustments()
    assert set(adjustments["reason"]) == {"breakage", "damage", "expired", "return to vendor", "found"}
    assert ((adjustments["units"] > 0) == (adjustments["reason"] == "found")).all()
    assert (adjustments["units"] != 0).all()
    assert adjustments.select(*KEY, "date", "reason").is_duplicated().sum() == 0
    seen = -adjustments.filter(pl.col("reason").is_in(["breakage", "damage", "expired"]))["units"].sum()
    assert 0.25 < seen / (seen + small.summary.shrinkage_units) < 0.45
    found = adjustments.filter(reason="found")["units"].sum()
    assert found < 0.25 * small.summary.shrinkage_units


def test_vendors_take_back_some_delisted_goods(small):
    delisted = small.truth("items").drop_nulls("delist_date").select("item_id", "delist_date")
    returned = small.adjustments().filter(reason="return to vendor").join(delisted, on="item_id")
    returned = returned.filter(pl.col("date") >= pl.col("delist_date") + pl.duration(days=15))
    assert returned.height >= 3


def test_units_are_found_only_where_they_were_missing(demo):
    found = demo.adjustments().filter(reason="found").select(*KEY, "date", "units")
    lost = demo.truth("shrinkage").select(*KEY, "date", pl.col("units").cast(pl.Int64))
    missing = pl.concat([lost, found.with_columns(-pl.col("units"))]).group_by(*KEY, "date").agg(pl.sum("units"))
    missing = missing.sort("date").with_columns(pl.col("units").cum_sum().over(KEY))
    assert (missing["units"] >= 0).all()


def test_most_vendors_keep_their_promise_on_average_and_some_are_optimistic(small):
    terms = small.optional("vendor_terms").filter(pl.col("item_id").is_null())
    both = terms.join(small.truth("vendors").with_columns(pl.col("vendor_id").cast(pl.Int64)), on="vendor_id", suffix="_truth")
    assert both.height == terms.height == small.summary.vendors
    late = both["lead_time_mean_days"] - both["promised_lead_time_days"]
    assert (late.abs() <= 0.5).mean() > 0.4
    assert 0 < (late > 0.5).mean() < 0.5
    days = both["order_cycle_days_truth"] / both["orders_per_cycle"]
    assert ((both["order_cycle_days"] - days).abs() <= 0.5).all()


def test_no_bill_is_below_the_minimum_order(demo):
    terms = demo.optional("vendor_terms").drop_nulls("minimum_order_usd").rename({"vendor_id": "VendorNumber"})
    bills = demo.purchases().filter(pl.col("PODate") >= demo.summary.start)
    bills = bills.group_by("PONumber", "VendorNumber").agg(pl.sum("Dollars")).join(terms, on="VendorNumber")
    assert terms.height > 0
    assert bills.height > 0
    assert (bills["Dollars"] >= bills["minimum_order_usd"]).all()


def test_items_with_a_pack_are_ordered_by_the_pack_and_others_by_the_bottle_too(demo):
    packs = demo.optional("vendor_terms").drop_nulls("item_id").with_columns(pl.col("item_id").cast(pl.Int32))
    assert (packs["moq_units"] == packs["pack_units"]).all()
    vendor = demo.truth("items").select("item_id", "vendor_id")
    assert packs.join(vendor, on=["item_id", "vendor_id"]).height == packs.height
    orders = demo.truth("orders").join(packs.select("item_id", "pack_units"), on="item_id", how="left")
    by_pack = orders.drop_nulls("pack_units")
    assert by_pack.height > 0
    assert (by_pack["ordered_units"] % by_pack["pack_units"] == 0).all()
    assert (orders.filter(pl.col("pack_units").is_null())["ordered_units"] < 4).any()


def test_currency_rates_are_monthly_and_near_their_usual_worth(small):
    rates = small.optional("currency_rates")
    months = [date(2016, month, 1) for month in range(1, 13)]
    by_currency = dict(rates.group_by("currency").agg("valid_from").rows())
    assert by_currency == {"EUR": months, "GBP": months}
    assert rates.filter(currency="EUR")["usd_per_unit"].is_between(0.9, 1.4).all()


def test_inspections_are_of_receipts_and_defects_as_frequent_as_the_truth_says(small):
    key = ["inspected_date", "vendor_id", *KEY]
    inspections = small.optional("inspections")
    assert inspections.select(key).is_duplicated().sum() == 0
    received = small.purchases().rename({"ReceivingDate": "inspected_date", "VendorNumber": "vendor_id"})
    received = received.with_columns(pl.col(KEY).cast(pl.Int64)).group_by(key).agg(pl.sum("units"))
    both = inspections.join(received, on=key)
    assert both.height == inspections.height
    assert (both["inspected_units"] <= both["units"]).all()
    assert (both["defective_units"] <= both["inspected_units"]).all()

    vendors = small.truth("vendors").with_columns(pl.col("vendor_id").cast(pl.Int64))
    assert set(inspections["vendor_id"]) <= set(vendors.filter("is_inspected")["vendor_id"])
    seen = inspections.group_by("vendor_id").agg(pl.sum("inspected_units", "defective_units")).join(vendors, on="vendor_id")
    share, count = pl.col("defect_share"), pl.col("inspected_units")
    error = (pl.col("defective_units") - share * count).abs() / (share * (1 - share) * count + 1).sqrt()
    assert seen.height > 3
    assert seen.select(error.max()).item() < 4
