"""The command line of defect detection: `stockroom vision`.

Belongs here: options, progress and messages. Does not belong here: work; every command calls a function of `ml.vision`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dagster_project.terminal import bar, console, refusing

if TYPE_CHECKING:
    from ml.vision.folders import Labelled
    from ml.vision.settings import VisionSettings

vision_app = typer.Typer(help="Find defective parts on photos: train, score, report, evaluate.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(help="Folder with photos below folders named good (or ok) and bad (or def).")]
ModelOption = Annotated[Path, typer.Option("--model", help="Folder of the model.")]
MissOption = Annotated[float, typer.Option("--miss-cost", help="Cost of a defective part that passes.")]
RejectOption = Annotated[float, typer.Option("--false-reject-cost", help="Cost of a good part that is rejected.")]
ReviewOption = Annotated[float, typer.Option("--review-cost", help="Cost of a person looking at a photo.")]
ShareOption = Annotated[
    float | None, typer.Option("--defect-share", help="Share of defective parts in production; default: that of the photos.")
]
StepsOption = Annotated[int, typer.Option("--steps", min=1, help="Training steps, at most.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Same seed, same photos: same model.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=0, help="Threads of the training; 0: all processors.")]
MAX_STEPS = 2_000


@vision_app.command()
def train(
    folder: FolderArgument,
    model: ModelOption,
    miss_cost: MissOption = 20.0,
    false_reject_cost: RejectOption = 1.0,
    review_cost: ReviewOption = 0.5,
    defect_share: ShareOption = None,
    steps: StepsOption = MAX_STEPS,
    seed: SeedOption = 1,
    threads: ThreadsOption = 0,
) -> None:
    """Learn from photos of good and defective parts (or of good ones alone), and choose the threshold of least cost."""
    with refusing(ValueError, OSError):
        from ml.vision.train import read_training_photos, train_on

        settings = _settings(miss_cost, false_reject_cost, review_cost, defect_share, steps, seed, threads)
        found = _labelled(folder)
        with bar("training") as progress:
            read = read_training_photos(found.photos, settings, lambda share, text: progress(0.1 * share, text))
            trained = train_on(read, settings, lambda share, text: progress(0.1 + 0.9 * share, text))
        trained.save(model)
    for path, reason in read.refused[:10]:
        console.print(f"[yellow]left out[/yellow] {escape(path)}: {escape(reason)}", soft_wrap=True)
    if len(read.refused) > 10:
        console.print(f"[yellow]left out[/yellow] {len(read.refused) - 10} more photos")
    decision, facts = trained.decision, trained.facts
    console.print(
        f"Model {trained.model_version} ({trained.kind}) in {escape(str(model))}: {facts['photos']:,} photos of {facts['parts']:,} parts, "
        f"{facts['defective_photos']:,} defective; {facts['steps']:,} steps in {facts['seconds']:.0f} s.",
        soft_wrap=True,
    )
    if decision.recall is not None:
        console.print(
            f"Threshold {decision.threshold:.2f}: recall {decision.recall:.1%}, precision {decision.precision or 0:.1%}, "
            f"{decision.false_reject_share:.1%} of good parts rejected, expected cost {decision.expected_cost:.3f} per part "
            f"(passing all {decision.cost_of_passing_all:.3f}, rejecting all {decision.cost_of_rejecting_all:.3f}); "
            f"{decision.unsure_share:.1%} for a person to look at.",
            soft_wrap=True,
        )
    else:
        console.print("No defect was among the photos: what is unlike every good photo counts as defective. Recall is unknown.")
    console.print(f"Next: stockroom vision score DIR --model {escape(str(model))} --csv scores.csv", soft_wrap=True)


@vision_app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Folder with photos, at any depth, or one photo.")],
    model: ModelOption,
    csv: Annotated[Path | None, typer.Option("--csv", help="File to write a row per photo into.")] = None,
) -> None:
    """Score photos: how likely each is defective, what to do with it, and why."""
    with refusing(ValueError, OSError):
        from ml.vision.folders import photos_in
        from ml.vision.predict import has_moved, score_photos
        from ml.vision.store import load_model

        loaded = load_model(model)
        paths = photos_in(folder)
        with bar("scoring") as progress:
            scores = score_photos(loaded, paths, progress=progress)
        if csv is not None:
            scores.write_csv(csv)
    counts = dict(scores["verdict"].value_counts().iter_rows())
    named = ", ".join(f"{counts.get(verdict, 0):,} {verdict}" for verdict in ("good", "defective", "unsure", "refused"))
    console.print(f"{len(paths):,} photos: {named}." + (f" Rows in {escape(str(csv))}." if csv else ""), soft_wrap=True)
    for row in scores.filter(scores["verdict"] == "refused").head(5).iter_rows(named=True):
        console.print(f"[yellow]refused[/yellow] {escape(row['path'])}: {escape(row['reason'])}", soft_wrap=True)
    statistic, sentence = has_moved(loaded, scores["defect_score"])
    console.print(f"[yellow]{escape(sentence)}[/yellow]" if statistic > 1 else escape(sentence), soft_wrap=True)


@vision_app.command()
def report(
    model: ModelOption,
    out: Annotated[Path, typer.Option("--out", help="HTML file to write; it needs nothing else.")] = Path("vision_report.html"),
) -> None:
    """Write a page: curves, the threshold and its cost, the worst mistakes with heat maps, short cuts in the photos."""
    with refusing(ValueError, OSError):
        from ml.vision.report import write_report
        from ml.vision.store import load_model

        write_report(load_model(model), out)
    console.print(f"Report in {escape(str(out))}.", soft_wrap=True)


@vision_app.command()
def evaluate(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")] = Path("vision_evaluation.json"),
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds; no part is in two of them.")] = 5,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Folds trained side by side; 0: one per processor.")] = 0,
    miss_cost: MissOption = 20.0,
    false_reject_cost: RejectOption = 1.0,
    review_cost: ReviewOption = 0.5,
    defect_share: ShareOption = None,
    steps: StepsOption = MAX_STEPS,
    seed: SeedOption = 1,
) -> None:
    """Test every photo once with a model that never saw its part, beside simpler ways on the same folds."""
    with refusing(ValueError, OSError):
        from ml.vision.evaluate import evaluate as run

        settings = _settings(miss_cost, false_reject_cost, review_cost, defect_share, steps, seed, 1)
        found = _labelled(folder)
        with bar("evaluating") as progress:
            result = run(found.photos, settings, folds, workers, progress=progress)
        out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    console.print(_results(result))
    shortcut = result["shortcut"]
    if shortcut["is_there"]:
        console.print(
            f"[yellow]The photos carry a short cut:[/yellow] file size, image size and brightness alone reach AUROC "
            f"{shortcut['metadata_auroc']:.3f}. With brightness and compression made equal the network reaches "
            f"{shortcut['network_auroc_equalised']:.4f} instead of {shortcut['network_auroc']:.4f}.",
            soft_wrap=True,
        )
    if "official_split" in result:
        split = result["official_split"]
        console.print(
            f"The train and test folders as they are leak: {split['share_with_part_in_training']:.1%} of the test photos show a "
            f"part that is in training. There the network reaches AUROC {split['ways']['network']['auroc']:.4f}, and so do "
            f"thumbnails with {split['ways']['nearest']['auroc']:.4f}.",
            soft_wrap=True,
        )
    console.print(f"Everything measured is in {escape(str(out))}.", soft_wrap=True)


def _results(result: dict) -> Table:
    from ml.vision.evaluate import MEASURES
    from ml.vision.report import WAYS

    table = Table(
        title=f"{result['photos']:,} photos of {result['parts']:,} parts, {len(result['folds'])} folds by part: means [95 % by part]"
    )
    for column in ("", "AUROC", "recall at 5 % false rejects", "at 1 %"):
        table.add_column(column)
    for name, way in result["ways"].items():
        cells = [f"{way['means'][key]:.4f} [{way['intervals'][key][0]:.3f}, {way['intervals'][key][1]:.3f}]" for key in MEASURES]
        table.add_row(WAYS.get(name, name), *cells)
    return table


def _settings(
    miss_cost: float, false_reject_cost: float, review_cost: float, share: float | None, steps: int, seed: int, threads: int
) -> VisionSettings:
    from ml.vision.settings import VisionSettings

    return VisionSettings(
        miss_cost=miss_cost,
        false_reject_cost=false_reject_cost,
        review_cost=review_cost,
        expected_defect_share=share,
        max_steps=steps,
        seed=seed,
        threads=threads,
    )


def _labelled(folder: Path) -> Labelled:
    from ml.vision.folders import labelled_photos

    found = labelled_photos(folder)
    for name, is_defective in found.taken_for.items():
        console.print(f"{escape(name)}: taken for {'defective' if is_defective else 'good'}", soft_wrap=True)
    if found.unlabelled:
        console.print(f"[yellow]{found.unlabelled:,} photos lie in no folder whose name says what they are: not used[/yellow]")
    return found
