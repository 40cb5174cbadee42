"""Publishing to a real PostgreSQL: what arrives, who may do what, and what readers notice while it is replaced: nothing."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.publish import postgres_load
from dagster_project.publish.contract import PublishedTable, published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.postgres import postgres_type
from dagster_project.publish.snapshot import publish_snapshot
from dagster_project.publish.to_postgres import publish_to_postgres
from dagster_project.settings import Settings

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("adbc_driver_postgresql")

MORE_COST = "update marts.rpt_inventory_item_location set cogs_usd = coalesce(cogs_usd, 0) + 1"
Ask = Callable[..., list[tuple]]
Change = Callable[..., Settings]


def to_database(settings: Settings, url: str) -> Settings:
    return settings.changed(postgres_url=url)


def user(ask: Ask, url: str, name: str, *roles: str) -> str:
    """A login with these roles; the URL that it uses."""
    ask(url, f"create role {name} login password 'secret'")
    for role in roles:
        ask(url, f"grant {role} to {name}")
    return url.replace("://postgres:", f"://{name}:secret")


# What arrives -------------------------------------------------------------------------------------------------------------------


def test_every_table_arrives_typed_whole_with_key_and_comments(published: Settings, database: str, ask: Ask) -> None:
    loaded = publish_to_postgres(to_database(published, database))
    tables = published_tables()
    assert loaded.table_count == len([table for table in tables if table.kind != "run"])

    there: dict[str, list] = {}
    for table, column, dtype, comment in ask(
        database,
        """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'bi'::regnamespace and c.relkind = 'r' order by c.relname, a.attnum
        """,
    ):
        there.setdefault(table, []).append((column, dtype.replace(" without time zone", ""), comment))
    assert there == {table.name: [(c.name, postgres_type(c.type), c.description) for c in table.columns] for table in tables}

    keys = {
        table: tuple(columns)
        for table, columns in ask(
            database,
            """
            select conrelid::regclass::text, (select array_agg(attname order by place) from unnest(conkey) with ordinality as k (number, place)
                join pg_attribute on attrelid = conrelid and attnum = number)
            from pg_constraint where contype = 'p' and connamespace = 'bi'::regnamespace
            """,
        )
    }
    assert keys == {f"bi.{table.name}": table.primary_key for table in tables if table.primary_key}
    assert len(keys) > 40
    meaning = dict(
        ask(database, "select relname, obj_description(oid, 'pg_class') from pg_class where relnamespace = 'bi'::regnamespace")
    )
    assert meaning["rec_orders"].endswith("One row per item and store.")


def test_numbers_are_equal_to_the_last_digit(published: Settings, database: str, ask: Ask) -> None:
    """Counts, and the sum of every decimal and whole-number column of every table."""
    publish_to_postgres(to_database(published, database))
    compared, different = 0, []
    with duckdb.connect(str(published.published / "stockroom.duckdb"), read_only=True) as connection:
        for table in published_tables():
            names = [c.name for c in table.columns if c.type.startswith(("decimal", "integer", "bigint"))]
            sums = ", ".join(["count(*)", *[f"sum(cast({name} as decimal(38, 4)))" for name in names]])
            here = connection.sql(f"select {sums} from bi.{table.name}").fetchone()
            (in_postgres,) = ask(database, f"select {sums} from bi.{table.name}")
            compared += sum(1 for value in here if value)
            different += [
                (table.name, *pair) for pair in zip(["count", *names], here, in_postgres, strict=True) if pair[1] != pair[2]
            ]
    assert different == []
    assert compared > 200


def test_what_has_not_changed_is_left_alone(change: Change, database: str, ask: Ask) -> None:
    settings = to_database(change(), database)
    publish_snapshot(settings)
    publish_to_postgres(settings)
    again = publish_to_postgres(settings)
    assert (again.table_count, again.row_count) == (0, 0)
    publish_snapshot(change(MORE_COST))
    third = publish_to_postgres(settings)
    assert third.table_count == 1
    with duckdb.connect(str(settings.published / "stockroom.duckdb"), read_only=True) as connection:
        expected = connection.sql("select sum(cogs_usd) from bi.rpt_inventory_item_location").fetchall()
        run = connection.sql("select run_id, data_hash from bi.run_info").fetchall()
    assert ask(database, "select sum(cogs_usd) from bi.rpt_inventory_item_location") == expected
    assert ask(database, "select run_id, data_hash from bi.run_info") == run


def test_tables_can_be_left_out(published: Settings, database: str, ask: Ask) -> None:
    settings = to_database(published, database)
    publish_to_postgres(settings)
    result = stockroom("publish", "--to", "postgres", "--without", "fct_sales_daily, fct_inventory_daily", settings=settings)
    assert result.exit_code == 0, result.output
    facts = "select tablename from pg_tables where schemaname = 'bi' and tablename like 'fct_%' order by 1"
    assert ask(database, facts) == [("fct_external_signals",), ("fct_purchase_order_lines",), ("fct_stock_counts",)]
    assert publish_to_postgres(settings).table_count == 2, "they come back whole"
    assert ask(database, "select count(*) from bi.fct_sales_daily")[0][0] > 0
    with pytest.raises(PublishError, match="no published table fct_sale"):
        publish_to_postgres(settings, without=["fct_sale"])


def test_a_zero_byte_in_a_refused_line_does_not_stop_it(change: Change, database: str, ask: Ask) -> None:
    settings = change(
        "create or replace table staging.other as select 'a' as adapter, 'b' as file_kind, 'c.csv' as source_file, 7::bigint as line_number,"
        " 'd' as column_name, 'x' || chr(0) || 'y' as raw_value, 'e' as reason",
        "drop table if exists staging.rejects",
        "alter table staging.other rename to rejects",
    )
    publish_snapshot(settings)
    publish_to_postgres(to_database(settings, database))
    assert ask(database, "select line_number, raw_value from bi.rejects") == [(7, "xy")]


# While it is replaced -------------------------------------------------------------------------------------------------------------


def test_twenty_readers_notice_nothing_while_it_is_published_ten_times(change: Change, database: str, ask: Ask) -> None:
    """Each reading is one statement over two tables and a user's own view: all of one publication, never of two, never empty."""
    settings = to_database(change(), database)
    publish_snapshot(settings)
    publish_to_postgres(settings)
    reader = user(ask, database, "analyst", "bi_reader")
    ask(database, "create schema mine; create view mine.cost as select sum(cogs_usd) as usd from bi.rpt_inventory_item_location")
    ask(database, "grant usage on schema mine to analyst; grant select on mine.cost to analyst")
    ((rows,),) = ask(database, "select count(*) from bi.rpt_inventory_item_location")

    totals: dict[str, Decimal] = {}
    errors: list[object] = []
    readings: list[tuple[str, Decimal, int]] = []
    done = threading.Event()

    def read() -> None:
        try:
            with psycopg.connect(reader, autocommit=True) as connection:
                while not done.is_set():
                    readings.append(
                        connection.execute(
                            "select (select data_hash from bi.run_info), (select usd from mine.cost), (select count(*) from bi.rpt_inventory_item_location)"
                        ).fetchone()
                    )
                    done.wait(0.05)  # people pause, and the publisher shares the processor
        except Exception as error:
            errors.append(error)

    def note() -> None:
        totals.update(
            ask(database, "select data_hash, (select sum(cogs_usd) from bi.rpt_inventory_item_location) from bi.run_info")
        )

    note()
    readers = [threading.Thread(target=read) for _ in range(20)]
    for thread in readers:
        thread.start()
    try:
        for _ in range(10):
            publish_snapshot(change(MORE_COST))
            publish_to_postgres(settings)
            note()
    finally:
        done.set()
        for thread in readers:
            thread.join()
    assert errors == []
    assert len(totals) == 11
    assert {count for _, _, count in readings} == {rows}
    assert [reading for reading in readings if totals[reading[0]] != reading[1]] == []
    assert len({reading[0] for reading in readings}) > 5
    assert len(readings) > 200


