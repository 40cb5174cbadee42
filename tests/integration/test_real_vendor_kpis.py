"""The vendor KPIs on the real retailer's files, against totals others computed from the full files and against the files themselves.

The files are not part of the project: STOCKROOM_REAL_DATA names the folder that holds `bibitor/`; without it these tests are
skipped. Invoices are complete, purchases are an excerpt of 15 orders, sales an excerpt of January: one line is added to them, so
that the day decided for can lie at the end of the year, and after the last payment.
"""

from __future__ import annotations

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

REAL_DATA = os.environ.get("STOCKROOM_REAL_DATA")  # read before the tests' own environment hides it

pytestmark = pytest.mark.skipif(
    not (REAL_DATA and (Path(REAL_DATA) / "bibitor").is_dir()),
    reason="STOCKROOM_REAL_DATA does not name a folder with bibitor/",
)

END_OF_YEAR, AFTER_THE_LAST_PAYMENT = date(2016, 12, 31), date(2017, 2, 28)
VENDOR_MARTS = ("rpt_vendor_scorecard", "rpt_purchase_price_variance", "rpt_invoice_match")


@pytest.fixture(scope="module")
def files() -> Path:
    return Path(REAL_DATA) / "bibitor"


@pytest.fixture(scope="module")
def source(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real_source")
    for path in files.glob("*.csv"):
        (folder / path.name).symlink_to(path)
    with (folder / "later_SalesFINAL.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Store", "Brand", "SalesDate", "SalesQuantity", "SalesDollars"])
        writer.writerow([1, 58, AFTER_THE_LAST_PAYMENT.isoformat(), 1, 12.99])
    return folder


@pytest.fixture(scope="module")
def warehouse_as_of(run_dbt, source: Path, tmp_path_factory: pytest.TempPathFactory):
    """A warehouse with the vendor marts, for a day."""
    built: dict[date, duckdb.DuckDBPyConnection] = {}

    def build(as_of: date) -> duckdb.DuckDBPyConnection:
        if as_of not in built:
            path = tmp_path_factory.mktemp("real") / "stockroom.duckdb"
            models = [f"+{name}" for name in VENDOR_MARTS]
            run_dbt(source, path, "build", "--select", *models, as_of=as_of, checked=True)
            built[as_of] = duckdb.connect(str(path), read_only=True)
        return built[as_of]

    yield build
    for connection in built.values():
        connection.close()


def test_money_and_freight_per_vendor_are_those_of_the_published_summary(warehouse_as_of, files):
    """126 vendors, to the cent. Units too, but for one vendor: the summary leaves out purchases at a price of zero."""
    warehouse = warehouse_as_of(AFTER_THE_LAST_PAYMENT)
    summary = f"""
        select
            VendorNumber as vendor_id, cast(round(sum(TotalPurchaseDollars), 2) as decimal(18, 2)) as usd,
            cast(round(max(FreightCost), 2) as decimal(18, 2)) as freight, sum(TotalPurchaseQuantity) as units
        from '{files / "vendor_sales_summary.csv"}' group by VendorNumber
    """
    scores = "select vendor_id, invoiced_usd, freight_usd from marts.rpt_vendor_scorecard where period_type = 'all'"
    assert warehouse.sql(f"select count(*), sum(usd) from ({summary})").fetchone() == (126, Decimal("321900765.53"))
    money = f"select vendor_id, usd, freight from ({summary}) order by vendor_id"
    assert warehouse.sql(f"{scores} order by vendor_id").fetchall() == warehouse.sql(money).fetchall()
    units = warehouse.sql(
        f"""
        select vendor_id, sum(matches.invoiced_units) - any_value(summary.units)
        from marts.rpt_invoice_match as matches inner join ({summary}) as summary using (vendor_id)
        group by vendor_id having sum(matches.invoiced_units) <> any_value(summary.units)
        """
    ).fetchall()
    assert units == [(2561, 2015)]
    # the vendor of the one item without a price
    assert warehouse.sql("select vendor_id from intermediate.int_products where item_id = 2166").fetchone() == (2561,)


def test_all_invoices_are_known_and_paid_after_the_last_payment(warehouse_as_of):
    count, freight, shortest, longest, unpaid = (
        warehouse_as_of(AFTER_THE_LAST_PAYMENT)
        .sql(
            """
            select sum(invoice_count), round(100 * sum(freight_usd) / sum(invoiced_usd), 2), min(mean_payment_days),
                max(mean_payment_days), sum(unpaid_usd)
            from marts.rpt_vendor_scorecard where period_type = 'all'
            """
        )
        .fetchone()
    )
    assert (count, freight, unpaid) == (5_543, 0.51, 0)
    # single invoices took 23 to 48 days
    assert 23 <= shortest < 36 < longest <= 48


