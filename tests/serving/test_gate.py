"""Who may ask: keys, scopes, limits of rate and size, and what is said of each request."""

from __future__ import annotations

import json
import logging
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.conftest import opened
from starlette.testclient import TestClient

from ml.serving.keys import SCOPES, Key, KeysError, RateLimits, digest, new_key, read_keys
from ml.serving.logs import LOG, JsonLines
from ml.serving.settings import ServingSettings

ASKED = {
    "read": ("GET", "/v1/recommendations/5/2"),
    "what-if": ("POST", "/v1/what-if"),
    "defects": ("POST", "/v1/defects"),
    "metrics": ("GET", "/metrics"),
}


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """A key per scope, one with two, and one that may ask twice in five seconds."""
    made = {scope: new_key(scope, scope) for scope in SCOPES} | {"both": new_key("both", "read,what-if", "unlimited")}
    made["slow"] = new_key("slow", "read", "24/min")
    return {name: key for name, (key, _) in made.items()} | {"": "\n".join(line for _, line in made.values())}


@pytest.fixture(scope="module")
def guarded(settings: ServingSettings, keys: dict[str, str]) -> Iterator[TestClient]:
    with opened(replace(settings, keys=keys[""], max_body_bytes=1_000, max_photo_bytes=5_000)) as client:
        yield client


def test_each_scope_opens_its_own_and_nothing_else(guarded: TestClient, keys: dict[str, str]) -> None:
    for held in (*SCOPES, "both"):
        scopes = {"read", "what-if"} if held == "both" else {held}
        for scope, (method, path) in ASKED.items():
            answer = guarded.request(method, path, headers={"Authorization": f"Bearer {keys[held]}"})
            assert (answer.status_code == 403) == (scope not in scopes), (held, scope, answer.text)
            assert answer.status_code != 401


def test_without_a_key_only_the_state_of_the_server_is_told(guarded: TestClient, keys: dict[str, str]) -> None:
    for path in ("/health", "/ready", "/openapi.json"):
        assert guarded.get(path).status_code == 200
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": keys["read"][:-1]},
        {"Authorization": f"Basic {keys['read']}"},
    ):
        for path in ("/v1/run", "/metrics", "/nothing"):
            answer = guarded.get(path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
    assert guarded.get("/v1/run", headers={"X-API-Key": keys["read"]}).status_code == 200


def test_the_limit_of_a_key_is_its_own(guarded: TestClient, keys: dict[str, str]) -> None:
    """24 a minute, five seconds of it at once: two, then one each 2.5 s."""
    statuses = [guarded.get("/v1/run", headers={"X-API-Key": keys["slow"]}) for _ in range(4)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429, 429]
    assert 1 <= int(statuses[-1].headers["retry-after"]) <= 4
    assert guarded.get("/v1/run", headers={"X-API-Key": keys["both"]}).status_code == 200


@given(steps=st.lists(st.floats(0, 20), min_size=1, max_size=60), per_minute=st.integers(1, 600))
def test_no_window_of_time_lets_more_through_than_burst_and_rate(steps: list[float], per_minute: int) -> None:
    now, passed = 0.0, []
    limits = RateLimits(1, clock=lambda: now)
    key = Key("k", "", frozenset(), per_minute)
    for step in steps:
        now += step
        wait = limits.wait(key)
        if not wait:
            passed.append(now)
        else:
            before, now = now, now + wait + 1e-6
            assert limits.wait(key) == 0.0, "after the wait that was told it goes on"
            passed.append(now)
            assert now > before
    burst = max(5.0, 60 / per_minute)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= (passed[last] - passed[first] + burst) * per_minute / 60 + 1 + 1e-3
    limits.close()


def _ask(folder: Path, key: Key, counted) -> None:
    limits = RateLimits(1, folder)
    counted.put(sum(not limits.wait(key) for _ in range(300)))


def test_workers_count_together(tmp_path: Path) -> None:
    key, context = Key("k", "", frozenset(), 1_200), multiprocessing.get_context("fork")
    counted = context.Queue()
    began = time.monotonic()
    processes = [context.Process(target=_ask, args=(tmp_path, key, counted)) for _ in range(2)]
    for process in processes:
        process.start()
    passed = sum(counted.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    most = (5 + time.monotonic() - began) * 20 + 1
    assert 100 <= passed <= most


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("till", "expected"),
        ("till sha256:12 read", "a hash of its own"),
        (f"till sha256:{'a' * 64} write", "no scope write"),
        (f"till sha256:{'a' * 64} read fast", "is no limit"),
        (f"till sha256:{'a' * 64} read 0/min", "is no limit"),
        (f"a sha256:{'a' * 64} read\na sha256:{'b' * 64} read", "line 2: a name of its own"),
        (f"a sha256:{'a' * 64} read;b sha256:{'a' * 64} read", "line 2 (b): a hash of its own"),
        (f"a/b sha256:{'a' * 64} read", "a name of its own"),
    ],
)
def test_keys_that_cannot_be_read_are_named(text: str, says: str) -> None:
    with pytest.raises(KeysError, match=r"API keys, line \d") as error:
        read_keys(text)
    assert says in str(error.value)


