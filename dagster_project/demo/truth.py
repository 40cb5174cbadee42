"""What the files do not say: the answers against which methods can be scored.

Belongs here: Parquet files in `truth/`, keyed by item_id (brand) and location_id (store).
Does not belong here: anything the pipeline may read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from .catalogue import NEVER, Brands, Stores, Vendors
from .handling import closing_layers
from .pricing import Promotions
from .ranging import Range
from .simulate import StoreRun
from .sizes import WARM_UP_DAYS, DemoSize
from .terms import Terms
from .words import CATEGORIES


class TruthFiles:
    """The five truths that grow store by store, one row group per store."""

    def __init__(self, folder: Path, size: DemoSize, brands: Brands, stores: Stores) -> None:
        self._folder, self._size, self._brands, self._stores = folder, size, brands, stores
        self._writers: dict[str, pq.ParquetWriter] = {}

    def append(self, items: Range, run: StoreRun, expected_units: np.ndarray) -> None:
        """Write one store. `expected_units` is [day, item] without the warm-up."""
        item, day = np.nonzero(run.demand_units.T)
        demand, sales = run.demand_units[day, item], run.sales_units[day, item]
        self._write(
            "demand",
            self._keys(items, item).with_columns(
                self._dates("date", day + WARM_UP_DAYS),
                demand_units=demand,
                sales_units=sales,
                lost_units=demand - sales,
                mean_units=expected_units[day, item].astype(np.float32),
            ),
        )
        item, day = np.nonzero(run.shrinkage_units.T)
        self._write(
            "shrinkage",
            self._keys(items, item).with_columns(self._dates("date", day + WARM_UP_DAYS), units=run.shrinkage_units[day, item]),
        )
        item, day, left = closing_layers(run.opening_units, run.units_in, run.closing_units)
        self._write(
            "ageing",
            self._keys(items, item).with_columns(
                self._dates("receipt_date", day + WARM_UP_DAYS),
                units=left.astype(np.int32),
            ),
        )
        orders = run.orders
        cancelled = pl.Series(orders.first_units == 0)
        self._write(
            "orders",
            self._keys(items, orders.item).with_columns(
                self._dates("order_date", orders.day),
                ordered_units=orders.ordered_units,
                received_units=orders.first_units + orders.second_units,
                first_receipt_date=pl.when(~cancelled).then(self._dates("", orders.first_day)),
                is_warm_up=orders.day < WARM_UP_DAYS,
            ),
        )
        every = np.arange(len(items.brand))
        self._write(
            "item_locations",
            self._keys(items, every).with_columns(
                base_units_per_day=items.base_units,
                mean_units_per_day=expected_units.mean(axis=0),
                dispersion=items.dispersion,
                launch_date=self._dates("", items.launch_day, absent=0),
                delist_date=self._dates("", items.delist_day, absent=NEVER),
                ranged_days=run.ranged_days,
                stockout_days=run.stockout_days,
                demand_units=run.demand_units.sum(axis=0),
                sales_units=run.sales_units.sum(axis=0),
            ),
        )

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()

    def write_master(self, vendors: Vendors, terms: Terms, promotions: Promotions) -> None:
        """Write what holds for the whole chain: items, vendors, promotions."""
        brands = self._brands
        pl.DataFrame(
            {
                "item_id": brands.number.astype(np.int32),
                "category": [CATEGORIES[c].name for c in brands.category.tolist()],
                "vendor_id": vendors.number[brands.vendor].astype(np.int32),
                "popularity": brands.popularity,
                "price_elasticity": brands.elasticity,
                "growth_per_year": brands.growth_per_year,
                "is_stocked": brands.is_stocked,
                "is_unsold": brands.is_unsold,
                "launch_date": self._dates("", brands.launch_day, absent=0),
                "delist_date": self._dates("", brands.delist_day, absent=NEVER),
            }
        ).write_parquet(self._folder / "items.parquet")
        mean, sd = vendors.lead_time_days()
        pl.DataFrame(
            {
                "vendor_id": vendors.number.astype(np.int32),
                "vendor_name": [name.strip() for name in vendors.name.tolist()],
                "lead_time_mean_days": mean,
                "lead_time_sd_days": sd,
                "orders_per_cycle": vendors.review_weekdays.sum(axis=1),
                "order_cycle_days": vendors.every_weeks * 7,
                "late_share": vendors.late_share,
                "partial_share": vendors.partial_share,
                "cancelled_share": vendors.cancelled_share,
                "remainder_share": vendors.remainder_share,
                "is_inspected": terms.is_inspected,
                "defect_share": terms.defect_share,
            }
        ).write_parquet(self._folder / "vendors.parquet")
        pl.DataFrame(
            {
                "item_id": brands.number[promotions.brand].astype(np.int32),
                "first_date": self._dates("", promotions.first_day),
                "last_date": self._dates("", promotions.last_day),
                "price_usd": promotions.price_cents / 100,
            }
        ).sort("item_id", "first_date").write_parquet(self._folder / "promotions.parquet")

    def write_photos(self, truth: pl.DataFrame) -> None:
        """Write what each inspection photo really shows."""
        truth.write_parquet(self._folder / "photos.parquet")

    def _keys(self, items: Range, item: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "item_id": self._brands.number[items.brand[item]].astype(np.int32),
                "location_id": np.full(len(item), self._stores.number[items.store], dtype=np.int32),
            }
        )

    def _dates(self, name: str, day: np.ndarray, absent: int | None = None) -> pl.Series:
        first = np.datetime64(self._size.warm_start, "D")
        dates = pl.Series(name, first + day.astype("timedelta64[D]"))
        return dates if absent is None else dates.set(pl.Series(day == absent), None)

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        table = frame.to_arrow()
        if name not in self._writers:
            path = self._folder / f"{name}.parquet"
            self._writers[name] = pq.ParquetWriter(path, table.schema, compression="zstd")
        self._writers[name].write_table(table, row_group_size=max(1, table.num_rows))


def label(size: DemoSize, seed: int) -> str:
    """The text of the README.txt beside the data: nobody shall take it for real."""
    return (
        "SYNTHETIC DATA. Nothing in this folder is real: not the stores, not the vendors, not the brands.\n"
        f"Made by the demo generator of Stockroom, size '{size.name}', seed {seed}.\n"
        f"{size.stores} stores, {size.items} brands, {size.vendors} vendors, {size.start} to {size.end} "
        f"({size.days} days). The same size and seed give the same bytes.\n\n"
        "How: demand per brand, store and day is drawn from a negative binomial whose mean follows a\n"
        "weekly and a yearly season, holidays, a trend, prices and promotions. Each store is run day by\n"
        "day: arrivals, then sales (cut where the shelf is empty), then losses and what the staff write\n"
        "down, then a clerk's orders by thumb rules, with slips. Vendors have order days, lead times, late,\n"
        "short and cancelled lines.\n"
        "Shops are closed on Thanksgiving and on 25 December. The names of files and columns and the\n"
        "oddities of dates, blanks and spellings are those of a public teaching case on a retailer; the\n"
        "contents are not.\n\n"
        f"Opening stock is counted at the start of {size.start}, closing stock at the end of {size.end}.\n"
        "For every item and store, to the unit: opening + received - sold + adjustments - unseen losses = closing.\n"
        f"Purchase lines received after {size.end} are the open orders of that day.\n"
        f"Orders from before {size.start} are listed where they arrived on or after that day.\n\n"
        "OPTIONAL FILES, in lower case: delete what is not wanted. All as made up as the rest:\n"
        "products, promotions, price_history, calendar, vendor_terms   what held in the simulation;\n"
        "    promotions that begin after it are plans; goods with a shelf life come from few kinds of drink; a\n"
        "    minimum order is one that no bill was below; a vendor's item with a pack is sold by the case only\n"
        "stock_adjustments   the third of the losses that was seen, goods past their date, returns to vendors, finds\n"
        "stock_counts        a fifth of the items, on some day, counted without error at the end of it\n"
        "customers, customer_orders   cards that cover 15 % of the units sold (300,000 lines at most), each line part\n"
        "    of a line of the sales file. Lines with negative units came back to the shop; they are in no other file\n"
        "    and not on the shelf again\n"
        "inspections         samples of receipts; what is defective is exchanged at once, so stock does not change\n"
        "inspection_photos   drawn parts with scratches, pores and cracks, SYNTHETIC as all the rest: labelled examples under\n"
        "    training, photos of parts of some recent receipts with a list beside the folder, one bad lot among them, and a\n"
        "    few files as no folder is without; defective parts stay on the shelf\n"
        "external_signals, competitor_prices, currency_rates   NO EFFECT ON DEMAND or on anything else: invented\n"
        "    series to be read, in which nothing is to be found\n"
    )


TRUTH_NOTE = (
    "SYNTHETIC DATA: the answers behind the synthetic files in the folder above. For scoring methods;\n"
    "no pipeline may read them. item_id is the brand, location_id the store.\n\n"
    "demand          units asked for, sold and lost, for days with demand; mean_units is the expectation\n"
    "                given season, trend and price, before the day's chance\n"
    "shrinkage       units that went missing unseen; what was seen is in stock_adjustments.csv\n"
    "ageing          closing stock by day of receipt: sales and losses took the oldest units, finds count\n"
    "                as received when found, opening stock as received on the first day\n"
    "orders          what was ordered and what of it was ever delivered (0: cancelled by the vendor),\n"
    "                with the orders of the weeks before the first day\n"
    "item_locations  parameters of an item in a store; days in the range, days that closed empty;\n"
    "                mean_units_per_day is over the whole period, in the range or not\n"
    "items, vendors, promotions   parameters of the whole chain; a vendor's lead time is order to FIRST\n"
    "                receipt of a line, second receipts of short lines come 2 to 6 days after it;\n"
    "                defect_share is the share of defective units in what it delivers, inspected or not\n"
    "photos          the defect drawn on each inspection photo, null where the part is good\n"
)
