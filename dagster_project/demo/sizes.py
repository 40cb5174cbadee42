"""How big a demo data set is, and what a run reports back.

Belongs here: the plain numbers that scale a demo, and the summary of a finished one.
Does not belong here: any drawing of random numbers, any simulation, any file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

WARM_UP_DAYS = 70
"""Days simulated before the first one that is written, so that the data starts in mid-life:
with worn shelves, and with orders of the weeks before still on their way."""


@dataclass(frozen=True)
class DemoSize:
    """The scale of one demo; every other parameter is drawn from the seed."""

    name: str
    stores: int
    items: int
    """Brands that at least some stores may carry; the price list holds about a fifth more."""
    vendors: int
    start: date
    """The first day that is written: opening stock is counted at the start of it."""
    days: int
    carried_share: float
    """Mean share of the items that a store carries over the whole period."""
    mean_units_per_day: float
    """Mean demand of a carried item in one store, before seasons and promotions."""

    def __post_init__(self) -> None:
        if self.stores < 2 or self.vendors < 3 or self.items < max(12, self.vendors + 4) or self.days < 60:
            raise ValueError(
                f"Demo size '{self.name}' is too small to hold every oddity: take 2 stores, 3 vendors, "
                "12 items (and 4 more than vendors) and 60 days, or more."
            )

    @property
    def end(self) -> date:
        """The last day that is written: closing stock is counted at the end of it."""
        return self.start + timedelta(days=self.days - 1)

    @property
    def warm_start(self) -> date:
        """Day 0 of the simulation."""
        return self.start - timedelta(days=WARM_UP_DAYS)

    @property
    def total_days(self) -> int:
        """Days simulated: those written and the warm-up before them."""
        return self.days + WARM_UP_DAYS


SIZES: dict[str, DemoSize] = {
    size.name: size
    for size in (
        DemoSize("tiny", 2, 12, 4, date(2016, 9, 3), 120, 1.0, 1.2),
        DemoSize("small", 4, 300, 25, date(2016, 1, 1), 366, 0.90, 0.60),
        DemoSize("medium", 12, 1_000, 60, date(2015, 1, 1), 731, 0.70, 0.50),
        DemoSize("full", 79, 10_000, 126, date(2016, 1, 1), 366, 0.293, 0.39),
    )
}


@dataclass(frozen=True)
class DemoSummary:
    """What was generated. Rates are shares between 0 and 1."""

    size: str
    seed: int
    out: Path
    start: date
    end: date
    stores: int
    vendors: int
    item_locations: int
    opening_lines: int
    closing_lines: int
    sales_lines: int
    purchase_lines: int
    invoices: int
    price_list_lines: int
    optional_lines: dict[str, int]
    """Lines of each optional file."""
    opening_units: int
    received_units: int
    sold_units: int
    shrinkage_units: int
    """Lost unseen."""
    adjusted_units: int
    """Recorded besides sales and receipts: found less lost and returned."""
    closing_units: int
    demand_units: int
    stockout_rate: float
    """Ranged item-store-days that closed with an empty shelf / ranged item-store-days."""
    fill_rate: float
    """Units sold / units demanded."""
    seconds: float
