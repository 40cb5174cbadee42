"""Rows as JSON, CSV or Arrow, as the request's Accept header asks.

Belongs here: which form, and the bytes. Does not belong here: which rows.

Numbers are exact in CSV and Arrow. In JSON a decimal is a number with the same digits (up to fifteen of them), and what is no
number (NaN, infinity) is null.
"""

from __future__ import annotations

import io
from typing import Any

import orjson
import pyarrow as pa

from ml.serving.problems import Problem

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
MEDIA_TYPES = {JSON: "application/json", CSV: "text/csv; charset=utf-8; header=present", ARROW: ARROW}
SHORT = {JSON: "json", CSV: "csv", ARROW: "arrow"}


def accepted(header: str | None) -> str:
    """The form a header asks for, JSON where it leaves the choice. Raises Problem 406 where it asks for none of them."""
    if not header or header in ("*/*", JSON):
        return JSON
    best, form = 0.0, ""
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        fits = next((m for m in MEDIA_TYPES if name in (m, "*/*", f"{m.partition('/')[0]}/*")), "")
        if fits and quality > best:
            best, form = quality, fits
    if not form:
        raise Problem(406, f"Accept: {header[:200]}: there is {', '.join(MEDIA_TYPES)}")
    return form


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def rows_as(form: str, rows: pa.Table, envelope: dict[str, Any]) -> bytes:
    """The rows in a form; `envelope` stands around them in JSON, which alone has room for it."""
    if form == JSON:
        return orjson.dumps({**envelope, "data": plain_rows(rows)})
    rows = _without_dictionaries(rows)
    sink = io.BytesIO()
    if form == CSV:
        import pyarrow.csv

        pyarrow.csv.write_csv(rows, sink)
    else:
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
    return sink.getvalue()


def plain_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON can say them: decimals as numbers."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            # by way of text: Arrow's own way from decimal to double is off by a digit now and then
            rows = rows.set_column(place, field.name, rows.column(place).cast(pa.string()).cast(pa.float64()))
    return rows.to_pylist()


def _without_dictionaries(rows: pa.Table) -> pa.Table:
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            rows = rows.set_column(place, field.name, rows.column(place).cast(field.type.value_type))
    return rows