def test_a_line_holds_no_key() -> None:
    key, line = new_key("till", "read,what-if", "unlimited")
    assert key not in line
    assert read_keys(f"# who\n\n{line} # a remark\n")[digest(key)] == Key(
        "till", digest(key), frozenset({"read", "what-if"}), 0, 0
    )


def test_what_is_too_large_is_not_read(guarded: TestClient, keys: dict[str, str]) -> None:
    def post(path: str, key: str, **more) -> int:
        return guarded.post(path, headers={"X-API-Key": keys[key]}, **more).status_code

    assert post("/v1/what-if", "both", content=b"x" * 1_001) == 413
    assert post("/v1/what-if", "both", content=(b"x" * 100 for _ in range(11))) == 413, "without Content-Length"
    assert post("/v1/what-if", "both", content=b"x" * 1_000) == 422
    assert post("/v1/defects", "defects", content=b"x" * 5_001) == 413
    assert guarded.get(f"/v1/run?x={'y' * 9_000}", headers={"X-API-Key": keys["both"]}).status_code == 414


def test_without_keys_only_the_names_of_this_machine_are_answered(client: TestClient) -> None:
    """Else a page in a browser here could ask under a name of its own that leads here."""
    for host, status in (
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("", 421),
        ("testserver", 421),
        ("evil.example:8000", 421),
    ):
        assert client.get("/v1/run", headers={"Host": host}).status_code == status


def test_each_request_is_a_line_of_json_with_its_id(
    guarded: TestClient, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    LOG.propagate = True
    with caplog.at_level(logging.INFO, logger=LOG.name):
        headers = {"X-Request-ID": "till-7", "X-API-Key": keys["both"]}
        assert guarded.get("/v1/recommendations/5/2", headers=headers).headers["x-request-id"] == "till-7"
        odd = guarded.get('/no"thing%0A', headers={"X-Request-ID": "two words", "X-API-Key": keys["both"]})
        assert odd.headers["x-request-id"] != "two words"
    first, second = (json.loads(JsonLines().format(record)) for record in caplog.records if record.getMessage() == "request")
    assert first.keys() >= {"time", "level", "milliseconds", "bytes", "client"}
    assert (first["request_id"], first["key"], first["status"]) == ("till-7", "both", 200)
    assert first["route"] == "/v1/recommendations/{item_id}/{location_id}"
    assert (second["route"], second["status"]) == ("none", 404)
    assert keys["both"] not in caplog.text


def test_a_mistake_of_the_server_is_a_problem_and_in_the_log(
    settings: ServingSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ml.serving.items.rows_as", lambda *_: 1 / 0)
    with opened(settings) as client, caplog.at_level(logging.ERROR, logger=LOG.name):
        answer = client.get("/v1/recommendations/5/2")
    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert "ZeroDivisionError" not in answer.text
    [record] = [record for record in caplog.records if record.getMessage() == "failed"]
    line = json.loads(JsonLines().format(record))
    assert line["request_id"] == answer.json()["request_id"]
    assert "ZeroDivisionError" in line["traceback"]


def test_figures_for_prometheus(settings: ServingSettings) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    with opened(settings) as client:
        for path in ("/v1/recommendations/5/2", "/v1/recommendations/6/2", "/nothing/at/all", "/other"):
            client.get(path)
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }
    route = ("route", "/v1/recommendations/{item_id}/{location_id}")
    assert samples["stockroom_api_requests_total", ("method", "GET"), route, ("status", "200")] == 2
    assert samples["stockroom_api_requests_total", ("method", "GET"), ("route", "none"), ("status", "404")] == 2
    assert samples["stockroom_api_request_seconds_count", route] == 2
    assert samples["stockroom_snapshot_table_rows", ("table", "rec_orders")] == 120
    assert samples["stockroom_snapshot_as_of_timestamp_seconds",] == 1483142400
    assert samples["stockroom_snapshot_is_open",] == 1
