"""What an analyst would write with pandas for the same headline KPIs: the rival `make bench` measures against.

Belongs here: a fair, vectorised script, from files to numbers. Does not belong here: anything of the product.
Usage: python pandas_kpis.py FOLDER [tuned]; prints one JSON object of totals. Plain reads the files as they are; tuned picks
columns and types by hand and parses every spelling of a day once.
"""

import json
import sys
from pathlib import Path

import pandas as pd


def read_sales(path: Path, is_tuned: bool) -> pd.DataFrame:
    if not is_tuned:
        sales = pd.read_csv(path)
        sales["day"] = pd.to_datetime(sales["SalesDate"].str.replace("-", "/"), format="%m/%d/%Y")
        return sales
    sales = pd.read_csv(
        path,
        usecols=["Store", "Brand", "SalesQuantity", "SalesDollars", "SalesDate"],
        dtype={"Store": "int32", "Brand": "int32", "SalesQuantity": "int32", "SalesDollars": "float64", "SalesDate": "category"},
    )
    days = {text: pd.to_datetime(text.replace("-", "/"), format="%m/%d/%Y") for text in sales["SalesDate"].cat.categories}
    sales["day"] = sales["SalesDate"].map(days).astype("datetime64[ns]")
    return sales


def main(folder: Path, is_tuned: bool) -> dict:
    sales = read_sales(folder / "SalesFINAL12312016.csv", is_tuned)
    as_of = sales["day"].max()

    prices = pd.read_csv(folder / "2017PurchasePricesDec.csv").drop_duplicates("Brand").set_index("Brand")["PurchasePrice"]
    used = ["Store", "Brand", "VendorNumber", "PODate", "ReceivingDate", "Quantity"]
    purchases = pd.read_csv(folder / "PurchasesFINAL12312016.csv", usecols=used if is_tuned else None).dropna(subset=["Store"])
    purchases["ordered"] = pd.to_datetime(purchases["PODate"], format="%d-%m-%Y")
    purchases["received"] = pd.to_datetime(purchases["ReceivingDate"], format="%d-%m-%Y")
    received = purchases[purchases["received"] <= as_of]
    opening = pd.read_csv(folder / "BegInvFINAL12312016.csv").dropna(subset=["Store"])
    closing = pd.read_csv(folder / "EndInvFINAL12312016.csv").dropna(subset=["Store"])
    start = pd.to_datetime(opening["startDate"], format="%d-%m-%Y").min()
    received = received[received["received"] >= start]

    # the ledger: every movement, then the balance per item and store
    key = ["Store", "Brand"]
    daily = sales.groupby([*key, "day"], sort=False)["SalesQuantity"].sum().reset_index()
    movements = pd.concat(
        [
            opening[key].assign(day=start, units=opening["onHand"]),
            received[key].assign(day=received["received"], units=received["Quantity"]),
            daily[key].assign(day=daily["day"], units=-daily["SalesQuantity"]),
        ],
        ignore_index=True,
    )
    book = movements.groupby(key)["units"].sum()
    counted = closing.set_index(key)["onHand"].groupby(level=key).sum()
    adjusted = counted.reindex(book.index.union(counted.index), fill_value=0).sub(book, fill_value=0)
    adjusted = adjusted[adjusted != 0].rename("units").reset_index().assign(day=as_of)
    ledger = pd.concat([movements, adjusted], ignore_index=True).groupby([*key, "day"])["units"].sum().reset_index()
    ledger["on_hand"] = ledger.groupby(key)["units"].cumsum()
    following = ledger.groupby(key)["day"].shift(-1).fillna(as_of + pd.Timedelta(days=1))
    ledger["days"] = (following - ledger["day"]).dt.days
    period_days = (as_of - start).days + 1

    held = ledger.assign(unit_days=ledger["on_hand"] * ledger["days"], empty_days=ledger["days"].where(ledger["on_hand"] == 0, 0))
    kpis = held.groupby(key)[["unit_days", "empty_days"]].sum()
    sold = sales.groupby(key)[["SalesQuantity", "SalesDollars"]].sum()
    kpis = kpis.join(sold).fillna({"SalesQuantity": 0, "SalesDollars": 0})
    cost = prices.reindex(kpis.index.get_level_values("Brand")).to_numpy()
    cost = pd.Series(cost, index=kpis.index).where(lambda c: c > 0)
    kpis["cogs"] = kpis["SalesQuantity"] * cost
    kpis["usd_days"] = kpis["unit_days"] * cost
    kpis["average_inventory"] = kpis["usd_days"] / period_days
    kpis["turnover"] = kpis["cogs"] / kpis["average_inventory"].where(kpis["average_inventory"] > 0) * 365 / period_days
    kpis["days_of_inventory"] = 365 / kpis["turnover"]
    kpis["holding_cost"] = 0.25 * kpis["usd_days"] / 365

    lead = received.assign(days=(received["received"] - received["ordered"]).dt.days)
    lead["weighted"] = lead["days"] * lead["Quantity"]
    per_vendor = lead.groupby("VendorNumber")[["weighted", "Quantity"]].sum()
    per_vendor["mean_lead_time_days"] = per_vendor["weighted"] / per_vendor["Quantity"]
    return {
        "sold_units": int(kpis["SalesQuantity"].sum()),
        "revenue_usd": round(float(kpis["SalesDollars"].sum()), 2),
        "cogs_usd": round(float(kpis["cogs"].sum()), 2),
        "average_inventory_usd": round(float(kpis["average_inventory"].sum()), 2),
        "stock_out_days": int(kpis["empty_days"].sum()),
        "mean_lead_time_days": round(float(per_vendor["mean_lead_time_days"].mean()), 6),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), is_tuned="tuned" in sys.argv)))
