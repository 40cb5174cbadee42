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

import curve
import duckdb
import typer
from rich.console import Console
from rich.table import Table

from dagster_project.settings import Settings

HERE = Path(__file__).parent
PYTHON = Path(sys.executable)
STOCKROOM = str(PYTHON.with_name("stockroom"))
MEMORY_LIMIT = "1400MB"  # DuckDB's own; Python and dbt come on top, and the whole must stay under 2 GB
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
    console.print(f"{label} …")
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


def generate(size: str, folder: Path) -> None:
    """Demo data, made by another process: this one must stay small, since what it starts counts from its memory upwards."""
    measure(f"generating {size} demo data", [STOCKROOM, "demo", "--size", size, "--seed", "7", "--out", str(folder)])


def dbt(label: str, settings: Settings, *arguments: str) -> Cost:
    """One dbt command on this project, as a user gives it: a process of its own that looks at the files first."""
    return measure(label, [STOCKROOM, "dbt", *arguments], settings.to_env())


def dbt_build(settings: Settings, *left_out: str) -> Cost:
    """Seeds, history, models and, unless left out, their tests: from raw files to the last KPI mart, in a fresh file."""
    settings.warehouse.unlink(missing_ok=True)
    kinds = ["--exclude-resource-type", "unit_test", *left_out]
    selection = ["--select", "+path:models/marts", "--indirect-selection", "buildable"]
    return dbt("dbt build to the last KPI mart", settings, "build", *kinds, *selection)


def without_single_counts(data: Path, folder: Path) -> Path:
    """The same files less those on single losses and counts, which the programs in pandas do not know either."""
    folder.mkdir()
    for path in data.iterdir():
        if path.name not in ("stock_adjustments.csv", "stock_counts.csv"):
            (folder / path.name).symlink_to(path.resolve())
    return folder


def ledger_curve(home: Path) -> list[tuple[curve.LedgerSize, Cost]]:
    """The stock ledger of ever larger chains: how many rows, and what building it from the files costs."""
    points = []
    for factor in curve.FACTORS:
        data, settings = (
            home / f"chain-{factor}",
            Settings(warehouse=home / f"chain-{factor}" / "stockroom.duckdb", memory_limit=MEMORY_LIMIT),
        )
        settings = settings.changed(source_dir=data)
        measure(f"generating a chain {factor} times as large", [str(PYTHON), str(HERE / "curve.py"), str(factor), str(data)])
        # other tests of staging would cost more than the ledger: models alone
        dbt("dbt parse", settings, "parse")
        cost = dbt(
            f"dbt build to its ledger, {factor} ×",
            settings,
            "build",
            "--select",
            "+int_stock_ledger",
            "--exclude-resource-type",
            "test",
            "unit_test",
        )
        points.append((curve.ledger_size(factor, settings.warehouse), cost))
    return points


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
            generate(size, data)
        small = home / "small"
        generate("small", small)

        data = without_single_counts(data, home / "files")
        floors = [measure("the floor", [str(PYTHON), str(HERE / "floor.py"), str(data)]) for _ in range(3)]
        floor = sorted(floors, key=lambda cost: cost.cpu_s)[1]
        settings = Settings(source_dir=data.resolve(), warehouse=home / "stockroom.duckdb", memory_limit=MEMORY_LIMIT)
        # dbt reads the whole project again after a path has changed: once, as after an installation, and not every day
        dbt("dbt parse", settings, "parse")
        builds = [dbt_build(settings, "--exclude-resource-type", "test") for _ in range(3)]
        build = sorted(builds, key=lambda cost: cost.cpu_s)[1]
        tested = dbt_build(settings)
        script = [str(PYTHON), str(HERE / "pandas_kpis.py"), str(data)]
        plain, tuned = measure("pandas", script), measure("pandas, tuned", [*script, "tuned"])
        differences = disagreements(warehouse_numbers(settings.warehouse), json.loads(plain.output.splitlines()[-1]))

        job = [STOCKROOM, "run", "--source", str(small), "--warehouse", str(home / "job" / "stockroom.duckdb")]
        env = {"DAGSTER_HOME": str(home / "dagster")}
        measure("the main job on small data, first run", job, env)
        run = measure("the main job on small data", job, env)
        points = ledger_curve(home)

    def at_full_size(is_met: bool) -> str:  # on little data nearly all of dbt's time is its start
        return _met(is_met) if size == "full" else "-"

    rows = [
        ("the floor: parse every column of every file", floor, "", ""),
        ("dbt build, raw files to the last KPI mart", build, "CPU ≤ 9 × the floor", at_full_size(build.cpu_s <= 9 * floor.cpu_s)),
        ("", None, "peak memory < 2 GB", at_full_size(max(b.peak_mib for b in [*builds, tested]) * 2**20 < 2e9)),
        ("the same with every data test", tested, "", ""),
        ("pandas, the same headline KPIs", plain, "the warehouse takes less CPU", at_full_size(build.cpu_s < plain.cpu_s)),
        ("", None, "and at most a third of the memory", at_full_size(build.peak_mib <= plain.peak_mib / 3)),
        ("pandas, columns and types picked by hand", tuned, "", ""),
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
    curve_header = (
        "stores",
        "items in stores",
        "days × items",
        "movements",
        "ledger rows",
        "ledger MiB",
        "CPU s",
        "CPU s per million movements",
    )
    curve_cells = [
        (f"{point.factor} ×", f"{point.item_locations:,}", f"{point.dense_rows:,}", f"{point.movements:,}", f"{point.ledger_rows:,}",
         f"{point.ledger_mib:,.0f}", f"{cost.cpu_s:.1f}", f"{cost.cpu_s / point.movements * 1e6:.1f}")
        for point, cost in points
    ]  # fmt: skip
    curve_table = Table(*curve_header, title="The stock ledger grows with events", title_justify="left")
    for row in curve_cells:
        curve_table.add_row(*row)
    console.print(curve_table)
    console.print("The headline numbers of warehouse and pandas agree." if not differences else f"They disagree: {differences}")
    if markdown:
        markdown.write_text(_markdown(size, header, cells, curve_header, curve_cells))
    raise SystemExit(1 if differences else 0)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _markdown(
    size: str,
    header: tuple[str, ...],
    cells: list[tuple[str, ...]],
    curve_header: tuple[str, ...],
    curve_cells: list[tuple[str, ...]],
) -> str:
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
        "The stock ledger grows with events, not with days × items: the same chain of 1,000 items with more "
        "stores, over one year. CPU seconds are those of dbt from the files to the ledger, its start included.",
        "",
        "| " + " | ".join(curve_header) + " |",
        "|" + "---|" * len(curve_header),
        *("| " + " | ".join(row) + " |" for row in curve_cells),
        "",
        "Repeat: `make bench` (some minutes), or `.venv/bin/python tests/bench/bench.py --size small` for a quick look.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
