"""The six files of the retailer, with their headers, formats and oddities.

Belongs here: columns, order of lines, what each file leaves out. Does not belong here: what
happened in the stores (`simulate`), the answers kept apart (`truth`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from .catalogue import Brands, Stores, Vendors
from .csvtext import CsvFile, day_first_dates, iso_dates, money, quoted, sales_dates
from .pricing import PriceCalendar
from .purchasing import PurchaseLines
from .ranging import Range
from .seasons import calendar
from .simulate import StoreRun
from .sizes import WARM_UP_DAYS, DemoSize

OPENING = "BegInvFINAL12312016.csv"
CLOSING = "EndInvFINAL12312016.csv"
SALES = "SalesFINAL12312016.csv"
PURCHASES = "PurchasesFINAL12312016.csv"
INVOICES = "InvoicePurchases12312016.csv"
PRICE_LIST = "2017PurchasePricesDec.csv"

_STOCK_HEADER = "InventoryId,Store,City,Brand,Description,Size,onHand,Price,"
HEADERS: dict[str, str] = {
    OPENING: _STOCK_HEADER + "startDate",
    CLOSING: _STOCK_HEADER + "endDate",
    SALES: "InventoryId,Store,Brand,Description,Size,SalesQuantity,SalesDollars,SalesPrice,SalesDate,"
    "Volume,Classification,ExciseTax,VendorNo,VendorName",
    PURCHASES: "InventoryId,Store,Brand,Description,Size,VendorNumber,VendorName,PONumber,PODate,"
    "ReceivingDate,InvoiceDate,PayDate,PurchasePrice,Quantity,Dollars,Classification",
    INVOICES: '"VendorNumber","VendorName","InvoiceDate","PONumber","PODate","PayDate","Quantity","Dollars","Freight","Approval"',
    PRICE_LIST: '"Brand","Description","Price","Size","Volume","Classification","PurchasePrice","VendorNumber","VendorName"',
}
_PURCHASES_PER_PIECE = 400_000


@dataclass
class StoreFiles:
    """The three files that grow store by store."""

    out: Path
    size: DemoSize
    brands: Brands
    vendors: Vendors
    stores: Stores
    prices: PriceCalendar

    def __post_init__(self) -> None:
        self.opening, self.closing, self.sales = (CsvFile(self.out / name, HEADERS[name]) for name in (OPENING, CLOSING, SALES))
        self._sales_dates = pl.Series(sales_dates(calendar(self.size.start, self.size.days)), dtype=pl.String)

    def append(self, items: Range, run: StoreRun) -> None:
        """Write one store's counts and sales."""
        shelf = self.prices.shelf_cents[items.brand]
        first, last = day_first_dates([self.size.start, self.size.end])
        table = item_table(items.store, items.brand, self.brands, self.vendors, self.stores)
        for file, kept, units, cents, name, text in (
            (
                self.opening,
                run.is_opening_line,
                run.opening_units,
                shelf[:, WARM_UP_DAYS],
                "startDate",
                first,
            ),
            (self.closing, run.is_closing_line, run.closing_units, shelf[:, -1], "endDate", last),
        ):
            count = pl.Series("onHand", units), money(cents).alias("Price"), pl.lit(text).alias(name)
            file.append(table.with_columns(count).filter(pl.Series(kept)))

        item, day = np.nonzero(run.sales_units.T)
        units = run.sales_units[day, item].astype(np.int64)
        price = self.prices.price_cents[items.brand[item], day + WARM_UP_DAYS]
        excise = np.round(units * self.brands.excise_cents[items.brand[item]])
        self.sales.append(
            table[item].with_columns(
                pl.Series("SalesQuantity", units),
                money(units * price).alias("SalesDollars"),
                money(price).alias("SalesPrice"),
                self._sales_dates.gather(day).alias("SalesDate"),
                money(excise).alias("ExciseTax"),
            )
        )

    def close(self) -> None:
        """Finish the files; the closing count ends in the blank lines of its spreadsheet."""
        self.closing.append_blank_lines(max(3, self.closing.lines // 100))
        for file in (self.opening, self.closing, self.sales):
            file.close()


def item_table(store: int | np.ndarray, brand: np.ndarray, brands: Brands, vendors: Vendors, stores: Stores) -> pl.DataFrame:
    """The text that every line of an item in a store repeats; `store` and `brand` are positions."""
    places = np.broadcast_to(store, brand.shape)
    vendor = brands.vendor[brand]
    names = {
        "Description": brands.description,
        "Size": brands.size,
        "Volume": brands.volume,
        "VendorName": brands.vendor_name,
    }
    table = pl.DataFrame(
        {
            "Store": stores.number[places],
            "City": pl.Series(stores.city, dtype=pl.String).gather(places),
            "Brand": brands.number[brand],
            "Classification": brands.classification[brand],
            "VendorNo": vendors.number[vendor],
            "VendorNumber": vendors.number[vendor],
            **{name: pl.Series(values, dtype=pl.String).gather(brand) for name, values in names.items()},
        }
    )
    key = pl.concat_str("Store", "City", "Brand", separator="_").alias("InventoryId")
    return table.with_columns(key)


def write_purchases(
    path: Path,
    lines: PurchaseLines,
    size: DemoSize,
    brands: Brands,
    vendors: Vendors,
    stores: Stores,
) -> int:
    """Write the receipts in the order of their vendors' invoices; returns the number of lines."""
    file = CsvFile(path, HEADERS[PURCHASES])
    dates = pl.Series(day_first_dates(calendar(size.warm_start, size.total_days + 120)), dtype=pl.String)
    orders = lines.orders
    for start in range(0, len(lines.units), _PURCHASES_PER_PIECE):
        part = slice(start, start + _PURCHASES_PER_PIECE)
        order, brand = lines.order[part], lines.brand[part]
        file.append(
            item_table(lines.store[part], brand, brands, vendors, stores).with_columns(
                pl.Series("PONumber", orders.number[order]),
                dates.gather(orders.day[order]).alias("PODate"),
                dates.gather(lines.receipt_day[part]).alias("ReceivingDate"),
                dates.gather(orders.invoice_day[order]).alias("InvoiceDate"),
                dates.gather(orders.pay_day[order]).alias("PayDate"),
                money(lines.cost_cents[part]).alias("PurchasePrice"),
                pl.Series("Quantity", lines.units[part]),
                money(lines.cost_cents[part] * lines.units[part]).alias("Dollars"),
            )
        )
    file.append_blank_lines(max(3, file.lines // 5_000))
    file.close()
    return file.lines


def write_invoices(path: Path, lines: PurchaseLines, size: DemoSize, vendors: Vendors) -> int:
    """Write one invoice per order; a renamed vendor signs with its new name from the middle on."""
    file, orders = CsvFile(path, HEADERS[INVOICES]), lines.orders
    dates = iso_dates(calendar(size.warm_start, size.total_days + 120))
    is_late_name = orders.day >= WARM_UP_DAYS + size.days // 2
    names = np.where(is_late_name, vendors.second_name[orders.vendor], vendors.name[orders.vendor])
    file.append(
        pl.DataFrame(
            {
                "VendorNumber": vendors.number[orders.vendor],
                "VendorName": quoted(names),
                "InvoiceDate": quoted(dates[orders.invoice_day]),
                "PONumber": orders.number,
                "PODate": quoted(dates[orders.day]),
                "PayDate": quoted(dates[orders.pay_day]),
                "Quantity": orders.units,
                "Dollars": money(orders.cents),
                "Freight": money(orders.freight_cents),
                "Approval": np.where(orders.is_approved, '"Controller"', '"None"').tolist(),
            }
        ),
        quote_style="never",
    )
    file.close()
    return file.lines


def write_price_list(path: Path, brands: Brands, vendors: Vendors) -> int:
    """Write all brands, those that no store carries among them."""
    file = CsvFile(path, HEADERS[PRICE_LIST])
    file.append(
        pl.DataFrame(
            {
                "Brand": brands.number,
                "Description": quoted(brands.description),
                "Price": money(brands.price_cents),
                "Size": quoted(brands.list_size),
                "Volume": quoted(brands.volume),
                "Classification": brands.classification,
                "PurchasePrice": money(brands.cost_cents),
                "VendorNumber": vendors.number[brands.vendor],
                "VendorName": quoted(brands.vendor_name),
            }
        ),
        quote_style="never",
    )
    file.close()
    return file.lines
