"""Everything that is settled before the first day.

Belongs here: the order in which the fixed parts are drawn. Does not belong here: any drawing itself,
anything that happens on a day.
"""

from __future__ import annotations

from dataclasses import dataclass

from .catalogue import Brands, Stores, Vendors, build_brands, build_stores, build_vendors
from .loyalty import Customers, build_customers
from .pricing import PriceCalendar, price_calendar
from .products import Products, build_products
from .ranging import Range, build_ranges
from .simulate import Goods
from .sizes import DemoSize
from .terms import Terms, build_terms


@dataclass(frozen=True)
class World:
    """One retailer, its vendors and its customers."""

    size: DemoSize
    seed: int
    stores: Stores
    vendors: Vendors
    brands: Brands
    products: Products
    terms: Terms
    prices: PriceCalendar
    ranges: list[Range]
    customers: Customers

    def goods(self, items: Range) -> Goods:
        """How the items of one store come."""
        brand = items.brand
        return Goods(self.brands.vendor[brand], self.brands.case_units[brand], self.terms.is_case_only[brand])


def build_world(size: DemoSize, seed: int) -> World:
    """Draw all of it."""
    stores, vendors = build_stores(size, seed), build_vendors(size, seed)
    brands = build_brands(size, seed, vendors)
    ranges = build_ranges(size, seed, brands, stores)
    return World(
        size=size,
        seed=seed,
        stores=stores,
        vendors=vendors,
        brands=brands,
        products=build_products(brands, seed),
        terms=build_terms(brands, vendors, seed),
        prices=price_calendar(brands, size, seed),
        ranges=ranges,
        customers=build_customers(size, seed, ranges),
    )