KILLED = """
import os, signal
from dagster_project.publish.to_postgres import publish_to_postgres
from dagster_project.settings import Settings
def progress(text, share):
    if share > 0.5:
        os.kill(os.getpid(), signal.SIGKILL)
publish_to_postgres(Settings.from_env(), progress=progress)
"""


def test_a_publication_killed_in_the_middle_leaves_the_old_rows(change: Change, database: str, ask: Ask) -> None:
    settings = to_database(change(), database)
    publish_snapshot(settings)
    publish_to_postgres(settings)
    everything = "select (select to_jsonb(r) from bi.run_info r), (select sum(cogs_usd) from bi.rpt_inventory_item_location)"
    before = ask(database, everything)
    publish_snapshot(change(MORE_COST))
    killed = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, **settings.to_env()}, timeout=120, check=False)
    assert killed.returncode == -9
    assert ask(database, everything) == before
    publish_to_postgres(settings)
    assert ask(database, everything) != before


def test_a_first_publication_killed_in_the_middle_is_made_whole_by_the_next(published: Settings, database: str, ask: Ask) -> None:
    settings = to_database(published, database)
    killed = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, **settings.to_env()}, timeout=120, check=False)
    assert killed.returncode == -9
    # keys are made with the first rows
    keys = "select count(*) from pg_constraint where contype = 'p' and connamespace = 'bi'::regnamespace"
    assert ask(database, keys) == [(0,)]
    publish_to_postgres(settings)
    assert ask(database, keys) == [(len([table for table in published_tables() if table.primary_key]),)]


