"""What lies between the source folder, the warehouse and `ml.vision`: which photos there are, which are labelled, what judges them.

Belongs here: the folder `inspection_photos`, its list, the model that its labels make, scores that are new.
Does not belong here: Dagster, training and scoring themselves, which part a photo shows (SQL).
"""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.settings import DBT_PROJECT_DIR
from dagster_project.warehouse_file import ML_SCHEMA, WarehouseFile
from ml.contracts import IMAGE_SCORES, VISION_MODELS

if TYPE_CHECKING:
    from ml.vision import VisionSettings
    from ml.vision.store import VisionModel

PHOTO_FOLDER = "inspection_photos"
TRAINING_FOLDER = "training"
MODEL_FOLDER = "model"
SETTINGS_FILE = "settings.json"
LABELS = {"good": False, "defective": True}
NO_LABELS = "no photo is labelled good or defective yet: there is no model"
_COSTS = ("miss_cost", "false_reject_cost", "review_cost", "expected_defect_share")
_PHOTOS = {"photo": pl.String, "path": pl.String, "photo_hash": pl.String}

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class InspectionPhotos:
    """The photos of a source folder: those to judge (photo, path, photo_hash), and those with a label (path, photo_hash, is_defective,
    part: which physical part it shows, where the folders say so)."""

    to_judge: pl.DataFrame
    labelled: pl.DataFrame
    choices: dict
    """What settings.json beside the labelled photos says of the training; a note may be among it."""
    model_folder: Path | None = None
    """A model that was trained elsewhere; nothing is learned here then."""

    @property
    def training_key(self) -> str:
        """Changes with the labelled photos and with nothing else."""
        rows = self.labelled.select("photo_hash", "is_defective", "part").sort("photo_hash").rows()
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def find_photos(source_dir: Path, entered: pl.DataFrame | None = None) -> InspectionPhotos:
    """Every file under `inspection_photos`: labelled examples lie in training/good and training/bad, photos of one part in a folder of
    their own below or loose; people's labels of the list are examples, too, and above them those `entered` (photo_hash,
    is_defective). Files whose name begins with a dot are none. In `model` may lie what `stockroom vision train` wrote."""
    folder = source_dir / PHOTO_FOLDER
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    training, model = folder / TRAINING_FOLDER, folder / MODEL_FOLDER
    has_model = (model / "model.json").is_file()
    rows, examples = [], []
    for path in files:
        if path.is_relative_to(training):
            is_defective, part = _label_of(path.relative_to(training))
            if is_defective is not None:
                examples.append((str(path), _hash(path), is_defective, part))
        elif not (has_model and path.is_relative_to(model)):
            rows.append((_named(path.relative_to(folder).as_posix()), str(path), _hash(path)))
    to_judge = pl.DataFrame(rows, schema=_PHOTOS, orient="row").sort("photo")
    said = to_judge.join(_labels(source_dir), on="photo")
    if entered is not None:
        said = pl.concat([said.join(entered, on="photo_hash", how="anti"), to_judge.join(entered, on="photo_hash")])
    said = said.select("path", "photo_hash", "is_defective", part=pl.lit(None, pl.String))
    labelled = pl.concat([pl.DataFrame(examples, schema=said.schema, orient="row"), said]).drop_nulls("photo_hash")
    # a photo that is called both is no example of either
    is_clear = pl.col("is_defective").n_unique().over("photo_hash") == 1
    labelled = labelled.filter(is_clear).unique("photo_hash", keep="first", maintain_order=True).sort("path")
    return InspectionPhotos(to_judge, labelled, _choices(training / SETTINGS_FILE), model if has_model else None)


def vision_settings(choices: dict, today: date | None = None) -> VisionSettings:
    """The policy's costs, changed by what settings.json beside the labelled photos says. Raises ValueError for what is no setting.

    One thread, unless that file says otherwise: with two the weights differ, and the orders of a machine must not hang on its cores.
    """
    from ml.vision import VisionSettings

    policy = _policy(today or date.today())
    costs = {name: policy[f"vision_{name}"] for name in _COSTS if f"vision_{name}" in policy}
    chosen = {name: value for name, value in choices.items() if name != "note"}
    try:
        return VisionSettings(**{"threads": 1} | costs | chosen)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{PHOTO_FOLDER}/{TRAINING_FOLDER}/{SETTINGS_FILE}: {error}. Correct or delete it.") from error


