"""A request for rows of a table, read into one SQL statement with parameters.

Belongs here: columns, filters, sorting, pages, and what is wrong with them. Does not belong here: running it.

Every name in the statement is one of the table's own columns, every value is a parameter. A page goes on after a row of the very
snapshot it began on (`rowid`, the place in the file, is the last thing sorted by), so pages never overlap and never leave a gap.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from ml.serving.problems import Problem
from ml.serving.snapshot import ServedColumn, ServedTable

RESERVED = ("limit", "sort", "columns", "cursor", "by")
"""Parameters that are no column."""
OPERATORS = {
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "in": "in",
    "contains": "contains",
    "is": "is",
}
ROW = "__row"
MOST_ROWS = 10_000
_MOST_VALUES = 200
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Statement:
    """SQL and its parameters; `mark` names the question, for the cursor to its next page."""

    sql: str
    parameters: list[Any]
    mark: str = ""


@dataclass(frozen=True)
class Cursor:
    """Where a page goes on: after a row of a publication, of the same question."""

    run_id: str
    row: int
    mark: str

    def text(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.run_id, self.row, self.mark]).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises Problem 422 for anything that `text` did not write."""
        try:
            run_id, row, mark = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if type(run_id) is str and type(row) is int and type(mark) is str and 0 <= row <= _LARGEST:
                return cls(run_id, row, mark)
        except (ValueError, TypeError, RecursionError):
            pass
        raise Problem(422, "cursor: not one of ours; take it as it stands from `next` or the Link header of the page before")


def page(
    table: ServedTable,
    asked: Iterable[tuple[str, str]],
    limit: int,
    sort: str = "",
    columns: str = "",
    cursor: Cursor | None = None,
) -> Statement:
    """One row more than `limit`, so that it is known whether there is a next page; the last column is the row's place.

    `asked` are the request's parameters, of which the reserved ones are passed over. Raises Problem 422.
    """
    shown = _columns(table, columns) if columns else list(table.columns)
    order = _sorting(table, sort)
    conditions, parameters = conditions_of(table, asked)
    mark = hashlib.sha256(json.dumps([table.name, order, conditions, parameters], default=str).encode()).hexdigest()[:16]
    before = ""
    if cursor is not None:
        if cursor.mark != mark:
            raise Problem(
                422, "cursor: of another question; keep table, filters and sort as they were, or begin without a cursor"
            )
        if order:
            names = ", ".join(f"{_quoted(name)} as k{number}" for number, (name, _) in enumerate(order))
            before = f"with k as (select {names} from bi.{_quoted(table.name)} where rowid = ?) "
            parameters = [cursor.row, *parameters]
        condition, values = _after(order, cursor.row)
        conditions, parameters = [*conditions, condition], [*parameters, *values]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    by = ", ".join([f"{_quoted(name)} {direction} nulls last" for name, direction in order] + ["rowid"])
    names = ", ".join(_quoted(column.name) for column in shown)
    sql = f"{before}select {names}, rowid as {ROW} from bi.{_quoted(table.name)}{where} order by {by} limit ?"
    return Statement(sql, [*parameters, limit + 1], mark)


def _after(order: Sequence[tuple[str, str]], row: int) -> tuple[str, list[Any]]:
    """The rows that come later than a row: greater in the first column, or equal in it and later in the rest; nulls are last."""
    condition, values = "rowid > ?", [row]
    for number, (name, direction) in reversed(list(enumerate(order))):
        column, value = _quoted(name), f"(select k{number} from k)"
        later = f"{column} {'>' if direction == 'asc' else '<'} {value} or ({column} is null and {value} is not null)"
        condition = f"({later} or ({column} is not distinct from {value} and {condition}))"
    return condition, values


def aggregate(table: ServedTable, expression: str, name: str, by: str, asked: Iterable[tuple[str, str]], limit: int) -> Statement:
    """One value per group of the columns `by`, or one for all. `expression` is the project's, never a request's."""
    groups = [_quoted(column.name) for column in _columns(table, by)] if by else []
    conditions, parameters = conditions_of(table, asked)
    where = f" where {' and '.join(conditions)}" if conditions else ""
    grouping = f" group by {', '.join(groups)} order by {', '.join(f'{group} nulls last' for group in groups)}" if groups else ""
    shown = ", ".join([*groups, f"{expression} as {_quoted(name)}"])
    return Statement(f"select {shown} from bi.{_quoted(table.name)}{where}{grouping} limit ?", [*parameters, limit + 1])


