"""Files written another way that say the same: the staged rows do not differ."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from raw_files import DATE_COLUMNS, FILES, INTEGER_COLUMNS, MONEY_COLUMNS, copy_source, edit, parse_date, table, text

STAGED = ("stg_sales", "stg_purchase_lines", "stg_invoices", "stg_products", "stg_stock_counts", "stg_vendor_names")


def columns_in_another_order(folder: Path) -> None:
    for name in FILES.values():
        path = folder / name
        path.write_bytes(text([row[::-1] for row in table(path)]).encode())


def an_unknown_column_more(folder: Path) -> None:
    for name in FILES.values():
        header, *records = table(folder / name)
        rows = [[header[0], "Remark, of the clerk", *header[1:]], *([row[0], 'said "so"', *row[1:]] for row in records)]
        (folder / name).write_bytes(text(rows).encode())


def empty_columns_at_the_end(folder: Path) -> None:
    for name in FILES.values():
        path = folder / name
        path.write_bytes(text([[*row, "", ""] for row in table(path)]).encode())


def names_in_other_letters(folder: Path) -> None:
    for name in FILES.values():
        header, *records = table(folder / name)
        (folder / name).write_bytes(text([[column.upper() for column in header], *records]).encode())


def line_feeds_only(folder: Path) -> None:
    for kind in FILES:
        edit(folder, kind, lambda content: content.replace(b"\r\n", b"\n"))


def a_byte_order_mark(folder: Path) -> None:
    for kind in FILES:
        edit(folder, kind, lambda content: b"\xef\xbb\xbf" + content)


def no_line_end_at_the_end(folder: Path) -> None:
    for kind in FILES:
        edit(folder, kind, lambda content: content.rstrip(b"\r\n"))


def everything_quoted(folder: Path) -> None:
    for name in FILES.values():
        path = folder / name
        path.write_bytes(text(table(path), quoting=csv.QUOTE_ALL).encode())


def nothing_quoted_but_commas(folder: Path) -> None:
    for name in FILES.values():
        path = folder / name
        path.write_bytes(text(table(path), quoting=csv.QUOTE_MINIMAL).encode())


def in_two_files_each(folder: Path) -> None:
    for name in FILES.values():
        header, *records = table(folder / name)
        half = len(records) // 2
        (folder / name).unlink()
        (folder / f"1_{name}").write_bytes(text([header, *records[:half]]).encode())
        (folder / f"2_{name}").write_bytes(text([header[::-1], *(row[::-1] for row in records[half:])]).encode())


def as_parquet(folder: Path) -> None:
    """Dates as dates, whole numbers as integers, money as decimals, and text as text."""
    for kind, name in FILES.items():
        header, *records = table(folder / name)
        values = dict(zip(header, zip(*(row for row in records if any(row)), strict=True), strict=True))
        frame = pl.DataFrame({column: [value or None for value in column_values] for column, column_values in values.items()})
        for column in header:
            if column in DATE_COLUMNS:
                dates = [None if value is None else parse_date(kind, value) for value in frame[column]]
                frame = frame.with_columns(pl.Series(column, dates, dtype=pl.Date))
            elif column in INTEGER_COLUMNS:
                frame = frame.with_columns(pl.col(column).cast(pl.Int64))
            elif column in MONEY_COLUMNS:
                frame = frame.with_columns(pl.col(column).cast(pl.Decimal(18, 4)))
        (folder / name).unlink()
        frame.write_parquet((folder / name).with_suffix(".parquet"))


SPELLINGS = [
    columns_in_another_order,
    an_unknown_column_more,
    empty_columns_at_the_end,
    names_in_other_letters,
    line_feeds_only,
    a_byte_order_mark,
    no_line_end_at_the_end,
    everything_quoted,
    nothing_quoted_but_commas,
    in_two_files_each,
    as_parquet,
]


def staged_rows(warehouse: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("from staging.rejects").fetchall() == []
        return {name: connection.execute(f"select * from staging.{name} order by all").fetchall() for name in STAGED}


@pytest.fixture(scope="module")
def as_written(tiny_source: Path, stage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple]]:
    """What is staged of the six files as the generator writes them."""
    return staged_rows(stage(copy_source(tiny_source, tmp_path_factory.mktemp("as_written"))))


@pytest.mark.parametrize("respell", SPELLINGS, ids=lambda respell: respell.__name__)
def test_the_same_data_spelled_another_way_is_staged_the_same(
    respell: Callable[[Path], None], tiny_source: Path, as_written: dict[str, list[tuple]], tmp_path: Path, stage
) -> None:
    folder = copy_source(tiny_source, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    respell(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} != before

    found = staged_rows(stage(folder))
    for name in STAGED:
        assert len(as_written[name]) > 0
        assert found[name] == as_written[name], name
