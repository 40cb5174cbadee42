"""Pictures of frames of a few rows: they are images that open by themselves, and tables that say what was counted."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
from PIL import Image

from dagster_project.pictures import cost_curve_picture, forecast_pictures, photo_pictures
from ml import contracts


def decoded(markdown: str) -> tuple[str, bytes]:
    kind, _, content = markdown.partition("data:image/")[2].rstrip(")").partition(";base64,")
    return kind, base64.b64decode(content)


def test_a_forecast_and_its_accuracy_are_drawn_as_svg_that_needs_no_page() -> None:
    chain = {"level": ["chain"] * 2, "week_start_date": [date(2017, 1, 1), date(2017, 1, 8)], "reconciled_units": [10.0, 20.0]}
    scores = {"segment": ["all", "all"], "model": ["ets", "naive"], "wape": [0.2, None]}
    history = pl.DataFrame({"week_start_date": [date(2016, 12, 25)] * 2, "demand_units": [4.0, 5.0]})
    pictures = forecast_pictures({"forecast_hierarchy": pl.DataFrame(chain), "model_metrics": pl.DataFrame(scores)}, history)
    drawn = decoded(pictures["forecast_hierarchy"]["forecast"].md_str)[1].decode()
    assert "2016-12-25" in drawn, "what was wanted before stands before it"
    assert "2017-01-08" in drawn
    for table, name in (("forecast_hierarchy", "forecast"), ("model_metrics", "accuracy")):
        kind, svg = decoded(pictures[table][name].md_str)
        assert kind == "svg+xml"
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    said = svg.decode()
    assert "ets" in said
    assert "20.0%" in said.replace("\u202f", "").replace(" %", "%")
    assert "naive" not in said


def test_a_matrix_has_both_verdicts_even_where_the_model_said_one_only() -> None:
    scores = pl.DataFrame(
        [{"photo": "a.png", "photo_hash": "a", "defect_score": None, "verdict": "good", "reason": ""}],
        schema_overrides={"defect_score": pl.Float64},
    )
    found = photo_pictures(contracts.VISION_MODELS.empty(), scores, _labelled([("a", False)]), _paths([]))
    assert found["confusion_matrix"].md_str.splitlines()[0] == "| a person says | defective | good |"


def test_nothing_is_drawn_of_nothing() -> None:
    assert cost_curve_picture(contracts.POLICY_WHAT_IF.empty()) == {}
    assert photo_pictures(contracts.VISION_MODELS.empty(), contracts.IMAGE_SCORES.empty(), _labelled([]), _paths([])) == {}


def test_labels_are_counted_by_verdict_and_the_worst_photos_come_first(tmp_path: Path) -> None:
    scores, paths = [], []
    for photo, score, verdict in (("a.png", 0.1, "good"), ("b.png", 0.9, "defective"), ("c.png", 0.6, "defective")):
        Image.new("RGB", (400, 300)).save(tmp_path / photo)
        scores.append(
            {"photo": photo, "photo_hash": photo, "defect_score": score, "verdict": verdict, "reason": f"score {score}"}
        )
        paths.append({"photo": photo, "path": str(tmp_path / photo)})
    found = photo_pictures(
        contracts.VISION_MODELS.empty(),
        pl.DataFrame(scores),
        _labelled([("a.png", False), ("b.png", True), ("c.png", False)]),
        _paths(paths),
    )
    assert found["confusion_matrix"].md_str.splitlines() == [
        "| a person says | defective | good |",
        "|---|---|---|",
        "| good | 1 | 1 |",
        "| defective | 1 | 0 |",
    ]
    worst = found["worst_photos"].md_str.split("\n\n")
    assert [worst[0], worst[2]] == ["b.png: score 0.9", "c.png: score 0.6"]
    kind, jpeg = decoded(worst[1])
    assert (kind, jpeg[:2]) == ("jpeg", b"\xff\xd8")


def _labelled(rows: list[tuple[str, bool]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"photo_hash": pl.String, "is_defective": pl.Boolean}, orient="row")


def _paths(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"photo": pl.String, "path": pl.String})
