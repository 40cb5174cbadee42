"""dbt's manifest, the map from which Dagster draws the graph.

Belongs here: making the manifest when it is missing or older than the project. Does not belong here: anything at import.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagster_project.settings import DBT_PROJECT_DIR, Settings

MANIFEST = DBT_PROJECT_DIR / "target" / "manifest.json"
_WATCHED = ("models", "macros", "seeds", "tests", "snapshots", "dbt_project.yml", "profiles.yml")


def manifest_is_stale() -> bool:
    """True when the manifest is absent or a file of the dbt project (or a folder's listing) changed after it was written."""
    if not MANIFEST.exists():
        return True
    written = MANIFEST.stat().st_mtime
    roots = [DBT_PROJECT_DIR / name for name in _WATCHED]
    paths = (p for root in roots if root.exists() for p in ([root] if root.is_file() else [root, *root.rglob("*")]))
    return any(p.stat().st_mtime > written for p in paths)


def ensure_manifest(settings: Settings | None = None) -> Path:
    """Return the path of an up-to-date manifest, parsing the dbt project first where needed (a few seconds)."""
    if manifest_is_stale():
        from dbt.cli.main import dbtRunner

        settings = settings or Settings.from_env()
        os.environ.update(settings.to_env())
        folders = ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
        result = dbtRunner().invoke(["--quiet", "parse", *folders, "--target-path", str(MANIFEST.parent)])
        if not result.success:
            raise RuntimeError(f"dbt cannot parse {DBT_PROJECT_DIR}: {result.exception or 'see the messages above'}")
        MANIFEST.touch()
    return MANIFEST
