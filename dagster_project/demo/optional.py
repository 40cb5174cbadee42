"""The optional files: what a retailer may know besides its six files, in the pipeline's own columns.

Belongs here: columns and formats of the optional files. Does not belong here: what happened
(`simulate`, `handling`), who bought (`loyalty`), what was agreed (`terms`), the world outside
(`surroundings`), the answers kept apart (`truth`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from .csvtext import CsvFile, money
from .handling import REASONS, counted
from .inspecting import write_photos
from .loyalty import card_lines
from .pricing import planned_promotions
from .purchasing import PurchaseLines
from .ranging import Range
from .seasons import calendar, is_closed
from .simulate import StoreRun
from .sizes import WARM_UP_DAYS
from .surroundings import competitor_prices, consumer_confidence, currency_rates, events, months, weather
from .terms import inspect, order_minimum_cents
from .words import CATEGORIES
from .world import World

COLUMNS: dict[str, str] = {
    "products": "item_id,category,subcategory,brand_name,shelf_life_days,attributes",
    "promotions": "promotion_id,item_id,location_id,first_date,last_date,promotion_name,promotion_price_usd,discount_share",
    "price_history": "item_id,valid_from,list_price_usd,purchase_price_usd",
    "calendar": "calendar_date,location_id,event_name,is_holiday,is_closed",
    "external_signals": "signal_date,location_id,signal_name,signal_value",
    "customers": "customer_id,customer_name,country",
    "customer_orders": "order_id,customer_id,order_date,location_id,item_id,ordered_units,revenue_usd",
    "competitor_prices": "observed_date,item_id,location_id,competitor_name,competitor_price_usd",
    "stock_counts": "location_id,item_id,count_date,counted_units",
    "stock_adjustments": "location_id,item_id,adjustment_date,adjusted_units,reason",
    "vendor_terms": "vendor_id,item_id,moq_units,pack_units,order_cycle_days,minimum_order_usd,promised_lead_time_days",
    "currency_rates": "currency,valid_from,usd_per_unit",
    "inspections": "inspected_date,vendor_id,item_id,location_id,inspected_units,defective_units",
    "inspection_photos": "photo,inspected_at,item_id,location_id,vendor_id,purchase_order_id,lot_id,inspected_units,label,disposition",
}
_BY_STORE = ("customer_orders", "stock_counts", "stock_adjustments")
_WEEK_DAYS = 7


class OptionalFiles:
    """All optional files of one data set; three of them grow store by store. `lines` counts per file."""

    def __init__(self, out: Path, world: World) -> None:
        self._out, self._world = out, world
        self.lines: dict[str, int] = {}
        self.photo_truth = pl.DataFrame()
        self._growing = {name: self._file(name) for name in _BY_STORE}
        self._is_open = np.array([not is_closed(day) for day in calendar(world.size.start, world.size.days)])

    def append(self, items: Range, run: StoreRun) -> None:
        """Write one store: its customers' orders, what was written off and what was counted."""
        world, store = self._world, items.store
        number, place = world.brands.number[items.brand], int(world.stores.number[store])
        price = world.prices.price_cents[items.brand, WARM_UP_DAYS:]
        cards = card_lines(world.customers, store, run.sales_units, price, self._is_open, world.seed)
        orders = pl.DataFrame(
            {
                "customer_id": world.customers.number[cards.customer],
                "order_date": self._dates(cards.day + WARM_UP_DAYS),
                "location_id": np.full(len(cards.day), place),
                "item_id": number[cards.item],
                "ordered_units": cards.units,
                "revenue_usd": money(cards.cents),
            }
        )
        came_back = pl.when(pl.col("ordered_units") < 0).then(pl.lit("-R")).otherwise(pl.lit(""))
        order_id = pl.format("{}-{}-{}{}", "location_id", pl.col("order_date").dt.strftime("%Y%m%d"), "customer_id", came_back)
        self._growing["customer_orders"].append(orders.with_columns(order_id.alias("order_id")))

        day, item = counted(run.is_opening_line, run.units_in, store, world.seed)
        self._growing["stock_counts"].append(
            pl.DataFrame(
                {
                    "location_id": np.full(len(day), place),
                    "item_id": number[item],
                    "count_date": self._dates(day + WARM_UP_DAYS),
                    "counted_units": run.at_close_units[day, item],
                }
            )
        )
        record = run.adjustments
        self._growing["stock_adjustments"].append(
            pl.DataFrame(
                {
                    "location_id": np.full(len(record.day), place),
                    "item_id": number[record.item],
                    "adjustment_date": self._dates(record.day),
                    "adjusted_units": record.units,
                    "reason": pl.Series(REASONS).gather(record.reason),
                }
            )
        )

    def write_rest(self, lines: PurchaseLines) -> None:
        """Write what holds for the whole chain, and finish the files of the stores."""
        for name, file in self._growing.items():
            file.close()
            self.lines[name] = file.lines
        for name, frame in (
            ("products", self._products()),
            ("promotions", self._promotions()),
            ("price_history", self._price_history()),
            ("calendar", self._calendar()),
            ("external_signals", self._external_signals()),
            ("customers", self._customers()),
            ("competitor_prices", self._competitor_prices()),
            ("vendor_terms", self._vendor_terms(lines)),
            ("currency_rates", self._currency_rates()),
            ("inspections", self._inspections(lines)),
            ("inspection_photos", self._inspection_photos(lines)),
        ):
            file = self._file(name)
            file.append(frame)
            file.close()
            self.lines[name] = file.lines

    def _products(self) -> pl.DataFrame:
        brands, products = self._world.brands, self._world.products
        text = {"subcategory": brands.variety, "brand_name": brands.house, "attributes": products.attributes}
        is_known = pl.Series(brands.description != "")
        return pl.DataFrame(
            {
                "item_id": brands.number,
                "category": [CATEGORIES[c].name for c in brands.category.tolist()],
                "shelf_life_days": _known(products.shelf_life_days),
                **{name: pl.Series(values, dtype=pl.String) for name, values in text.items()},
            }
        ).with_columns(pl.when(is_known).then(pl.exclude("item_id")))

    def _promotions(self) -> pl.DataFrame:
        """What was promoted, and what is planned for the weeks after the data: a retailer knows that, too."""
        world, promotions = (
            self._world,
            planned_promotions(self._world.prices.promotions, self._world.prices.shelf_cents, self._world.size, self._world.seed),
        )
        last = np.minimum(promotions.first_day, world.size.total_days - 1)
        usual = world.prices.shelf_cents[promotions.brand, last]
        item, first = pl.Series("item_id", world.brands.number[promotions.brand]), self._dates(promotions.first_day)
        is_week = promotions.last_day - promotions.first_day < _WEEK_DAYS
        frame = pl.DataFrame(
            {
                "item_id": item,
                "location_id": _nothing(len(item)),
                "first_date": first,
                "last_date": self._dates(promotions.last_day),
                "promotion_name": np.where(is_week, "Offer of the week", "Offer of the fortnight").tolist(),
                "promotion_price_usd": money(promotions.price_cents),
                "discount_share": np.round(1 - promotions.price_cents / usual, 4),
            }
        )
        promotion_id = pl.format("P{}-{}", "item_id", pl.col("first_date").dt.strftime("%Y%m%d")).alias("promotion_id")
        return frame.with_columns(promotion_id).sort("item_id", "first_date")

    def _price_history(self) -> pl.DataFrame:
        brands, prices = self._world.brands, self._world.prices
        shelf, cost = prices.shelf_cents[:, WARM_UP_DAYS:], prices.cost_cents[:, WARM_UP_DAYS:]
        changed = np.ones(shelf.shape, dtype=bool)
        changed[:, 1:] = (np.diff(shelf, axis=1) != 0) | (np.diff(cost, axis=1) != 0)
        changed &= (shelf > 0) | (cost > 0)  # of an item without any money on it nothing is known
        brand, day = np.nonzero(changed)
        return pl.DataFrame(
            {
                "item_id": brands.number[brand],
                "valid_from": self._dates(day + WARM_UP_DAYS),
                "list_price_usd": _known_money(shelf[brand, day]),
                "purchase_price_usd": _known_money(cost[brand, day]),
            }
        )

    def _calendar(self) -> pl.DataFrame:
        names = ("calendar_date", "event_name", "is_holiday", "is_closed")
        frame = pl.DataFrame(list(events(self._world.size)), schema=names, orient="row")
        return frame.with_columns(location_id=_nothing(frame.height))

    def _external_signals(self) -> pl.DataFrame:
        size, stores = self._world.size, self._world.stores
        days, months_ = self._dates(np.arange(size.days) + WARM_UP_DAYS), months(size)
        temperature, rain = weather(size, self._world.seed, stores)
        parts = [
            pl.DataFrame(
                {
                    "signal_date": pl.concat([days] * len(stores.number)),
                    "location_id": np.repeat(stores.number, size.days),
                    "signal_name": name,
                    "signal_value": values.ravel(),
                }
            )
            for name, values in (("temperature_c", temperature), ("precipitation_mm", rain))
        ]
        confidence = pl.DataFrame(
            {
                "signal_date": months_,
                "location_id": _nothing(len(months_)),
                "signal_name": "consumer_confidence_index",
                "signal_value": consumer_confidence(size, self._world.seed),
            }
        )
        return pl.concat([*parts, confidence])

    def _customers(self) -> pl.DataFrame:
        customers = self._world.customers
        return pl.DataFrame(
            {
                "customer_id": customers.number,
                "customer_name": [f"Card {number}" for number in customers.number.tolist()],
                "country": [country or None for country in customers.country.tolist()],
            }
        )

    def _competitor_prices(self) -> pl.DataFrame:
        world = self._world
        names, competitor, brand, day, cents = competitor_prices(world.size, world.seed, world.brands, world.prices)
        return pl.DataFrame(
            {
                "observed_date": self._dates(day),
                "item_id": world.brands.number[brand],
                "location_id": _nothing(len(day)),
                "competitor_name": pl.Series(names).gather(competitor),
                "competitor_price_usd": money(cents),
            }
        )

    def _vendor_terms(self, lines: PurchaseLines) -> pl.DataFrame:
        brands, vendors, terms = self._world.brands, self._world.vendors, self._world.terms
        of_vendors = pl.DataFrame(
            {
                "vendor_id": vendors.number,
                "order_cycle_days": terms.order_cycle_days,
                "minimum_order_usd": _known_money(order_minimum_cents(terms, lines)),
                "promised_lead_time_days": terms.promised_lead_time_days,
            }
        )
        case_only = np.flatnonzero(terms.is_case_only)
        of_items = pl.DataFrame(
            {
                "vendor_id": vendors.number[brands.vendor[case_only]],
                "item_id": brands.number[case_only],
                "moq_units": brands.case_units[case_only],
                "pack_units": brands.case_units[case_only],
            }
        )
        return pl.concat([of_vendors, of_items], how="diagonal").sort("vendor_id", "item_id", nulls_last=False)

    def _currency_rates(self) -> pl.DataFrame:
        firsts, rates = months(self._world.size), currency_rates(self._world.size, self._world.seed)
        return pl.concat(
            pl.DataFrame({"currency": name, "valid_from": firsts, "usd_per_unit": values}) for name, values in rates.items()
        )

    def _inspections(self, lines: PurchaseLines) -> pl.DataFrame:
        world, vendor = self._world, self._world.brands.vendor[lines.brand]
        seen = inspect(world.terms, lines, vendor, world.size.total_days, world.seed)
        frame = pl.DataFrame(
            {
                "inspected_date": self._dates(lines.receipt_day[seen.line]),
                "vendor_id": world.vendors.number[vendor[seen.line]],
                "item_id": world.brands.number[lines.brand[seen.line]],
                "location_id": world.stores.number[lines.store[seen.line]],
                "inspected_units": seen.inspected_units,
                "defective_units": seen.defective_units,
            }
        )
        key = ("inspected_date", "vendor_id", "item_id", "location_id")
        return frame.group_by(key).agg(pl.all().sum()).sort(key)

    def _inspection_photos(self, lines: PurchaseLines) -> pl.DataFrame:
        """The list of the photos; the photos themselves are written on the way, and the answers kept for the truth."""
        world, vendor = self._world, self._world.brands.vendor[lines.brand]
        counted_lines = inspect(world.terms, lines, vendor, world.size.total_days, world.seed).line
        rows, self.photo_truth = write_photos(self._out, world.size, world.terms, lines, vendor, counted_lines, world.seed)
        line = rows["line"].to_numpy()
        order, item = lines.orders.number[lines.order[line]], world.brands.number[lines.brand[line]]
        return pl.DataFrame(
            {
                "photo": rows["photo"],
                "inspected_at": self._dates(lines.receipt_day[line]),
                "item_id": item,
                "location_id": world.stores.number[lines.store[line]],
                "vendor_id": world.vendors.number[vendor[line]],
                "purchase_order_id": order,
                "lot_id": [f"L{number}-{brand}" for number, brand in zip(order.tolist(), item.tolist(), strict=True)],
                "inspected_units": np.ones(len(line), dtype=np.int64),
                "label": rows["label"],
                "disposition": pl.Series([None] * len(line), dtype=pl.String),
            }
        )

    def _dates(self, day: np.ndarray) -> pl.Series:
        """Dates of days of the simulation."""
        return pl.Series(
            np.datetime64(self._world.size.warm_start, "D") + np.asarray(day).astype("timedelta64[D]"), dtype=pl.Date
        )

    def _file(self, name: str) -> CsvFile:
        return CsvFile(self._out / f"{name}.csv", COLUMNS[name], line_end="\n")


def _known(values: np.ndarray) -> pl.Series:
    """Null where there is a 0."""
    return pl.Series(values).replace(0, None)


def _known_money(cents: np.ndarray) -> pl.Series:
    """Dollars, null where there are none."""
    return money(cents).set(pl.Series(cents == 0), None)


def _nothing(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.Int64)
