"""The vendor KPIs against a second computation from the raw files, line by line, as of a day in the middle of the data.

Belongs here: what unit tests of single models cannot see: whole chains, and that nothing after the day is used. Does not belong
here: the arithmetic of single KPIs, which is worked by hand beside the models.
"""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

AS_OF = date(2016, 11, 5)
BOOKS_START = date(2016, 9, 3)
REQUESTED_DAYS, EARLY_DAYS = 14, 7  # policy: otif_requested_lead_time_days, otif_early_days
VENDOR_MARTS = ("+rpt_vendor_scorecard", "+rpt_purchase_price_variance", "+rpt_invoice_match", "+dim_vendor")


def day_first(text: str) -> date:
    return date(*(int(part) for part in reversed(text.split("-"))))


@pytest.fixture(scope="module")
def source(tiny_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data, changed: a line in two pieces, the last unit late; its item's price falls, and again after the day; a vendor without promise."""
    source = tmp_path_factory.mktemp("source") / "files"
    shutil.copytree(tiny_source, source, ignore=shutil.ignore_patterns("truth"))
    path = source / "PurchasesFINAL12312016.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = next(row for row in rows if row["Store"] and day_first(row["PODate"]) >= BOOKS_START and int(row["Quantity"]) > 1)
    late = (day_first(whole["PODate"]) + timedelta(days=25)).strftime("%d-%m-%Y")
    price = Decimal(whole["PurchasePrice"])
    rest = int(whole["Quantity"]) - 1
    piece = {**whole, "Quantity": "1", "Dollars": str(price), "ReceivingDate": late}
    whole.update(Quantity=str(rest), Dollars=str(rest * price))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(piece))
        writer.writeheader()
        writer.writerows([*rows, piece])
    with (source / "price_history.csv").open("a") as file:
        file.write(f"{piece['Brand']},2016-10-01,99,{price - Decimal('0.10')}\n{piece['Brand']},2016-11-06,99,{price / 2}\n")
    terms = (source / "vendor_terms.csv").read_text().splitlines()
    silent = next(line for line in terms[1:] if line.split(",")[1] == "")
    (source / "vendor_terms.csv").write_text("\n".join(line for line in terms if line != silent) + "\n")
    return source


