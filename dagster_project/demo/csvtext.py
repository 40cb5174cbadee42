"""How numbers and dates are spelled in the retailer's files, and how lines get there.

Belongs here: text formats and the writer that every file shares. Does not belong here: which
columns a file has (`files`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

LINE_END = "\r\n"


def money(cents: np.ndarray) -> pl.Series:
    """Dollars with as few decimals as they need: 12.99, 8.9, 219, 0, -3.5."""
    values, place = np.unique(np.asarray(cents, dtype=np.int64), return_inverse=True)
    cent = pl.col("cents").abs()
    sign = pl.when(pl.col("cents") < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole, tenths = pl.concat_str(sign, (cent // 100).cast(pl.String)), (cent // 10 % 10).cast(pl.String)
    text = pl.DataFrame({"cents": values}).select(
        pl.when(cent % 100 == 0)
        .then(whole)
        .when(cent % 10 == 0)
        .then(pl.concat_str(whole, pl.lit("."), tenths))
        .otherwise(pl.concat_str(whole, pl.lit("."), tenths, (cent % 10).cast(pl.String)))
    )
    return text.to_series().gather(place)


def sales_dates(dates: Sequence[date]) -> np.ndarray:
    """Month first, in the two spellings of the till: 01-09-2016 up to the 12th, 1/15/2016 after it."""
    return np.array([f"{d:%m-%d-%Y}" if d.day <= 12 else f"{d.month}/{d.day}/{d.year}" for d in dates], dtype=object)


def day_first_dates(dates: Sequence[date]) -> np.ndarray:
    """31-12-2016: purchases and inventory."""
    return np.array([f"{d:%d-%m-%Y}" for d in dates], dtype=object)


def iso_dates(dates: Sequence[date]) -> np.ndarray:
    """2016-12-31: invoices."""
    return np.array([d.isoformat() for d in dates], dtype=object)


def quoted(values: np.ndarray) -> list[str]:
    """Text in double quotes, for the files that quote text but not numbers."""
    return [f'"{value}"' for value in values.tolist()]


class CsvFile:
    """A file written in pieces: header first, then frames, then blank lines. Counts its lines."""

    def __init__(self, path: Path, header: str, line_end: str = LINE_END) -> None:
        self.columns = header.replace('"', "").split(",")
        self.lines = 0
        self._line_end = line_end
        self._file = path.open("wb")
        self._file.write((header + line_end).encode())

    def append(self, frame: pl.DataFrame, *, quote_style: str = "necessary") -> None:
        """Write a frame; it must hold the header's columns."""
        lines = frame.select(self.columns)
        lines.write_csv(self._file, include_header=False, line_terminator=self._line_end, quote_style=quote_style)
        self.lines += frame.height

    def append_blank_lines(self, count: int) -> None:
        """Lines of bare commas, as spreadsheets leave them at the end of what was once longer."""
        self._file.write(("," * (len(self.columns) - 1) + self._line_end).encode() * count)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