def conditions_of(table: ServedTable, asked: Iterable[tuple[str, str]]) -> tuple[list[str], list[Any]]:
    """`column=value` and `column.operator=value`, all of which must hold."""
    conditions, parameters = [], []
    for name, text in asked:
        if name in RESERVED:
            continue
        column_name, _, operator = name.partition(".")
        column = table.column(column_name)
        if column is None:
            raise Problem(422, f"{name[:80]}: {table.name} has no such column; GET /v1/tables/{table.name}/columns lists them")
        if (operator or "eq") not in OPERATORS:
            raise Problem(422, f"{name[:80]}: no such operator; there are {', '.join(OPERATORS)}")
        condition, values = _condition(column, operator or "eq", text)
        conditions.append(condition)
        parameters += values
    return conditions, parameters


def _condition(column: ServedColumn, operator: str, text: str) -> tuple[str, list[Any]]:
    name = _quoted(column.name)
    if operator == "is":
        if text not in ("null", "not_null"):
            raise Problem(422, f"{column.name}.is: null or not_null expected")
        return f"{name} is {'not null' if text == 'not_null' else 'null'}", []
    if operator == "contains":
        if column.type != "varchar":
            raise Problem(422, f"{column.name}.contains: only text contains text; this is {column.type}")
        return f"contains(lower({name}), lower(?))", [text]
    if operator == "in":
        values = [_value(column, part) for part in text.split(",")]
        if len(values) > _MOST_VALUES:
            raise Problem(422, f"{column.name}.in: at most {_MOST_VALUES} values")
        return f"{name} in ({', '.join('?' for _ in values)})", values
    return f"{name} {OPERATORS[operator]} ?", [_value(column, text)]


def _value(column: ServedColumn, text: str) -> Any:
    """A value as the column has them; Problem 422 where it cannot be one."""
    kind, value = column.type.partition("(")[0], None
    try:
        if kind == "varchar":
            value = text
        elif kind in ("integer", "bigint", "smallint", "tinyint", "hugeint"):
            value = int(text) if len(text) <= 20 and abs(int(text)) <= _LARGEST else None
        elif kind == "decimal":
            number = Decimal(text)
            value = number if number.is_finite() and abs(number) < 10**18 and -number.as_tuple().exponent <= 18 else None
        elif kind in ("double", "float"):
            value = float(text) if isfinite(float(text)) else None
        elif kind == "boolean":
            value = {"true": True, "false": False}.get(text)
        elif kind == "date":
            value = date.fromisoformat(text)
        elif kind.startswith("timestamp"):
            value = datetime.fromisoformat(text)
            value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except (ValueError, InvalidOperation):
        value = None
    if value is None:
        raise Problem(422, f"{column.name}: {text[:80]!r} is not {_KINDS.get(kind, column.type)}")
    return value


_KINDS = {"boolean": "true or false", "date": "a date (YYYY-MM-DD)", "timestamp": "a moment (YYYY-MM-DDTHH:MM:SS)"} | dict.fromkeys(
    ("integer", "bigint"), "a whole number"
) | dict.fromkeys(("decimal", "double"), "a number")  # fmt: skip


def _columns(table: ServedTable, text: str) -> list[ServedColumn]:
    found = []
    for name in text.split(","):
        column = table.column(name.strip())
        if column is None:
            raise Problem(
                422, f"{name.strip()[:80]!r}: {table.name} has no such column; GET /v1/tables/{table.name}/columns lists them"
            )
        if column not in found:
            found.append(column)
    return found


def _sorting(table: ServedTable, text: str) -> list[tuple[str, str]]:
    """`-order_usd,item_id` as pairs of column and direction."""
    order = []
    for part in text.split(",") if text else []:
        [column] = _columns(table, part.strip().removeprefix("-"))
        order.append((column.name, "desc" if part.strip().startswith("-") else "asc"))
    return order


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
