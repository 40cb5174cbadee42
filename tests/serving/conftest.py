"""What these tests lean on: a small published snapshot, the application over it, and a photo model.

Belongs here: fixtures of this folder, and the rows of the snapshot. Does not belong here: what is expected of an answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import requests
from publish.small_snapshot import NAMES, write_snapshot
from starlette.testclient import TestClient

from dagster_project.serving_cli import served_metrics
from ml.serving.app import create_app
from ml.serving.settings import ServingSettings

RUN = "20170101T060000_00000000"
ORDERS = """
    insert into rec_orders by name
    select date '2016-12-31' as as_of_date, item_id, 'Tea ' || item_id as item_name, location_id, location_id || ' HAZELFORD' as location_name,
        5 + item_id % 2 as vendor_id, case when item_id % 5 > 0 then 'LEAF, "CO" ' || item_id % 2 end as vendor_name,
        case when item_id % 3 > 0 then chr((65 + item_id % 3)::integer) end as abc_class, item_id * location_id % 7 as order_units,
        (item_id * location_id % 7) * 12.34 as order_usd, 12.3456 as demand_units,
        case item_id % 4 when 0 then null when 1 then 'NaN'::double else item_id / 3 end as cover_days, 'position below' as reason
    from range(1, 31) as i (item_id), range(1, 5) as l (location_id)
    order by item_id, location_id
"""
TERMS = """
    insert into rec_why by name
    select as_of_date, item_id, item_name, location_id, location_name, term_number, ['demand', 'on hand', 'packs'][term_number] as term,
        [order_units + 5, -6, 1][term_number] as term_units
    from rec_orders, range(1, 4) as t (term_number) order by item_id, location_id, term_number
"""
WEEKS = """
    insert into rec_demand_forecast by name
    select as_of_date, item_id, item_name, location_id, location_name, 'theta' as model,
        (as_of_date + cast(week * 7 - 6 as integer))::date as week_start_date, week / 3 as mean_units
    from rec_orders, range(1, 6) as w (week) order by item_id, location_id, week
"""
COUNTS = "update run_tables set row_count = 120 where table_name = 'rec_orders'"


def write_version(published: Path, run_id: str, *more: str) -> Path:
    """A finished version, not switched to."""
    folder = published / "versions" / run_id
    rows = {"dim_product": [{**NAMES, "category": "tea"}]}
    write_snapshot(
        folder / "stockroom.duckdb", rows, [ORDERS, TERMS, WEEKS, COUNTS, f"update run_info set run_id = '{run_id}'", *more]
    )
    return folder


def switch(published: Path, folder: Path) -> None:
    """As publishing does it: one name is replaced."""
    new = published / ".new_current"
    new.symlink_to(Path("versions") / folder.name)
    new.replace(published / "current")


@pytest.fixture(scope="session")
def snapshot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `stockroom publish` leaves it. Read only."""
    published = tmp_path_factory.mktemp("api") / "published"
    switch(published, write_version(published, RUN))
    return published


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose photo model takes what is dark for defective: nothing to learn, and all else is the real thing."""
    import numpy as np
    import polars as pl
    from onnx import TensorProto, helper, numpy_helper

    from ml.vision import VisionSettings
    from ml.vision.data import Canvas
    from ml.vision.store import VisionModel, version_of
    from ml.vision.threshold import Decision

    canvas = Canvas(32, 32, 1)
    nodes = [
        helper.make_node("Cast", ["photos"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["light"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["middle", "mean"], ["logits"]),
    ]
    photos = helper.make_tensor_value_info("photos", TensorProto.UINT8, ["count", 1, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["count"])
    middle = numpy_helper.from_array(np.float32(128), "middle")
    graph = helper.make_model(
        helper.make_graph(nodes, "dark", [photos], [logits], [middle]), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    decision = Decision(
        slope=0.1, offset=0.0, threshold=0.0, unsure_from=-5.0, unsure_to=5.0, margin=0.0, expected_defect_share=0.1, precision=None,
        recall=None, false_reject_share=0.0, expected_cost=0.0, cost_of_passing_all=0.0, cost_of_rejecting_all=0.0, unsure_share=0.0,
        good_quantiles=(), defective_quantiles=(), validation_photos=0, validation_parts=0, is_calibrated=True,
    )  # fmt: skip
    weights = {"middle": np.array([128.0], dtype=np.float32)}
    version = version_of("classifier", weights, canvas, decision)
    root = tmp_path_factory.mktemp("models")
    model = VisionModel(
        "classifier",
        canvas,
        decision,
        VisionSettings(),
        {},
        weights,
        graph.SerializeToString(),
        version,
        pl.DataFrame({"path": [""]}),
    )
    model.save(root / "vision" / "0a1b")
    return root


@pytest.fixture(scope="session")
def settings(snapshot_folder: Path) -> ServingSettings:
    """A server without keys over the snapshot."""
    return ServingSettings(published=snapshot_folder, metrics=served_metrics(), poll_seconds=0.05)


@pytest.fixture(scope="session")
def client(settings: ServingSettings) -> Iterator[TestClient]:
    """The application, asked in this process; a mistake of the server is its answer, as it is over the network."""
    with opened(settings) as asked:
        yield asked


@contextlib.contextmanager
def opened(settings: ServingSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), "http://localhost", raise_server_exceptions=False) as asked:
        yield asked


@pytest.fixture(scope="session")
def rows_of(snapshot_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[tuple]]]:
    """What a query on a copy of the file answers: in one process a file is opened in one way only."""
    copy = tmp_path_factory.mktemp("copy") / "stockroom.duckdb"
    shutil.copyfile(snapshot_folder / "current" / "stockroom.duckdb", copy)
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield lambda sql: connection.sql(sql).fetchall()


@dataclass
class Server:
    """`stockroom serve` with two workers over a folder of its own."""

    url: str
    published: Path
    models: Path
    log: Path
    process: subprocess.Popen


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("served")
    published, port = home / "published", free_port()
    switch(published, write_version(published, "20170101T060000_0000000a"))
    environment = {
        **os.environ,
        "STOCKROOM_PUBLISHED": str(published),
        "STOCKROOM_WAREHOUSE": str(home / "stockroom.duckdb"),
        "TMPDIR": str(home),
    }
    with (home / "log").open("w") as log:
        command = [sys.executable, "-m", "dagster_project.cli", "serve", "--port", str(port), "--workers", "2"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        found = Server(f"http://127.0.0.1:{port}", published, home / "models", home / "log", process)
        try:
            for _ in range(1_800):
                if process.poll() is not None or found.log.read_text().count("snapshot opened") == 2:
                    break
                time.sleep(0.1)
            assert requests.get(f"{found.url}/ready", timeout=60).status_code == 200, found.log.read_text()
            yield found
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) in (0, -signal.SIGTERM)
            assert list(home.glob("stockroom_api_*")) == [], "what workers share is gone with them"
        finally:
            process.kill()


def wait_for(server: Server, run_id: str) -> None:
    """Until both workers serve a run: each says in the log what it opened last."""
    for _ in range(300):
        opened = [json.loads(line) for line in server.log.read_text().splitlines() if "snapshot opened" in line]
        if set({line["worker"]: line["run_id"] for line in opened}.values()) == {run_id}:
            return
        time.sleep(0.1)
    raise AssertionError(f"{run_id} is not served")
