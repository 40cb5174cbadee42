"""From the warehouse's feature frames to a panel of weeks.

Belongs here: the weekly grid that ends on the as-of date, what is known ahead, attributes, outliers, why a series has no history.
Does not belong here: models, rows of the output frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import (
    CALENDAR_WEEKLY,
    DEMAND_WEEKLY,
    ITEM_LOCATIONS,
    KNOWN_WEEKLY,
    LEAD_TIME_DISTRIBUTION,
    SIGNALS_WEEKLY,
    ContractError,
)
from ml.forecasting.outliers import Outliers, find_outliers
from ml.forecasting.panel import Panel, repair_stock_outs
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """The feature frames of one run, as `ml.contracts` promises them; rows in any order."""

    demand_weekly: pl.DataFrame
    known_weekly: pl.DataFrame
    calendar_weekly: pl.DataFrame
    signals_weekly: pl.DataFrame
    item_locations: pl.DataFrame
    lead_time_distribution: pl.DataFrame

    def conformed(self) -> Features:
        """Each frame held to its contract and sorted by its key. Raises ContractError."""
        contracts = (DEMAND_WEEKLY, KNOWN_WEEKLY, CALENDAR_WEEKLY, SIGNALS_WEEKLY, ITEM_LOCATIONS, LEAD_TIME_DISTRIBUTION)
        frames = [contract.conform(frame).sort(contract.grain) for contract, frame in zip(contracts, self.frames, strict=True)]
        result = Features(*frames)
        for frame, column in (
            (result.demand_weekly, "sold_units"),
            (result.demand_weekly, "demand_units"),
            (result.lead_time_distribution, "probability"),
        ):
            if frame[column].is_infinite().any():
                raise ContractError(f"{column}: infinite values")
        return result

    @property
    def frames(self) -> tuple[pl.DataFrame, ...]:
        return (
            self.demand_weekly,
            self.known_weekly,
            self.calendar_weekly,
            self.signals_weekly,
            self.item_locations,
            self.lead_time_distribution,
        )


@dataclass(frozen=True)
class WeeklyPanel:
    """All item-locations as a panel, with what the rows need to say of them."""

    panel: Panel
    keys: pl.DataFrame
    """The item_locations rows, sorted: row i is series i."""
    last_week: date
    """First day of the last whole week."""
    demand_units: Array
    """Estimated demand before outliers were treated, (series, weeks)."""
    price_usd: Array
    """(series, weeks), NaN where unknown."""
    promotion_days: Array
    """(series, weeks)."""
    outliers: Outliers
    has_negative: NDArray[np.bool_]

    @property
    def codes(self) -> dict[str, NDArray[np.int64]]:
        """Category (-1 unknown), store and item of every series as codes from 0."""
        return {name: _codes(self.keys[name]) for name in ("product_category", "location_id", "item_id")}

    def weeks_ahead(self, horizon: int) -> list[date]:
        return [self.last_week + timedelta(days=7 * k) for k in range(1, horizon + 1)]

    def history_reasons(self, settings: ForecastSettings) -> list[str]:
        """Per series: "" where models can be fitted, else why they cannot."""
        weeks = self.panel.history_periods(self.panel.periods).tolist()
        has_sales = (self.panel.training_units.sum(axis=1) > 0).tolist()
        words = []
        for count, sold in zip(weeks, has_sales, strict=True):
            if count == 0:
                words.append("no history")
            elif not sold:
                words.append("no sales")
            else:
                words.append(f"short history: {count} weeks" if count < settings.min_training_periods else "")
        return words


def usable_demand(demand: pl.DataFrame, keys: pl.DataFrame, as_of_date: date, settings: ForecastSettings) -> pl.DataFrame:
    """The demand rows a run reads: of series in `keys`, ended by `as_of_date`, not older than the maximum.

    Later weeks are ignored, so one table serves runs as of any of its week ends. Demand of an item-location that is not in
    `keys` is ignored too: nobody asked for its forecast, and an order without a row there could not be placed. Raises
    ContractError when a week does not end on the as-of date's weekday: such weeks cannot be aligned.
    """
    back = (pl.lit(as_of_date - timedelta(days=6)) - pl.col("week_start_date")).dt.total_days()
    if demand.select((back % 7 != 0).any()).item():
        raise ContractError(f"ftr_demand_weekly: a week does not end on the weekday of the as-of date {as_of_date}")
    return demand.filter(back >= 0, back < 7 * settings.max_history_periods).join(
        keys.select("item_id", "location_id"), on=["item_id", "location_id"], how="semi", maintain_order="left"
    )


def build_panel(features: Features, as_of_date: date, horizon: int, settings: ForecastSettings) -> WeeklyPanel:
    """Lay the rows of conformed features, their demand cut by `usable_demand`, on the grid."""
    keys, last_week = features.item_locations, as_of_date - timedelta(days=6)
    place = keys.select("item_id", "location_id").with_row_index("row")
    rows = _placed(features.demand_weekly, place, last_week)
    weeks = int(rows["back"].max()) + 1 if rows.height else 1  # type: ignore[arg-type]
    row, column = rows["row"].to_numpy().astype(np.int64), weeks - 1 - rows["back"].to_numpy()
    shape = (keys.height, weeks)
    sold, demand, price = np.zeros(shape), np.zeros(shape), np.full(shape, np.nan)
    raw = rows["sold_units"].to_numpy()
    sold[row, column] = np.maximum(raw, 0.0)
    demand[row, column] = np.maximum(rows["demand_units"].to_numpy(), sold[row, column])
    price[row, column] = rows["price_usd"].fill_null(np.nan).to_numpy()
    in_stock, is_carried = np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    start = np.full(keys.height, weeks, dtype=np.int64)
    is_carried[row, column] = rows["is_carried"].to_numpy()
    in_stock[row, column] = (rows["stock_out_days"].to_numpy() <= 0) & is_carried[row, column]
    np.minimum.at(start, row, column)
    has_negative = np.zeros(keys.height, dtype=bool)
    has_negative[row[raw < 0]] = True
    if settings.repair_stock_outs:
        # where a stock-out lasted so long that nothing could be estimated, the weeks before it stand in; not for a dropped item
        guess = repair_stock_outs(sold, in_stock, start, 52, settings.repair_window_periods)
        demand = np.where(in_stock | (demand > sold) | ~is_carried, demand, guess)
    else:
        demand = sold.copy()

    known = _known(features, place, last_week, weeks, horizon)
    promotion_days = known[:, :weeks, 0].astype(np.float64)
    is_event = (promotion_days > 0) | (known[:, :weeks, 2] > 0)
    outliers = find_outliers(demand, start, in_stock, is_event)
    # the item tells something of a series only where other stores have it, too
    names = STATIC_NAMES if keys["item_id"].is_duplicated().any() else STATIC_NAMES[:-1]
    static = np.column_stack([_codes(keys[name]) for name in names]).astype(np.float64)
    panel = Panel(
        sold,
        outliers.training_units,
        in_stock,
        start,
        52,
        known,
        KNOWN_NAMES,
        static,
        names,
        _alignment(features, last_week, weeks, horizon),
        is_feast=(known[:, :, KNOWN_NAMES.index("holiday_days")] > 0).mean(axis=0) > 0.5,
    )
    return WeeklyPanel(panel, keys, last_week, demand, price, promotion_days, outliers, has_negative)


STATIC_NAMES = ("product_category", "store_location", "item_id")
KNOWN_NAMES = ("promotion_days", "discount", "holiday_days", "month")


def _placed(frame: pl.DataFrame, place: pl.DataFrame, last_week: date) -> pl.DataFrame:
    """Rows with the number of their series, and how many weeks before the last one they lie (negative: ahead)."""
    back = (pl.lit(last_week) - pl.col("week_start_date")).dt.total_days() // 7
    return frame.join(place, on=[c for c in place.columns if c != "row"]).with_columns(back=back.cast(pl.Int64))


def _known(features: Features, place: pl.DataFrame, last_week: date, weeks: int, horizon: int) -> NDArray[np.float32]:
    """Promotions, holidays and months on the grid of past and future weeks, (series, weeks + horizon, KNOWN_NAMES)."""
    known = np.zeros((place.height, weeks + horizon, len(KNOWN_NAMES)), dtype=np.float32)

    def inside(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(column=weeks - 1 - pl.col("back")).filter(pl.col("column").is_between(0, weeks + horizon - 1))

    planned = inside(_placed(features.known_weekly, place, last_week))
    at = planned["row"].to_numpy(), planned["column"].to_numpy()
    known[*at, 0], known[*at, 1] = planned["promotion_days"].to_numpy(), planned["discount"].to_numpy()
    stores = place.select("location_id").unique(maintain_order=True).with_row_index("row")
    days = inside(_placed(features.calendar_weekly, stores, last_week))
    calendar = np.zeros((stores.height, weeks + horizon, 2), dtype=np.float32)
    calendar[days["row"].to_numpy(), days["column"].to_numpy()] = days.select("holiday_days", "month").to_numpy()
    store = place.join(stores.rename({"row": "store"}), on="location_id", how="left", maintain_order="left")["store"].to_numpy()
    known[:, :, 2:] = calendar[store]
    return known


def _alignment(features: Features, last_week: date, weeks: int, horizon: int) -> Array:
    """What the calendar says of every week of the grid and the year before, the same in all stores."""
    found = np.ones(weeks + horizon)
    by_week = features.calendar_weekly.unique("week_start_date", keep="first", maintain_order=True)
    column = weeks - 1 - (pl.lit(last_week) - pl.col("week_start_date")).dt.total_days() // 7
    inside = by_week.with_columns(column=column).filter(pl.col("column").is_between(0, weeks + horizon - 1))
    found[inside["column"].to_numpy()] = inside["year_ago_alignment_ratio"].to_numpy()
    return found


def _codes(values: pl.Series) -> NDArray[np.int64]:
    """Codes from 0 in the order of the values; -1 for null."""
    distinct = values.drop_nulls().unique().sort()
    return values.replace_strict(distinct, list(range(len(distinct))), default=-1, return_dtype=pl.Int64).to_numpy()
