"""Optional files that are not there: the run goes on, and says what it does without them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from raw_files import FILES, copy_source, edit

from dagster_project.intake import check_source, declared_tables

MARTS = ("build", "--select", "path:seeds", "path:models/staging", "+path:models/marts")


@pytest.fixture(scope="module")
def without_invoices_and_opening(tiny_source: Path, tmp_path_factory: pytest.TempPathFactory, run_dbt) -> tuple[Path, Path]:
    folder, warehouse = tmp_path_factory.mktemp("fewer") / "raw", tmp_path_factory.mktemp("fewer") / "stockroom.duckdb"
    copy_source(tiny_source, folder)
    for kind in ("invoices", "opening_inventory"):
        (folder / FILES[kind]).unlink()
    run_dbt(folder, warehouse, *MARTS, checked=True)
    return folder, warehouse


def absences(folder: Path) -> dict[str, str]:
    """What is said of the absent ones of the retailer's six files."""
    return {kind: effect for kind, effect in check_source(folder).absences.items() if kind in FILES}


def one(warehouse: Path, query: str) -> tuple:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchone()


def test_what_an_absent_file_changes_is_said(without_invoices_and_opening: tuple[Path, Path]) -> None:
    folder, _ = without_invoices_and_opening
    assert absences(folder) == {
        "invoices": "no freight and no payment days",
        "opening_inventory": "the nearest count stands in for the opening stock, and the stock of that day is flagged",
    }


def test_an_absent_file_is_an_empty_table(without_invoices_and_opening: tuple[Path, Path], built_warehouse: Path) -> None:
    _, warehouse = without_invoices_and_opening
    summary = "select lines_read, lines_rejected, lines_staged from staging.ingest_summary where file_kind = '{}'"
    assert one(warehouse, summary.format("invoices")) == (0, 0, 0)
    assert one(warehouse, summary.format("opening_inventory")) == (0, 0, 0)
    columns = "select string_agg(column_name || ' ' || data_type) from duckdb_columns() where table_name = 'stg_invoices'"
    assert one(warehouse, columns) == one(built_warehouse, columns)


def test_the_closing_count_stands_in_for_the_opening_one(
    without_invoices_and_opening: tuple[Path, Path], built_warehouse: Path
) -> None:
    _, warehouse = without_invoices_and_opening
    stand_in = "select is_opening_stand_in from intermediate.int_as_of"
    assert one(warehouse, stand_in) == (True,)
    assert one(built_warehouse, stand_in) == (False,)
    [opening] = one(warehouse, "select sum(counted_units) from intermediate.int_opening_stock")
    [closing] = one(warehouse, "select sum(counted_units) from staging.stg_stock_counts where count_kind = 'closing'")
    assert opening == closing > 0


def test_sales_are_the_same_with_fewer_files(without_invoices_and_opening: tuple[Path, Path], built_warehouse: Path) -> None:
    _, warehouse = without_invoices_and_opening
    query = "select sum(sold_units), sum(cogs_usd) > 0 from marts.rpt_inventory_item"
    assert one(warehouse, query) == one(built_warehouse, query)


def test_without_a_closing_count_stock_is_not_adjusted(tiny_source: Path, tmp_path: Path, run_dbt, built_warehouse: Path) -> None:
    folder, warehouse = copy_source(tiny_source, tmp_path / "raw"), tmp_path / "stockroom.duckdb"
    (folder / FILES["closing_inventory"]).unlink()
    run_dbt(folder, warehouse, *MARTS, checked=True)
    assert absences(folder) == {"closing_inventory": "book stock is not checked against a count, so shrinkage is unknown"}
    counted = "select count(*) > 0 from intermediate.int_stock_adjustments"
    assert one(warehouse, counted) == (False,)
    assert one(built_warehouse, counted) == (True,)


@pytest.mark.parametrize("kind", ["invoices", "purchases", "purchase_prices", "opening_inventory"])
def test_a_file_with_a_header_and_no_line_is_read_as_empty(tiny_source: Path, tmp_path: Path, stage, kind: str) -> None:
    folder = copy_source(tiny_source, tmp_path)
    edit(folder, kind, lambda content: content.partition(b"\r\n")[0] + b"\r\n")
    check_source(folder)
    read = f"select lines_read, lines_staged from staging.ingest_summary where file_kind = '{kind}'"
    assert one(stage(folder), read) == (0, 0)


def test_every_optional_file_may_be_absent_and_says_what_that_changes(without_invoices_and_opening: tuple[Path, Path]) -> None:
    folder, warehouse = without_invoices_and_opening
    optional = {table.name for table in declared_tables() if table.adapter == "optional"}
    assert len(optional) == 14
    said = check_source(folder).absences
    assert [kind for kind in optional if not said.get(kind)] == []
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        summary = connection.sql(
            "select file_kind, file_count, lines_read, absence from staging.ingest_summary where adapter = 'optional'"
        )
        assert {kind: (0, 0, effect) for kind, effect in said.items() if kind in optional} == {
            row[0]: row[1:] for row in summary.fetchall()
        }
