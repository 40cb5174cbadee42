"""Spoiling and respelling copies of the retailer's raw files.

Belongs here: reading and writing raw files with Python's own csv module, so that nothing of the product judges itself.
Does not belong here: what should become of them, which the tests say.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

FILES = {
    "sales": "SalesFINAL12312016.csv",
    "purchases": "PurchasesFINAL12312016.csv",
    "invoices": "InvoicePurchases12312016.csv",
    "purchase_prices": "2017PurchasePricesDec.csv",
    "opening_inventory": "BegInvFINAL12312016.csv",
    "closing_inventory": "EndInvFINAL12312016.csv",
}
LINE_END = "\r\n"

DATE_COLUMNS = {"SalesDate", "PODate", "ReceivingDate", "InvoiceDate", "PayDate", "startDate", "endDate"}
INTEGER_COLUMNS = {"Store", "Brand", "SalesQuantity", "VendorNumber", "PONumber", "Quantity", "onHand"}
MONEY_COLUMNS = {"SalesDollars", "PurchasePrice", "Dollars", "Price", "Freight"}


def copy_source(source: Path, target: Path) -> Path:
    """A copy of the six files to do with as one likes."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES.values():
        shutil.copyfile(source / name, target / name)
    return target


def edit(folder: Path, kind: str, change: Callable[[bytes], bytes]) -> None:
    """Put one file through a function of its bytes."""
    path = folder / FILES[kind]
    path.write_bytes(change(path.read_bytes()))


def table(path: Path) -> list[list[str]]:
    """Header and records, as Python's csv module reads them."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def record_count(path: Path) -> int:
    """Records below the header, blank ones included, counted without the product."""
    return len(table(path)) - 1


def text(rows: list[list[str]], line_end: str = LINE_END, quoting: int = csv.QUOTE_MINIMAL) -> str:
    """Rows as the text of a file."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end, quoting=quoting).writerows(rows)
    return out.getvalue()


def line_with(folder: Path, kind: str, changes: dict[str, str]) -> str:
    """The first line of a file with some values changed, quoted only where it must be."""
    header, first, *_ = table(folder / FILES[kind])
    return text([[changes.get(name, value) for name, value in zip(header, first, strict=True)]])


def append(folder: Path, kind: str, line: str) -> int:
    """Add `line` at the end of a file and return the number of the line it starts on, the header being line 1."""
    path = folder / FILES[kind]
    content = path.read_bytes()
    assert content.endswith(b"\n")
    path.write_bytes(content + line.encode())
    return content.count(b"\n") + 1


def parse_date(kind: str, value: str) -> date:
    """A date as the file's own convention writes it: the month first in sales, the day first in purchases and counts."""
    formats = {"sales": ("%m-%d-%Y", "%m/%d/%Y"), "invoices": ("%Y-%m-%d",)}.get(kind, ("%d-%m-%Y",))
    for pattern in formats:
        try:
            return datetime.strptime(value, pattern).date()
        except ValueError:
            continue
    raise ValueError(f"{kind}: {value}")
