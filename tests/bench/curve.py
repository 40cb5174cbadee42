"""How the stock ledger grows: the same chain with 1, 3 and 10 times as many stores, events against days × items.

Belongs here: sizes of tables and the cost of building the ledger. Does not belong here: a verdict; bench.py prints the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.demo import generate
from dagster_project.demo.sizes import DemoSize

FACTORS = (1, 3, 10)


@dataclass(frozen=True)
class LedgerSize:
    """One point of the curve. Rows are counted in the finished warehouse."""

    factor: int
    item_locations: int
    dense_rows: int
    """Days × items in stores: what a row per day would take."""
    movements: int
    """Sales and purchase lines, counts and adjustments that the ledger is made of."""
    ledger_rows: int
    ledger_mib: float


def chain(factor: int) -> DemoSize:
    """A chain of `factor` × 4 stores over one leap year."""
    return DemoSize(f"curve-{factor}", 4 * factor, 1_000, 40, date(2016, 1, 1), 366, 0.70, 0.40)


def write(factor: int, folder: Path) -> None:
    """Demo data of one point of the curve."""
    generate(chain(factor), 7, folder)


def ledger_size(factor: int, warehouse: Path) -> LedgerSize:
    """Count what a finished warehouse holds."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        item_locations, days, ledger_rows, movements = connection.sql(
            """
            select
                (select count(*) from (select distinct item_id, location_id from intermediate.int_stock_ledger)),
                (select as_of_date - stock_start_date + 1 from intermediate.int_as_of),
                (select count(*) from intermediate.int_stock_ledger),
                (select count(*) from staging.stg_sales) + (select count(*) from intermediate.int_stock_movements)
                + (select count(*) from intermediate.int_stock_adjustments where adjusted_units <> 0)
            """
        ).fetchone()
        blocks = connection.sql(
            "select count(distinct block_id) from pragma_storage_info('intermediate.int_stock_ledger') where block_id >= 0"
        ).fetchone()[0]
        block_bytes = connection.sql("select block_size from pragma_database_size()").fetchone()[0]
    return LedgerSize(factor, item_locations, item_locations * days, movements, ledger_rows, blocks * block_bytes / 2**20)


if __name__ == "__main__":
    import sys

    write(int(sys.argv[1]), Path(sys.argv[2]))
