"""`stockroom serve` as it runs: real processes on the loopback, a new snapshot under load, and what it refuses to do."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import requests
from serving.conftest import Server, switch, wait_for, write_version
from typer.testing import CliRunner

from dagster_project.cli import app
from ml.serving.keys import new_key, read_keys
from ml.serving.query import Cursor


def test_a_new_snapshot_is_taken_up_under_load_without_an_error(server: Server) -> None:
    """Three publications while three clients ask; a reader of pages finishes on the one it began with."""
    runs = [f"20170101T06000{number}_0000000{number}" for number in range(1, 4)]
    answers: list[tuple[int, str, str]] = []
    done = threading.Event()

    def ask(path: str) -> None:
        with requests.Session() as session:
            while not done.is_set():
                answer = session.get(server.url + path, timeout=30)
                answers.append(
                    (answer.status_code, answer.headers.get("Stockroom-Run", ""), answer.json().get("run_id", answer.text))
                )

    paths = ("/v1/recommendations/5/2", "/v1/recommendations?sort=-order_usd&limit=20", "/v1/recommendations/5/2/why")
    clients = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for client in clients:
        client.start()
    try:
        for run_id in runs:
            first = requests.get(f"{server.url}/v1/recommendations?limit=50", timeout=30).json()
            switch(server.published, write_version(server.published, run_id, "delete from rec_orders where item_id > 20"))
            wait_for(server, run_id)
            rest, cursor = [], first["next"]
            while cursor:
                page = requests.get(f"{server.url}/v1/recommendations?limit=50&cursor={cursor}", timeout=30).json()
                assert page["run_id"] == first["run_id"] != run_id
                rest, cursor = [*rest, *page["data"]], page["next"]
            expected = 80 if first["run_id"] in runs else 120
            assert len({(row["item_id"], row["location_id"]) for row in [*first["data"], *rest]}) == expected
    finally:
        done.set()
        for client in clients:
            client.join()
    assert [answer for answer in answers if answer[0] != 200] == []
    assert all(told == said for _, told, said in answers), "an answer is of one run"
    assert {told for _, told, _ in answers} >= {runs[-1]}
    assert len(answers) > 30


def test_a_snapshot_that_cannot_be_read_changes_nothing_and_is_told(server: Server) -> None:
    before = (server.published / "current").resolve()
    broken = server.published / "versions" / "20170102T060000_0000000f"
    broken.mkdir()
    (broken / "stockroom.duckdb").write_bytes(b"no database")
    switch(server.published, broken)
    try:
        for _ in range(100):
            ready = requests.get(f"{server.url}/ready", timeout=30).json()
            if ready["problem"]:
                break
            time.sleep(0.1)
        assert "cannot be read" in ready["problem"]
        assert ready["run_id"] == before.name
        assert requests.get(f"{server.url}/v1/recommendations/5/2", timeout=30).json()["run_id"] == before.name
        for _ in range(100):  # the other worker looks in its own time
            stuck = [requests.get(f"{server.url}/metrics", timeout=30).text.count("snapshot_is_stuck 1.0") for _ in range(8)]
            if all(stuck):
                break
            time.sleep(0.1)
        assert all(stuck)
    finally:
        switch(server.published, before)


def test_figures_are_those_of_all_workers(server: Server) -> None:
    def counted() -> float:
        lines = requests.get(f"{server.url}/metrics", timeout=30).text.splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith("stockroom_api_requests_total") and "/v1/kpis" in line
        )

    before = counted()
    for _ in range(20):  # each on a connection of its own: both workers get some
        assert requests.get(f"{server.url}/v1/kpis", timeout=30).status_code == 200
    assert counted() == before + 20


def test_its_log_is_lines_of_json_after_a_word_for_people(server: Server) -> None:
    lines = server.log.read_text().splitlines()
    said = [line for line in lines if not line.startswith("{")]
    assert "No API keys: whoever is on this machine may ask" in " ".join(said)
    assert server.url in " ".join(said)
    written = [json.loads(line) for line in lines if line.startswith("{")]
    assert {line["event"] for line in written} >= {"snapshot opened", "request", "snapshot not opened"}
    workers = {line["worker"] for line in written if line["event"] == "snapshot opened"}
    assert len(workers) == 2


# What is refused before a server starts ------------------------------------------------------------------------------------------


def stockroom(*arguments: object, **environment: object):
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], env={name: str(value) for name, value in environment.items()}
    )


def test_without_a_snapshot_the_next_step_is_told(tmp_path: Path) -> None:
    result = stockroom("serve", STOCKROOM_PUBLISHED=tmp_path)
    assert result.exit_code == 1
    assert "nothing is published there yet. Next: stockroom run" in result.output.replace("\n", " ")


def test_without_keys_it_listens_to_this_machine_only(snapshot_folder: Path, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.5", "::", "example.org"):
        result = stockroom("serve", "--host", host, STOCKROOM_PUBLISHED=snapshot_folder)
        assert (result.exit_code, "without API keys" in result.output) == (1, True)
    (tmp_path / "keys").write_text("# none\n")
    result = stockroom("serve", "--keys", tmp_path / "keys", STOCKROOM_PUBLISHED=snapshot_folder)
    assert (result.exit_code, "no API key in it" in result.output) == (1, True)
    result = stockroom("serve", STOCKROOM_PUBLISHED=snapshot_folder, STOCKROOM_API_KEYS="anna sha256:1 read")
    assert (result.exit_code, "line 1 (anna)" in result.output) == (1, True)
    result = stockroom("serve", "--keys", tmp_path / "gone", STOCKROOM_PUBLISHED=snapshot_folder)
    assert (result.exit_code, "cannot be read" in result.output) == (1, True)


def test_a_key_is_made_by_the_command_line() -> None:
    result = stockroom("api-key", "till", "--scopes", "read,metrics", "--rate", "60/min")
    assert result.exit_code == 0
    [key] = read_keys(result.stdout).values()
    assert (key.name, key.scopes, key.per_minute) == ("till", {"read", "metrics"}, 60)
    assert stockroom("api-key", "till", "--scopes", "write").exit_code == 1
    assert new_key("a", "read")[0] != new_key("a", "read")[0]


def test_a_cursor_is_text_that_a_url_can_carry() -> None:
    text = Cursor("20170101T060000_0000000a", 2**62, "0f").text()
    assert Cursor.read(text).row == 2**62
    assert requests.utils.quote(text, safe="") == text
