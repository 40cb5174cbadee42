"""docs/adding-a-source.md does what it says: its blocks, put where it says into a copy of the project, read its export.

Belongs here: the document, block by block, and the numbers worked by hand from the nine lines of its export.
Does not belong here: adapters of the project itself.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.intake import STAGING_DIR, check_source, country_of, declared_tables
from dagster_project.resources import Warehouse
from dagster_project.settings import DBT_PROJECT_DIR, PROJECT_ROOT, Settings

DOCUMENT = PROJECT_ROOT / "docs" / "adding-a-source.md"
BLOCK = re.compile(r"^```\w+\n(?:#|--) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EUR = Decimal("1.39")  # the seed's rate from 2011 on


def blocks() -> dict[str, str]:
    """The document's blocks by the file they go into."""
    found = BLOCK.findall(DOCUMENT.read_text())
    assert len({name for name, _ in found}) == len(found), "a file stands in two blocks"
    return dict(found)


def canonical_tables() -> list[tuple[str, dict]]:
    return [
        (path.stem.removeprefix("stg_"), yaml.safe_load(path.read_text())["models"][0])
        for path in sorted(STAGING_DIR.glob("stg_*.yml"))
    ]


def drawn_tables() -> str:
    parts = []
    for name, model in canonical_tables():
        columns = [f"| {column['name']} | {column['data_type']} | {column['description']} |" for column in model["columns"]]
        parts.append(
            "\n".join([f"### {name}", "", model["description"], "", "| column | type | meaning |", "|---|---|---|", *columns])
        )
    return "\n\n".join(parts)


def drawn_files() -> str:
    [source] = yaml.safe_load((STAGING_DIR / "optional" / "_optional__sources.yml").read_text())["sources"]
    lines = ["| file | what it holds | columns | without it |", "|---|---|---|---|"]
    for table in source["tables"]:
        columns = ", ".join(
            f"[{column['name']}]" if column["config"]["meta"].get("is_optional") else column["name"]
            for column in table["columns"]
        )
        lines.append(f"| `{table['name']}` | {table['description']} | {columns} | {table['config']['meta']['absence']} |")
    return "\n".join(lines)


@pytest.mark.parametrize(("part", "draw"), [("canonical tables", drawn_tables), ("optional files", drawn_files)])
def test_the_document_lists_what_the_yaml_declares(part: str, draw) -> None:
    """After a change that is meant: UPDATE_DOCS=1 pytest tests/integration/test_adding_a_source.py"""
    text = DOCUMENT.read_text()
    before, rest = text.split(f"<!-- {part} -->\n")
    listed, after = rest.split("<!-- end -->", 1)
    if os.environ.get("UPDATE_DOCS"):
        DOCUMENT.write_text(f"{before}<!-- {part} -->\n{draw()}\n<!-- end -->{after}")
        listed = f"{draw()}\n"
    assert listed == f"{draw()}\n", (
        "the lists differ; to write them anew: UPDATE_DOCS=1 pytest tests/integration/test_adding_a_source.py"
    )


def test_the_list_of_optional_files_in_data_has_their_columns() -> None:
    text = (PROJECT_ROOT / "data" / "README.md").read_text()
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$",
        text[text.index("## Optional files") : text.index("## Synthetic data")],
        re.MULTILINE,
    )
    [source] = yaml.safe_load((STAGING_DIR / "optional" / "_optional__sources.yml").read_text())["sources"]
    declared = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    assert {name: re.findall(r"\w+", columns.replace("(JSON)", "")) for name, columns in rows} == declared


def test_the_document_explains_every_key_a_declaration_uses() -> None:
    used: set[str] = set()
    for path in STAGING_DIR.glob("*/_*__sources.yml"):
        for source in yaml.safe_load(path.read_text())["sources"]:
            used |= (source.get("config") or {}).get("meta", {}).keys()
            for table in source["tables"]:
                if "file_patterns" in table["config"]["meta"]:
                    used |= table["config"]["meta"].keys()
                    used |= {key for column in table["columns"] for key in column["config"]["meta"]}
    macros = (DBT_PROJECT_DIR / "macros" / "read_raw.sql").read_text()
    used |= set(re.findall(r'meta\.get\("(\w+)"', macros))
    text = DOCUMENT.read_text()
    assert "decimal_comma" in used
    assert {key for key in used if f"`{key}`" not in text} == set()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dbt project with the document's blocks in it."""
    copy = tmp_path_factory.mktemp("copy") / "dbt_project"
    shutil.copytree(DBT_PROJECT_DIR, copy, ignore=shutil.ignore_patterns("target", "logs"))
    for name, content in blocks().items():
        if name == "dbt_project/dbt_project.yml":
            text = (copy / "dbt_project.yml").read_text()
            assert text.count("  adapters:\n") == 1
            (copy / "dbt_project.yml").write_text(text.replace("  adapters:\n", f"  adapters:\n{content}"))
        elif name.startswith("dbt_project/"):
            path = copy.parent / name
            path.parent.mkdir(exist_ok=True)
            assert not path.exists(), f"{name} is there already"
            path.write_text(content)
    return copy


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strange")
    (folder / "Depot_Export_2024.csv").write_bytes(blocks()["Depot_Export_2024.csv"].encode("latin-1"))
    return folder


