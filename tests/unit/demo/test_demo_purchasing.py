"""Orders, receipts, invoices: one order per vendor and day, billed once, lead times as the truth says."""

from __future__ import annotations

from datetime import timedelta

import polars as pl


def invoices(demo):
    days = ("InvoiceDate", "PODate", "PayDate")
    numbers = {"PONumber": pl.Int64, "VendorNumber": pl.Int64, "Quantity": pl.Int64}
    money = {"Dollars": pl.Float64, "Freight": pl.Float64}
    frame = demo.csv("InvoicePurchases12312016.csv").cast({**numbers, **money})
    return frame.with_columns(*(pl.col(day).str.to_date("%Y-%m-%d") for day in days))


def test_each_order_is_of_one_vendor_and_day_and_numbers_rise_with_dates(demo):
    orders = demo.purchases().select("PONumber", "VendorNumber", "PODate").unique()
    assert orders["PONumber"].is_duplicated().sum() == 0
    assert orders.select("VendorNumber", "PODate").is_duplicated().sum() == 0
    assert orders.sort("PONumber")["PODate"].is_sorted()


def test_each_order_has_one_invoice_over_its_lines(demo):
    lines = (
        demo.purchases()
        .group_by("PONumber")
        .agg(
            pl.col("units").sum(),
            pl.col("Dollars").sum(),
            pl.col("InvoiceDate").unique(),
            pl.col("ReceivingDate").max(),
        )
    )
    both = invoices(demo).join(lines, on="PONumber", how="full", suffix="_lines")
    assert both["PONumber"].null_count() == both["PONumber_lines"].null_count() == 0
    assert (both["Quantity"] == both["units"]).all()
    assert (both["Dollars"] - both["Dollars_lines"]).abs().max() < 0.005
    assert (both["InvoiceDate_lines"].list.len() == 1).all()
    assert (both["InvoiceDate_lines"].list.first() == both["InvoiceDate"]).all()
    assert (both["InvoiceDate"] >= both["ReceivingDate"]).all()


def test_invoices_and_payments_come_when_they_do_in_the_real_files(small):
    bills = invoices(small)
    to_invoice = (bills["InvoiceDate"] - bills["PODate"]).dt.total_days()
    to_payment = (bills["PayDate"] - bills["InvoiceDate"]).dt.total_days()
    assert to_invoice.is_between(9, 23).all()
    assert to_invoice.median() in (15, 16, 17)
    assert to_payment.is_between(23, 48).all()
    assert to_payment.n_unique() > 20
    assert 0.0045 < bills["Freight"].sum() / bills["Dollars"].sum() < 0.0057
    assert 0 < (bills["Approval"] == "Controller").mean() < 0.15
    assert (bills["InvoiceDate"] > small.summary.end).any()


def test_orders_are_open_at_the_start_and_at_the_end(demo):
    start, end = demo.summary.start, demo.summary.end
    lines = demo.purchases()
    assert lines["ReceivingDate"].min() >= start
    assert lines["PODate"].max() <= end
    assert (lines["PODate"] < start).any()
    still_open = lines.filter(pl.col("ReceivingDate") > end)
    assert still_open.height > 0
    assert still_open["ReceivingDate"].max() <= end + timedelta(days=23)


def test_short_deliveries_exist_with_and_without_a_second_receipt(small):
    key = ["PONumber", "item_id", "location_id"]
    receipts = small.purchases().group_by(key).agg(pl.len().alias("receipts"), pl.col("units").sum())
    assert set(receipts["receipts"]) == {1, 2}
    orders = small.truth("orders")
    never_whole = (orders["received_units"] < orders["ordered_units"]).mean()
    assert 0.01 < never_whole < 0.15
    assert (orders["received_units"] <= orders["ordered_units"]).all()
    assert (orders["received_units"] == 0).any()


def test_the_files_hold_what_the_truth_says_was_delivered(small):
    # Orders of the warm-up are listed in part only, so compare those placed since the first day.
    key = ["item_id", "location_id", "order_date"]
    since = pl.col("order_date") >= small.summary.start
    in_files = small.purchases().rename({"PODate": "order_date"}).filter(since)
    in_files = in_files.group_by(key).agg(pl.col("units").sum())
    in_truth = small.truth("orders").filter(since & (pl.col("received_units") > 0))
    both = in_files.join(in_truth, on=key, how="full", suffix="_truth")
    assert both.height == in_files.height == in_truth.height
    assert (both["units"] == both["received_units"]).all()


def test_lead_times_differ_between_vendors_and_match_the_truth(small):
    first = small.purchases().filter(pl.col("PODate") >= small.summary.start)
    first = first.group_by("VendorNumber", "PODate", "InventoryId").agg(pl.col("ReceivingDate").min())
    days = (pl.col("ReceivingDate") - pl.col("PODate")).dt.total_days()
    orders = first.group_by("VendorNumber", "PODate").agg(days.mean().alias("lead_days"))
    seen = orders.group_by(vendor_id=pl.col("VendorNumber").cast(pl.Int32)).agg(
        pl.col("lead_days").mean(), pl.len().alias("orders")
    )
    both = seen.join(small.truth("vendors"), on="vendor_id")
    assert both.height == small.summary.vendors
    # Lines of one order share its truck, so it is orders that count, not lines.
    standard_error = both["lead_time_sd_days"] / both["orders"].sqrt()
    assert ((both["lead_days"] - both["lead_time_mean_days"]).abs() / standard_error).max() < 4.5
    assert both["lead_days"].max() - both["lead_days"].min() > 4
    assert both["lead_time_mean_days"].is_between(4, 14).all()


def test_standard_costs_were_not_always_what_was_paid(small):
    listed = small.csv("2017PurchasePricesDec.csv").select("Brand", pl.col("PurchasePrice").cast(pl.Float64))
    paid = small.purchases().join(listed, on="Brand", suffix="_list")
    differs = (paid["PurchasePrice"] != paid["PurchasePrice_list"]).mean()
    assert 0.0 < differs < 0.3