def settings_problems(source_dir: Path) -> list[str]:
    """What is wrong with settings.json beside the labelled photos, in a line; nothing where it is right or missing."""
    path = source_dir / PHOTO_FOLDER / TRAINING_FOLDER / SETTINGS_FILE
    if not path.is_file():
        return []
    try:
        vision_settings(_choices(path))
    except ValueError as error:
        return [str(error)]
    return []


def train_or_load(
    models_folder: Path, photos: InspectionPhotos, settings: VisionSettings, progress: Progress
) -> tuple[VisionModel | None, str]:
    """The model these labels and settings make, trained once; none where nothing can be learned, with the reason.

    Raises ModelError for a model from elsewhere that is not as it was written.
    """
    if photos.model_folder is not None:
        from ml.vision import load_model

        return load_model(photos.model_folder), "from the folder model"
    if photos.labelled.is_empty():
        return None, NO_LABELS
    from ml.vision import load_model, train_model
    from ml.vision.settings import TRAINING
    from ml.vision.store import ModelError
    from ml.vision.train import TrainingError

    key = hashlib.sha256(json.dumps([TRAINING, photos.training_key, asdict(settings)], sort_keys=True).encode()).hexdigest()[:16]
    folder = models_folder / "vision" / key
    try:
        return load_model(folder), "loaded"
    except ModelError:
        pass
    try:
        model = train_model(photos.labelled.select("path", "is_defective", "part"), settings, progress)
    except TrainingError as error:
        return None, f"no model: {error}"
    model.save(folder)
    return model, "trained"


def judge(
    warehouse: WarehouseFile, model: VisionModel | None, why_none: str, photos: InspectionPhotos, progress: Progress
) -> tuple[pl.DataFrame, int]:
    """A row per photo of the folder, and how many photos were looked at: what this model has judged before stands."""
    version = model.model_version if model else None
    known = warehouse.read(f"from {ML_SCHEMA}.{IMAGE_SCORES.name}").filter(
        pl.col("photo_hash").is_not_null() & pl.col("model_version").eq_missing(pl.lit(version, pl.String))
    )
    known = known.drop("photo").unique("photo_hash", keep="first", maintain_order=True)
    of_hash = photos.to_judge.join(known, on="photo_hash", how="inner").drop("path")
    rest = photos.to_judge.join(of_hash.select("photo"), on="photo", how="anti")
    new = rest.filter(pl.col("photo_hash").is_null() | pl.col("photo_hash").is_first_distinct())
    found = _score(model, why_none, new["path"].to_list(), progress).with_columns(model_version=pl.lit(version, pl.String))
    found = found.rename({"photo_hash": "read_hash"})
    by_path = rest.select("path", "photo_hash").join(found, on="path", how="inner")
    columns = [column.name for column in IMAGE_SCORES.columns]
    with_hash = rest.drop_nulls("photo_hash").join(by_path.drop_nulls("photo_hash").drop("path"), on="photo_hash")
    without = rest.filter(pl.col("photo_hash").is_null()).join(found, on="path")
    parts = [of_hash, with_hash, without]
    return pl.concat([part.select(columns) for part in parts], how="vertical_relaxed").sort("photo"), new.height


