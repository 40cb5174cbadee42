"""docs/api.md does what it says: each of its commands is run against a real server, and what it lists is there.

Belongs here: the document, block by block. Does not belong here: what answers say.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image
from serving.conftest import Server, switch, wait_for, write_version

from dagster_project.settings import PROJECT_ROOT
from ml.serving.keys import SCOPES, read_keys
from ml.serving.query import OPERATORS
from ml.serving.what_if import Series

DOCUMENT = (PROJECT_ROOT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
RUN = "20170103T060000_0000000d"
ITEM = [f"update {table} set item_id = 21221 where item_id = 5" for table in ("rec_orders", "rec_why", "rec_demand_forecast")]


@pytest.fixture(scope="module")
def folder(server: Server, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands run: a photo is there, curl fails on errors, and the server has the item of the examples."""
    folder = tmp_path_factory.mktemp("document")
    Image.new("L", (64, 64), 200).save(folder / "photo.png")
    (folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    shutil.copytree(models / "vision", server.models / "vision", dirs_exist_ok=True)
    before = (server.published / "current").resolve()
    switch(server.published, write_version(server.published, RUN, *ITEM))
    wait_for(server, RUN)
    yield folder
    switch(server.published, before)  # the server is that of other files, too
    wait_for(server, before.name)


@pytest.fixture(scope="module")
def bash(server: Server, folder: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt install curl")

    def run(text: str) -> subprocess.CompletedProcess[str]:
        text = text.replace("http://127.0.0.1:8000", server.url)
        own = {"CURL_HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: " ".join(block.split())[:60])
def test_its_commands_work(bash: Callable, block: str) -> None:
    result = bash(block)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert result.stdout or "-o orders.arrow" in block or "keys.txt" in block


def test_the_answers_are_those_it_promises(bash: Callable, folder: Path) -> None:
    new, photo, keys = (next(block for block in BLOCKS if word in block) for word in ("If-None-Match", "photo.png", "api-key"))
    assert bash(new).stdout == "304"
    assert '"verdict":"good"' in bash(photo).stdout
    (folder / "keys.txt").unlink(missing_ok=True)
    told = bash(keys)
    assert [key.name for key in read_keys((folder / "keys.txt").read_text()).values()] == ["till", "planner"]
    assert told.stderr.count("shown this once: sr_") == 2


def test_it_names_what_there_is(server: Server) -> None:
    paths = requests.get(f"{server.url}/openapi.json", timeout=30).json()["paths"]
    named = {re.sub(r"\{.*?\}", "x", path) for path in paths}
    text = re.sub(r"/v1/recommendations/21221(/1)?", lambda m: "/v1/recommendations/x" + ("/x" if m[1] else ""), DOCUMENT)
    text = text.replace("/v1/forecasts/21221/1", "/v1/forecasts/x/x").replace("/v1/tables/rec_orders", "/v1/tables/x")
    text = text.replace("/v1/kpis/order_usd", "/v1/kpis/x")
    assert {path for path in named if path not in text} == set()
    assert {scope for scope in SCOPES if f"| `{scope}` |" not in DOCUMENT} == set()
    assert {name for name in OPERATORS if name != "eq" and f".{name}`" not in DOCUMENT} == set()
    optional = {name for name, field in Series.model_fields.items() if not field.is_required()}
    assert {name for name in optional if name not in DOCUMENT} == set()
