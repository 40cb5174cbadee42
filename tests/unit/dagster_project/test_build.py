from __future__ import annotations

import json
import os
import re
from datetime import date
from pathlib import Path

import pytest

from dagster_project import build
from dagster_project.settings import Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project of one model, whose files and manifest are all of the same minute."""
    (tmp_path / "models" / "marts").mkdir(parents=True)
    (tmp_path / "models" / "marts" / "one.sql").write_text("select 1")
    (tmp_path / "dbt_project.yml").write_text("name: one")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "manifest.json").write_text("{}")
    monkeypatch.setattr(build, "DBT_PROJECT_DIR", tmp_path)
    monkeypatch.setattr(build, "MANIFEST", tmp_path / "target" / "manifest.json")
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.utime(path, (1000, 1000))
    return tmp_path


def test_a_manifest_no_older_than_the_project_is_kept(project: Path) -> None:
    assert not build.manifest_is_stale()
    assert build.ensure_manifest() == project / "target" / "manifest.json"
    assert (project / "target" / "manifest.json").read_text() == "{}"


def test_a_missing_manifest_is_stale(project: Path) -> None:
    (project / "target" / "manifest.json").unlink()
    assert build.manifest_is_stale()


@pytest.mark.parametrize("changed", ["models/marts/one.sql", "dbt_project.yml", "models/marts", "models"])
def test_a_changed_file_or_folder_makes_the_manifest_stale(project: Path, changed: str) -> None:
    os.utime(project / changed, (2000, 2000))
    assert build.manifest_is_stale()


def test_files_dbt_does_not_parse_do_not_matter(project: Path) -> None:
    (project / "logs").mkdir()
    (project / "logs" / "dbt.log").write_text("newer than everything")
    assert not build.manifest_is_stale()


def test_a_project_that_cannot_be_parsed_says_so(project: Path) -> None:
    os.utime(project / "dbt_project.yml", (2000, 2000))  # and it has no profile
    with pytest.raises(RuntimeError, match="dbt cannot parse"):
        build.ensure_manifest()


def test_the_manifest_is_made_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MANIFEST", tmp_path / "target" / "manifest.json")
    (tmp_path / "target").mkdir()
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "elsewhere"))
    assert build.ensure_manifest().stat().st_size > 0


def test_the_kept_project_is_what_dbt_reads_for_another_folder_and_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it need not be read again when only paths and days change."""
    monkeypatch.setattr(build, "MANIFEST", tmp_path / "target" / "manifest.json")
    build.ensure_manifest(Settings(warehouse=tmp_path / "stockroom.duckdb"))
    kept = build.read_project("stockroom")
    other = Settings(source_dir=tmp_path / "else", warehouse=tmp_path / "elsewhere" / "stockroom.duckdb", as_of=date(2016, 2, 3))
    for name, value in other.to_env().items():
        monkeypatch.setenv(name, value)
    read = build.invoke_dbt(["parse", "--no-partial-parse", "--target-path", str(tmp_path / "other"), *build.QUICK]).result
    for kind in ("nodes", "sources", "macros", "exposures"):
        assert without_its_moment(getattr(kept, kind)) == without_its_moment(getattr(read, kind))


def test_events_for_a_debug_log_are_made_only_where_one_is_written(dbt_manifest: object, tmp_path: Path) -> None:
    def levels(*arguments: str) -> set[str]:
        heard: set[str] = set()
        build.invoke_dbt(
            ["ls", "--select", "dim_date", "--target-path", str(tmp_path), *arguments],
            manifest=dbt_manifest,
            callbacks=[lambda event: heard.add(event.info.level)],
        )
        return heard

    assert levels(*build.QUICK) == {"info"}
    assert levels("--log-path", str(tmp_path), "--log-level-file", "debug") == {"info", "debug"}
    assert "ls` succeeded" in (tmp_path / "dbt.log").read_text()


def without_its_moment(nodes: dict) -> dict[str, str]:
    as_text = {name: json.dumps(node.to_dict(), sort_keys=True, default=str) for name, node in nodes.items()}
    return {name: re.sub(r'"created_at": [0-9.]+', "", text) for name, text in as_text.items()}


def test_a_project_that_changed_or_stands_in_another_database_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "MANIFEST", tmp_path / "target" / "manifest.json")
    assert build.read_project("stockroom") is None, "never read"
    manifest = build.ensure_manifest(Settings(warehouse=tmp_path / "stockroom.duckdb"))
    assert build.read_project("stockroom") is not None
    assert build.read_project("another") is None
    kept = manifest.with_name("project.msgpack")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert build.read_project("stockroom") is None, "cut short"
    os.utime(manifest, (1000, 1000))
    assert build.read_project("stockroom") is None, "older than the project"


def test_a_model_edited_since_is_read_again_even_where_another_command_made_the_manifest_new(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dbt parse` by hand writes the manifest, and not what is kept: an old reading must not be what runs."""
    kept = project / "target" / "project.msgpack"
    kept.write_bytes(b"not looked at")
    os.utime(kept, (1000, 1000))
    os.utime(project / "models" / "marts" / "one.sql", (2000, 2000))
    os.utime(project / "target" / "manifest.json", (3000, 3000))
    assert not build.manifest_is_stale()
    monkeypatch.setattr(
        "dbt.contracts.graph.manifest.Manifest.from_msgpack", lambda *_, **__: pytest.fail("an old reading was used")
    )
    assert build.read_project("stockroom") is None
