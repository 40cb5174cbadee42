from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project.input_tables import INPUTS, ORDER_PROPOSALS
from dagster_project.resources import Warehouse
from ml.contracts import OUTPUTS, Column, ContractError, FrameContract

STAMPED = (Column("as_of_date", pl.Date, "Day."), Column("item_id", pl.Int32, "Item."))
UNITS = FrameContract("units", ("as_of_date", "item_id"), (*STAMPED, Column("units", pl.Float64, "Units.")))
REASONS = FrameContract("reasons", ("as_of_date", "item_id"), (*STAMPED, Column("reason", pl.String, "Why.")))

FRIDAY, SATURDAY = date(2016, 12, 30), date(2016, 12, 31)


def units(day: date, *values: float) -> pl.DataFrame:
    return pl.DataFrame({"as_of_date": [day] * len(values), "item_id": range(len(values)), "units": values})


def reasons(day: date, *values: str | None) -> pl.DataFrame:
    return pl.DataFrame({"as_of_date": [day] * len(values), "item_id": range(len(values)), "reason": values})


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path / "new" / "stockroom.duckdb"))
    warehouse.ensure_tables([UNITS, REASONS])
    return warehouse


def rows(warehouse: Warehouse, table: str) -> list[tuple]:
    return warehouse.read(f"from ml.{table} order by all").rows()


def test_tables_are_made_empty_with_the_promised_columns(tmp_path: Path) -> None:
    warehouse = Warehouse(path=str(tmp_path / "stockroom.duckdb"))
    warehouse.ensure_tables(OUTPUTS)
    for contract in OUTPUTS:
        assert warehouse.read(f"from ml.{contract.name}").equals(contract.empty())


def test_tables_that_are_there_keep_their_rows(warehouse: Warehouse) -> None:
    warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 1.5))])
    warehouse.ensure_tables([UNITS, REASONS])
    assert rows(warehouse, "units") == [(FRIDAY, 0, 1.5)]


@pytest.mark.parametrize(
    "columns",
    [
        (*UNITS.columns, Column("model", pl.String, "Model.")),
        UNITS.columns[:2],
        (*STAMPED, Column("units", pl.Int32, "Units.")),
        UNITS.columns[::-1],
    ],
    ids=["a column more", "a column less", "another type", "another order"],
)
def test_a_table_is_made_anew_when_its_contract_changes(warehouse: Warehouse, columns: tuple[Column, ...]) -> None:
    warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 1.5)), (REASONS, reasons(FRIDAY, "ok"))])
    changed = FrameContract("units", UNITS.grain, columns)
    warehouse.ensure_tables([changed, REASONS])
    assert warehouse.read("from ml.units").equals(changed.empty())
    assert rows(warehouse, "reasons") == [(FRIDAY, 0, "ok")]


def test_the_rows_of_one_day_are_replaced_and_those_of_another_kept(warehouse: Warehouse) -> None:
    warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 1, 2))])
    warehouse.replace_as_of(SATURDAY, [(UNITS, units(SATURDAY, 3, 4))])
    warehouse.replace_as_of(SATURDAY, [(UNITS, units(SATURDAY, 5))])
    assert rows(warehouse, "units") == [(FRIDAY, 0, 1.0), (FRIDAY, 1, 2.0), (SATURDAY, 0, 5.0)]


def test_repeating_a_replacement_changes_nothing(warehouse: Warehouse) -> None:
    frames = [(UNITS, units(FRIDAY, 1, 2)), (REASONS, reasons(FRIDAY, "ok"))]
    warehouse.replace_as_of(FRIDAY, frames)
    once = rows(warehouse, "units"), rows(warehouse, "reasons")
    warehouse.replace_as_of(FRIDAY, frames)
    assert (rows(warehouse, "units"), rows(warehouse, "reasons")) == once
    assert once == ([(FRIDAY, 0, 1.0), (FRIDAY, 1, 2.0)], [(FRIDAY, 0, "ok")])


def test_columns_in_another_order_go_to_their_own_place(warehouse: Warehouse) -> None:
    warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 7).select("units", "item_id", "as_of_date"))])
    assert rows(warehouse, "units") == [(FRIDAY, 0, 7.0)]


def test_an_error_in_the_second_frame_leaves_the_first_table_as_it_was(warehouse: Warehouse) -> None:
    warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 1)), (REASONS, reasons(FRIDAY, "ok"))])
    with pytest.raises(ContractError, match="1 nulls"):
        warehouse.replace_as_of(FRIDAY, [(UNITS, units(FRIDAY, 99)), (REASONS, reasons(FRIDAY, None))])
    assert rows(warehouse, "units") == [(FRIDAY, 0, 1.0)]
    assert rows(warehouse, "reasons") == [(FRIDAY, 0, "ok")]


def test_rows_of_another_day_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ContractError, match="units: rows of another as_of_date than 2016-12-31"):
        warehouse.replace_as_of(SATURDAY, [(UNITS, units(FRIDAY, 1))])
    assert rows(warehouse, "units") == []


def test_reading_does_not_hold_the_file(warehouse: Warehouse) -> None:
    warehouse.read("from ml.units")
    with warehouse.connect() as connection:  # a second configuration would be refused while another connection is open
        connection.execute("insert into ml.units values (date '2016-12-30', 1, 2.0)")
    assert rows(warehouse, "units") == [(FRIDAY, 1, 2.0)]


def test_what_people_decided_outlives_every_preparation_and_a_new_column(tmp_path: Path) -> None:
    warehouse = Warehouse(path=str(tmp_path / "stockroom.duckdb"))
    with warehouse.connect() as connection:
        connection.execute("create schema input")
        connection.execute("create table input.order_proposals (proposal_id varchar, vendor_id integer, a_note varchar)")
        connection.execute("insert into input.order_proposals values ('P1', 7, 'by hand')")
    for _ in range(2):
        warehouse.prepare("US")
    kept = warehouse.read("from input.order_proposals")
    assert kept.select("proposal_id", "vendor_id", "a_note").rows() == [("P1", 7, "by hand")]
    assert set(kept.columns) == set(ORDER_PROPOSALS.schema) | {"a_note"}
    assert kept["exported_at"].to_list() == [None]
    assert {contract.name for contract in INPUTS} == {
        name for (name,) in warehouse.read("select table_name from duckdb_tables() where schema_name = 'input'").rows()
    }
