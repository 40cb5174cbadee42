"""How a value is written for a person: thousands separated, its unit beside it, a dash where it is not known.

Belongs here: numbers to text. Does not belong here: HTML, and what a number means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

UNKNOWN = "–"
_LARGE = 10_000_000

Value = str | int | float | Decimal | date | bool | None


def is_known(value: Value) -> bool:
    """Neither null nor a float that is no number."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def as_float(value: Decimal | int | float | None) -> float | None:
    """For a chart: null stays null."""
    return None if value is None else float(value)


def written(value: Value, kind: str) -> str:
    """`value` as text of its kind: text, units, count, usd, price, share, days, day_count, number, date or moment."""
    if not is_known(value):
        return UNKNOWN
    return _KINDS[kind](value)


def with_unit(value: Value, kind: str) -> str:
    """The same with its unit, for sentences and what is read aloud."""
    text = written(value, kind)
    unit = UNITS.get(kind, "")
    return text if text == UNKNOWN or not unit else f"{text} {unit}"


def _whole(value: Value) -> str:
    number = float(value)
    if abs(number) >= _LARGE:
        return f"{number / 1e6:,.2f} M"
    return _zero(f"{number:,.0f}")


def _some_digits(value: Value) -> str:
    """One digit after the point where the number is small, none where it is large."""
    number = float(value)
    return _whole(number) if abs(number) >= 1000 or number == int(number) else _zero(f"{number:,.1f}")


def _zero(text: str) -> str:
    """No minus before nothing."""
    return text.lstrip("-") if not text.strip("-0.,%") else text


def _day(value: Value) -> str:
    return value.strftime("%Y-%m-%d")


def _moment(value: Value) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else _day(value)


_KINDS: dict[str, Callable[[Value], str]] = {
    "text": str,
    "units": _some_digits,
    "count": _whole,
    "usd": _whole,
    "price": lambda value: _zero(f"{float(value):,.2f}"),
    "share": lambda value: _zero(f"{100 * float(value):,.1f}%"),
    "days": lambda value: _zero(f"{float(value):,.1f}"),
    "day_count": _whole,
    "number": lambda value: _zero(f"{float(value):,.2f}"),
    "date": _day,
    "moment": _moment,
}
UNITS = {"units": "units", "usd": "USD", "price": "USD", "days": "days", "day_count": "days"}
NUMERIC = frozenset(_KINDS) - {"text", "date", "moment"}


def joined(*parts: Value) -> str:
    """What is known of a name, in one."""
    return ", ".join(str(part) for part in parts if is_known(part)) or UNKNOWN


def plural(count: int, one: str, many: str = "") -> str:
    """1 store, 2 stores."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