@pytest.fixture(scope="module")
def warehouse(run_dbt, source: Path, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("vendor_kpis") / "stockroom.duckdb"
    run_dbt(source, path, "build", "--select", *VENDOR_MARTS, as_of=AS_OF, checked=True)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def receipts(source: Path) -> list[dict]:
    """What the purchases file says, as known on the day: a receipt after it is none."""

    with (source / "PurchasesFINAL12312016.csv").open(newline="") as file:
        rows = [
            {
                "vendor": int(row["VendorNumber"]),
                "line": (row["PONumber"], row["Store"], row["Brand"]),
                "ordered": day_first(row["PODate"]),
                "received": day_first(row["ReceivingDate"]) if day_first(row["ReceivingDate"]) <= AS_OF else None,
                "units": int(row["Quantity"]),
                "usd": Decimal(row["Dollars"]),
            }
            for row in csv.DictReader(file)
            if row["Store"] and day_first(row["PODate"]) <= AS_OF
        ]
    assert {row["received"] is None for row in rows} == {True, False}
    assert min(row["ordered"] for row in rows) < BOOKS_START
    return rows


def by_vendor(rows: list[dict]) -> dict[int, list[dict]]:
    found = defaultdict(list)
    for row in rows:
        found[row["vendor"]].append(row)
    return found


def kaplan_meier(rows: list[dict]) -> tuple[float, float | None, float | None, float]:
    """Restricted mean, median, 90 % quantile and what is left, unit by unit."""
    waits = [((row["received"] or AS_OF) - row["ordered"], row["received"] is not None, row["units"]) for row in rows]
    horizon = max(wait.days for wait, came, _ in waits if came)
    left, mean, p50, p90 = 1.0, 0.0, None, None
    for days in range(horizon + 1):
        at_risk = sum(units for wait, _, units in waits if wait.days >= days)
        came = sum(units for wait, came, units in waits if came and wait.days == days)
        mean += days * left * came / at_risk
        left *= 1 - came / at_risk
        p50 = days if p50 is None and left <= 0.5 + 1e-9 else p50
        p90 = days if p90 is None and left <= 0.1 + 1e-9 else p90
    return mean + horizon * left, p50, p90, left


def test_lead_times_with_open_orders_as_censored(warehouse, receipts):
    since_the_books = [row for row in receipts if row["ordered"] >= BOOKS_START]
    expected = {vendor: kaplan_meier(rows) for vendor, rows in by_vendor(since_the_books).items()}
    found = warehouse.sql(
        """
        select vendor_id, km_mean_lead_time_days, km_p50_lead_time_days, km_p90_lead_time_days, km_open_share
        from marts.rpt_vendor_scorecard where period_type = 'all'
        """
    ).fetchall()
    assert len(found) == len(expected) > 2
    for vendor, mean, p50, p90, left in found:
        assert (mean, p50, p90, left) == (
            pytest.approx(expected[vendor][0]),
            *expected[vendor][1:3],
            pytest.approx(expected[vendor][3], abs=1e-9),
        )
    observed = warehouse.sql(
        "select max(abs(km_mean_lead_time_days - observed_mean_lead_time_days)) from marts.rpt_vendor_scorecard"
    ).fetchone()
    assert observed[0] > 0.01, "the open orders make a difference"


def test_lines_due_are_judged_whole(warehouse, receipts, source):
    with (source / "vendor_terms.csv").open(newline="") as file:
        promised = {
            int(row["vendor_id"]): int(row["promised_lead_time_days"]) for row in csv.DictReader(file) if not row["item_id"]
        }
    lines = defaultdict(list)
    for row in receipts:
        due_date = row["ordered"] + timedelta(days=promised.get(row["vendor"], REQUESTED_DAYS))
        if row["ordered"] >= BOOKS_START and due_date <= AS_OF:
            lines[row["vendor"], row["line"]].append((due_date, row["received"]))
    assert any(len(pieces) > 1 for pieces in lines.values()), "some lines come in pieces"
    expected = {vendor: [0, 0, 0, 0, "promised" if vendor in promised else "requested"] for vendor, _ in lines}
    for (vendor, _), pieces in lines.items():
        earliest = timedelta(days=EARLY_DAYS if vendor in promised else 999)
        is_late = any(received is None or received > due_date for due_date, received in pieces)
        is_early = not is_late and any(received < due_date - earliest for due_date, received in pieces)
        for position, is_counted in enumerate((True, not is_late and not is_early, is_early, is_late)):
            expected[vendor][position] += is_counted
    found = warehouse.sql(
        """
        select vendor_id, due_line_count, otif_line_count, early_line_count, late_line_count, otif_basis
        from marts.rpt_vendor_scorecard where period_type = 'all'
        """
    ).fetchall()
    assert {vendor: list(counts) for vendor, *counts in found} == expected
    assert {basis for *_, basis in expected.values()} == {"promised", "requested"}
    assert all(sum(counts[kind] for counts in expected.values()) > 0 for kind in (1, 3))


def test_purchase_prices_are_held_against_the_newest_known_price(warehouse, receipts, source):
    with (source / "2017PurchasePricesDec.csv").open(newline="") as file:
        standard = {row["Brand"]: Decimal(row["PurchasePrice"]) for row in csv.DictReader(file)}
    with (source / "price_history.csv").open(newline="") as file:
        dated = sorted(csv.DictReader(file), key=lambda row: row["valid_from"])
    standard |= {row["item_id"]: Decimal(row["purchase_price_usd"]) for row in dated if row["valid_from"] <= AS_OF.isoformat()}
    expected = defaultdict(Decimal)
    for row in receipts:
        if row["received"] and standard[row["line"][2]] > 0 and row["usd"] > 0:
            expected[row["vendor"]] += row["usd"] - row["units"] * standard[row["line"][2]]
    found = dict(
        warehouse.sql(
            "select vendor_id, purchase_price_variance_usd from marts.rpt_vendor_scorecard where period_type = 'all'"
        ).fetchall()
    )
    assert found == {vendor: variance.quantize(Decimal("0.01")) for vendor, variance in expected.items()}
    assert any(found.values())


def test_invoices_agree_with_what_came_or_are_still_to_come(warehouse, receipts):
    """The synthetic vendors bill what they deliver, once all of it is there."""
    statuses = dict(warehouse.sql("select match_status, count(*) from marts.rpt_invoice_match group by all").fetchall())
    assert statuses.keys() == {"matched", "received not invoiced", "open"}
    orders = {row["line"][0] for row in receipts}
    assert sum(statuses.values()) == len(orders)
    untouched = orders - {row["line"][0] for row in receipts if row["received"]}
    assert statuses["open"] == len(untouched)


def test_without_invoices_what_depends_on_them_is_null_or_zero(run_dbt, tiny_source: Path, tmp_path: Path):
    source = tmp_path / "source"
    shutil.copytree(tiny_source, source, ignore=shutil.ignore_patterns("Invoice*", "truth"))
    path = tmp_path / "stockroom.duckdb"
    run_dbt(source, path, "build", "--select", *VENDOR_MARTS, as_of=AS_OF, checked=True)
    with duckdb.connect(str(path), read_only=True) as warehouse:
        known = warehouse.sql(
            """
            select count(freight_share), count(mean_payment_days), count(invoice_match_share), count(invoiced_spend_share),
                sum(invoiced_usd), count(received_spend_share) > 0
            from marts.rpt_vendor_scorecard
            """
        ).fetchone()
        assert known == (0, 0, 0, 0, 0, True)
        statuses = warehouse.sql("select distinct match_status from marts.rpt_invoice_match order by 1").fetchall()
        assert statuses == [("open",), ("received not invoiced",)]
