"""How good is it, honestly: grouped folds, simple ways beside the network, intervals by part, what a threshold is worth.

Belongs here: folds, measures, the comparison as one dictionary. Does not belong here: how any of the models works, pages.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.vision import baselines
from ml.vision.data import usable_threads
from ml.vision.groups import split_by_time, split_groups
from ml.vision.kept import decided_anew, fold_folder, keep_fold, kept_fold
from ml.vision.settings import VisionSettings
from ml.vision.threshold import Decision

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]
MEASURES = ("auroc", "recall_at_5pct", "recall_at_1pct")
SHORTCUT = 0.7
"""AUROC of the metadata-only model from which the photos carry a short cut that is worth a warning."""
RARE = 0.05
"""Share of defective parts at which decisions are measured besides: among photos to learn from there are seldom as few as in use."""
_REPLICATES = 400
_TRAIN, _TEST = re.compile(r"[/\\]train(ing)?[/\\]", re.I), re.compile(r"[/\\]test(ing)?[/\\]", re.I)


def evaluate(
    photos: pl.DataFrame,
    settings: VisionSettings,
    folds: int = 5,
    workers: int = 0,
    official: bool = True,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> dict[str, Any]:
    """Every photo tested once by a model that never saw its part; the same photos always give the same figures.

    Folds are trained side by side, each in a process of one thread. Where the paths name a train and a test folder,
    that split is measured too, and labelled as leaking as far as parts stand on both sides. Where the times are known
    (taken_at), so is what a model of the earlier parts makes of the later ones. In the folder `kept` the scores of each
    fold stay (`ml.vision.kept`); those there of the same photos, parts and settings are taken as they are.
    """
    from ml.vision.train import TrainingError, read_training_photos

    say = progress or (lambda share, text: None)
    read = read_training_photos(photos, settings, lambda share, text: say(0.1 * share, text))
    if not read.labels.any() or read.labels.all():
        raise TrainingError("an evaluation needs good and defective photos")
    fold = split_groups(read.groups, read.labels, folds, settings.seed)
    equal = [baselines.equalised(path, read.canvas, settings.max_photo_pixels) for path in read.paths]
    one = replace(settings, threads=1)
    shown = np.stack([pixels for pixels, _ in equal])
    splits = {str(i): (np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(folds)}
    split = official_split(read.paths) if official else None
    if split is not None:
        splits["official"] = split
    later = split_by_time(read.groups, read.times, 1 / folds) if read.times is not None else None
    if later is not None and all(len(np.unique(read.labels[rows])) == 2 for rows in later):
        splits["later"] = later
    tasks = {
        name: (
            read,
            learn,
            test,
            shown if name.isdigit() else None,
            one,
            None if kept is None else fold_folder(kept, name, read, learn, test, one),
        )
        for name, (learn, test) in splits.items()
    }
    found = _side_by_side(tasks, workers, lambda share, text: say(0.1 + 0.9 * share, text))
    metadata = np.array([row for _, row in equal])
    for name, result in found.items():
        if name.isdigit():
            learn, test = np.flatnonzero(fold != int(name)), np.flatnonzero(fold == int(name))
            result["scores"]["metadata_equalised"] = baselines.metadata_only(metadata, read.labels, learn, test, settings.seed)
    result = _summary(read, fold, {int(name): of for name, of in found.items() if name.isdigit()}, settings)
    if split is not None:
        result["official_split"] = _one_split(read, split, found["official"])
    if "later" in found:
        result["later_photos"] = _one_split(read, later, found["later"])
    return result


def one_fold(
    read, learn: NDArray[np.int64], test: NDArray[np.int64], equal, settings: VisionSettings, folder: Path | None = None
) -> dict[str, Any]:
    """Train on some rows, score others: the network, and the simple ways. What `folder` holds already is not computed again."""
    import torch

    from ml.vision.fit import looked_scores
    from ml.vision.train import select, train_on

    torch.set_num_threads(1)
    before = kept_fold(folder) if folder is not None else None
    model, scores = before or (train_on(select(read, learn), settings), {})
    if before is None:
        network, close = model.network(), model.decision.close
        scores["network"] = looked_scores(network, read.pixels, test, close)
        if equal is not None:
            scores["network_equalised"] = looked_scores(network, torch.from_numpy(equal[test]), np.arange(len(test)), close)
    small = baselines.small_pixels(read.pixels.numpy())
    ways = {
        "nearest": lambda: baselines.nearest_neighbour(small, read.labels, learn, test),
        "logistic": lambda: baselines.logistic(small, read.labels, learn, test),
        "metadata": lambda: baselines.metadata_only(read.metadata, read.labels, learn, test, settings.seed),
        "good_only": lambda: baselines.good_only(read.pixels, read.labels, read.groups, learn, test, settings),
    }
    for name, way in ways.items():
        if name not in scores and (name != "good_only" or equal is not None):
            scores[name] = way()
    if folder is not None:
        keep_fold(folder, read, test, model, scores)
    rare = decided_anew(model, replace(settings, expected_defect_share=RARE))
    return {"test": test, "scores": scores, "decision": decided_anew(model, settings), "where_rare": rare, "facts": model.facts}


def _side_by_side(tasks: Mapping[str, tuple], workers: int, say: Progress) -> dict[str, dict]:
    workers = min(workers or usable_threads(), len(tasks))
    results: dict[str, dict] = {}
    if workers == 1:
        for name, task in tasks.items():
            say(len(results) / len(tasks), f"fold {name}")
            results[name] = one_fold(*task)
        return results
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[str, Future] = {name: pool.submit(one_fold, *task) for name, task in tasks.items()}
        for name, future in running.items():
            say(len(results) / len(tasks), f"{len(results)} of {len(tasks)} folds done")
            results[name] = future.result()
    return results


def _summary(read, fold: NDArray[np.int64], found: dict[int, dict], settings: VisionSettings) -> dict[str, Any]:
    names = list(next(iter(found.values()))["scores"])
    ways = {}
    for name in names:
        per_fold = [measures(found[i]["scores"][name], read.labels[found[i]["test"]]) for i in sorted(found)]
        means = {key: float(np.mean([row[key] for row in per_fold])) for key in MEASURES}
        intervals = bootstrap([(found[i]["scores"][name], found[i]["test"]) for i in sorted(found)], read, settings.seed)
        ways[name] = {"means": means, "intervals": intervals, "folds": per_fold}
    decided, where_rare = (
        [
            decided_well(found[i][of], found[i]["scores"]["network"], read.labels[found[i]["test"]], settings)
            for i in sorted(found)
        ]
        for of in ("decision", "where_rare")
    )
    network, metadata = ways["network"]["means"], ways["metadata"]["means"]
    equal = ways.get("network_equalised", {}).get("means")
    return {
        "photos": len(read.labels),
        "defective_photos": int(read.labels.sum()),
        "parts": len(np.unique(read.groups)),
        "refused": [{"path": path, "reason": reason} for path, reason in read.refused],
        "canvas": asdict(read.canvas),
        "folds": [
            {
                "photos": int((fold == i).sum()),
                "defective_photos": int(read.labels[fold == i].sum()),
                "parts": len(np.unique(read.groups[fold == i])),
                "training_seconds": found[i]["facts"]["seconds"],
                "steps": found[i]["facts"]["steps"],
            }
            for i in sorted(found)
        ],
        "ways": ways,
        "decisions": decided,
        "decisions_where_rare": where_rare,
        "shortcut": {
            "metadata_auroc": metadata["auroc"],
            "is_there": metadata["auroc"] >= SHORTCUT,
            "network_auroc": network["auroc"],
            "network_auroc_equalised": equal["auroc"] if equal else None,
        },
        "settings": asdict(settings),
    }


def measures(scores: Array, labels: NDArray[np.bool_]) -> dict[str, float]:
    """AUROC, and recall where 5 % and 1 % of the good photos score higher than the threshold."""
    from sklearn.metrics import roc_auc_score

    if labels.all() or not labels.any():
        return dict.fromkeys(MEASURES, float("nan"))
    return {
        "auroc": float(roc_auc_score(labels, scores)),
        "recall_at_5pct": recall_at(scores, labels, 0.05),
        "recall_at_1pct": recall_at(scores, labels, 0.01),
    }


def recall_at(scores: Array, labels: NDArray[np.bool_], false_rejects: float) -> float:
    """Share of defects above the lowest threshold at which at most that share of good photos is rejected."""
    good = np.sort(scores[~labels])
    allowed = int(np.floor(false_rejects * len(good) + 1e-9))
    return float((scores[labels] > good[len(good) - 1 - allowed]).mean())


def bootstrap(folds: list[tuple[Array, NDArray[np.int64]]], read, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of the means over folds: parts drawn anew within each fold, with all their photos."""
    random = np.random.default_rng(seed)
    drawn: list[list[float]] = []
    rows = [_rows_by_group(read.groups[test]) for _, test in folds]
    for _ in range(_REPLICATES):
        per_fold = []
        for (scores, test), groups in zip(folds, rows, strict=True):
            chosen = np.concatenate([groups[k] for k in random.integers(0, len(groups), len(groups))])
            labels = read.labels[test][chosen]
            if labels.any() and not labels.all():
                row = measures(scores[chosen], labels)
                per_fold.append([row[key] for key in MEASURES])
        if per_fold:
            drawn.append(list(np.mean(per_fold, axis=0)))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    return {key: (float(low[k]), float(high[k])) for k, key in enumerate(MEASURES)}


