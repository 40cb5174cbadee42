"""How good forecasts are and what they cost, as ratios in one run: against every single model, a plain ensemble, the truth, AutoARIMA.

Belongs here: which parts are run, printing, the figures on file. Does not belong here: a verdict in a test; the table says where
the champion is better by more than chance and where it is not.

    make bench-forecasts                                    all parts: an hour; real data where STOCKROOM_REAL_DATA names it
    python tests/bench/forecasts.py --part wholesale        one part
    python tests/bench/forecasts.py --results F --markdown M  keep figures in F part by part, and write the page from all of F
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any

import arima_cost
import demand_sets
import forecast_page
import generator_truth
import rivals
import typer
import whole_step
from rich.console import Console
from rich.markdown import Markdown

PARTS = (*demand_sets.REAL, "generated", "arima", "full")
console = Console(width=160)


def real(part: str, series: int, seed: int, origins: int) -> dict[str, Any] | None:
    """One real data set at several origins; None, and why, where its files are absent."""
    name = os.environ.get("STOCKROOM_REAL_DATA")
    needed, read = demand_sets.REAL[part]
    if not name or not all((Path(name) / file).exists() for file in needed):
        console.print(f"{part}: skipped, STOCKROOM_REAL_DATA does not name a folder with {', '.join(needed)}")
        return None
    data = read(Path(name), series, seed) if part == "fresh" else read(Path(name))
    found = []
    for back in range(origins):
        console.print(f"{data.name}, origin {data.origins(origins)[back]} …")
        found.append(rivals.run_origin(data, back))
    console.print(f"{data.name}: the doors …")
    return {"origins": found, "door_difference": rivals.door_difference(data)}


def generated(parts: list[str], folder: Path | None, origins: int) -> dict[str, Any]:
    """The parts on generated data, which share warehouses."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as home:
        data = folder
        if data is None:
            data = Path(home) / "data"
            console.print(f"generating {generator_truth.SIZE} demo data …")
            size, seed = generator_truth.SIZE, generator_truth.SEED
            generator_truth.stockroom("demo", "--size", size, "--seed", str(seed), "--out", str(data))
        for as_of in generator_truth.as_of_days(origins if "generated" in parts else 1):
            console.print(f"a warehouse as of {as_of} …")
            weekly = generator_truth.weekly_panel(data, as_of, Path(home))
            if "generated" in parts:
                result.setdefault("generated", []).append(generator_truth.against_generator(data, as_of, weekly))
            if "arima" in parts and "arima" not in result:
                result["arima"] = arima_cost.against_auto_arima(data, as_of, weekly)
    return result


def full_size(folder: Path | None) -> dict[str, Any]:
    """The whole step for a large chain, and AutoARIMA on a sample of its series."""
    with tempfile.TemporaryDirectory() as home:
        data, [as_of] = folder or Path(home) / "data", generator_truth.as_of_days(1, "full")
        console.print(f"full demo data, and a warehouse as of {as_of} …")
        if folder is None:
            generator_truth.stockroom("demo", "--size", "full", "--seed", str(generator_truth.SEED), "--out", str(data))
        features = generator_truth.features_of(data, as_of, Path(home))
        console.print(f"forecasting {features.item_locations.height:,} series …")
        return whole_step.whole_step(data, as_of, features)


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)}; all by default. Repeatable.")] = None,
    series: Annotated[int, typer.Option(help="Random fresh-food series, of 50,000; 0 takes all.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Seed of that sample.")] = 1,
    origins: Annotated[int, typer.Option(help="Origins of the real and generated parts.")] = 3,
    data: Annotated[Path | None, typer.Option(help="Folder with medium demo data, seed 7; made afresh when absent.")] = None,
    full_data: Annotated[Path | None, typer.Option(help="The same for full demo data.")] = None,
    results: Annotated[Path | None, typer.Option(help="JSON file in which figures of earlier parts are kept.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the page to this file too.")] = None,
) -> None:
    warnings.filterwarnings("ignore")
    parts = list(part or PARTS)
    unknown = [name for name in parts if name not in PARTS]
    if unknown:
        raise typer.BadParameter(f"unknown parts {unknown}; there are {', '.join(PARTS)}")
    figures = json.loads(results.read_text()) if results and results.exists() else {}

    def keep(name: str, found: Any) -> None:
        if found is not None:
            figures[name] = found
        if results:
            results.write_text(json.dumps(figures))

    for name in demand_sets.REAL:
        if name in parts:
            keep(name, real(name, series, seed, origins))
    if {"generated", "arima"} & set(parts):
        for name, found in generated(parts, data, origins).items():
            keep(name, found)
    if "full" in parts:
        keep("full", full_size(full_data))
    page = forecast_page.markdown(figures)
    console.print(Markdown(page))
    if markdown:
        markdown.write_text(page)


if __name__ == "__main__":
    typer.run(main)
