"""One small demo data set, generated once, and readers that undo the spelling of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from dagster_project.demo import DemoSummary, generate

SEED = 11


def read_csv(path: Path) -> pl.DataFrame:
    """All columns as text, blank lines left out, and only those."""
    frame = pl.read_csv(path, infer_schema=False).fill_null("")
    return frame.filter(pl.any_horizontal(pl.all() != ""))


@dataclass(frozen=True)
class Demo:
    folder: Path
    summary: DemoSummary

    def csv(self, name: str) -> pl.DataFrame:
        return read_csv(self.folder / name)

    def optional(self, name: str) -> pl.DataFrame:
        """An optional file, with numbers, dates and booleans as they look."""
        return pl.read_csv(self.folder / f"{name}.csv", try_parse_dates=True, infer_schema_length=None)

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "truth" / f"{name}.parquet")

    def opening(self) -> pl.DataFrame:
        return _stock(self.csv("BegInvFINAL12312016.csv"))

    def closing(self) -> pl.DataFrame:
        return _stock(self.csv("EndInvFINAL12312016.csv"))

    def sales(self) -> pl.DataFrame:
        slashed = pl.col("SalesDate").str.contains("/")
        date = (
            pl.when(slashed)
            .then(pl.col("SalesDate").str.to_date("%m/%d/%Y", strict=False))
            .otherwise(pl.col("SalesDate").str.to_date("%m-%d-%Y", strict=False))
        )
        return self.csv("SalesFINAL12312016.csv").select(
            *_keys(),
            date.alias("date"),
            pl.col("SalesQuantity").cast(pl.Int64).alias("units"),
            pl.col("SalesPrice").cast(pl.Float64).alias("price_usd"),
        )

    def purchases(self) -> pl.DataFrame:
        return self.csv("PurchasesFINAL12312016.csv").with_columns(
            *_keys(),
            *(pl.col(c).str.to_date("%d-%m-%Y") for c in ("PODate", "ReceivingDate", "InvoiceDate", "PayDate")),
            *(pl.col(c).cast(pl.Int64) for c in ("PONumber", "VendorNumber")),
            pl.col("Quantity").cast(pl.Int64).alias("units"),
            pl.col("Dollars").cast(pl.Float64),
            pl.col("PurchasePrice").cast(pl.Float64),
        )

    def receipts(self) -> pl.DataFrame:
        """What arrived by the last day."""
        lines = self.purchases().filter(pl.col("ReceivingDate") <= self.summary.end)
        return lines.select("item_id", "location_id", pl.col("ReceivingDate").alias("date"), "units")

    def adjustments(self) -> pl.DataFrame:
        """What was written down besides sales and receipts; negative units left the stock."""
        keys = pl.col("item_id", "location_id").cast(pl.Int32)
        return self.optional("stock_adjustments").select(
            keys, pl.col("adjustment_date").alias("date"), pl.col("adjusted_units").alias("units"), "reason"
        )

    def movements(self) -> pl.DataFrame:
        """Units in and out per item, store and day: receipts, sales, adjustments, unseen losses."""
        losses = self.truth("shrinkage").with_columns(pl.col("units").cast(pl.Int64))
        parts = [self.receipts(), self.sales().drop("price_usd"), losses, self.adjustments().drop("reason")]
        signs = (1, -1, -1, 1)
        signed = [part.with_columns(units=pl.col("units") * sign) for part, sign in zip(parts, signs, strict=True)]
        return pl.concat(signed).group_by("item_id", "location_id", "date").agg(pl.col("units").sum())

    def stock_at_close(self) -> pl.DataFrame:
        """Stock at the start (no date) and at the end of each day on which something moved."""
        key = ["item_id", "location_id"]
        opening = self.opening().with_columns(date=pl.lit(None, dtype=pl.Date))
        moves = pl.concat([part.select(*key, "date", "units") for part in (opening, self.movements())])
        return moves.sort(*key, "date", nulls_last=False).with_columns(stock=pl.col("units").cum_sum().over(key))


def _keys() -> tuple[pl.Expr, pl.Expr]:
    return (
        pl.col("Brand").cast(pl.Int32).alias("item_id"),
        pl.col("Store").cast(pl.Int32).alias("location_id"),
    )


def _stock(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(*_keys(), pl.col("onHand").cast(pl.Int64).alias("units"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("small")
    return Demo(folder, generate("small", SEED, folder))


@pytest.fixture(scope="session", params=["tiny", "small"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """For what must hold at every size, however small."""
    if request.param == "small":
        return request.getfixturevalue("small")
    folder = tmp_path_factory.mktemp(request.param)
    return Demo(folder, generate(request.param, SEED, folder))