def decided_well(decision: Decision, scores: Array, labels: NDArray[np.bool_], settings: VisionSettings) -> dict[str, float]:
    """What the threshold, chosen without them, was worth on these photos: promised and met."""
    share = decision.expected_defect_share
    rejected = scores >= decision.threshold
    recall, false_rejects = float(rejected[labels].mean()), float(rejected[~labels].mean())
    probability = decision.probability(scores)
    unsure = (scores >= decision.unsure_from) & (scores <= decision.unsure_to) & (decision.unsure_from < decision.unsure_to)
    met = share * (1 - recall) * settings.miss_cost + (1 - share) * false_rejects * settings.false_reject_cost
    sure = ~unsure
    with_looks = (
        share * float((sure & ~rejected)[labels].mean()) * settings.miss_cost
        + (1 - share) * float((sure & rejected)[~labels].mean()) * settings.false_reject_cost
        + settings.review_cost * (share * float(unsure[labels].mean()) + (1 - share) * float(unsure[~labels].mean()))
    )
    return {
        "promised_recall": decision.recall if decision.recall is not None else float("nan"),
        "recall": recall,
        "promised_false_rejects": decision.false_reject_share,
        "false_rejects": false_rejects,
        "promised_cost": decision.expected_cost,
        "cost": met,
        "cost_with_looks": with_looks,
        "least_possible_cost": min(decision.cost_of_passing_all, decision.cost_of_rejecting_all),
        "unsure_share": share * float(unsure[labels].mean()) + (1 - share) * float(unsure[~labels].mean()),
        "brier": float(np.mean((probability - labels) ** 2)),
    }


def official_split(paths: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Rows of the folders train and test, where every photo lies in one of them."""
    learn = np.array([bool(_TRAIN.search(path)) for path in paths])
    test = np.array([bool(_TEST.search(path)) for path in paths])
    if not learn.any() or not test.any() or not (learn ^ test).all():
        return None
    return np.flatnonzero(learn), np.flatnonzero(test)


def _one_split(read, split: tuple[NDArray[np.int64], NDArray[np.int64]], found: dict) -> dict[str, Any]:
    learn, test = split
    return {
        "photos": len(test),
        "share_with_part_in_training": float(np.isin(read.groups[test], read.groups[learn]).mean()),
        "ways": {name: measures(scores, read.labels[test]) for name, scores in found["scores"].items()},
    }


def _rows_by_group(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
