"""What callers hand in: frames of any library, numbers of any type, or words about what cannot be read.

Belongs here: types, missing columns, arguments out of range. Does not belong here: what odd values mean (`frames`, `known_ahead`).
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import polars as pl

from ml.contracts import ContractError


def frame_of(name: str, value: Any) -> pl.DataFrame:
    """A polars, lazy or pandas frame as a polars frame. Raises ContractError."""
    if isinstance(value, pl.LazyFrame):
        return value.collect()
    if isinstance(value, pl.DataFrame):
        return value
    words = f"{name}: a polars or pandas frame is expected, got {type(value).__name__}"
    try:
        found = pl.from_pandas(value)
    except TypeError as error:
        raise ContractError(words) from error
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise ContractError(f"{name}: a pandas frame that cannot be read: {error}") from error
    if not isinstance(found, pl.DataFrame):
        raise ContractError(words)
    return found


def horizon_of(value: Any) -> int:
    """A number of periods, 1 or more. Raises ValueError."""
    if not isinstance(value, Real) or not float(value).is_integer():
        raise ValueError(f"horizon must be a whole number of periods, got {value!r}")
    if value < 1:
        raise ValueError(f"horizon must be at least 1 period, got {value}")
    return int(value)


def levels_of(quantiles: Any) -> list[float]:
    """Levels of quantiles, each in (0, 1). Raises ValueError."""
    levels = list(quantiles) if hasattr(quantiles, "__iter__") else [None]
    if not all(isinstance(level, Real) for level in levels):
        raise ValueError(f"quantiles must be a list of numbers, as [0.1, 0.9], got {quantiles!r}")
    outside = [level for level in levels if not 0 < level < 1]
    if outside:
        raise ValueError(f"quantiles must lie between 0 and 1, got {outside}")
    return [float(level) for level in levels]


def check_history(history: pl.DataFrame, kind: str, freq: str | int) -> None:
    """Raises ContractError where a column is missing or has the wrong type, or where there is no row."""
    missing = [name for name in ("unique_id", "ds", "y") if name not in history.columns]
    if missing:
        raise ContractError(f"history: missing columns {missing}; it needs unique_id, ds and y")
    if history.is_empty():
        raise ContractError("history: no rows")
    for name in ("unique_id", "ds"):
        if history[name].null_count():
            raise ContractError(f"history.{name}: {history[name].null_count()} nulls")
    if not (history["y"].dtype.is_numeric() or history["y"].dtype == pl.Null):
        raise ContractError(f"history.y is {history['y'].dtype}, not a number")
    if "in_stock" in history.columns and not _is_number_or_flag(history["in_stock"].dtype):
        raise ContractError(f"history.in_stock is {history['in_stock'].dtype}, not true or false")
    if kind == "i" and not history["ds"].dtype.is_integer():
        raise ContractError(f"history.ds is {history['ds'].dtype}; freq {freq!r} needs whole numbers")
    if kind != "i" and not history["ds"].dtype.is_temporal():
        raise ContractError(f"history.ds is {history['ds'].dtype}; freq {freq!r} needs a date: parse it, or give freq=1")
    if kind == "b" and (free := int((history["ds"].dt.weekday() > 5).sum())):
        raise ContractError(f"history.ds: {free} rows on a Saturday or Sunday, which freq {freq!r} does not have: give freq 'D'")


def check_beside(name: str, frame: pl.DataFrame | None, keys: Sequence[str], history: pl.DataFrame, kind: str) -> None:
    """Raises ContractError where a key is missing or of another type than in the history."""
    if frame is None:
        return
    missing = [key for key in keys if key not in frame.columns]
    if missing:
        raise ContractError(f"{name}: missing columns {missing}; it needs {' and '.join(keys)}, and what is known beside them")
    for key in keys:
        left, right = frame[key].dtype, history[key].dtype
        is_alike = left == right or (left.is_temporal() and right.is_temporal()) or (left.is_integer() and right.is_integer())
        if not is_alike:
            raise ContractError(f"{name}.{key} is {left}, but history.{key} is {right}: give both the same type")
        # a day is the same in any zone, an hour is not
        if kind == "h" and (getattr(left, "time_zone", None) is None) != (getattr(right, "time_zone", None) is None):
            raise ContractError(f"{name}.{key} is {left}, but history.{key} is {right}: give both a time zone, or neither")


def _is_number_or_flag(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)
