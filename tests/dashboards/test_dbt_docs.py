"""dbt's own pages, as `make docs` writes them, in a real browser: one file, no server, nobody asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from dagster_project.settings import DBT_PROJECT_DIR

MODEL = DBT_PROJECT_DIR / "models" / "recommendations" / "rec_orders.yml"


def shown(chromium: str, page: Path, place: str, folder: Path) -> str:
    """The page as it stands once its scripts have run. Without a network: a page that needs one stays empty."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    own = [f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000"]
    command = [chromium, *flags, *own, "--dump-dom", f"{page.as_uri()}#!/{place}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout


def test_a_table_shows_its_question_and_its_columns(chromium: str, tmp_path: Path) -> None:
    stockroom = Path(sys.executable).with_name("stockroom")
    generate = [stockroom, "dbt", "--quiet", "docs", "generate", "--static", "--target-path", tmp_path]
    subprocess.run(generate, check=True, capture_output=True)
    page = tmp_path / "static_index.html"
    assert "Stockroom's warehouse" in shown(chromium, page, "overview", tmp_path)
    [orders] = yaml.safe_load(MODEL.read_text())["models"]
    table = shown(chromium, page, "model/model.stockroom.rec_orders", tmp_path)
    assert orders["description"] in table
    assert [column["name"] for column in orders["columns"] if column["name"] not in table] == []
