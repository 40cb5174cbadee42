"""The six files look like the retailer's: headers, spellings, oddities."""

from __future__ import annotations

import polars as pl
import pytest

HEADERS = {
    "BegInvFINAL12312016.csv": "InventoryId,Store,City,Brand,Description,Size,onHand,Price,startDate",
    "EndInvFINAL12312016.csv": "InventoryId,Store,City,Brand,Description,Size,onHand,Price,endDate",
    "SalesFINAL12312016.csv": (
        "InventoryId,Store,Brand,Description,Size,SalesQuantity,SalesDollars,SalesPrice,SalesDate,Volume,"
        "Classification,ExciseTax,VendorNo,VendorName"
    ),
    "PurchasesFINAL12312016.csv": (
        "InventoryId,Store,Brand,Description,Size,VendorNumber,VendorName,PONumber,PODate,ReceivingDate,"
        "InvoiceDate,PayDate,PurchasePrice,Quantity,Dollars,Classification"
    ),
    "InvoicePurchases12312016.csv": (
        '"VendorNumber","VendorName","InvoiceDate","PONumber","PODate","PayDate","Quantity","Dollars","Freight","Approval"'
    ),
    "2017PurchasePricesDec.csv": (
        '"Brand","Description","Price","Size","Volume","Classification","PurchasePrice","VendorNumber","VendorName"'
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_and_line_ends_are_the_real_ones(demo, name):
    content = (demo.folder / name).read_bytes()
    assert content.split(b"\r\n", 1)[0].decode() == HEADERS[name]
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") > 1


def test_only_optional_files_lie_beside_them(demo):
    beside = {path.name for path in demo.folder.iterdir()} - {*HEADERS, "README.txt", "truth", "inspection_photos"}
    assert beside == {f"{name}.csv" for name in demo.summary.optional_lines}


def test_sales_dates_are_month_first_in_two_spellings(demo):
    text = demo.csv("SalesFINAL12312016.csv")["SalesDate"]
    dashed, slashed = text.filter(text.str.contains("-")), text.filter(text.str.contains("/"))
    assert dashed.len() > 0
    assert slashed.len() > 0
    assert dashed.str.contains(r"^(0[1-9]|1[0-2])-(0[1-9]|1[0-2])-\d{4}$").all()
    assert slashed.str.contains(r"^([1-9]|1[0-2])/(1[3-9]|2\d|3[01])/\d{4}$").all()
    dates = demo.sales()["date"]
    assert dates.null_count() == 0
    assert dates.is_between(demo.summary.start, demo.summary.end).all()


def test_counts_are_dated_day_first_on_the_first_and_the_last_day(demo):
    start, end = demo.summary.start, demo.summary.end
    assert demo.csv("BegInvFINAL12312016.csv")["startDate"].unique().to_list() == [f"{start:%d-%m-%Y}"]
    assert demo.csv("EndInvFINAL12312016.csv")["endDate"].unique().to_list() == [f"{end:%d-%m-%Y}"]


def test_money_is_spelled_with_no_more_decimals_than_it_needs(demo):
    for name, column in (
        ("SalesFINAL12312016.csv", "SalesDollars"),
        ("PurchasesFINAL12312016.csv", "Dollars"),
    ):
        assert demo.csv(name)[column].str.contains(r"^(0|[1-9]\d*)(\.\d?[1-9])?$").all(), name


def test_sales_dollars_are_units_times_price(demo):
    sales = demo.csv("SalesFINAL12312016.csv").cast(
        {"SalesDollars": pl.Float64, "SalesPrice": pl.Float64, "SalesQuantity": pl.Int64}
    )
    error = sales["SalesDollars"] - sales["SalesPrice"] * sales["SalesQuantity"]
    assert error.abs().max() < 0.005
    assert sales["SalesQuantity"].min() > 0


def test_text_is_quoted_and_numbers_are_not_where_the_real_files_do_so(demo):
    prices = (demo.folder / "2017PurchasePricesDec.csv").read_text().splitlines()[1:]
    price = r'^\d+,"[^"]*",[\d.]+,"[^"]*","[^"]*",[12],[\d.]+,\d+,"[^"]+"$'
    assert pl.Series(prices).str.contains(price).all()
    invoices = (demo.folder / "InvoicePurchases12312016.csv").read_text().splitlines()[1:]
    day = r'"\d{4}-\d\d-\d\d"'
    invoice = rf'^\d+,"[^"]+",{day},\d+,{day},{day},\d+,[\d.]+,[\d.]+,"(None|Controller)"$'
    assert pl.Series(invoices).str.contains(invoice).all()


def test_inventory_ids_are_store_city_brand_with_one_city_per_store(demo):
    stock = pl.concat([demo.csv(n).select("InventoryId", "Store", "City", "Brand") for n in list(HEADERS)[:2]])
    assert (stock["InventoryId"] == stock.select(pl.concat_str("Store", "City", "Brand", separator="_")).to_series()).all()
    assert stock.select("Store", "City").n_unique() == stock["Store"].n_unique() == demo.summary.stores
    known = pl.concat([stock["InventoryId"], demo.csv("PurchasesFINAL12312016.csv")["InventoryId"]])
    assert demo.csv("SalesFINAL12312016.csv")["InventoryId"].is_in(known.implode()).all()


def test_lines_are_unique_in_both_counts(demo):
    for stock in (demo.opening(), demo.closing()):
        assert stock.select("item_id", "location_id").is_duplicated().sum() == 0


def test_master_columns_agree_between_files(demo):
    master = [demo.csv(name).select("Brand", "Description", "Size") for name in list(HEADERS)[:4]]
    seen = pl.concat(master).unique()
    assert seen["Brand"].is_duplicated().sum() == 0
    listed = demo.csv("2017PurchasePricesDec.csv")
    both = seen.join(listed, on="Brand", how="left", suffix="_list")
    assert (both["Description"] == both["Description_list"]).all()
    spelled = {"1.5L": "1500mL", "1.75L": "1750mL", "Liter": "1000mL", "3L": "3000mL"}
    shelf = both["Size"].replace(spelled)
    assert (shelf.str.to_lowercase() == both["Size_list"].str.to_lowercase()).all()


def test_blank_lines_trail_the_closing_count_and_the_purchases(demo):
    for name, commas in (("EndInvFINAL12312016.csv", 8), ("PurchasesFINAL12312016.csv", 15)):
        lines = (demo.folder / name).read_text().splitlines()
        blank = [line == "," * commas for line in lines]
        assert sum(blank) >= 3, name
        assert all(blank[-sum(blank) :]), name


def test_most_vendor_names_are_padded_and_two_vendors_have_two_spellings(demo):
    listed = demo.csv("2017PurchasePricesDec.csv")
    padded = listed["VendorName"].str.ends_with(" ")
    assert 0.5 < padded.mean() < 1.0
    assert listed["VendorName"].str.len_chars().max() == 27
    for name in ("2017PurchasePricesDec.csv", "InvoicePurchases12312016.csv"):
        spellings = demo.csv(name).group_by("VendorNumber").agg(pl.col("VendorName").n_unique())
        assert spellings["VendorName"].value_counts().sort("VendorName").rows()[1:] == [(2, 2)], name


def test_a_vendor_name_with_a_comma_is_quoted(small):
    names = small.csv("SalesFINAL12312016.csv")["VendorName"].unique()
    with_comma = names.filter(names.str.contains(",")).to_list()
    assert len(with_comma) == 1
    assert f',"{with_comma[0]}"\r\n'.encode() in (small.folder / "SalesFINAL12312016.csv").read_bytes()


def test_the_price_list_holds_each_planted_oddity(demo):
    listed = demo.csv("2017PurchasePricesDec.csv").cast({"Price": pl.Float64, "PurchasePrice": pl.Float64})
    price, cost = pl.col("Price"), pl.col("PurchasePrice")
    assert listed.filter((pl.col("Description") == "") & (pl.col("Size") == "") & (price == 0)).height == 1
    assert listed.filter((price == 0) & (cost == 0)).height == 1
    assert listed.filter((price > 0) & (cost > price)).height == 1
    assert listed.filter(pl.col("Size") == "Unknown").height == 2
    assert set(listed["Classification"]) == {"1", "2"}


def test_some_brands_are_never_stocked_and_some_bought_but_never_sold(demo):
    listed = set(demo.csv("2017PurchasePricesDec.csv")["Brand"])
    bought = set(demo.csv("PurchasesFINAL12312016.csv")["Brand"])
    sold = set(demo.csv("SalesFINAL12312016.csv")["Brand"])
    assert listed > bought | sold
    assert bought - sold


def test_some_vendor_brands_are_sold_below_cost(demo):
    cost = demo.csv("PurchasesFINAL12312016.csv").group_by("Brand").agg(pl.col("PurchasePrice").cast(pl.Float64).mean())
    sold = (
        demo.csv("SalesFINAL12312016.csv")
        .group_by("Brand")
        .agg(pl.col("SalesDollars").cast(pl.Float64).sum() / pl.col("SalesQuantity").cast(pl.Int64).sum())
    )
    margin = sold.join(cost, on="Brand").select(pl.col("SalesDollars") - pl.col("PurchasePrice")).to_series()
    assert 0 < (margin < 0).sum() < 0.3 * len(margin)