def describe(model: VisionModel, scores: pl.DataFrame, note: str | None = None) -> pl.DataFrame:
    """The model as the one row of `vision_models`."""
    from ml.vision import has_moved

    decision, settings = model.decision, model.settings
    unsure = (decision.unsure_from, decision.unsure_to) if decision.unsure_from < decision.unsure_to else (None, None)
    statistic, sentence = has_moved(model, scores["defect_score"])

    def probability(score: float | None) -> float | None:
        return None if score is None else float(decision.probability([score])[0])

    row = {
        "model_version": model.model_version,
        "model_kind": model.kind,
        "trained_photo_count": model.facts["photos"],
        "trained_defective_photo_count": model.facts["defective_photos"],
        "validation_photo_count": decision.validation_photos,
        "threshold": decision.threshold,
        "threshold_probability": probability(decision.threshold),
        "unsure_from": probability(unsure[0]),
        "unsure_to": probability(unsure[1]),
        "precision_share": decision.precision,
        "recall_share": decision.recall,
        "false_reject_share": decision.false_reject_share,
        "review_share": decision.unsure_share,
        "expected_cost_per_photo": decision.expected_cost,
        "auroc": model.facts.get("validation_auroc"),
        "metadata_auroc": model.facts.get("metadata_auroc"),
        "cost_of_passing_all": decision.cost_of_passing_all,
        "cost_of_rejecting_all": decision.cost_of_rejecting_all,
        "miss_cost": settings.miss_cost,
        "false_reject_cost": settings.false_reject_cost,
        "review_cost": settings.review_cost,
        "expected_defect_share": decision.expected_defect_share,
        "has_moved": statistic > 1,
        "moved_reason": sentence,
        "note": note,
    }
    return VISION_MODELS.conform(pl.DataFrame([row], schema=VISION_MODELS.schema))


def _score(model: VisionModel | None, why_none: str, paths: list[str], progress: Progress) -> pl.DataFrame:
    """Path, read hash, size, score, verdict, reason, seconds."""
    schema = {c.name: c.dtype for c in IMAGE_SCORES.columns if c.name not in ("photo", "model_version")}
    if not paths:
        return pl.DataFrame(schema={"path": pl.String, **schema})
    if model is not None:
        from ml.vision import score_photos

        return score_photos(model, paths, progress=progress).select("path", *schema)
    from ml.vision import read_photo
    from ml.vision.data import Refusal

    rows = []
    for path in paths:
        photo = read_photo(path)
        is_refused = isinstance(photo, Refusal)
        rows.append(
            {
                "path": path,
                "photo_hash": photo.photo_hash,
                "width_px": photo.width_px,
                "height_px": photo.height_px,
                "verdict": "refused" if is_refused else "unsure",
                "reason": photo.reason if is_refused else why_none,
            }
        )
    return pl.DataFrame(rows, schema={"path": pl.String, **schema})


def _labels(source_dir: Path) -> pl.DataFrame:
    """photo, is_defective: what people said in the list. Whatever else is wrong with a line, staging tells."""
    rows: list[tuple[str, bool]] = []
    for record in _list(source_dir):
        text = {name.strip().lower(): value for name, value in record.items() if isinstance(name, str) and isinstance(value, str)}
        label = LABELS.get(text.get("label", "").strip().lower())
        if label is not None and text.get("photo", "").strip():
            rows.append((_named(text["photo"].strip()), label))
    return pl.DataFrame(rows, schema={"photo": pl.String, "is_defective": pl.Boolean}, orient="row").unique(maintain_order=True)


def _list(source_dir: Path) -> list[dict]:
    path = source_dir / f"{PHOTO_FOLDER}.csv"
    if path.is_file():
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return list(csv.DictReader(file))
    path = path.with_suffix(".parquet")
    return pl.read_parquet(path).cast(pl.String).to_dicts() if path.is_file() else []


def _named(name: str) -> str:
    """A photo's path inside the folder, however a file system or a person writes it; SQL does the same to the list."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return name.removeprefix("./").removeprefix(f"{PHOTO_FOLDER}/")


def _label_of(path: Path) -> tuple[bool | None, str | None]:
    """Whether an example is defective, by the nearest folder that says so, and its part: the folders below that one."""
    from ml.vision.folders import says

    folders = path.parts[:-1]
    for place in reversed(range(len(folders))):
        label = says(folders[place])
        if label is not None:
            return label, "/".join(folders[place + 1 :]) or None
    return None, None


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _choices(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f'{path}: not settings of a training ({error}). Write JSON such as {{"max_steps": 500}}, or delete it.'
        ) from error


def _policy(today: date) -> dict[str, float]:
    """Parameters of the policy that hold today, straight from their file: the photos come before the first table."""
    with (DBT_PROJECT_DIR / "seeds" / "policy_parameters.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["valid_from"] <= str(today) <= (row["valid_to"] or "9999-12-31")]
    return {row["parameter"]: float(row["value"]) for row in sorted(rows, key=lambda row: row["valid_from"])}
