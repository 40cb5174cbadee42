"""The proof of least cost: generated data, true demand, one year, every policy; and how long a replay of the full size takes.

    python tests/bench/replay_proof.py [--size medium] [--seed 11] [--data DIR --warehouse FILE] [--speed]

Settings were chosen on seed 7; what is reported is of another seed. Prints a markdown table.
Belongs here: the run and its table. Does not belong here: the truth (`replay_truth`), the replay (`ml.replenishment`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import polars as pl
from replay_panels import made_up_panel
from replay_truth import true_panel

from dagster_project.settings import Settings
from ml.replenishment.replay import MEASURES, VARIANTS, differences, replay
from ml.replenishment.replay_policies import WHAT_THEY_DO

BARS = ("actual", "eoq_textbook", "rs_textbook")
CLAIRVOYANT = "clairvoyant_distribution"
SPEED_POLICIES = ("eoq_textbook", "rs_textbook", "quantile", "newsvendor", "least_cost")


def stockroom(*arguments: str, env: dict[str, str] | None = None) -> None:
    """One command of the product. Stops when it fails."""
    command = [sys.executable, "-m", "dagster_project.cli", *arguments]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"stockroom {' '.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def built(size: str, seed: int, home: Path) -> tuple[Path, Path]:
    """Data and a warehouse up to the features."""
    data, warehouse = home / "data", home / "stockroom.duckdb"
    stockroom("demo", "--size", size, "--seed", str(seed), "--out", str(data))
    settings = Settings(source_dir=data, warehouse=warehouse)
    selection = ["--select", "+path:models/features", "--exclude-resource-type", "test", "unit_test"]
    stockroom("dbt", "build", *selection, env=settings.to_env())
    return data, warehouse


def proof(data: Path, warehouse: Path, size: str, seed: int) -> str:
    """The markdown table of one data set."""
    panel, truth, everyone = true_panel(data, warehouse, size, seed)
    names = [name for name in WHAT_THEY_DO if name != "actual"]
    results = replay(panel, ["actual", *names], truth=truth, variants=("estimate",))
    sums = results.group_by("policy", maintain_order=True).agg(pl.col(MEASURES).sum()).sort("total_cost_usd")
    lines = [
        f"Generated data, size {size}, seed {seed}: {panel.weeks} weeks from {panel.first_week}, true demand, {panel.series:,} of "
        f"{everyone.series:,} item-stores (in the range all year).",
        "",
        "| policy | holding | ordering | lost margin | total USD | fill rate | cycle service | order lines |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sums.iter_rows(named=True):
        costs = " | ".join(
            f"{row[name]:,.0f}" for name in ("holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd")
        )
        served = f"{row['sold_units'] / row['demand_units']:.1%} | {1 - row['short_cycles'] / row['cycles']:.1%}"
        lines.append(f"| {row['policy']} | {costs} | {served} | {row['order_lines']:,.0f} |")
    lines += ["", "| least_cost against | difference | 95 % interval |", "|---|---|---|"]
    for baseline in (*BARS, "rss_textbook", CLAIRVOYANT):
        row = (
            differences(results, baseline)
            .filter((pl.col("policy") == "least_cost") & (pl.col("segment") == "all"))
            .row(0, named=True)
        )
        lines.append(f"| {baseline} | {row['difference_share']:+.1%} | {row['low_share']:+.1%} to {row['high_share']:+.1%} |")
    return "\n".join(lines)


def speed(series: int = 200_000, weeks: int = 52) -> str:
    """Seconds of a replay of a whole chain: five policies, each on estimated demand and on both ends of its interval."""
    panel = made_up_panel(series, 52, weeks)
    started, burnt = time.perf_counter(), time.process_time()
    replay(panel, SPEED_POLICIES, variants=VARIANTS)
    wall, cpu = time.perf_counter() - started, time.process_time() - burnt
    return f"{series:,} item-stores x {weeks} weeks x {len(SPEED_POLICIES)} policies x {len(VARIANTS)} demands: {wall:.0f} s ({cpu:.0f} CPU s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="medium")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--warehouse", type=Path)
    parser.add_argument("--speed", action="store_true", help="only the clock")
    asked = parser.parse_args()
    if asked.speed:
        print(speed())
        return
    with tempfile.TemporaryDirectory() as home:
        data, warehouse = (asked.data, asked.warehouse) if asked.data else built(asked.size, asked.seed, Path(home))
        print(proof(data, warehouse, asked.size, asked.seed))


if __name__ == "__main__":
    main()
