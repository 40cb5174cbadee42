"""Isolated copies: what a developer changed, built in a DuckDB file of its own, and views of all the rest in the warehouse.

Belongs here: making, listing, asking and dropping them. Does not belong here: how a version is built.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from dagster_project.policy_diff import versions
from dagster_project.policy_diff.building import Side, build_sides
from dagster_project.policy_diff.compare import of_warehouse, read_versions
from dagster_project.policy_diff.errors import DiffError
from dagster_project.settings import PROJECT_ROOT, Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TAKEN = ("before", "after", "main", "temp", "system", "memory")
_ABOUT = "environment"


@dataclass(frozen=True)
class Environment:
    """One isolated copy."""

    name: str
    file: Path
    base: str
    made_at: datetime
    built: int
    bytes: int
    stale: list[str]
    """Estimates that were not made again although their input differs."""


def folder_of(settings: Settings) -> Path:
    return settings.warehouse.parent / "environments"


def create(
    settings: Settings,
    name: str,
    base: str = "HEAD",
    *,
    root: Path = PROJECT_ROOT,
    with_forecasts: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Environment:
    """Build what the working tree changed since `base`, and views of everything else; again where the name is there already. Raises DiffError."""
    if not _NAME.fullmatch(name) or name in (*_TAKEN, settings.warehouse.stem):
        raise DiffError([f"{name!r} cannot be the name of an environment"], "Use small letters, digits and _, a letter first.")
    settings, as_of = of_warehouse(settings)
    commit = versions.revision(root, base)
    workspace = folder_of(settings) / name
    before, after, state = read_versions(settings, root, commit, workspace, name, say)
    direct, removed = versions.changed(before, after, state)
    side = Side(after, settings.warehouse, state)
    built = build_sides(None, side, direct, removed, as_of, say, with_forecasts)
    with side.connect() as connection:
        for key in after.built():
            if key not in side.built and side.is_in_warehouse(key, connection):
                table = after.table(key)
                connection.execute(f"create schema if not exists {table.split('.')[0]}")
                connection.execute(f"create or replace view {table} as from {settings.warehouse.stem}.{table}")
        connection.execute(
            f"create or replace table {_ABOUT} as select ? as base, ? as made_at, ? as built, ? as warehouse, ? as stale",
            [f"{base} ({commit[:10]})", datetime.now(), len(side.built), str(settings.warehouse), "\n".join(f"{k}: {', '.join(v)}" for k, v in built.stale.items())],
        )  # fmt: skip
    for left in workspace.iterdir():  # what dbt needed to build it
        if left != after.file:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return _read(after.file)


def environments(settings: Settings) -> list[Environment]:
    """All there are, by name."""
    return [_read(file) for file in sorted(folder_of(settings).glob("*/*.duckdb")) if file.stem == file.parent.name]


def find(settings: Settings, name: str) -> Environment:
    """Raises DiffError where there is none of that name."""
    found = {one.name: one for one in environments(settings)}
    if name not in found:
        raise DiffError(
            [f"no environment {name!r}"], f"There are: {', '.join(found) or 'none'}. Make one: stockroom env create NAME"
        )
    return found[name]


def drop(settings: Settings, name: str) -> Environment:
    """Delete one; the warehouse stays as it is. Raises DiffError where there is none of that name."""
    one = find(settings, name)
    shutil.rmtree(one.file.parent)
    return one


def ask(settings: Settings, name: str, sql: str, limit: int) -> tuple[list[str], list[tuple]]:
    """Columns and the first `limit` + 1 rows of a query in an environment, the warehouse behind it. Raises DiffError."""
    one = find(settings, name)
    with duckdb.connect(str(one.file), read_only=True) as connection:
        try:
            connection.execute(f"attach '{settings.warehouse}' as {settings.warehouse.stem} (read_only)")
            result = connection.execute(sql)
            return [column[0] for column in result.description or []], result.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise DiffError([str(error)]) from None


def _read(file: Path) -> Environment:
    with duckdb.connect(str(file), read_only=True) as connection:
        base, made_at, built, stale = connection.sql(f"select base, made_at, built, stale from {_ABOUT}").fetchone()
    return Environment(file.stem, file, base, made_at, built, file.stat().st_size, [line for line in stale.split("\n") if line])
