"""A warehouse several of these tests lean on, in which much happens to the stock.

Belongs here: fixtures several of these tests lean on. Does not belong here: expected numbers.
"""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

STOCK = (
    "int_stock_movements",
    "int_recorded_adjustments",
    "int_stock_adjustments",
    "int_stock_ledger",
    "int_inventory_item_location",
    "int_stock_layers",
    "int_stock_age",
    "int_unsold_days",
    "fct_stock_counts",
    "rpt_shrinkage",
    "rpt_shrinkage_reason",
    "rpt_stock_exceptions",
)


@pytest.fixture(scope="session")
def busy_warehouse(built_warehouse: Path, tiny_source: Path, run_dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny data with 200 recorded adjustments and 150 cycle counts at random in place of its own."""
    path = tmp_path_factory.mktemp("busy") / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, path)
    draw = random.Random(7)
    with duckdb.connect(str(path)) as warehouse:
        start, end = warehouse.sql("select stock_start_date, as_of_date from intermediate.int_as_of").fetchone()
        keys = warehouse.sql("select item_id, location_id from intermediate.int_inventory_item_location order by all").fetchall()
        # some before the books begin and some that nobody knows of yet
        days = [start + timedelta(days=n) for n in range(-3, (end - start).days + 4)]
        adjustments = [
            (
                *draw.choice(keys),
                draw.choice(days),
                draw.choice([-3, -2, -1, 1, 2]),
                draw.choice(["breakage", "found", "return to vendor"]),
            )
            for _ in range(200)
        ]
        counts = {(*draw.choice(keys), draw.choice(days)): draw.randrange(30) for _ in range(150)}
        warehouse.execute("create table main.adjustments (item_id int, location_id int, day date, units int, reason varchar)")
        warehouse.executemany("insert into main.adjustments values (?, ?, ?, ?, ?)", adjustments)
        warehouse.execute("create table main.cycle_counts (item_id int, location_id int, day date, units int)")
        warehouse.executemany(
            "insert into main.cycle_counts values (?, ?, ?, ?)", [(*key, units) for key, units in counts.items()]
        )
        warehouse.execute("create table main.file_counts as from staging.stg_stock_counts where count_kind <> 'cycle'")
        warehouse.execute(
            """
            create or replace view staging.stg_stock_adjustments as
            select location_id, item_id, day as adjustment_date, units as adjusted_units, reason from main.adjustments
            """
        )
        warehouse.execute(
            """
            create or replace view staging.stg_stock_counts as
            from main.file_counts
            union all by name
            select 'cycle' as count_kind, location_id, item_id, day as count_date, units as counted_units from main.cycle_counts
            """
        )
    run_dbt(tiny_source, path, "build", "--select", *STOCK, checked=True)
    return path
