"""What a promise about a frame is: columns, types, nulls and the key, and the columns that many frames share.

Belongs here: the form of a contract. Does not belong here: any one frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


class ContractError(ValueError):
    """A frame does not have the columns, types or completeness its contract promises."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, what it means with its unit, and whether it may be null."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class FrameContract:
    """The promise of one table: name, the key that makes a row unique, and its columns in order."""

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame with the promised columns and no rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` with exactly the promised columns, order and types.

        Raises ContractError when a column is missing, cannot be cast, holds nulls it may not hold, or when the grain
        repeats. Columns that were not promised are an error too: nothing is dropped in silence.
        """
        missing = [name for name in self.schema if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.schema]
        if missing or extra:
            raise ContractError(f"{self.name}: missing columns {missing}, unexpected columns {extra}")
        try:
            frame = frame.select(pl.col(c.name).cast(c.dtype) for c in self.columns)
        except pl.exceptions.PolarsError as error:
            raise ContractError(f"{self.name}: a column does not have its promised type: {error}") from error
        for column in self.columns:
            if not column.nullable and frame[column.name].null_count():
                raise ContractError(f"{self.name}.{column.name}: {frame[column.name].null_count()} nulls in a required column")
            if frame[column.name].dtype.is_float() and frame[column.name].is_nan().any():
                raise ContractError(f"{self.name}.{column.name}: NaN; write null where there is no value")
        if frame.select(pl.struct(self.grain).is_duplicated().any()).item():
            raise ContractError(f"{self.name}: rows repeat the key {', '.join(self.grain)}")
        return frame


ITEM_LOCATION = (
    Column("item_id", pl.Int32, "Item."),
    Column("location_id", pl.Int32, "Store or warehouse that holds the stock."),
)
STAMP = (
    Column(
        "run_id",
        pl.String,
        "Model run that wrote the row: a hash of its data, code and parameters, so equal inputs give equal rows.",
    ),
    Column("as_of_date", pl.Date, "Last day whose data the run knew."),
)
