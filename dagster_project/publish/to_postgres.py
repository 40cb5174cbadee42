"""`stockroom publish --to postgres`, whole: tables, rights, rows, and the tables people write into.

Belongs here: the order of these steps. Does not belong here: any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagster_project.publish.contract import published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.postgres import checked_url
from dagster_project.publish.postgres_access import filter_rows, let_read
from dagster_project.publish.postgres_input import make_input_schema
from dagster_project.publish.postgres_load import Loaded, Progress, load
from dagster_project.settings import Settings

if TYPE_CHECKING:
    import psycopg


def publish_to_postgres(
    settings: Settings,
    rls: bool | None = None,
    progress: Progress = lambda text, share: None,
    without: Sequence[str] = (),
) -> Loaded:
    """Bring PostgreSQL to what the published snapshot holds. Raises PublishError; then readers still see what was there before.

    Tables `without` which it is published are not there afterwards: the facts of a large chain are most of the rows.
    """
    url = checked_url(settings.postgres_url)
    tables = [table for table in published_tables() if table.name not in without]
    unknown = set(without) - {table.name for table in published_tables() if table.kind != "run"}
    if unknown:
        raise PublishError([f"no published table {name}" for name in sorted(unknown)], "Those there are: bi.run_tables.")

    def prepare(connection: psycopg.Connection) -> list[str]:
        notices = filter_rows(connection, tables, rls)
        return [*notices, *let_read(connection), *make_input_schema(connection)]

    return load(url, settings.published / "stockroom.duckdb", tables, prepare, progress)