def test_a_locked_table_is_a_message_and_then_works(
    change: Change, database: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_load, "ATTEMPTS", 1)
    monkeypatch.setattr(postgres_load, "LOCK_SECONDS", 1)
    settings = to_database(change(), database)
    publish_snapshot(settings)
    publish_to_postgres(settings)
    publish_snapshot(change(MORE_COST))
    with psycopg.connect(database) as holder:
        holder.execute("lock table bi.rpt_inventory_item_location in share mode")
        with pytest.raises(PublishError, match="somebody holds a lock on a table") as raised:
            publish_to_postgres(settings)
        assert "What was published before is untouched." in str(raised.value)
    assert publish_to_postgres(settings).table_count == 1


def test_two_cannot_publish_at_once(published: Settings, database: str, ask: Ask) -> None:
    publish_to_postgres(to_database(published, database))
    with psycopg.connect(database) as other:
        other.execute(f"select pg_advisory_xact_lock({postgres_load._LOCK_KEY})")
        with pytest.raises(PublishError, match="somebody else is publishing there"):
            publish_to_postgres(to_database(published, database))


# A new contract -------------------------------------------------------------------------------------------------------------------


def with_location_columns(*columns: tuple[str, str]) -> list[PublishedTable]:
    """The contract, but for the columns of dim_location."""
    tables = published_tables()
    place = next(n for n, table in enumerate(tables) if table.name == "dim_location")
    first = tables[place].columns[0]
    others = tuple(dataclasses.replace(first, name=name, type=dtype, names="") for name, dtype in columns)
    tables[place] = dataclasses.replace(tables[place], columns=(first, *others))
    return tables


