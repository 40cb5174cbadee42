"""Composition: from a size and a seed to a folder of files.

Belongs here: the order of the steps, progress, the summary. Does not belong here: any step itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import files
from .handling import Staff
from .optional import OptionalFiles
from .purchasing import bill, receipts
from .ranging import draw_demand, draw_losses, expected_demand
from .seasons import calendar, demand_factors
from .simulate import simulate_store, vendor_calendar
from .sizes import SIZES, WARM_UP_DAYS, DemoSize, DemoSummary
from .streams import stream
from .truth import TRUTH_NOTE, TruthFiles, label
from .world import build_world

Progress = Callable[[str, float], None]


def generate(size: str | DemoSize, seed: int, out: Path, progress: Progress | None = None) -> DemoSummary:
    """Write a demo data set into `out` and say what is in it.

    `size` is a name in SIZES or a size of one's own. The same size and seed give the same bytes.
    `progress` is called with a short message and the share that is done, from 0 to 1.
    Raises ValueError for an unknown size or a negative seed.
    """
    started = time.perf_counter()
    scale, tell = _checked(size, seed), progress or (lambda message, share: None)
    tell("Drawing the catalogue", 0.0)
    truth_folder = out / "truth"
    truth_folder.mkdir(parents=True, exist_ok=True)
    # The labels come first: even a run that is cut short must not leave data that looks real.
    (out / "README.txt").write_text(label(scale, seed), encoding="utf-8")
    (truth_folder / "README.txt").write_text(TRUTH_NOTE, encoding="utf-8")

    world = build_world(scale, seed)
    brands, vendors, stores, prices = world.brands, world.vendors, world.stores, world.prices
    factors = demand_factors(calendar(scale.warm_start, scale.total_days))
    reviews, leads = vendor_calendar(vendors, scale.warm_start.weekday(), scale.total_days, stream(seed, "lead times"))

    store_files = files.StoreFiles(out, scale, brands, vendors, stores, prices)
    optional_files = OptionalFiles(out, world)
    truth_files = TruthFiles(truth_folder, scale, brands, stores)
    received, totals = [], np.zeros(8, dtype=np.int64)
    for items in world.ranges:
        tell(f"Store {items.store + 1} of {scale.stores}", 0.03 + 0.82 * items.store / scale.stores)
        expected = expected_demand(items, brands, prices, factors, scale)
        run = simulate_store(
            items,
            world.goods(items),
            Staff(items, world.products.shelf_life_days[items.brand], scale.total_days, WARM_UP_DAYS, seed),
            draw_demand(expected, items, seed),
            draw_losses(items, scale.total_days, seed),
            vendors,
            reviews,
            leads,
            WARM_UP_DAYS,
            stream(seed, "store", items.store),
        )
        store_files.append(items, run)
        optional_files.append(items, run)
        truth_files.append(items, run, expected[WARM_UP_DAYS:])
        received.append(receipts(items, run.orders))
        totals += [
            int(units.sum())
            for units in (
                run.opening_units,
                run.sales_units,
                run.shrinkage_units,
                run.adjustments.units,
                run.closing_units,
                run.demand_units,
                run.ranged_days,
                run.stockout_days,
            )
        ]
    store_files.close()

    tell("Purchases and invoices", 0.86)
    lines = bill(np.concatenate(received, axis=1), brands, vendors, prices, seed)
    purchase_lines = files.write_purchases(out / files.PURCHASES, lines, scale, brands, vendors, stores)
    invoices = files.write_invoices(out / files.INVOICES, lines, scale, vendors)
    price_list_lines = files.write_price_list(out / files.PRICE_LIST, brands, vendors)
    tell("Optional files", 0.97)
    optional_files.write_rest(lines)
    truth_files.write_master(vendors, world.terms, prices.promotions)
    truth_files.write_photos(optional_files.photo_truth)
    truth_files.close()

    tell("Done", 1.0)
    opening, sold, lost, adjusted, closing, demanded, ranged_days, stockout_days = totals.tolist()
    return DemoSummary(
        size=scale.name,
        seed=seed,
        out=out,
        start=scale.start,
        end=scale.end,
        stores=scale.stores,
        vendors=scale.vendors,
        item_locations=sum(len(items.brand) for items in world.ranges),
        opening_lines=store_files.opening.lines,
        closing_lines=store_files.closing.lines,
        sales_lines=store_files.sales.lines,
        purchase_lines=purchase_lines,
        invoices=invoices,
        price_list_lines=price_list_lines,
        optional_lines=optional_files.lines,
        opening_units=opening,
        received_units=int(lines.units[lines.receipt_day < scale.total_days].sum()),
        sold_units=sold,
        shrinkage_units=lost,
        adjusted_units=adjusted,
        closing_units=closing,
        demand_units=demanded,
        stockout_rate=stockout_days / max(1, ranged_days),
        fill_rate=sold / max(1, demanded),
        seconds=time.perf_counter() - started,
    )


def _checked(size: str | DemoSize, seed: int) -> DemoSize:
    if seed < 0:
        raise ValueError(f"The seed must be 0 or more, not {seed}.")
    if isinstance(size, DemoSize):
        return size
    if size not in SIZES:
        raise ValueError(f"Unknown size '{size}': choose one of {', '.join(SIZES)}.")
    return SIZES[size]
