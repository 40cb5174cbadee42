"""What people enter in PostgreSQL: taken once, refused with a reason, never lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish.people import Refused, take_entries
from dagster_project.publish.postgres_input import TABLES, make_input_schema
from dagster_project.publish.to_postgres import publish_to_postgres
from dagster_project.runner import RunFailed, run_daily_replenishment
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("adbc_driver_postgresql")

Ask = Callable[..., list[tuple]]
AS_OF = date(2016, 3, 10)
OUTCOMES = "select entry_table, outcome, reason from input.outcomes order by entry_table, outcome, reason"


@pytest.fixture
def planner(database: str, ask: Ask) -> str:
    """The URL of somebody who may enter, in a database where nothing is published yet."""
    with psycopg.connect(database, autocommit=True) as connection:
        assert make_input_schema(connection) == []
    ask(database, "create role ann login; grant bi_writer to ann")
    return database.replace("://postgres:", "://ann:")


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    """A warehouse of the last run, in which item 1 is held at store 1, and nothing else."""
    warehouse = tmp_path / "stockroom.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema recommendations")
        connection.execute("create table recommendations.rec_orders as select 1 as item_id, 1 as location_id")
        connection.execute("create table recommendations.rec_purchase_orders as select 'P00000001' as proposal_id")
    return Settings(warehouse=warehouse, source_dir=tmp_path / "source", postgres_url=database)


def approve_none(path: Path, proposal: str, moment: datetime) -> None:
    raise Refused(f"no proposal {proposal}")


def take(settings: Settings, approve=approve_none):
    return take_entries(settings, WarehouseFile(str(settings.warehouse)), approve)


def rows(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.sql(sql).fetchall()


ORDER = "insert into input.order_overrides (item_id, location_id, valid_from, valid_to, order_units, reason) values (%s, %s, %s, %s, %s, %s)"
FORECAST = "insert into input.forecast_overrides (item_id, location_id, week_start_date, override_units, reason) values (%s, %s, %s, %s, %s)"
FAR = date(2099, 1, 1)


def test_who_and_when_are_the_servers_word_and_rows_are_only_added(planner: str, ask: Ask) -> None:
    ask(planner, ORDER, 1, 1, FAR, FAR, 7, "a wedding")
    ((who, when),) = ask(planner, "select entered_by, entered_at from input.order_overrides")
    assert who == "ann"
    assert abs(when.timestamp() - time.time()) < 60
    for statement in (
        "insert into input.order_overrides (item_id, location_id, valid_from, valid_to, order_units, reason, entered_by) values (1, 1, now(), now(), 1, 'why', 'bob')",
        "insert into input.order_overrides (item_id, location_id, valid_from, valid_to, order_units, reason, entered_at) values (1, 1, now(), now(), 1, 'why', now())",
        "update input.order_overrides set order_units = 8",
        "delete from input.order_overrides",
        "truncate input.order_overrides",
        "insert into input.outcomes (entry_table, entry_id, outcome) values ('order_overrides', gen_random_uuid(), 'taken')",
        "create table input.mine (x int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(planner, statement)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (ORDER, (1, 1, FAR, FAR, -1, "less than nothing")),
        (ORDER, (1, 1, FAR, date(2098, 1, 1), 1, "ends before it begins")),
        (ORDER, (1, 1, FAR, FAR, 1, "  ")),
        (FORECAST, (1, 1, FAR, -0.5, "less than nothing")),
        (FORECAST, (1, 1, FAR, float("nan"), "no number")),
        (FORECAST, (1, 1, FAR, float("inf"), "no number")),
        ("insert into input.order_approvals (proposal_id) values (%s)", ("all of them",)),
        ("insert into input.inspection_labels (photo_hash, label) values (%s, %s)", ("a" * 64, "perhaps")),
        ("insert into input.inspection_labels (photo_hash, label) values (%s, %s)", ("photo.jpg", "good")),
    ],
)
def test_what_makes_no_sense_cannot_be_entered(planner: str, ask: Ask, statement: str, values: tuple) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        ask(planner, statement, *values)


def test_entries_are_taken_once_and_refusals_come_back_with_their_reason(planner: str, settings: Settings, ask: Ask) -> None:
    assert take(settings).taken == {}
    ask(planner, ORDER, 1, 1, FAR, FAR, 7, "a wedding")
    ask(planner, ORDER, 2, 1, FAR, FAR, 7, "not held there")
    ask(planner, ORDER, 1, 1, date(2001, 1, 1), date(2001, 1, 2), 7, "long over")
    ask(planner, FORECAST, 1, 1, date(2099, 1, 5), 12.5, "a feast")
    ask(planner, FORECAST, 1, 1, date(2099, 1, 8), 3, "other days of that week")
    ask(planner, FORECAST, 1, 1, date(2099, 1, 5), 9, "corrected")
    ask(planner, "insert into input.inspection_labels (photo_hash, label) values (%s, 'defective')", "a" * 64)
    ask(planner, "insert into input.order_approvals (proposal_id) values ('P0000000A'), ('P00000001')")
    approved = []

    def approve(path: Path, proposal: str, moment: datetime) -> None:
        if proposal == "P0000000A":
            raise Refused(f"no proposal {proposal}")
        approved.append((path, proposal, moment))

    result = take(settings, approve)
    assert result.taken == {"order_overrides": 1, "forecast_overrides": 2, "inspection_labels": 1, "order_approvals": 1}
    assert len(result.refused) == 4
    assert rows(settings, "select item_id, order_units, reason, entered_by from input.order_overrides") == [
        (1, 7, "a wedding", "ann")
    ]
    assert rows(settings, "select override_units from input.forecast_overrides order by entered_at") == [(12.5,), (9.0,)]
    assert rows(settings, "select photo_hash, label from input.inspection_labels") == [("a" * 64, "defective")]
    assert [(path, proposal) for path, proposal, _ in approved] == [(settings.warehouse, "P00000001")]
    assert abs((approved[0][2] - datetime.now()).total_seconds()) < 60

    refused = ask(
        planner, "select entry_table, reason, entered_by, entry ->> 'reason' from input.refused order by entry_table, entered_at"
    )
    today = date.today()
    assert refused == [
        (
            "forecast_overrides",
            "seven days from 2099-01-08 overlap those from 2099-01-05, of which somebody spoke already; to correct them, enter the same first day (2099-01-05)",
            "ann",
            "other days of that week",
        ),
        ("order_approvals", "no proposal P0000000A", "ann", None),
        ("order_overrides", "item 2 is not held at store 1; bi.rec_orders lists what is", "ann", "not held there"),
        (
            "order_overrides",
            f"it speaks of days up to 2001-01-02, which were over: orders were made for {today}",
            "ann",
            "long over",
        ),
    ]
    before = ask(planner, OUTCOMES)
    again = take(settings, approve)
    assert (again.taken, again.refused) == ({}, [])
    assert len(approved) == 1
    assert ask(planner, OUTCOMES) == before
    assert len(before) == 9


def test_a_run_that_dies_before_it_tells_loses_nothing_and_takes_nothing_twice(
    planner: str, settings: Settings, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.publish import people

    ask(planner, ORDER, 1, 1, FAR, FAR, 7, "a wedding")
    ask(planner, ORDER, 2, 1, FAR, FAR, 7, "not held there")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(people, "_tell", die)
        with pytest.raises(KeyboardInterrupt):
            take(settings)
    assert ask(planner, OUTCOMES) == []
    assert len(rows(settings, "from input.order_overrides")) == 1
    assert take(settings).taken == {}
    assert len(rows(settings, "from input.order_overrides")) == 1
    assert [row[:2] for row in ask(planner, OUTCOMES)] == [("order_overrides", "refused"), ("order_overrides", "taken")]

    with monkeypatch.context() as patch:
        patch.setattr(people, "_remember", die)
        ask(planner, ORDER, 1, 1, FAR, FAR, 8, "a larger wedding")
        with pytest.raises(KeyboardInterrupt):
            take(settings)
    assert len(rows(settings, "from input.order_overrides")) == 1, "the entry and its name are written together"
    assert take(settings).taken == {"order_overrides": 1}


def test_a_new_warehouse_takes_all_again_but_approvals_and_refusals(planner: str, settings: Settings, ask: Ask) -> None:
    ask(planner, ORDER, 1, 1, FAR, FAR, 7, "a wedding")
    ask(planner, ORDER, 2, 1, FAR, FAR, 7, "not held there")
    ask(planner, "insert into input.order_approvals (proposal_id) values ('P00000001')")
    assert take(settings, lambda *_: None).taken == {"order_overrides": 1, "order_approvals": 1}
    fresh = settings.changed(warehouse=settings.warehouse.with_name("fresh.duckdb"))
    assert take(fresh).taken == {"order_overrides": 1}
    assert rows(fresh, "select order_units from input.order_overrides") == [(7,)]


def test_the_last_label_of_a_photo_is_learned_from_by_the_hash_of_its_file(planner: str, settings: Settings, ask: Ask) -> None:
    import hashlib

    from dagster_project.assets.vision import entered_labels
    from dagster_project.inspecting import find_photos

    folder = settings.source_dir / "inspection_photos"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_text(name)
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.png", "b.png", "gone.png")}
    label = "insert into input.inspection_labels (photo_hash, label) values (%s, %s)"
    for name, said in (("a.png", "good"), ("b.png", "good"), ("gone.png", "defective"), ("a.png", "defective")):
        ask(planner, label, hashes[name], said)
    assert take(settings).taken == {"inspection_labels": 4}

    warehouse = WarehouseFile(str(settings.warehouse))
    labelled = find_photos(settings.source_dir, entered_labels(warehouse, settings)).labelled
    expected = [(str(folder / "a.png"), hashes["a.png"], True), (str(folder / "b.png"), hashes["b.png"], False)]
    assert labelled.select("path", "photo_hash", "is_defective").rows() == expected
    elsewhere = settings.changed(source_dir=settings.source_dir.with_name("another"))
    assert entered_labels(warehouse, elsewhere).is_empty()


def test_an_approval_waits_for_the_first_proposals(planner: str, settings: Settings, ask: Ask) -> None:
    ask(planner, "insert into input.order_approvals (proposal_id) values ('P00000001')")
    fresh = settings.changed(warehouse=settings.warehouse.with_name("fresh.duckdb"))
    assert take(fresh).taken == {}
    assert ask(planner, OUTCOMES) == []


def test_without_a_database_nothing_is_looked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.publish.people.connected", None)
    assert take(settings.changed(postgres_url="")) is None
    assert rows(settings, "select 1 from information_schema.tables where table_schema = 'input'") == []


def test_a_database_nobody_published_to_has_nothing_to_take(settings: Settings) -> None:
    assert take(settings).taken == {}


def test_every_table_people_write_into_is_taken_by_a_run() -> None:
    from dagster_project.input_tables import ENTRIES

    assert {contract.name for contract in ENTRIES} == set(TABLES) - {"order_approvals"}
    for contract in ENTRIES:
        assert set(TABLES[contract.name][1]) <= {column.name for column in contract.columns}


def test_the_whole_way_on_the_golden_data(database: str, ask: Ask, golden_settings: Settings, tmp_path: Path) -> None:
    """Orders are published; a planner looks at them, orders 7 of item 101 at store 1, expects 70 of item 103 in the first week and
    approves a proposal; the next run does all three, though its day is long past by the clock."""
    copy = shutil.copytree(golden_settings.warehouse.parent, tmp_path / "copy", symlinks=True)
    home = Settings(
        source_dir=golden_settings.source_dir,
        warehouse=copy / golden_settings.warehouse.name,
        dagster_home=copy / "dagster",
        as_of=AS_OF,
        postgres_url=database,
    )
    unreachable = home.changed(postgres_url="postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(
        RunFailed, match=r"what people entered cannot be taken: PostgreSQL at 127\.0\.0\.1:1, database nowhere does not answer"
    ):
        run_daily_replenishment(unreachable)
    assert rows(home, "select override_order_units from recommendations.rec_orders where item_id = 101 and location_id = 1") == [
        (None,)
    ]
    publish_to_postgres(home)
    ask(database, "create role ann login; grant bi_writer, bi_reader to ann")
    ann = database.replace("://postgres:", "://ann:")
    proposals = ask(ann, "select proposal_id, state from bi.rec_purchase_orders order by 1")
    assert {state for _, state in proposals} == {"proposed"}
    ((week,),) = ask(ann, "select min(week_start_date) from bi.rec_demand_forecast where item_id = 103 and location_id = 1")
    ask(ann, ORDER, 101, 1, AS_OF, AS_OF, 7, "a wedding")
    ask(ann, FORECAST, 103, 1, week, 70, "a feast")
    ask(ann, "insert into input.order_approvals (proposal_id) values (%s), ('P00000000')", proposals[0][0])
    assert set(ask(ann, "select as_of_date from input.order_overrides")) == {(AS_OF,)}

    run_daily_replenishment(home)
    word = "select override_order_units, order_units from recommendations.rec_orders where item_id = 101 and location_id = 1"
    assert rows(home, word) == [(7, 7)]
    expected = f"select override_units, override_reason from recommendations.rec_demand_forecast where item_id = 103 and location_id = 1 and week_start_date = '{week}'"
    assert rows(home, expected) == [(70.0, "a feast")]
    assert (proposals[0][0], "approved") in rows(home, "select proposal_id, state from recommendations.rec_purchase_orders")
    publish_to_postgres(home)
    assert ask(ann, "select reason from input.refused") == [("no proposal P00000000",)]
    assert ask(ann, "select order_units from bi.rec_orders where item_id = 101 and location_id = 1") == [(7,)]
