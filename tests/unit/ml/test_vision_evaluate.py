"""An evaluation by folds: figures that come out again from the scores that were kept, without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from vision_photos import write_parts

from ml.vision import VisionSettings
from ml.vision.evaluate import evaluate
from ml.vision.kept import SCORES

TINY = VisionSettings(
    max_input_pixels=48 * 48, width=8, batch_size=16, max_steps=20, min_steps=10, check_steps=10, averaged_steps=5, threads=1
)


def test_kept_folds_give_the_same_figures_without_training_and_other_costs_another_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = write_parts(tmp_path / "parts", good=24, bad=24).with_columns(part=pl.col("number"))
    kept = tmp_path / "kept"
    monkeypatch.setattr("ml.vision.evaluate._REPLICATES", 5)
    first = evaluate(parts, TINY, folds=2, workers=1, kept=kept)
    files = list(kept.glob(f"*/{SCORES}"))
    assert len(files) == 2
    tested = pl.concat([pl.read_parquet(file) for file in files])
    assert sorted(tested["path"]) == sorted(str(Path(path).relative_to(tmp_path / "parts")) for path in parts["path"])
    assert set(first["ways"]) == set(tested.columns) - {"path", "is_defective", "part"} | {"metadata_equalised"}

    def train_on(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("ml.vision.train.train_on", train_on)
    assert evaluate(parts, TINY, folds=2, workers=1, kept=kept) == first
    cheaper = evaluate(parts, replace(TINY, miss_cost=0.05), folds=2, workers=1, kept=kept)
    assert cheaper["ways"] == first["ways"]
    assert cheaper["decisions"] != first["decisions"]
    assert cheaper["decisions_where_rare"] != first["decisions_where_rare"] != first["decisions"]
    with pytest.raises(AssertionError, match="trained again"):
        evaluate(parts, replace(TINY, seed=2), folds=2, workers=1, kept=kept)