def test_columns_come_and_go_and_views_of_users_stay(published: Settings, database: str, ask: Ask, tmp_path: Path) -> None:
    def publish(*columns: tuple[str, str], select: str) -> None:
        tables = with_location_columns(*columns)
        file = tmp_path / "snapshot.duckdb"
        file.unlink(missing_ok=True)
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"attach '{published.published / 'stockroom.duckdb'}' as old (read_only)")
            connection.execute("create schema bi")
            for table in tables:
                connection.execute(f"create table bi.{table.name} as from old.bi.{table.name}")
            connection.execute(f"create or replace table bi.dim_location as select {select} from old.bi.dim_location")
            connection.execute(f"update bi.run_tables set data_hash = '{select}' where table_name = 'dim_location'")
        postgres_load.load(database, file, tables)

    publish(("city", "varchar"), select="location_id, city")
    ask(database, "create view public.cities as select city from bi.dim_location")
    cities = ask(database, "select * from public.cities order by 1")
    assert len(cities) > 0
    publish(("area_m2", "decimal(18, 2)"), ("city", "varchar"), select="location_id, 12.5::decimal(18, 2) as area_m2, city")
    assert ask(database, "select * from public.cities order by 1") == cities
    assert set(ask(database, "select area_m2 from bi.dim_location")) == {(Decimal("12.50"),)}
    publish(("area_m2", "bigint"), ("city", "varchar"), select="location_id, 12::bigint as area_m2, city")
    assert set(ask(database, "select area_m2 from bi.dim_location")) == {(12,)}
    publish(("city", "varchar"), select="location_id, city")
    assert [
        name for (name,) in ask(database, "select column_name from information_schema.columns where table_name = 'dim_location'")
    ] == [
        "location_id",
        "city",
    ]
    with pytest.raises(PublishError, match=r"cities reads bi\.dim_location\.city, which is not published any more"):
        publish(("town", "varchar"), select="location_id, city as town")
    assert ask(database, "select * from public.cities order by 1") == cities
    ask(database, "drop view public.cities")
    publish(("town", "varchar"), select="location_id, city as town")
    assert ask(database, "select town from bi.dim_location order by 1") == cities


# Who may do what ------------------------------------------------------------------------------------------------------------------


