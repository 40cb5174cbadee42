"""What a caller knows ahead, as numbers on the grid: prices, flags, events in words, and what their gaps mean.

Belongs here: which columns are read, what null stands for in each, words as flags. Does not belong here: what plans do to demand (`plans`,
`common_plans`), attributes of series (`frames`).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError

RESERVED = ("unique_id", "ds", "y", "in_stock")
MOST_WORDS = 10
"""Words of a column that become flags, at most."""
_FEWEST_PERIODS = 2
"""Periods of the history a word must come in: what happened in one period may have had any cause, and a feast of days comes twice in two years."""
_OFTEN_NULL, _FEWEST_NULLS = 0.2, 10
"""Share of rows, and rows, from which null, in a column without zeros, is how "none" is written: what is merely missing is missing less often."""
_SELLS = 0.1
"""So much of the usual share of rows with a sale must sell without the number: a price that is null where nothing was sold is not "none"."""


def known_columns(history: pl.DataFrame, future: pl.DataFrame | None) -> tuple[str, ...]:
    """Columns of numbers, flags and words in both frames. What the history alone has cannot be known ahead and is not used."""
    if future is None:
        return ()
    shared = (name for name in history.columns if name in future.columns and name not in RESERVED)
    return tuple(n for n in shared if _is_number(history[n].dtype) or (_is_word(history[n].dtype) and _tells(future[n].dtype)))


def place(k: int) -> str:
    """Name of the k-th known column inside: callers' columns may have any name."""
    return f"known_{k}"


def known_ahead(
    rows: pl.DataFrame, future: pl.DataFrame, names: tuple[str, ...], periods: int, horizon: int, series: int
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Known values of past and future, (series, periods + horizon, names), and their names: a column of words becomes several.

    `rows` are those of the history with row, back and y, `future` those ahead with row and back, both with their known columns by `place`.
    A null is what it stands for in its column, so is a period ahead without a row; elsewhere, and in periods of the history without a row, the
    newest value before it goes on. Before the first value there is 0. Of repeated rows the highest value counts. Raises ContractError.
    """
    width = periods + horizon
    columns: list[tuple[str, pl.Series, pl.Series]] = []
    nulls: list[float] = []
    for k, name in enumerate(names):
        past, ahead = rows[place(k)], future[place(k)]
        if _is_word(past.dtype):
            found = _flags(name, past, ahead, rows, future)
            columns += found
            nulls += [0.0] * len(found)
        else:
            past, ahead = _number(f"history.{name}", past), _number(f"future.{name}", ahead)
            columns.append((name, past, ahead))
            nulls.append(_meaning_of_null(past, ahead, rows["y"]))
    if not columns:
        return np.zeros((0, 0, 0), dtype=np.float32), ()
    parts = [
        pl.DataFrame({"row": frame["row"].cast(pl.Int64), "column": periods - 1 - frame["back"].cast(pl.Int64)}).hstack(
            [column[side].alias(place(k)) for k, column in enumerate(columns)]
        )
        for side, frame in ((1, rows), (2, future))
    ]
    both = pl.concat(parts).filter(pl.col("column").is_between(0, width - 1))
    if both.height and np.bincount((both["row"] * width + both["column"]).to_numpy()).max() > 1:
        # which of repeated rows comes last must not decide
        both = both.group_by("row", "column").agg(pl.exclude("row", "column").max())
    at, when = both["row"].to_numpy(), both["column"].to_numpy()
    values = np.full((series, width, len(columns)), np.nan, dtype=np.float32)
    values[:, periods:] = nulls
    for k in range(len(columns)):
        values[at, when, k] = both[place(k)].fill_null(nulls[k]).to_numpy()
    for column in range(1, width):
        values[:, column] = np.where(np.isfinite(values[:, column]), values[:, column], values[:, column - 1])
    return np.nan_to_num(values, nan=0.0), tuple(name for name, _, _ in columns)


def _meaning_of_null(past: pl.Series, ahead: pl.Series, units: pl.Series) -> float:
    """What null stands for in a column of numbers; NaN where it is the newest value before it.

    In flags, what is usual: 0, or 1 where the history has more ones than zeros, as of days on which a shop is open. In amounts that are often
    null and never zero, as discounts in money, 0.
    """
    values = pl.concat([past, ahead]).drop_nulls()
    if values.is_empty():
        return np.nan
    if values.is_between(0, 1).all() and (values == values.round()).all():
        zeros, ones = int((past == 0).sum()), int((past == 1).sum())
        return float(ones > zeros and (zeros > 0 or not past.null_count()))
    is_amount = (values > 0).all() or (values < 0).all()
    if not is_amount or past.null_count() < max(_FEWEST_NULLS, _OFTEN_NULL * len(past)):
        return np.nan
    is_sold, is_null = (units.cast(pl.Float64) > 0).fill_null(False), past.is_null()
    with_value, without = is_sold.filter(~is_null).mean(), is_sold.filter(is_null).mean()
    return 0.0 if (without or 0.0) >= _SELLS * (with_value or 0.0) else np.nan  # type: ignore[operator]


def _flags(
    name: str, past: pl.Series, ahead: pl.Series, rows: pl.DataFrame, future: pl.DataFrame
) -> list[tuple[str, pl.Series, pl.Series]]:
    """A flag per word: name, past and ahead. Words that are planned come first, then frequent ones, then by name.

    Null and blank are none; where neither occurs, the most frequent word is. A column in which no series ever has another word is an
    attribute and no plan: no flags.
    """
    past, ahead = _words(past), _words(ahead)
    own = pl.concat([pl.DataFrame({"row": r, "word": w}) for r, w in ((rows["row"], past), (future["row"], ahead))])
    if own.group_by("row").agg(pl.col("word").n_unique())["word"].max() == 1:
        return []
    counts = pl.DataFrame({"word": past, "back": rows["back"]}).drop_nulls().group_by("word")
    found = counts.agg(rows=pl.len(), periods=pl.col("back").n_unique()).sort(["rows", "word"], descending=[True, False])
    found = found if past.null_count() else found.slice(1)
    found = found.filter(pl.col("periods") >= _FEWEST_PERIODS).with_columns(
        is_planned=pl.col("word").is_in(ahead.drop_nulls().unique().implode())
    )
    chosen = found.sort("is_planned", descending=True, maintain_order=True)["word"].head(MOST_WORDS)
    return [(f"{name}={word}", *((side == word).fill_null(False).cast(pl.Float64) for side in (past, ahead))) for word in chosen]


def _words(values: pl.Series) -> pl.Series:
    """Words without blanks around them, null where nothing is left; a whole number is written as such."""
    if values.dtype.is_float():
        values = values.fill_nan(None)
        values = values.cast(pl.Int64) if (values.drop_nulls() == values.drop_nulls().round()).all() else values
    text = values.cast(pl.String).str.strip_chars().to_frame("text")
    return text.select(pl.when(pl.col("text") != "").then("text")).to_series()


def _number(label: str, values: pl.Series) -> pl.Series:
    """Numbers, null where there is none."""
    try:
        number = values.cast(pl.Float64)
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"{label} is {values.dtype}, not a number: give it the same type in both frames") from error
    return number.to_frame("number").select(pl.when(pl.col("number").is_finite()).then("number")).to_series()


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean


def _is_word(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _tells(dtype: pl.DataType) -> bool:
    return _is_number(dtype) or _is_word(dtype) or dtype == pl.Null
