"""The published snapshot: whole or not at all, and whoever reads the old one goes on reading it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.publish import snapshot
from dagster_project.publish.contract import Promise, promised, published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.snapshot import Snapshot, publish_snapshot
from dagster_project.settings import Settings

MORE_SALES = "update marts.rpt_inventory_item_location set cogs_usd = coalesce(cogs_usd, 0) + 1"
Change = Callable[..., Settings]


def rows(file: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.sql(sql).fetchall()


def database(settings: Settings) -> Path:
    return settings.published / "stockroom.duckdb"


def test_all_rows_of_all_tables_arrive_in_both_forms(published: Settings) -> None:
    total = 0
    with duckdb.connect() as connection:
        connection.execute(f"attach '{database(published)}' as snapshot (read_only)")
        connection.execute(f"attach '{published.warehouse}' as stockroom (read_only)")
        connection.execute("use stockroom")
        for table in published_tables():
            parquet = f"'{published.published / 'parquet' / table.name}.parquet'"
            ((there,), (as_file,)) = connection.sql(
                f"select count(*) from snapshot.bi.{table.name} union all select count(*) from {parquet}"
            ).fetchall()
            types = [row[:2] for row in connection.sql(f"describe snapshot.bi.{table.name}").fetchall()]
            assert [(name, kind.lower().replace(",", ", ")) for name, kind in types] == [(c.name, c.type) for c in table.columns]
            assert [row[:2] for row in connection.sql(f"describe from {parquet}").fetchall()] == types
            assert as_file == there
            if table.source:
                assert connection.sql(f"select count(*) from {table.source}").fetchone() == (there,)
                total += there
        differences = connection.sql(
            f"from snapshot.bi.fct_sales_daily except all from '{published.published}/parquet/fct_sales_daily.parquet'"
            " union all (from snapshot.bi.fct_sales_daily except all from stockroom.marts.fct_sales_daily)"
        ).fetchall()
    assert differences == []
    assert total > 1_000


def test_names_stand_beside_ids_and_descriptions_are_comments(published: Settings) -> None:
    position = rows(
        database(published),
        """
        select count(*), count(*) filter (where p.item_name = d.item_name and p.location_name = p.location_id || ' ' || l.city)
        from bi.rec_inventory_position p join bi.dim_product d using (item_id) join bi.dim_location l using (location_id)
        """,
    )[0]
    assert position[0] == position[1] > 0
    comments = dict(rows(database(published), "select table_name, comment from duckdb_tables() where schema_name = 'bi'"))
    assert comments["dim_location"] == "Which stores are there?"
    meaning = rows(
        database(published), "select comment from duckdb_columns() where table_name = 'dim_location' and column_name = 'city'"
    )
    assert meaning == [("City of the store.",)]


def test_run_info_says_what_this_is(published: Settings, tiny_source: Path) -> None:
    ((as_of, files, read, refused, tables, total, version, synthetic, newest),) = rows(
        database(published),
        """
        select as_of_date, source_file_count, lines_read, lines_rejected, table_count, row_count, contract_version, is_synthetic, newest_file_at
        from bi.run_info
        """,
    )
    lines = sum(len(path.read_bytes().splitlines()) - 1 for path in tiny_source.glob("*.csv"))
    assert read == lines
    assert files == len(list(tiny_source.glob("*.csv")))
    assert refused == 0
    assert version == promised().version
    assert synthetic is True
    newest_change = max(path.stat().st_mtime for path in tiny_source.glob("*.csv"))
    assert newest.replace(tzinfo=UTC).timestamp() == int(newest_change)
    assert rows(database(published), "select count(*), sum(row_count) from bi.run_tables") == [(tables, total)]
    assert rows(published.warehouse, "select as_of_date from intermediate.int_as_of") == [(as_of,)]
    missing = rows(database(published), "select file_kind from bi.run_sources where file_count = 0 and lines_read > 0")
    assert missing == []
    documented = rows(database(published), "select count(*), count(*) filter (where description = '') from bi.run_columns")
    assert documented == [(sum(len(table.columns) for table in published_tables()), 0)]


def test_equal_data_gives_an_equal_hash_and_other_data_another(change: Change) -> None:
    hashes = []
    for statement in ("select 1", "select 1", MORE_SALES):
        settings = change(statement)
        publish_snapshot(settings)
        hashes.append(rows(database(settings), "select data_hash from bi.run_info")[0][0])
    assert hashes[0] == hashes[1] != hashes[2]


def test_who_has_the_old_one_open_keeps_it_and_who_comes_gets_the_new_one(change: Change) -> None:
    settings = change()
    publish_snapshot(settings)
    total = "select sum(cogs_usd) from bi.rpt_inventory_item_location"
    with duckdb.connect(str(database(settings)), read_only=True) as reader, duckdb.connect() as other:
        before = reader.sql(total).fetchone()
        parquet = f"select sum(cogs_usd) from '{settings.published}/parquet/rpt_inventory_item_location.parquet'"
        assert other.sql(parquet).fetchone() == before
        for _ in range(3):
            publish_snapshot(change(MORE_SALES))
            assert reader.sql(total).fetchone() == before
        assert reader.sql("select count(*) from bi.rec_orders").fetchone() is not None
        after = other.sql(parquet).fetchone()
    ((count,),) = rows(database(settings), "select count(*) from bi.rpt_inventory_item_location")
    assert after[0] == before[0] + 3 * count
    kept = [path for path in (settings.published / "versions").iterdir() if path.is_dir()]
    assert len(kept) == 2, "this one and the one before"


KILLED = """
import os, signal, sys
from dagster_project.publish import snapshot
from dagster_project.settings import Settings
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(snapshot, sys.argv[1], die)
snapshot.publish_snapshot(Settings.from_env())
"""


@pytest.mark.parametrize("moment", ["_describe", "_write_to_disk", "_switch"])
def test_a_killed_publication_publishes_nothing_and_the_next_one_tidies_up(change: Change, moment: str) -> None:
    settings = change()
    publish_snapshot(settings)
    before = rows(database(settings), "from bi.run_info")
    changed = change(MORE_SALES)
    script = [sys.executable, "-c", KILLED, moment]
    assert subprocess.run(script, env={**_environment(), **changed.to_env()}, timeout=120, check=False).returncode == -9
    assert rows(database(settings), "from bi.run_info") == before
    assert len([path for path in (settings.published / "versions").iterdir() if path.is_dir()]) == 2, "something was left behind"
    publish_snapshot(changed)
    assert rows(database(settings), "select run_id from bi.run_info") != [before[0][:1]]
    versions = [path.name for path in (settings.published / "versions").iterdir() if path.is_dir()]
    assert len(versions) <= 2
    assert [name for name in versions if name.startswith(".")] == []


FULL = """
import resource, signal
from dagster_project.publish.errors import PublishError
from dagster_project.publish import snapshot
from dagster_project.publish.snapshot import Snapshot, publish_snapshot
from dagster_project.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    publish_snapshot(Settings.from_env())
except PublishError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_a_message_and_the_old_snapshot_stays(change: Change) -> None:
    settings = change()
    publish_snapshot(settings)
    before = rows(database(settings), "from bi.run_info")
    result = subprocess.run(
        [sys.executable, "-c", FULL],
        env={**_environment(), **settings.to_env()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert f"{settings.published} cannot be written" in result.stdout, result.stderr
    assert "What was published before is untouched." in result.stdout
    assert rows(database(settings), "from bi.run_info") == before
    assert [path for path in (settings.published / "versions").iterdir() if path.name.startswith(".unfinished")] == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def test_a_folder_that_cannot_be_written_is_a_message(published: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    nowhere = published.changed(published_dir=tmp_path / "file" / "published")
    result = stockroom("publish", settings=nowhere)
    assert result.exit_code == 1
    assert f"{tmp_path}/file/published cannot be written" in result.stderr
    assert "STOCKROOM_PUBLISHED" in result.stderr


def stockroom(*arguments: str, settings: Settings):
    return CliRunner().invoke(app, list(arguments), env=settings.to_env())


def test_publishing_by_hand_names_the_tables_that_no_worksheet_holds(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = change()
    assert "Excel" not in stockroom("publish", settings=settings).output
    ((sold,),) = rows(database(settings), "select count(*) from bi.fct_sales_daily")
    monkeypatch.setattr(snapshot, "EXCEL_ROWS", sold)
    result = stockroom("publish", settings=settings)
    assert result.exit_code == 0
    assert f"fct_sales_daily ({sold:,})" in result.stderr
    assert "dim_location" not in result.stderr


def test_a_worksheet_holds_a_heading_and_the_rest_in_rows() -> None:
    counts = {"fits": 1_048_575, "one_more": 1_048_576, "twice": 2_100_000}
    assert Snapshot("", Path(), counts).too_long_for_excel == ["twice", "one_more"]


def test_publishing_by_hand_says_what_and_where(change: Change) -> None:
    settings = change()
    result = stockroom("publish", settings=settings)
    assert result.exit_code == 0, result.output
    assert str(database(settings)) in result.stdout
    assert stockroom("publish", "--to", "mars", settings=settings).exit_code == 1


def test_two_cannot_publish_at_once(change: Change) -> None:
    settings = change()
    publish_snapshot(settings)
    with (settings.published / "versions" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="somebody else is publishing there"):
            publish_snapshot(settings)


def test_a_warehouse_of_another_version_publishes_nothing(change: Change) -> None:
    settings = change()
    publish_snapshot(settings)
    before = rows(database(settings), "from bi.run_info")
    changed = change("alter table reports.role_store_manager rename column item_name to what")
    with pytest.raises(
        PublishError, match=r"reports\.role_store_manager: item_name is not there, not varchar; what is not declared"
    ):
        publish_snapshot(changed)
    change("drop table reports.role_store_manager")
    with pytest.raises(PublishError, match="Run the job to its end first"):
        publish_snapshot(changed)
    assert rows(database(settings), "from bi.run_info") == before


def test_a_broken_promise_publishes_nothing(change: Change) -> None:
    settings = change()
    promise = promised()
    more = {**promise.columns, "dim_location": {**promise.columns["dim_location"], "area_m2": "double"}}
    with pytest.raises(PublishError, match=r"bi\.dim_location\.area_m2: the column is gone; dashboards may read it") as raised:
        publish_snapshot(settings, promise=Promise(promise.version, promise.keys, more))
    assert "UPDATE_BI_CONTRACT=1" in str(raised.value)
    assert not settings.published.exists()


def test_without_a_warehouse_there_is_nothing_to_publish(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "none.duckdb")
    with pytest.raises(PublishError, match=r"none\.duckdb: no warehouse yet"):
        publish_snapshot(settings, now=datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []
