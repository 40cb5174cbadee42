"""Folders a run cannot start from: every problem is named with file, column and what to do, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from raw_files import FILES, copy_source, edit, line_with, table, text
from typer.testing import CliRunner

from dagster_project.assets.raw import build_raw_assets
from dagster_project.choices import RunChoices
from dagster_project.cli import app
from dagster_project.intake import IntakeError, check_source, declared_tables
from dagster_project.resources import Warehouse
from dagster_project.runner import RunFailed, run_daily_replenishment
from dagster_project.settings import Settings

AS_OF = ("build", "--select", "+int_as_of")
SALES, PRICES, CLOSING = FILES["sales"], FILES["purchase_prices"], FILES["closing_inventory"]


def remove(*kinds: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / FILES[kind]).unlink() for kind in kinds]


def rewrite_header(kind: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        header, *records = table(folder / FILES[kind])
        (folder / FILES[kind]).write_bytes(text([change(header), *records]).encode())

    return spoil


def replace(kind: str, old: bytes, new: bytes, times: int = -1) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        assert old in (folder / FILES[kind]).read_bytes()
        edit(folder, kind, lambda content: content.replace(old, new, times))

    return spoil


def rename(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda header: [new if name == old else name for name in header]


PRICE_COLUMNS = "Brand, Description, Price, Size, Volume, Classification, PurchasePrice, VendorNumber"
STOPS = {
    "a missing folder": (
        lambda folder: folder.rename(folder.with_name("elsewhere")),
        ["{folder}: no such folder. Name the folder that holds your files: stockroom run --source DIR."],
    ),
    "a missing required file": (
        remove("sales"),
        ["{folder}: no sales file. Put one named *SalesFINAL*.csv or *SalesFINAL*.parquet there."],
    ),
    "both counts missing": (
        remove("opening_inventory", "closing_inventory"),
        [
            "{folder}: no stock count. Put at least one of *BegInvFINAL*.csv or *BegInvFINAL*.parquet or *EndInvFINAL*.csv "
            "or *EndInvFINAL*.parquet there."
        ],
    ),
    "a missing column": (
        rewrite_header("purchase_prices", rename("VendorName", "")),
        [f"{PRICES}, line 1: no column VendorName. Add it or rename the column that holds it; found {PRICE_COLUMNS}, ."],
    ),
    "a renamed column": (
        rewrite_header("purchase_prices", rename("VendorName", "Vendor")),
        [f"{PRICES}, line 1: no column VendorName. Add it or rename the column that holds it; found {PRICE_COLUMNS}, Vendor."],
    ),
    "a column twice": (
        rewrite_header("closing_inventory", rename("Price", "onHand")),
        [f"{CLOSING}, line 1: column onHand appears more than once. Keep one."],
    ),
    "semicolons": (
        replace("closing_inventory", b",", b";"),
        [
            f"{CLOSING}, line 1: separated by something else than commas "
            "('InventoryId;Store;City;Brand;Description;Size;onHand;Price;e'). "
            "Save it so, or declare its delimiter in the source's YAML."
        ],
    ),
    "an empty file": (
        lambda folder: (folder / CLOSING).write_bytes(b""),
        [f"{CLOSING}: empty. It needs a header line with Store, Brand, onHand, endDate."],
    ),
    "Latin-1 in the header": (
        replace("sales", b"Description", "Désignation".encode("latin-1"), 1),
        [
            f"{SALES}, line 1: not UTF-8 text. Save the file as UTF-8 (in Excel: 'CSV UTF-8'), or declare its encoding in the source's YAML."
        ],
    ),
    "Latin-1 in a line near the top": (
        replace("closing_inventory", b"Elderhurst Rye", "Château".encode("latin-1"), 1),
        [
            f"{CLOSING}, line 2: not UTF-8 text. Save the file as UTF-8 (in Excel: 'CSV UTF-8'), or declare its encoding in the source's YAML."
        ],
    ),
    "UTF-16": (
        lambda folder: edit(folder, "sales", lambda content: content.decode().encode("utf-16")),
        [
            f"{SALES}, line 1: not UTF-8 text. Save the file as UTF-8 (in Excel: 'CSV UTF-8'), or declare its encoding in the source's YAML."
        ],
    ),
    "an open quote in the header": (
        replace("closing_inventory", b"InventoryId", b'"InventoryId', 1),
        [f"{CLOSING}, line 1: a quote in the header is never closed. Close it or take it away."],
    ),
    "several problems at once": (
        lambda folder: [
            remove("purchases")(folder),
            (folder / CLOSING).write_bytes(b""),
            rewrite_header("sales", rename("Store", "Shop"))(folder),
        ],
        [
            "{folder}: no purchases file. Put one named *PurchasesFINAL*.csv or *PurchasesFINAL*.parquet there.",
            f"{SALES}, line 1: no column Store. Add it or rename the column that holds it; found InventoryId, Shop, Brand, Description, "
            "Size, SalesQuantity, SalesDollars, SalesPrice, SalesDate, Volume, Classification, ExciseTax, VendorNo, VendorName.",
            f"{CLOSING}: empty. It needs a header line with Store, Brand, onHand, endDate.",
        ],
    ),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_run_stops_before_it_writes_and_says_what_to_do(name: str, tiny_source: Path, tmp_path: Path) -> None:
    spoil, expected = STOPS[name]
    folder, warehouse = copy_source(tiny_source, tmp_path / "raw"), tmp_path / "warehouse" / "stockroom.duckdb"
    spoil(folder)

    with pytest.raises(IntakeError) as stop:
        check_source(folder)
    assert stop.value.problems == [line.format(folder=folder) for line in expected]

    result = CliRunner().invoke(app, ["run", "--source", str(folder), "--warehouse", str(warehouse)])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [*(f"✗ {line.format(folder=folder)}" for line in expected), "Nothing was written."]
    assert not warehouse.parent.exists()


def test_a_long_quote_in_a_header_is_a_problem_and_not_a_crash(tiny_source: Path, tmp_path: Path) -> None:
    folder = copy_source(tiny_source, tmp_path)
    edit(
        folder, "closing_inventory", lambda content: b'"' + content * 100
    )  # longer than one value may be for Python's csv module
    with pytest.raises(IntakeError, match=r"EndInvFINAL12312016.csv, line 1: not a header .* quote that is never closed"):
        check_source(folder)


def test_a_file_that_is_no_parquet_is_a_problem_and_not_a_crash(tiny_source: Path, tmp_path: Path) -> None:
    folder = copy_source(tiny_source, tmp_path)
    (folder / SALES).rename((folder / SALES).with_suffix(".parquet"))
    with pytest.raises(IntakeError, match=r"SalesFINAL12312016.parquet: cannot be read \(.*\). Check the file"):
        check_source(folder)


def test_dagster_stops_at_the_raw_files_too_and_writes_nothing(
    tiny_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path = copy_source(tiny_source, tmp_path / "raw"), tmp_path / "warehouse" / "stockroom.duckdb"
    remove("sales")(folder)
    monkeypatch.setenv("STOCKROOM_SOURCE", str(folder))
    with pytest.raises(IntakeError, match="no sales file"):
        dg.materialize(
            [build_raw_assets(lambda settings, warehouse: {})],
            resources={"warehouse": Warehouse(path=str(path)), "choices": RunChoices()},
        )
    assert not path.parent.exists()


def test_the_sound_folder_has_every_file_of_its_adapter(tiny_source: Path) -> None:
    intake = check_source(tiny_source)
    assert intake.adapter == "retailer"
    assert {key: [path.name for path in paths] for key, paths in intake.files.items() if key[0] == "retailer"} == {
        ("retailer", kind): [name] for kind, name in FILES.items()
    }
    assert set(FILES) & set(intake.absences) == set()


def test_a_folder_without_any_known_file_says_what_could_be_there(tmp_path: Path) -> None:
    (tmp_path / "promotions.csv").write_text("promotion_id\n")  # an optional file alone is no source
    with pytest.raises(IntakeError) as stop:
        check_source(tmp_path)
    assert stop.value.problems[0] == f"{tmp_path}: no file of a known source. One of these is where to start:"
    assert "retailer: *SalesFINAL*.csv or *SalesFINAL*.parquet" in stop.value.problems
    assert stop.value.problems[-1].endswith("docs/adding-a-source.md.")


def test_files_of_two_sources_in_one_folder_are_not_mixed(tiny_source: Path, tmp_path: Path) -> None:
    folder = copy_source(tiny_source, tmp_path)
    [other] = {table.file_patterns[0] for table in declared_tables() if table.adapter == "freshretail"}
    (folder / other).write_bytes(b"")
    with pytest.raises(IntakeError, match=r"files of 2 kinds of source .* Put each into a folder of its own"):
        check_source(folder)


# What only reading the lines can find ------------------------------------------------------------------------------------


def test_latin_1_far_down_stops_the_load_and_names_the_file(tiny_source: Path, tmp_path: Path, run_dbt) -> None:
    folder = copy_source(tiny_source, tmp_path / "raw")
    # behind the first megabyte, which the intake looks at
    latin_1 = line_with(folder, "purchase_prices", {"VendorName": "Château"}).encode("latin-1")
    edit(folder, "purchase_prices", lambda content: content + content.split(b"\r\n", 1)[1] * 1000 + latin_1)
    check_source(folder)
    result = run_dbt(folder, tmp_path / "stockroom.duckdb", "run", "--select", "base_retailer__purchase_prices", succeeds=False)
    assert not result.success
    [node] = result.result.results
    assert FILES["purchase_prices"] in node.message
    assert "not utf-8 encoded" in node.message


@pytest.fixture
def sales_without_a_line(tiny_source: Path, tmp_path: Path) -> Path:
    folder = copy_source(tiny_source, tmp_path / "raw")
    edit(folder, "sales", lambda content: content.partition(b"\r\n")[0] + b"\r\n")
    return folder


def test_sales_without_a_line_stop_where_the_as_of_date_is_made(sales_without_a_line: Path, tmp_path: Path, run_dbt) -> None:
    result = run_dbt(sales_without_a_line, tmp_path / "stockroom.duckdb", *AS_OF, succeeds=False)
    [failed] = [node for node in result.result.results if node.status == "error"]
    assert failed.node.name == "int_as_of"
    assert "No sale could be read: the sales files are empty, or all their lines stand in staging.rejects" in failed.message


def test_one_kind_as_csv_and_as_parquet_would_count_twice(tiny_source: Path, tmp_path: Path) -> None:
    folder = copy_source(tiny_source, tmp_path / "raw")
    pl.read_csv(folder / FILES["sales"], infer_schema=False).write_parquet((folder / FILES["sales"]).with_suffix(".parquet"))
    with pytest.raises(IntakeError, match=r"sales is there as CSV and as Parquet .* Keep one"):
        check_source(folder)


def test_what_dbt_says_is_what_the_run_says(sales_without_a_line: Path, tmp_path: Path, dbt_manifest: object) -> None:
    settings = Settings(
        source_dir=sales_without_a_line, warehouse=tmp_path / "stockroom.duckdb", dagster_home=tmp_path / "dagster"
    )
    with pytest.raises(RunFailed) as failed:
        run_daily_replenishment(settings)
    [reason] = failed.value.reasons
    assert "in model int_as_of" in reason, reason
    assert "Traceback" not in reason
    # the file is free, and the tables before the failure are whole
    with duckdb.connect(str(settings.warehouse)) as connection:
        assert connection.sql("select count(*) from staging.stg_products").fetchone()[0] > 0