@pytest.fixture(scope="module")
def warehouse(project: Path, source: Path, tmp_path_factory: pytest.TempPathFactory):
    """Everything that is known before a forecast, built by the copy."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    home = tmp_path_factory.mktemp("depot")
    path = home / "stockroom.duckdb"
    Warehouse(path=str(path)).prepare(country_of("depot", project / "models" / "staging"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in Settings(source_dir=source, warehouse=path).to_env().items():
            patch.setenv(name, value)
        patch.setenv("DBT_TARGET_PATH", str(home / "target"))
        layers = ("path:seeds", "path:models/staging", "+path:models/marts", "+path:models/features")
        folders = ("--project-dir", str(project), "--profiles-dir", str(project))
        try:
            result = dbtRunner().invoke(
                [
                    "--quiet",
                    "build",
                    "--exclude-resource-type",
                    "unit_test",
                    "--indirect-selection",
                    "buildable",
                    "--select",
                    *layers,
                    *folders,
                ]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()
    failed = [f"{node.node.name}: {node.message}" for node in result.result or [] if node.status in ("error", "fail")]
    assert result.success, [result.exception, *failed]
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def test_the_run_finds_the_new_source(project: Path, source: Path) -> None:
    intake = check_source(source, declared_tables(project / "models" / "staging"))
    assert intake.adapter == "depot"
    assert [path.name for path in intake.files["depot", "days"]] == ["Depot_Export_2024.csv"]


def test_eight_lines_are_read_and_the_31st_of_february_is_not(warehouse) -> None:
    assert warehouse.sql(
        "select lines_read, lines_rejected, lines_staged from staging.ingest_summary where file_count > 0"
    ).fetchall() == [(9, 1, 8)]
    assert warehouse.sql("select source_file, line_number, column_name, raw_value, reason from staging.rejects").fetchall() == [
        ("Depot_Export_2024.csv", 10, "Datum", "31.02.2024", "is not a date written as DD.MM.YYYY or YYYY-MM-DD")
    ]


def test_sales_are_in_units_and_dollars(warehouse) -> None:
    """Espresso 3 + 5 + 4 + 6, tea 2 + 1; each line in EUR x 1.39, to the cent: 83.36 + 138.93 + 111.14 + 166.72 + 20.85 + 10.43."""
    lines = [("59.97", 3), ("99.95", 5), ("79.96", 4), ("119.94", 6), ("15.00", 2), ("7.50", 1)]
    usd = sum((Decimal(eur) * EUR).quantize(Decimal("0.01"), "ROUND_HALF_UP") for eur, _ in lines)
    assert usd == Decimal("531.43")
    assert warehouse.sql(
        "select count(*), sum(sold_units), sum(revenue_usd), min(sale_date), max(sale_date) from staging.stg_sales"
    ).fetchone() == (6, sum(units for _, units in lines), usd, date(2024, 1, 2), date(2024, 1, 5))


def test_codes_are_numbered_and_master_data_comes_along(warehouse) -> None:
    """Cost 11.40 EUR x 1.39 = 15.846, price 19.99 x 1.39 = 27.7861."""
    assert warehouse.sql(
        """
        select item_id, item_code, item_name, category, vendor_name, unit_cost_usd, list_price_usd
        from marts.dim_product inner join marts.dim_vendor using (vendor_id) order by item_id
        """
    ).fetchall() == [
        (1, "K-1000", "Espresso 1 kg", "Kaffee", "Rösterei Süd", Decimal("15.8460"), Decimal("27.7861")),
        (2, "T-2000", "Darjeeling 250 g", "Tee", "Teehaus Nord", Decimal("4.4480"), Decimal("10.4250")),
    ]
    assert warehouse.sql("from marts.dim_location").fetchall() == [(7, "Köln")]


def test_the_delivery_took_seven_days(warehouse) -> None:
    """Ordered on 28 December, received on 4 January; 1.200 is twelve hundred."""
    assert warehouse.sql(
        "select vendor_id, ordered_units, order_date, lead_time_days from marts.fct_purchase_order_lines"
    ).fetchall() == [(1, 1200, date(2023, 12, 28), 7)]


def test_the_books_close_on_what_was_counted(warehouse) -> None:
    """Espresso: 21 in the morning of the 3rd, - 5 - 4 + 1,200 - 6 = 1,206 in the books, 1,205 counted, at 15.846 each. Tea: 8 - 2 - 1 = 5."""
    assert warehouse.sql(
        """
        select item_id, opening_units, received_units, sold_units, adjusted_units, on_hand_units, on_hand_usd
        from marts.rpt_inventory_item_location order by item_id
        """
    ).fetchall() == [
        (1, 21, 1200, 15, -1, 1205, (1205 * Decimal("15.846")).quantize(Decimal("0.01"))),
        (2, 8, 0, 3, 0, 5, Decimal("22.24")),
    ]


def test_what_the_export_does_not_tell_is_said(warehouse) -> None:
    missing = dict(warehouse.sql("select input_name, empty_tables from marts.rpt_data_gaps").fetchall())
    assert missing["invoices"] is None, "of rpt_invoice_match the purchases are enough"
    assert missing["customer_orders"] == "marts.rpt_customer_segments"
    assert {"stock", "purchases", "vendors", "costs", "revenue", "products"} & missing.keys() == set()


def test_the_document_gives_these_numbers() -> None:
    text = DOCUMENT.read_text()
    assert "8 of 9 lines staged, 21 units sold for 531.43 USD from 2 to 5 January, a delivery of 1,200 after 7 days" in text
    assert "1,205 units of espresso in stock where the books say 1,206" in text
