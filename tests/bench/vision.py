"""Defect detection: grouped folds beside simple ways, drawn plates with faint defects, and what scoring costs.

Belongs here: which photos, timing, the page of figures. Does not belong here: measures (`ml.vision.evaluate`), drawing.

    make bench-vision                                    most of an hour; the cast parts need STOCKROOM_REAL_DATA
    python tests/bench/vision.py --markdown FILE         the same page for docs/benchmarks-vision.md
    python tests/bench/vision.py --only plates           one set; --steps 200 for a quick look
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from drawn_plates import write_plates
from generated_sections import markdown_table

from ml.vision.data import Canvas, usable_threads
from ml.vision.evaluate import RARE, evaluate
from ml.vision.folders import labelled_photos
from ml.vision.predict import BATCH, Scorer, score_photos
from ml.vision.report import WAYS
from ml.vision.settings import VisionSettings
from ml.vision.store import VisionModel
from ml.vision.train import train_model

PLATES = 220
_AIMS = {"auroc": 0.995, "recall_at_5pct": 0.985, "recall_at_1pct": 0.94}


def main(
    markdown: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Folder for figures as JSON, models and scores of each fold; folds that are there are not trained again."
        ),
    ] = None,
    only: Annotated[str, typer.Option(help="cast, plates or speed; default: all.")] = "",
    steps: Annotated[int, typer.Option(help="Training steps, at most; 0: the default.")] = 0,
    workers: Annotated[int, typer.Option(help="Folds trained side by side; 0: one per processor.")] = 0,
) -> None:
    """Measure and print the page."""
    settings = VisionSettings(threads=1, **({"max_steps": steps} if steps else {}))
    lines = _head()
    with tempfile.TemporaryDirectory() as scratch:
        real = os.environ.get("STOCKROOM_REAL_DATA")
        if only in ("", "cast") and real and (Path(real) / "casting.zip").exists():
            with zipfile.ZipFile(Path(real) / "casting.zip") as archive:
                archive.extractall(Path(scratch) / "cast")
            lines += _section("Cast parts", _evaluated(results, "cast", Path(scratch) / "cast", settings, workers), _AIMS)
        elif only in ("", "cast"):
            print("The cast parts are left out: STOCKROOM_REAL_DATA does not name a folder with casting.zip.")
        plates = Path(scratch) / "plates"
        write_plates(plates, PLATES)
        if only in ("", "plates"):
            lines += _section("Drawn plates", _evaluated(results, "plates", plates, settings, workers), {})
        if only in ("", "speed"):
            lines += _speed(plates)
    page = "\n".join(lines) + "\n"
    print(page)
    if markdown:
        markdown.write_text(page)


def _evaluated(results: Path | None, name: str, folder: Path, settings: VisionSettings, workers: int) -> dict[str, Any]:
    found = evaluate(
        labelled_photos(folder).photos,
        settings,
        workers=workers,
        progress=lambda share, text: print(f"{share:4.0%} {text}", flush=True),
        kept=results / name if results else None,
    )
    if results is not None:
        (results / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True))
    return found


def _head() -> list[str]:
    return [
        "# Benchmarks of defect detection",
        "",
        "Measured by `make bench-vision`. Photos are split by the part they show, never by file: near-duplicates under turning, "
        "mirroring, shear, shift and exposure stand in one fold. Every photo is tested once, by a model that never saw its part. A "
        "cell is the mean over the folds, and the 95 % interval when parts are drawn anew within each fold. Training, early stopping "
        "and thresholds see nothing of the tested fold.",
        "",
        f"{date.today()}, {usable_threads()} cores, Python {platform.python_version()}. Each fold is trained on one core.",
        "",
    ]


def _section(title: str, found: dict[str, Any], aims: dict[str, float]) -> list[str]:
    header = ["", "AUROC", "recall at 5 % false rejects", "recall at 1 %"]
    rows = [
        [
            WAYS.get(name, name),
            *(f"{way['means'][key]:.4f} [{way['intervals'][key][0]:.3f}, {way['intervals'][key][1]:.3f}]" for key in _AIMS),
        ]
        for name, way in sorted(found["ways"].items(), key=lambda item: -item[1]["means"]["auroc"])
    ]
    if aims:
        rows.insert(0, ["aim", *(f"{aim:.3f}" for aim in aims.values())])
    canvas, shortcut = found["canvas"], found["shortcut"]
    seconds = [fold["training_seconds"] for fold in found["folds"]]
    lines = [
        f"## {title}",
        "",
        f"{found['photos']:,} photos of {found['parts']:,} parts, {found['defective_photos']:,} photos defective; the network sees "
        f"{canvas['width']} x {canvas['height']} pixels. Training took {min(seconds):.0f} to {max(seconds):.0f} s a fold on one core.",
        "",
        *markdown_table(header, rows),
        f"Metadata alone reach AUROC {shortcut['metadata_auroc']:.3f}"
        + (": the photos carry a short cut. " if shortcut["is_there"] else ": no short cut worth a warning. ")
        + f"On photos made equal in brightness, contrast and compression the network reaches {shortcut['network_auroc_equalised']:.4f} "
        f"instead of {shortcut['network_auroc']:.4f}.",
        "",
        "Fold by fold:",
        "",
        *markdown_table(
            ["fold", "photos", "parts", "AUROC", "at 5 %", "at 1 %"],
            [
                [str(i + 1), f"{fold['photos']:,}", str(fold["parts"]), *(f"{got[key]:.4f}" for key in _AIMS)]
                for i, (fold, got) in enumerate(zip(found["folds"], found["ways"]["network"]["folds"], strict=True))
            ],
        ),
        f"What the threshold was worth where a miss costs {found['settings']['miss_cost']:g}, a false reject "
        f"{found['settings']['false_reject_cost']:g} and a look {found['settings']['review_cost']:g}; in each fold promised by its "
        "validation parts, and met:",
        "",
        *_decisions(
            f"as many defective as among the photos ({found['defective_photos'] / found['photos']:.0%})", found["decisions"]
        ),
        *_decisions(f"{RARE:.0%} defective", found["decisions_where_rare"]),
    ]
    if "official_split" in found:
        split = found["official_split"]
        lines += [
            f"**Leaking**: the set's own split into train and test. {split['share_with_part_in_training']:.1%} of its "
            f"{split['photos']:,} test photos show a part that is in training, so its figures say little: "
            + "; ".join(
                f"{WAYS.get(name, name)} AUROC {way['auroc']:.4f}, recall at 1 % {way['recall_at_1pct']:.3f}"
                for name, way in split["ways"].items()
            )
            + ".",
            "",
        ]
    return lines


def _decisions(title: str, decided: list[dict[str, float]]) -> list[str]:
    mean = {key: statistics.fmean(row[key] for row in decided) for key in decided[0]}
    names = ("promised_recall", "recall", "promised_false_rejects", "false_rejects")
    return [
        *markdown_table(
            [title, "recall promised", "met", "false rejects promised", "met"],
            [[f"fold {i + 1}", *(f"{row[name]:.3f}" for name in names)] for i, row in enumerate(decided)],
        ),
        f"Cost per part {mean['cost']:.3f} (promised {mean['promised_cost']:.3f}), {mean['cost_with_looks']:.3f} with a person looking at "
        f"the {mean['unsure_share']:.1%} unsure ones; passing or rejecting everything costs at least {mean['least_possible_cost']:.3f}.",
        "",
    ]


def _speed(plates: Path) -> list[str]:
    """Photos a second in the network and with decoding, and the latency of one, at the size of the cast parts (192 x 192)."""
    photos = labelled_photos(plates).photos
    with _threads():
        model = train_model(
            photos.filter(photos["is_defective"].cum_count() % 6 == 0), VisionSettings(max_steps=100, min_steps=1)
        )
    square = VisionModel.build(
        model.kind, model.network(), Canvas(192, 192, 1), model.decision, model.settings, model.facts, model.watched
    )
    scorer = Scorer(square)
    pixels = np.random.default_rng(1).integers(0, 255, (512, 1, 192, 192)).astype(np.uint8)
    one_look = _best(lambda: scorer.logits(pixels)) / len(pixels)
    paths = photos["path"].to_list()
    whole = _best(lambda: score_photos(square, paths), 2) / len(paths)
    single = statistics.median(_latencies(square, paths[:50]))
    looks = 1 + 0.35 * 7
    rows = [
        [f"network, one look, batches of {BATCH}", f"{1 / one_look:,.0f} photos/s", ""],
        [
            "network, with the second look at the 35 % that are close on validation",
            f"{1 / one_look / looks:,.0f} photos/s",
            "1,000",
        ],
        ["files to verdicts, decoding included", f"{1 / whole:,.0f} photos/s", ""],
        ["one photo, file to verdict, session open", f"{single * 1000:.1f} ms", "20 ms"],
    ]
    return ["## Speed", "", *markdown_table(["what", "measured", "aim"], rows)]


def _latencies(model: VisionModel, paths: list[str]) -> list[float]:
    from ml.vision.data import read_photo, to_canvas

    scorer, seconds = Scorer(model), []
    for path in paths:
        began = time.perf_counter()
        scorer.scores(to_canvas(read_photo(path), model.canvas)[None])
        seconds.append(time.perf_counter() - began)
    return seconds


def _best(work, times: int = 5) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


@contextmanager
def _threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    typer.run(main)