def test_a_reader_reads_all_and_writes_nothing(published: Settings, database: str, ask: Ask) -> None:
    publish_to_postgres(to_database(published, database))
    reader = user(ask, database, "analyst", "bi_reader")
    for table in published_tables():
        ask(reader, f"select * from bi.{table.name} limit 1")
    for statement in (
        "insert into bi.dim_location (location_id) values (99)",
        "update bi.dim_location set city = 'x'",
        "delete from bi.dim_location",
        "truncate bi.dim_location",
        "drop table bi.dim_location",
        "alter table bi.dim_location add column x int",
        "create table bi.mine (x int)",
        "create schema mine",
        "select * from input.order_overrides",
        "insert into input.order_overrides (item_id) values (1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(reader, statement)


def test_a_store_manager_sees_the_own_store_only(published: Settings, database: str, ask: Ask) -> None:
    settings = to_database(published, database)
    publish_to_postgres(settings)
    manager = user(ask, database, "manager_1", "bi_reader")
    controller = user(ask, database, "controller", "bi_reader")
    stores = "select array_agg(distinct location_id order by location_id) from bi.rec_inventory_position"
    ((everything,),) = ask(manager, stores)
    assert len(everything) > 1
    publish_to_postgres(settings, rls=True)
    assert ask(manager, stores) == [(None,)], "nobody said which store is theirs"
    ask(database, "insert into bi.bi_access values ('manager_1', 1)")
    ask(database, "grant bi_all_stores to controller")
    assert ask(manager, stores) == [([1],)]
    assert ask(controller, stores) == [(everything,)]
    others = [
        table.name
        for table in published_tables()
        if table.kind != "dimension" and "location_id" in [column.name for column in table.columns]
        if ask(manager, f"select 1 from bi.{table.name} where location_id is distinct from 1 limit 1")
    ]
    assert others == []
    assert ask(manager, "select * from bi.bi_access") == [("manager_1", 1)]
    assert ask(controller, "select * from bi.bi_access") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(manager, "insert into bi.bi_access values ('manager_1', 2)")

    publish_to_postgres(settings)  # as it is
    assert ask(manager, stores) == [([1],)]
    publish_to_postgres(settings, rls=False)
    assert ask(manager, stores) == [(everything,)]


# What can go wrong ----------------------------------------------------------------------------------------------------------------


def stockroom(*arguments: str, settings: Settings):
    return CliRunner().invoke(app, list(arguments), env=settings.to_env())


def test_without_an_address_it_says_how_to_give_one(published: Settings) -> None:
    result = stockroom("publish", "--to", "postgres", settings=published)
    assert result.exit_code == 1
    assert "STOCKROOM_POSTGRES_URL is not set" in result.stderr
    assert "postgresql://user:password@host:5432/database" in result.stderr


def test_without_a_server_it_says_where_it_looked_and_never_the_password(published: Settings) -> None:
    settings = to_database(published, "postgresql://somebody:topsecret@127.0.0.1:1/stock")
    result = stockroom("publish", "--to", "postgres", settings=settings)
    assert result.exit_code == 1
    assert "PostgreSQL at 127.0.0.1:1, database stock does not answer" in result.stderr
    assert "topsecret" not in result.output
    assert "topsecret" not in repr(settings)


def test_a_wrong_password_says_so(published: Settings, database: str, ask: Ask) -> None:
    right = user(ask, database, "guarded")
    ((file,),) = ask(database, "show hba_file")
    rules = Path(file).read_text()
    try:
        Path(file).write_text(f"local all guarded scram-sha-256\n{rules}")
        ask(database, "select pg_reload_conf()")
        result = stockroom(
            "publish", "--to", "postgres", settings=to_database(published, right.replace(":secret@", ":topsecret@"))
        )
    finally:
        Path(file).write_text(rules)
        ask(database, "select pg_reload_conf()")
    assert result.exit_code == 1
    assert "refuses the user or the password" in result.stderr
    assert "topsecret" not in result.output


def test_an_unknown_database_says_so(published: Settings, database: str) -> None:
    with pytest.raises(PublishError, match='database "nowhere" does not exist'):
        publish_to_postgres(to_database(published, re.sub(r"/test_\w+", "/nowhere", database)))


def test_a_user_without_rights_is_told_what_an_administrator_has_to_do(published: Settings, database: str, ask: Ask) -> None:
    url = user(ask, database, "publisher")
    result = stockroom("publish", "--to", "postgres", settings=to_database(published, url))
    assert result.exit_code == 1
    assert "the user may not do this" in result.stderr
    told = re.search(r"As administrator: (grant create on database .*;)", result.stderr)
    assert told
    # without the right to make roles it is published, and says that nobody can read it yet
    ask(database, told[1].partition(" alter role")[0])
    result = stockroom("publish", "--to", "postgres", settings=to_database(published, url))
    assert result.exit_code == 0, result.output
    assert "create role bi_reader nologin; then publish again" in result.stderr
    ask(database, "create role bi_reader nologin; create role bi_writer nologin")
    result = stockroom("publish", "--to", "postgres", settings=to_database(published, url))
    assert result.exit_code == 0, result.output
    assert "administrator" not in result.stderr
    assert ask(user(ask, database, "analyst", "bi_reader"), "select count(*) from bi.dim_location")[0][0] > 0
    ask(database, "drop owned by publisher; drop owned by bi_reader; drop owned by bi_writer")


def test_somebody_elses_schema_is_not_touched(published: Settings, database: str, ask: Ask) -> None:
    ask(database, "create schema bi; create table bi.dim_location as select 'theirs' as city")
    with pytest.raises(PublishError, match="a schema bi with tables that Stockroom did not make"):
        publish_to_postgres(to_database(published, database))
    assert ask(database, "select * from bi.dim_location") == [("theirs",)]


def test_nothing_published_yet_is_a_message(tmp_path: Path, database: str) -> None:
    with pytest.raises(PublishError, match="nothing is published yet"):
        publish_to_postgres(Settings(published_dir=tmp_path, postgres_url=database))


@pytest.mark.parametrize("package", ["psycopg", "adbc_driver_postgresql"])
def test_without_the_drivers_it_says_what_to_install(published: Settings, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = stockroom("publish", "--to", "postgres", settings=to_database(published, "postgresql://localhost/x"))
    assert result.exit_code == 1
    assert "pip install 'psycopg[binary]' adbc-driver-postgresql" in result.stderr
