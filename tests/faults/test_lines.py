"""Lines that cannot be read: each is named with file, line, column, value and reason, and none gets lost.

All broken lines stand in one copy of the tiny data, staged once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from raw_files import FILES, LINE_END, append, copy_source, edit, line_with, record_count

NOT_WHOLE = "is not a whole number"
NOT_A_NUMBER = "is not a number"
MISSING = "is missing"
MONTH_FIRST = "is not a date written as MM-DD-YYYY or MM/DD/YYYY or YYYY-MM-DD"
DAY_FIRST = "is not a date written as DD-MM-YYYY or MM/DD/YYYY or YYYY-MM-DD"
YEAR_FIRST = "is not a date written as YYYY-MM-DD"
FUTURE = "lies in the future"


@dataclass(frozen=True)
class Broken:
    """One line with one wrong value, and what is said about it."""

    kind: str
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.column}={self.value!r}"


BROKEN = [
    Broken("sales", "SalesQuantity", "2.5", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "1,200", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "1 200", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "three", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "nan", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "99999999999", NOT_WHOLE),
    Broken("sales", "SalesQuantity", "", MISSING),
    Broken("sales", "SalesQuantity", "0", "is below 1"),
    Broken("sales", "SalesQuantity", "-3", "is below 1"),
    Broken("sales", "SalesDollars", "1,234.50", NOT_A_NUMBER),
    Broken("sales", "SalesDollars", "12,50", NOT_A_NUMBER),
    Broken("sales", "SalesDollars", "$5", NOT_A_NUMBER),
    Broken("sales", "SalesDollars", "-0.01", "is below 0"),
    Broken("sales", "Store", "x", NOT_WHOLE),
    Broken("sales", "Store", "", MISSING),
    Broken("sales", "SalesDate", "13-13-2016", MONTH_FIRST),
    Broken("sales", "SalesDate", "31/12/2016", MONTH_FIRST),
    Broken("sales", "SalesDate", "31-12-2016", MONTH_FIRST),
    Broken("sales", "SalesDate", "02-30-2016", MONTH_FIRST),
    Broken("sales", "SalesDate", "2016-02-30", MONTH_FIRST),
    Broken("sales", "SalesDate", "20160908", MONTH_FIRST),
    Broken("sales", "SalesDate", "9.8.2016", MONTH_FIRST),
    Broken("sales", "SalesDate", "09-08-2016 10:00", MONTH_FIRST),
    Broken("sales", "SalesDate", "12/31/2099", FUTURE),
    Broken("sales", "SalesDate", "", MISSING),
    Broken("purchases", "PODate", "13-13-2016", DAY_FIRST),
    Broken("purchases", "PODate", "12-31-2016", DAY_FIRST),
    Broken("purchases", "ReceivingDate", "soon", DAY_FIRST),
    Broken("purchases", "Quantity", "0", "is below 1"),
    Broken("purchases", "Quantity", "12.5", NOT_WHOLE),
    Broken("purchases", "PurchasePrice", "free", NOT_A_NUMBER),
    Broken("purchases", "PurchasePrice", "-1", "is below 0"),
    Broken("invoices", "InvoiceDate", "09-15-2016", YEAR_FIRST),
    Broken("invoices", "Freight", "n/a", NOT_A_NUMBER),
    Broken("invoices", "PONumber", "", MISSING),
    Broken("purchase_prices", "Price", "", MISSING),
    Broken("purchase_prices", "VendorNumber", "6665-A", NOT_WHOLE),
    Broken("opening_inventory", "onHand", "1.5", NOT_WHOLE),
    Broken("opening_inventory", "startDate", "09-13-2016", DAY_FIRST),
    Broken("closing_inventory", "endDate", "31-12-2099", FUTURE),
    # two digits are no year: %Y alone would read the year 16
    Broken("sales", "SalesDate", "09-08-16", MONTH_FIRST),
]


@dataclass(frozen=True)
class Readable:
    """One line with an unusual but plain value, and what it is staged as."""

    kind: str
    column: str
    value: str
    staged_column: str
    staged: object

    def __str__(self) -> str:
        return f"{self.kind}-{self.column}={self.value!r}"


READABLE = [
    Readable("sales", "SalesQuantity", "12.0", "sold_units", 12),
    Readable("sales", "SalesQuantity", " 5 ", "sold_units", 5),
    Readable("sales", "SalesDollars", "7", "revenue_usd", Decimal("7.00")),
    Readable("sales", "SalesDollars", "0", "revenue_usd", Decimal("0.00")),
    # the same text on both sides of the house: the till writes the month first, the buyer's system the day
    Readable("sales", "SalesDate", "05-03-2016", "sale_date", date(2016, 5, 3)),
    Readable("purchases", "PODate", "05-03-2016", "order_date", date(2016, 3, 5)),
    Readable("opening_inventory", "startDate", "05-03-2016", "count_date", date(2016, 3, 5)),
    Readable("sales", "SalesDate", "5/3/2016", "sale_date", date(2016, 5, 3)),
    Readable("sales", "SalesDate", "2016-09-08", "sale_date", date(2016, 9, 8)),
    Readable("purchases", "PODate", "2016-09-08", "order_date", date(2016, 9, 8)),
    Readable("purchases", "ReceivingDate", "", "receipt_date", None),
    Readable("purchases", "PODate", "01-01-2099", "order_date", date(2099, 1, 1)),
    Readable("opening_inventory", "onHand", "-4", "counted_units", -4),
]
STAGED_IN = {"sales": "stg_sales", "purchases": "stg_purchase_lines", "opening_inventory": "stg_stock_counts"}
FIRST_FREE_STORE = 900


@dataclass(frozen=True)
class Spoiled:
    """A folder of broken files, the line each fault stands on, and the warehouse it was staged into."""

    folder: Path
    lines: dict[object, int]
    warehouse: Path

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query, list(parameters)).fetchall()

    def reject(self, kind: str, line: int) -> list[tuple]:
        return self.rows(
            "select column_name, raw_value, reason from staging.rejects where source_file = ? and line_number = ?",
            FILES[kind],
            line,
        )


@pytest.fixture(scope="module")
def spoiled(tiny_source: Path, tmp_path_factory: pytest.TempPathFactory, stage) -> Spoiled:
    folder = copy_source(tiny_source, tmp_path_factory.mktemp("spoiled"))
    lines: dict[object, int] = {}
    for store, readable in enumerate(READABLE, FIRST_FREE_STORE):
        line = line_with(folder, readable.kind, {"Store": str(store), readable.column: readable.value})
        lines[readable] = append(folder, readable.kind, line)
    for broken in BROKEN:
        lines[broken] = append(folder, broken.kind, line_with(folder, broken.kind, {broken.column: broken.value}))
    lines["too few values"] = append(folder, "sales", "1_LATHSHAW_750,1,750" + LINE_END)
    for name, blank in (("commas", ",,,,,,,,,,,,,"), ("one comma", ","), ("quotes", '"","",""')):
        lines[name] = append(folder, "sales", blank + LINE_END)
    return Spoiled(folder, lines, stage(folder))


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_line_is_refused_with_its_place_and_its_reason(spoiled: Spoiled, broken: Broken) -> None:
    assert spoiled.reject(broken.kind, spoiled.lines[broken]) == [(broken.column, broken.value or None, broken.reason)]


def test_a_line_that_ends_early_lacks_its_first_missing_column(spoiled: Spoiled) -> None:
    assert spoiled.reject("sales", spoiled.lines["too few values"]) == [("SalesDate", None, MISSING)]


@pytest.mark.parametrize("readable", READABLE, ids=str)
def test_an_unusual_but_plain_value_is_read_as_what_it_says(spoiled: Spoiled, readable: Readable) -> None:
    store = FIRST_FREE_STORE + READABLE.index(readable)
    staged = spoiled.rows(f"select {readable.staged_column} from staging.{STAGED_IN[readable.kind]} where location_id = ?", store)
    assert staged == [(readable.staged,)]


@pytest.mark.parametrize("blank", ["commas", "one comma", "quotes"])
def test_a_line_of_separators_is_blank_and_not_refused(spoiled: Spoiled, blank: str) -> None:
    assert spoiled.reject("sales", spoiled.lines[blank]) == []
    assert spoiled.rows("select lines_blank from staging.ingest_summary where file_kind = 'sales'") == [(3,)]


@pytest.mark.parametrize("kind", FILES)
def test_every_record_is_blank_refused_or_staged(spoiled: Spoiled, kind: str) -> None:
    summary = "select lines_read, lines_blank + lines_rejected + lines_staged from staging.ingest_summary where file_kind = ?"
    counted = record_count(spoiled.folder / FILES[kind])
    assert spoiled.rows(summary, kind) == [(counted, counted)]


def test_nothing_is_refused_that_was_not_broken(spoiled: Spoiled) -> None:
    expected = {(broken.kind, spoiled.lines[broken]) for broken in BROKEN} | {("sales", spoiled.lines["too few values"])}
    assert set(spoiled.rows("select file_kind, line_number from staging.rejects")) == expected


# Faults of a file's structure: one copy each, as they change how the lines around them are read ---------------------------


def staged_with(tiny_source: Path, folder: Path, stage, kind: str, line: str) -> Spoiled:
    """The tiny data with `line` at the end of one file and a line with a wrong store after it."""
    copy_source(tiny_source, folder)
    lines = {"fault": append(folder, kind, line)}
    lines["after"] = append(folder, kind, line_with(folder, kind, {"Brand": "after"}))
    return Spoiled(folder, lines, stage(folder))


@pytest.mark.parametrize("kind", ["sales", "closing_inventory"])
def test_a_line_with_a_value_too_many_is_refused(tiny_source: Path, tmp_path: Path, stage, kind: str) -> None:
    line = line_with(tiny_source, kind, {}).removesuffix(LINE_END) + ",surplus" + LINE_END
    spoiled = staged_with(tiny_source, tmp_path, stage, kind, line)
    reason = "more values than the header has columns"
    assert spoiled.reject(kind, spoiled.lines["fault"]) == [("(end of line)", "surplus", reason)]
    assert spoiled.reject(kind, spoiled.lines["after"]) == [("Brand", "after", NOT_WHOLE)]


def test_a_whole_number_beyond_all_stock_is_refused(tiny_source: Path, tmp_path: Path, stage) -> None:
    line = line_with(tiny_source, "closing_inventory", {"onHand": "99999999999.0"})
    spoiled = staged_with(tiny_source, tmp_path, stage, "closing_inventory", line)
    assert spoiled.reject("closing_inventory", spoiled.lines["fault"]) == [("onHand", "99999999999.0", NOT_WHOLE)]


def test_a_quote_that_is_never_closed_says_how_far_it_runs(tiny_source: Path, tmp_path: Path, stage) -> None:
    swallowed = "".join(line_with(tiny_source, "closing_inventory", {}) for _ in range(3))
    unclosed = '1_LATHSHAW_750,1,LATHSHAW,750,Elderhurst Rye,750mL,"3,48.49,31-12-2016' + LINE_END + swallowed
    folder = copy_source(tiny_source, tmp_path)
    line = append(folder, "closing_inventory", unclosed)
    spoiled = Spoiled(folder, {}, stage(folder))
    [(column, value, reason)] = spoiled.reject("closing_inventory", line)
    assert (column, reason) == ("onHand", f"{NOT_WHOLE}; a quote that is never closed runs over the next 3 lines")
    assert value.startswith("3,48.49,31-12-2016")
    [(read, accounted)] = spoiled.rows(
        "select lines_read, lines_blank + lines_rejected + lines_staged from staging.ingest_summary where file_kind = 'closing_inventory'"
    )
    assert read == accounted == record_count(folder / FILES["closing_inventory"])


def test_an_empty_line_is_no_record_and_shifts_no_number(tiny_source: Path, tmp_path: Path, stage) -> None:
    spoiled = staged_with(tiny_source, tmp_path, stage, "purchases", LINE_END)
    with_text = record_count(tiny_source / FILES["purchases"]) + 1  # and the broken line after the empty one
    assert spoiled.rows("select lines_read from staging.ingest_summary where file_kind = 'purchases'") == [(with_text,)]
    assert spoiled.reject("purchases", spoiled.lines["after"]) == [("Brand", "after", NOT_WHOLE)]


def test_an_empty_line_is_not_refused(tiny_source: Path, tmp_path: Path, stage) -> None:
    folder = copy_source(tiny_source, tmp_path)
    edit(folder, "sales", lambda content: content.replace(b"\r\n", b"\r\n\r\n"))
    spoiled = Spoiled(folder, {}, stage(folder))
    assert spoiled.rows("from staging.rejects") == []
    assert spoiled.rows("select count(*) from staging.stg_sales") == [(record_count(tiny_source / FILES["sales"]),)]


def test_a_line_break_inside_quotes_is_read_and_shifts_no_number(tiny_source: Path, tmp_path: Path, stage) -> None:
    line = line_with(tiny_source, "purchase_prices", {"Brand": "9001", "Description": "Elderhurst\r\nRye"})
    spoiled = staged_with(tiny_source, tmp_path, stage, "purchase_prices", line)
    assert spoiled.rows("select item_name from staging.stg_products where item_id = 9001") == [("Elderhurst\r\nRye",)]
    assert spoiled.reject("purchase_prices", spoiled.lines["after"]) == [("Brand", "after", NOT_WHOLE)]
