from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dagster_project.cli import app


def stockroom(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def decided_warehouse(run_dbt, tiny_source: Path, built_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tables, recommendations too; without a forecast there are no orders in them."""
    warehouse = tmp_path_factory.mktemp("decided") / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, warehouse)
    run_dbt(tiny_source, warehouse, "run", "--select", "path:models/recommendations")
    return warehouse


def test_help_names_every_command() -> None:
    result = stockroom("--help")
    assert result.exit_code == 0
    for command in ("run", "demo", "why", "forecast", "orders", "query", "dbt"):
        assert f"│ {command} " in result.output


def test_a_run_on_a_folder_that_is_not_there_says_what_to_do_and_writes_nothing(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse" / "stockroom.duckdb"
    result = stockroom("run", "--source", tmp_path / "nowhere", "--warehouse", warehouse)
    assert result.exit_code == 1
    assert f"{tmp_path / 'nowhere'}: no such folder." in result.stderr
    assert "Nothing was written." in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_no_day_is_refused(tmp_path: Path, tiny_source: Path) -> None:
    result = stockroom("run", "--source", tiny_source, "--warehouse", tmp_path / "w.duckdb", "--as-of", "2016-02-30")
    assert result.exit_code == 2
    assert "2016-02-30" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_writes_the_same_files_for_the_same_seed(tmp_path: Path, tiny_source: Path) -> None:
    result = stockroom("demo", "--size", "tiny", "--seed", 1, "--out", tmp_path / "raw")
    assert result.exit_code == 0
    assert f"stockroom run --source {tmp_path / 'raw'}" in result.stdout.replace("\n", "")
    written = {path.name: path.read_bytes() for path in (tmp_path / "raw").glob("*.csv")}
    assert written == {path.name: path.read_bytes() for path in tiny_source.glob("*.csv")}


def test_demo_names_the_sizes_there_are(tmp_path: Path) -> None:
    result = stockroom("demo", "--size", "huge", "--out", tmp_path / "raw")
    assert result.exit_code == 1
    assert "no size 'huge'; choose one of tiny, small, medium, full" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_why_of_an_item_that_is_not_held_says_so(decided_warehouse: Path) -> None:
    result = stockroom("why", 99999, 1, "--warehouse", decided_warehouse)
    assert result.exit_code == 1
    assert "item 99999 is not held at store 1" in result.stderr
    assert "stockroom query" in result.stderr


@pytest.mark.parametrize("command", [("why", 1, 1), ("query", "select 1")], ids=["why", "query"])
def test_a_question_before_the_first_run_says_what_to_do(tmp_path: Path, command: tuple) -> None:
    result = stockroom(*command, "--warehouse", tmp_path / "none.duckdb")
    assert result.exit_code == 1
    assert "none.duckdb: no warehouse yet" in result.stderr.replace("\n", "")
    assert re.search(r"Next: \S*stockroom run", result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_query_shows_rows_and_says_where_it_cut(built_warehouse: Path) -> None:
    result = stockroom(
        "query",
        "select item_id as item, 'x' as mark from marts.dim_product order by 1",
        "--limit",
        2,
        "--warehouse",
        built_warehouse,
    )
    assert result.exit_code == 0
    assert result.stdout.count("│ x") == 2
    assert "first 2 rows; --limit shows more" in result.stdout


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("from marts.nowhere", "nowhere does not exist"),
        ("drop schema marts cascade", "read-only"),
    ],
)
def test_bad_sql_is_a_message_and_not_a_crash(built_warehouse: Path, sql: str, said: str) -> None:
    result = stockroom("query", sql, "--warehouse", built_warehouse)
    assert result.exit_code == 1
    assert said in result.stderr
    assert isinstance(result.exception, SystemExit)
