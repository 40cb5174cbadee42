"""docs/bi-publish.md does what it says: its SQL is run, in its order, against a real PostgreSQL, and its ways to open the files open them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import duckdb
import pytest

from dagster_project.publish.to_postgres import publish_to_postgres
from dagster_project.settings import PROJECT_ROOT, Settings

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("adbc_driver_postgresql")

TEXT = (PROJECT_ROOT / "docs" / "bi-publish.md").read_text()


def statements(text: str) -> list[str]:
    """The SQL of indented blocks, without remarks."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)
    code = "\n".join(re.sub(r"\s+-- .*", "", block) for block in blocks if re.match(r" {4}(create|grant|insert) ", block))
    return [one.strip() for one in code.split(";") if one.strip()]


def test_its_sql_gives_a_reader_a_store_manager_a_controller_and_a_planner(
    published: Settings, database: str, ask: Callable[..., list[tuple]]
) -> None:
    found = statements(TEXT)
    assert len(found) == 6, found
    settings = published.changed(postgres_url=database)
    publish_to_postgres(settings)
    publish_to_postgres(settings, rls=True)
    ask(database, "create role manager_4 login; create role controller login; grant bi_reader to manager_4, controller")
    for statement in found:
        # only who may write enters an order
        ask(database, statement.replace("'…'", "'secret'"), as_user="anna" if statement.startswith("insert into input.") else "")

    stores = "select distinct location_id from bi.rpt_inventory_item_location order by 1"
    every = ask(database, stores)
    assert len(every) > 1
    assert set(ask(database, stores, as_user="manager_4")) <= {(4,)}
    assert ask(database, stores, as_user="controller") == every
    assert ask(database, "select entered_by, order_units, reason from input.order_overrides") == [("anna", 7, "a wedding")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(database, "delete from bi.rec_orders", as_user="anna")


def test_its_files_open_as_it_says(published: Settings) -> None:
    command = re.search(r"^ {4}(duckdb -readonly .*?)\s+#", TEXT, re.MULTILINE)
    read = re.search(r'^ {4}pandas\.read_parquet\("data/warehouse/published/(.*)"\)', TEXT, re.MULTILINE)
    assert command
    assert read
    _, _, path, query = shlex.split(command[1])
    with duckdb.connect(str(published.published / path.rsplit("/", 1)[1]), read_only=True) as connection:
        connection.sql("set schema = 'bi'")
        assert connection.sql(query).fetchall()
    assert "order_units" in duckdb.read_parquet(str(published.published / read[1])).columns
