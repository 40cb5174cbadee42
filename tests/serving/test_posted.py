"""What is posted: stock and terms to decide on, and photos."""

from __future__ import annotations

import copy
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from serving.conftest import opened
from starlette.testclient import TestClient

from ml.serving.formats import ARROW
from ml.serving.settings import ServingSettings
from ml.serving.what_if import EXAMPLE

TERMS = ("expected_demand_units", "safety_stock_units", "on_hand_units", "believed_on_order_units", "owed_units")
MORE = ("nothing_to_order_units", "minimum_order_units", "pack_units", "cap_units")


def changed(**terms: object) -> dict:
    question = copy.deepcopy(EXAMPLE)
    question["series"][0].update(terms)
    return question


def test_what_if_is_the_decision_function(client: TestClient) -> None:
    from ml.replenishment import decide

    history = pl.DataFrame({"unique_id": "tea", "ds": range(12), "y": EXAMPLE["series"][0]["history"]})
    state = pl.DataFrame({"unique_id": ["tea"], "now": [12], "on_hand": [20.0], "on_order": [10.0]})
    pipeline = pl.DataFrame({"unique_id": ["tea"], "ordered_at": [11], "expected_at": [13], "quantity": [10.0]})
    terms = {"lead_time_periods": 2, "review_periods": 1, "holding_cost": 0.05, "shortage_cost": 2.0, "pack": 6.0}
    params = pl.DataFrame({"unique_id": ["tea"], **{name: [value] for name, value in terms.items()}})
    expected = decide(history, state, pipeline, None, params)
    answer = client.post("/v1/what-if", json=EXAMPLE)
    assert answer.status_code == 200
    assert answer.json()["data"] == expected.to_dicts()
    arrow = client.post("/v1/what-if", json=EXAMPLE, headers={"Accept": ARROW})
    assert pl.from_arrow(pa.ipc.open_stream(arrow.content).read_all()).equals(expected)


def test_more_stock_means_a_smaller_order_and_terms_add_up(client: TestClient) -> None:
    orders = []
    for on_hand in (0, 10, 30, 200):
        [row] = client.post("/v1/what-if", json=changed(on_hand=on_hand)).json()["data"]
        assert sum(row[term] for term in (*TERMS, *MORE)) == pytest.approx(row["order_qty"], abs=1e-6)
        orders.append(row["order_qty"])
    assert orders == sorted(orders, reverse=True)
    assert orders[0] > orders[-1] == 0
    receipts = [{"ordered_periods_ago": ago, "took_periods": 2, "quantity": 10} for ago in range(3, 12)]
    [trusted] = client.post("/v1/what-if", json=changed(receipts=receipts)).json()["data"]
    [unknown] = client.post("/v1/what-if", json=changed()).json()["data"]
    assert trusted["lead_time_reliability"] > unknown["lead_time_reliability"]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({}, "series"),
        ({"series": []}, "series"),
        (changed(history=[]), "history"),
        (changed(on_hand="many"), "on_hand"),
        (changed(colour="red"), "colour"),
        (changed(in_stock=[True]), "1 values for 12 periods"),
        (changed(receipts=[{"ordered_periods_ago": 2, "took_periods": 2, "quantity": 1}]), "has come before"),
        (changed(lead_time_periods=61), "lead_time_periods"),
        ({"series": EXAMPLE["series"] * 2}, "there twice"),
        ({**EXAMPLE, "policy": "guess"}, "policy"),
        ({"series": EXAMPLE["series"] * 51}, "at most 50"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_the_reason(client: TestClient, question: dict, says: str) -> None:
    answer = client.post("/v1/what-if", json=question)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in str(answer.json())


def test_a_body_that_is_no_json(client: TestClient) -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        answer = client.post("/v1/what-if", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


# Photos ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def looking(settings: ServingSettings, models: Path):
    with opened(replace(settings, models=models)) as client:
        yield client


def png(width: int, height: int, light: int = 128) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(-3, 4, (height, width))
    Image.fromarray((light + noise).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photo_is_scored_as_the_command_line_scores_it(looking: TestClient, models: Path, tmp_path: Path) -> None:
    from ml.vision import load_model, score_photos

    photos = {"defective": png(64, 48, 30), "unsure": png(32, 32, 128), "good": png(40, 40, 220)}
    for verdict, data in photos.items():
        (tmp_path / f"{verdict}.png").write_bytes(data)
    paths = [str(tmp_path / f"{verdict}.png") for verdict in photos]
    expected = score_photos(load_model(models / "vision" / "0a1b"), paths, threads=1)
    for (verdict, data), row in zip(photos.items(), expected.to_dicts(), strict=True):
        answer = looking.post("/v1/defects", content=data, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200
        found = answer.json()
        assert found["verdict"] == verdict
        assert {name: found[name] for name in row.keys() & found.keys()} == {
            name: row[name] for name in row.keys() & found.keys()
        }
        assert found.keys() - row.keys() == {"model_version"}


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b"", "image/png", 422, "empty"),
        (b"hello", "image/png", 422, "not a photo of a known format"),
        (png(64, 64)[:300], "image/png", 422, "damaged or truncated"),
        (png(3, 3), "image/png", 422, "too few"),
        (b"%PDF-1.7 ", "image/jpeg", 422, "not a photo"),
        (png(64, 64), "text/plain", 415, "image/jpeg"),
        (png(64, 64), "application/octet-stream", 200, ""),
    ],
)
def test_what_is_no_photo_has_its_reason(looking: TestClient, body: bytes, kind: str, status: int, says: str) -> None:
    answer = looking.post("/v1/defects", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert says in answer.json().get("detail", "")


def test_a_photo_of_too_many_pixels_is_not_decoded(looking: TestClient) -> None:
    buffer = io.BytesIO()
    Image.new("1", (8_100, 8_000)).save(buffer, "PNG")
    answer = looking.post("/v1/defects", content=buffer.getvalue(), headers={"Content-Type": "image/png"})
    assert (answer.status_code, "more than" in answer.json()["detail"]) == (422, True)


def test_without_a_model_the_next_step_is_told(client: TestClient) -> None:
    answer = client.post("/v1/defects", content=png(64, 64), headers={"Content-Type": "image/png"})
    assert (answer.status_code, "no vision model" in answer.json()["detail"]) == (404, True)
