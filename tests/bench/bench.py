"""Speed and memory as ratios taken in one run: the warehouse against the floor and against pandas, and the main job.

Belongs here: measuring whole processes with the operating system's own accounting. Does not belong here: a verdict in a test;
machines are noisy, so the table says what was found and the exit code only whether the numbers agree.

    make bench                                   full size: some minutes, about 3 GiB of disk
    python tests/bench/bench.py --size small     quick look
    python tests/bench/bench.py --markdown FILE  the same table for docs/benchmarks.md
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from dagster_project.demo import generate
from dagster_project.resources import Warehouse
from dagster_project.settings import DBT_PROJECT_DIR, Settings
from ml.contracts import OUTPUTS

HERE = Path(__file__).parent
PYTHON = Path(sys.executable)
MEMORY_LIMIT = "1500MB"  # DuckDB's own; Python and dbt come on top, and the whole must stay under 2 GB
console = Console(width=120)


@dataclass(frozen=True)
class Cost:
    """What one process took: CPU seconds (user and system), wall seconds, peak memory in MiB, and what it printed."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    output: str


def measure(label: str, command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end and read its cost from the operating system. Stops the benchmark when it fails."""
    console.print(f"measuring {label} …")
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        console.print(text[-3000:], markup=False)
        raise SystemExit(f"{label} failed with exit code {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, text)


def dbt_build(source: Path, warehouse: Path) -> Cost:
    """Seeds, models and their tests, from raw files to the last KPI mart, in a fresh file."""
    Warehouse(path=str(warehouse)).ensure_tables(OUTPUTS)
    folders = ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
    command = [str(PYTHON.with_name("dbt")), "build", "--select", "+path:models/marts", "--exclude-resource-type", "unit_test"]
    settings = Settings(source_dir=source, warehouse=warehouse, memory_limit=MEMORY_LIMIT)
    return measure("dbt build to the KPI marts", [*command, "--indirect-selection", "buildable", *folders], settings.to_env())


def warehouse_numbers(warehouse: Path) -> dict:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        row = connection.sql(
            """
            select
                sum(sold_units)::bigint as sold_units, sum(revenue_usd)::double as revenue_usd, sum(cogs_usd)::double as cogs_usd,
                sum(on_hand_usd_days)::double / max(period_days) as average_inventory_usd,
                sum(stock_out_days)::bigint as stock_out_days,
                (select avg(mean_lead_time_days) from marts.dim_vendor) as mean_lead_time_days
            from marts.rpt_inventory_item_location
            """
        )
        return dict(zip(row.columns, row.fetchone(), strict=True))


def disagreements(ours: dict, theirs: dict) -> list[str]:
    """Headline numbers that differ: whole numbers at all, money by more than a millionth (binary floats against decimals)."""
    return [
        f"{name}: {ours[name]} against {theirs[name]}"
        for name in ours
        if abs(ours[name] - theirs[name]) > 1e-6 * abs(theirs[name])
    ]


def main(
    size: Annotated[str, typer.Option(help="Size of the demo data for the warehouse part.")] = "full",
    data: Annotated[Path | None, typer.Option(help="Folder with demo data; made afresh when absent.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table to this file too.")] = None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if data is None:
            data = home / "data"
            console.print(f"generating {size} demo data …")
            generate(size, 7, data)
        small = home / "small"
        generate("small", 7, small)

        floors = [measure("the floor", [str(PYTHON), str(HERE / "floor.py"), str(data)]) for _ in range(3)]
        floor = sorted(floors, key=lambda cost: cost.cpu_s)[1]
        builds = []
        for attempt in range(3):
            (home / str(attempt)).mkdir()
            builds.append(dbt_build(data, home / str(attempt) / "stockroom.duckdb"))
        build = sorted(builds, key=lambda cost: cost.cpu_s)[1]
        pandas = measure("pandas", [str(PYTHON), str(HERE / "pandas_kpis.py"), str(data)])
        differences = disagreements(
            warehouse_numbers(home / "2" / "stockroom.duckdb"), json.loads(pandas.output.splitlines()[-1])
        )

        job = [
            str(PYTHON.with_name("stockroom")),
            "run",
            "--source",
            str(small),
            "--warehouse",
            str(home / "job" / "stockroom.duckdb"),
        ]
        env = {"DAGSTER_HOME": str(home / "dagster")}
        measure("the main job on small data, first run", job, env)
        run = measure("the main job on small data", job, env)

    rows = [
        ("the floor: parse every column of every file", floor, "", ""),
        ("dbt build, raw files to KPI marts", build, "CPU ≤ 6 × the floor", _met(build.cpu_s <= 6 * floor.cpu_s)),
        ("", None, "peak memory < 2 GB", _met(max(b.peak_mib for b in builds) * 2**20 < 2e9)),
        ("pandas, the same headline KPIs", pandas, "the warehouse takes less CPU", _met(build.cpu_s < pandas.cpu_s)),
        ("", None, "and at most a third of the memory", _met(build.peak_mib <= pandas.peak_mib / 3)),
        ("the main job on small data", run, "wall ≤ 60 s", _met(run.wall_s <= 60)),
    ]
    cells = [
        (what, *(("", "", "", "") if cost is None else (f"{cost.cpu_s:.1f}", f"{cost.wall_s:.1f}", f"{cost.peak_mib:,.0f}", f"{cost.cpu_s / floor.cpu_s:.1f}")), aim, met)
        for what, cost, aim, met in rows
    ]  # fmt: skip
    header = ("what", "CPU s", "wall s", "peak MiB", "× floor CPU", "aim", "met")
    table = Table(*header, title=f"{size} data, medians of three for floor and build", title_justify="left")
    for row in cells:
        table.add_row(*row)
    console.print(table)
    console.print("The headline numbers of warehouse and pandas agree." if not differences else f"They disagree: {differences}")
    if markdown:
        markdown.write_text(_markdown(size, header, cells))
    raise SystemExit(1 if differences else 0)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _markdown(size: str, header: tuple[str, ...], cells: list[tuple[str, ...]]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# Benchmarks",
        "",
        "Whole processes, measured by the operating system; every ratio comes from one run of `make bench` on one machine, so that a "
        "slow machine slows both sides. CPU seconds are user plus system; the floor is one DuckDB scan that parses every column of "
        "every raw file and keeps nothing.",
        "",
        f"{date.today()}, {size} synthetic data (seed 7), {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}. Medians of three for floor and build.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(row) + " |" for row in cells),
        "",
        "Repeat: `make bench` (some minutes), or `.venv/bin/python tests/bench/bench.py --size small` for a quick look.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
