"""Calling dbt, and its manifest, the map from which Dagster draws the graph.

Belongs here: one dbt command; making the manifest when it is missing or older than the project. Does not belong here: anything
at import, and what Dagster makes of it.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.settings import DBT_PROJECT_DIR, Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

MANIFEST = DBT_PROJECT_DIR / "target" / "manifest.json"
QUICK = ("--no-write-json", "--log-level", "none", "--log-level-file", "none")
"""For who has the manifest and listens to what dbt says (`callbacks`): nothing is written but the warehouse, and debug events are not made."""
_PROJECT = (
    "project.msgpack"  # dbt's state of the reading that made the manifest; dbt's own file is written by any other reading too
)
_WATCHED = ("models", "macros", "seeds", "tests", "snapshots", "dbt_project.yml", "profiles.yml")


def invoke_dbt(
    arguments: Sequence[str], project_dir: Path | None = None, profiles_dir: Path | None = None, **runner: Any
) -> dbtRunnerResult:
    """One dbt command in this process, on this project unless another is named; `runner` goes to `dbtRunner`."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    from dagster_project.dbt_events import HeardEvents

    ctx_set_event_manager(HeardEvents())
    folders = ["--project-dir", str(project_dir or DBT_PROJECT_DIR), "--profiles-dir", str(profiles_dir or DBT_PROJECT_DIR)]
    gc.set_threshold(100_000)  # what dbt makes it keeps: looking for what may go took a tenth of its own time
    try:
        return dbtRunner(**runner).invoke([*arguments, *folders])
    finally:
        DuckDBConnectionManager.close_all_connections()  # else the file stays open, and others may not open it their way


def manifest_is_stale() -> bool:
    """True when the manifest is absent or a file of the dbt project (or a folder's listing) changed after it was written."""
    return _is_stale(MANIFEST)


def _is_stale(made_of_project: Path) -> bool:
    if not made_of_project.exists():
        return True
    written = made_of_project.stat().st_mtime
    roots = [DBT_PROJECT_DIR / name for name in _WATCHED]
    paths = (p for root in roots if root.exists() for p in ([root] if root.is_file() else [root, *root.rglob("*")]))
    return any(p.stat().st_mtime > written for p in paths)


def ensure_manifest(settings: Settings | None = None) -> Path:
    """Return the path of an up-to-date manifest, parsing the dbt project first where needed (a few seconds)."""
    if manifest_is_stale():
        settings = settings or Settings.from_env()
        os.environ.update(settings.to_env())
        result = invoke_dbt(["--quiet", "parse", "--target-path", str(MANIFEST.parent)])
        if not result.success:
            raise RuntimeError(f"dbt cannot parse {DBT_PROJECT_DIR}: {result.exception or 'see the messages above'}")
        MANIFEST.touch()
        shutil.copyfile(MANIFEST.with_name("partial_parse.msgpack"), MANIFEST.with_name(_PROJECT))
    return MANIFEST


def read_project(database: str) -> Manifest | None:
    """The project as it was read for the manifest, for `invoke_dbt(..., manifest=...)`; `database` is the warehouse file's stem.

    None where dbt has to read it again: it changed, dbt did, or its tables stood in another database. Left to itself, dbt reads all
    of it again whenever the path of the warehouse changes, which takes longer than what most commands do then; but the database's
    name is all that the manifest has of a path or of a setting (a test holds that).
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder
    from dbt.version import __version__

    kept = MANIFEST.with_name(_PROJECT)
    if manifest_is_stale() or _is_stale(kept):  # each for itself: a command by hand writes the manifest alone
        return None
    try:
        project = Manifest.from_msgpack(kept.read_bytes(), decoder=extended_mashumuro_decoder)
    except Exception:  # written by another version of dbt, or cut short
        return None
    if project.metadata.dbt_version != __version__ or any(node.database != database for node in project.nodes.values()):
        return None
    project.build_flat_graph()
    return project
