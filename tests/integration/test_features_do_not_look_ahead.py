"""What forecasts learn from knows nothing of what happened later: with another future, every feature is the same.

Belongs here: the proof that no feature leaks. Does not belong here: what a feature's value should be, which dbt unit tests say.
"""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

AS_OF = date(2016, 10, 2)
# of every file: its date, how it is written, what is multiplied, and what changes hands between the later rows
FUTURE = {
    "SalesFINAL12312016.csv": ("SalesDate", "%m-%d-%Y", ("SalesQuantity", "SalesDollars"), ("Store", "InventoryId")),
    "PurchasesFINAL12312016.csv": ("PODate", "%d-%m-%Y", ("Quantity", "Dollars"), ("Store", "InventoryId")),
    "EndInvFINAL12312016.csv": ("endDate", "%d-%m-%Y", ("onHand",), ("Store", "InventoryId", "City")),
    "InvoicePurchases12312016.csv": ("InvoiceDate", "%Y-%m-%d", ("Quantity", "Dollars"), ()),
    "external_signals.csv": ("signal_date", "%Y-%m-%d", ("signal_value",), ()),
    "price_history.csv": ("valid_from", "%Y-%m-%d", ("list_price_usd", "purchase_price_usd"), ()),
    "stock_counts.csv": ("count_date", "%Y-%m-%d", ("counted_units",), ("location_id",)),
    "stock_adjustments.csv": ("adjustment_date", "%Y-%m-%d", ("adjusted_units",), ("location_id",)),
    "inspections.csv": ("inspected_date", "%Y-%m-%d", ("inspected_units",), ()),
    "customer_orders.csv": ("order_date", "%Y-%m-%d", ("ordered_units", "revenue_usd"), ("location_id",)),
    "competitor_prices.csv": ("observed_date", "%Y-%m-%d", ("competitor_price_usd",), ()),
}


def day(text: str, written: str) -> date | None:
    try:
        return datetime.strptime(text, written).date()
    except ValueError:
        return None


def another_future(source: Path, folder: Path) -> int:
    """Copy the files; after the as-of day quantities are seven times as large, and rows are in other stores. Says how many."""
    shutil.copytree(source, folder)
    changed = 0
    for name, (column, written, multiplied, swapped) in FUTURE.items():
        with (folder / name).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), reader.fieldnames
        later = [row for row in rows if (found := day(row[column], written)) and found > AS_OF]
        hands = [{key: row[key] for key in swapped} for row in later]
        for row, other in zip(later, hands[1:] + hands[:1], strict=True):
            row.update(other)
            row.update({key: str(7 * float(row[key])).removesuffix(".0") for key in multiplied if row[key]})
        if name.startswith("Purchases"):
            # what was ordered and had not come: it comes another day
            for row in rows:
                received = day(row["ReceivingDate"], written)
                if received and received > AS_OF:
                    row["ReceivingDate"] = (received + timedelta(days=9)).strftime(written)
        changed += len(later)
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header)
            writer.writeheader()
            writer.writerows(rows)
    return changed


@pytest.fixture(scope="module")
def warehouses(tiny_source: Path, run_dbt, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same day decided for, with the files as they are and with another future."""
    folder = tmp_path_factory.mktemp("futures")
    assert another_future(tiny_source, folder / "other_source") > 1000
    paths = (folder / "true" / "stockroom.duckdb", folder / "other" / "stockroom.duckdb")
    for source, path in zip((tiny_source, folder / "other_source"), paths, strict=True):
        path.parent.mkdir()
        run_dbt(source, path, "build", "--select", "+path:models/features", as_of=AS_OF)
    return paths


def table(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as warehouse:
        return warehouse.sql(query).fetchall()


def test_the_futures_differ(warehouses: tuple[Path, Path]) -> None:
    true, other = (table(path, "select sum(sold_units) from staging.stg_sales") for path in warehouses)
    assert true != other


@pytest.mark.parametrize(
    "feature",
    [
        "ftr_demand_weekly",
        "ftr_demand_daily",
        "ftr_known_weekly",
        "ftr_calendar_weekly",
        "ftr_signals_weekly",
        "ftr_item_locations",
        "ftr_lead_time_distribution",
        "ftr_order_terms",
        "ftr_purchase_lines",
        "ftr_stock_weekly",
    ],
)
def test_no_feature_knows_the_future(warehouses: tuple[Path, Path], feature: str) -> None:
    true, other = (table(path, f"from features.{feature} order by all") for path in warehouses)
    assert len(true) > 5
    assert true == other


def test_every_feature_was_asked(warehouses: tuple[Path, Path]) -> None:
    assert len(table(warehouses[0], "select 1 from information_schema.tables where table_schema = 'features'")) == 10