def test_an_invoice_of_next_year_is_unknown_at_the_end_of_the_year(warehouse_as_of, files):
    with (files / "InvoicePurchases12312016.csv").open(newline="") as file:
        known = [row for row in csv.DictReader(file) if row["InvoiceDate"] <= END_OF_YEAR.isoformat()]
    assert len(known) == 5_543 - 140
    unpaid = [row for row in known if row["PayDate"] > END_OF_YEAR.isoformat()]
    found = (
        warehouse_as_of(END_OF_YEAR)
        .sql(
            """
            select sum(invoice_count), sum(invoiced_usd), sum(unpaid_invoice_count), sum(unpaid_usd), sum(paid_invoice_count)
            from marts.rpt_vendor_scorecard where period_type = 'all'
            """
        )
        .fetchone()
    )
    assert len(unpaid) > 0
    assert found == (
        len(known), sum(Decimal(row["Dollars"]) for row in known),
        len(unpaid), sum(Decimal(row["Dollars"]) for row in unpaid), len(known) - len(unpaid),
    )  # fmt: skip


def test_payment_days_of_one_vendor_by_hand(warehouse_as_of, files):
    """Weighted by dollars, over what was paid by the day."""
    with (files / "InvoicePurchases12312016.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["VendorNumber"] == "480" and row["PayDate"] <= "2016-12-31"]
    weights = [
        (Decimal(row["Dollars"]), date.fromisoformat(row["PayDate"]) - date.fromisoformat(row["InvoiceDate"])) for row in rows
    ]
    expected = sum(usd * span.days for usd, span in weights) / sum(usd for usd, _ in weights)
    (found,) = (
        warehouse_as_of(END_OF_YEAR)
        .sql("select mean_payment_days from marts.rpt_vendor_scorecard where vendor_id = 480 and period_type = 'all'")
        .fetchone()
    )
    assert len(rows) > 10
    assert found == pytest.approx(float(expected))


def test_concentration_of_the_year_is_the_sum_of_squared_shares(warehouse_as_of, files):
    with (files / "InvoicePurchases12312016.csv").open(newline="") as file:
        spend: dict[str, Decimal] = {}
        for row in csv.DictReader(file):
            spend[row["VendorNumber"]] = spend.get(row["VendorNumber"], Decimal(0)) + Decimal(row["Dollars"])
    total = sum(spend.values())
    expected = float(sum((usd / total) ** 2 for usd in spend.values()))
    points, share = (
        warehouse_as_of(AFTER_THE_LAST_PAYMENT)
        .sql(
            "select max(invoiced_hhi_points), max(invoiced_spend_share) from marts.rpt_vendor_scorecard where period_type = 'all'"
        )
        .fetchone()
    )
    assert points == pytest.approx(10_000 * expected)
    assert share == pytest.approx(float(max(spend.values()) / total))


def test_orders_to_invoices_take_the_known_days(warehouse_as_of):
    days = warehouse_as_of(AFTER_THE_LAST_PAYMENT).sql(
        "select min(order_to_invoice_days), median(order_to_invoice_days), max(order_to_invoice_days) from marts.rpt_invoice_match"
    )
    assert days.fetchone() == (9, 16.0, 23)


def test_the_15_orders_of_the_excerpt_are_matched_and_the_others_have_no_order(warehouse_as_of, files):
    """Of an order that the excerpt holds in part, the invoice covers more: nothing else may differ."""
    warehouse = warehouse_as_of(END_OF_YEAR)
    counts = dict(warehouse.sql("select match_status, count(*) from marts.rpt_invoice_match group by all").fetchall())
    assert sum(counts.values()) == 5_543 - 140
    assert counts["invoice without order"] == 5_543 - 140 - 15
    assert counts.keys() <= {"invoice without order", "matched", "quantity differs"}
    # 6 bottles at 35.71 on both
    match = warehouse.sql(
        """
        select vendor_id, match_status, received_units, invoiced_units, received_usd, invoiced_usd, order_to_receipt_days,
            order_to_invoice_days, receipt_to_invoice_days
        from marts.rpt_invoice_match where purchase_order_id = 8124
        """
    ).fetchall()
    assert match == [(105, "matched", 6, 6, Decimal("214.26"), Decimal("214.26"), 12, 14, 2)]
    partial = (
        "select count(*) from marts.rpt_invoice_match where match_status = 'quantity differs' and quantity_variance_units <= 0"
    )
    assert warehouse.sql(partial).fetchone() == (0,)


def test_what_an_excerpt_of_old_orders_cannot_tell_is_null(warehouse_as_of):
    """All its orders are older than the first known receipt: only their late part may be there, and no line shows a shortage."""
    unknown = warehouse_as_of(END_OF_YEAR).sql(
        """
        select count(otif_share), count(km_mean_lead_time_days), count(quantity_variance_share), count(returned_share),
            count(defect_share), count(observed_mean_lead_time_days) > 0
        from marts.rpt_vendor_scorecard
        """
    )
    assert unknown.fetchone() == (0, 0, 0, 0, 0, True)
