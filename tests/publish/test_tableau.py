"""Tableau's files: read back, they hold the snapshot; their XML names only what is there; what fails leaves the old ones."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as xml

import duckdb
import pytest

from dagster_project.publish.contract import published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.metrics import defined_metrics, home, sql
from dagster_project.publish.tableau import fields, number_format, publish_to_tableau
from dagster_project.settings import Settings

pantab = pytest.importorskip("pantab")
FIELD = re.compile(r"\[([^\]]+)\]")


@pytest.fixture(scope="module")
def tableau(published: Settings) -> Path:
    extracts = publish_to_tableau(published)
    assert (extracts.table_count, extracts.source_count) == (len(published_tables()), len(list(extracts.folder.glob("*.tdsx"))))
    return extracts.folder


@pytest.fixture(scope="module")
def documents(tableau: Path) -> dict[str, xml.Element]:
    """The .tds of each data source."""
    return {path.stem: xml.fromstring(zipfile.ZipFile(path).read(f"{path.stem}.tds")) for path in sorted(tableau.glob("*.tdsx"))}


def hyper(path: Path, query: str) -> list[dict]:
    return pantab.frame_from_hyper_query(path, query, return_type="pyarrow").to_pylist()


def from_clause(relation: xml.Element, schema: str) -> str:
    """The joins as the file writes them, in SQL."""
    if relation.get("type") == "table":
        assert relation.get("table") == f"[public].[{relation.get('name')}]"
        return f"{schema}.{relation.get('name')}"
    left, right = [child for child in relation if child.tag == "relation"]
    one, other = [".".join(FIELD.findall(part.get("op"))) for part in relation.findall("clause/expression/expression")]
    assert relation.get("join") == "left"
    return f"{from_clause(left, schema)} left join {from_clause(right, schema)} on {one} = {other}"


def test_extracts_hold_the_snapshot_to_the_cent(tableau: Path, published: Settings) -> None:
    """Of each column how many values and, of numbers, their sum, all tables in one question; of some tables every row."""
    contract = published_tables()
    sums = {True: 'cast(sum(cast("{}" as double precision)) as double precision)', False: "cast(null as double precision)"}
    parts = [
        f"select '{table.name}' as t, '{c.name}' as c, cast(count(\"{c.name}\") as double precision) as n,"
        f" {sums[c.is_number].format(c.name)} as s from {{schema}}{table.name}"
        for table in contract
        for c in table.columns
    ]
    query = " union all ".join(parts)
    theirs = {(row["t"], row["c"]): (row["n"], row["s"]) for row in hyper(tableau / "stockroom.hyper", query.format(schema=""))}
    amounts = 0
    with duckdb.connect(str(published.published / "stockroom.duckdb"), read_only=True) as connection:
        ours = {(t, c): (n, s) for t, c, n, s in connection.sql(query.format(schema="bi.")).fetchall()}
        assert set(theirs) == set(ours)
        for key, (count, total) in ours.items():
            assert theirs[key] == (count, None if total is None else pytest.approx(total, rel=1e-12, abs=0.004)), key
            amounts += total is not None and count > 0
        for name in ("dim_product", "rec_orders", "fct_sales_daily", "run_info"):
            wanted = connection.sql(f"from bi.{name}").fetchall()
            found = hyper(tableau / "extracts" / f"{name}.hyper", f"select * from {name}")
            assert Counter(tuple(map(_as_tableau, row.values())) for row in found) == Counter(
                tuple(map(_as_tableau, row)) for row in wanted
            )
    assert amounts > 200
    assert {path.stem for path in (tableau / "extracts").glob("*.hyper")} == {table.name for table in contract}


def _as_tableau(value: object) -> object:
    """Amounts to the fourth digit after the point, as dbt has them; a moment without its zone."""
    if isinstance(value, Decimal | float):
        return round(float(value), 4) + 0.0
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


AMOUNTS = [-0.05, -1.05, -0.5, 0.0, 0.01, -123456789012.34, 123456789012.34, None]


def test_any_amount_survives_and_what_fails_leaves_the_old_files(
    tmp_path: Path, published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decimals between -0.1 and 0 make pantab 5.3 fail, which is why amounts go as doubles."""
    folder = tmp_path / "published"
    folder.mkdir()
    shutil.copyfile(published.published / "stockroom.duckdb", folder / "stockroom.duckdb")
    with duckdb.connect(str(folder / "stockroom.duckdb")) as connection:
        items = [item for (item,) in connection.sql("select item_id from bi.dim_product order by 1 limit 8").fetchall()]
        for item, amount in zip(items, AMOUNTS, strict=True):
            connection.execute("update bi.dim_product set annual_usage_usd = ? where item_id = ?", [amount, item])
    settings = Settings(published_dir=folder)
    extracts = publish_to_tableau(settings)
    query = "select item_id, annual_usage_usd from dim_product order by item_id limit 8"
    found = hyper(extracts.folder / "extracts" / "dim_product.hyper", query)
    assert [(row["item_id"], row["annual_usage_usd"]) for row in found] == list(zip(items, AMOUNTS, strict=True))

    before = {path.name: path.read_bytes() for path in extracts.folder.glob("*.tdsx")}
    target = extracts.folder.resolve()
    calls = []

    def full_disk(*arguments: object, **options: object) -> None:
        calls.append(arguments)
        if len(calls) > 3:
            raise OSError("no space left")

    monkeypatch.setattr(pantab, "frames_to_hyper", full_disk)
    with pytest.raises(PublishError, match=r"no space left[\s\S]*untouched"):
        publish_to_tableau(settings)
    assert extracts.folder.resolve() == target
    assert {path.name: path.read_bytes() for path in extracts.folder.glob("*.tdsx")} == before
    assert [path.name for path in (folder / ".tableau").iterdir() if path.is_dir()] == [target.name]


def test_each_column_of_a_source_is_in_its_extract(tableau: Path, documents: dict[str, xml.Element], tmp_path: Path) -> None:
    assert len(documents) > 8
    contract = {table.name: table for table in published_tables()}
    for name, root in documents.items():
        archive = zipfile.ZipFile(tableau / f"{name}.tdsx")
        (inside,) = {connection.get("dbname") for connection in root.iter("connection") if connection.get("dbname")}
        extract = Path(archive.extract(inside, tmp_path))
        mapped = {item.get("key"): tuple(FIELD.findall(item.get("value"))) for item in root.iter("map")}
        # the file's own join and columns, asked of its own extract
        columns = ", ".join(f'"{table}"."{column}"' for table, column in mapped.values())
        hyper(extract, f"select {columns} from {from_clause(root.find('connection/relation'), 'public')} limit 0")
        declared = [column.get("name") for column in root.iter("column") if column.find("calculation") is None]
        assert sorted(declared) == sorted(mapped)
        assert declared == [f"[{field.name}]" for field in fields(contract[name], contract)]
        assert len(declared) == len(set(declared))


def test_formulas_read_columns_of_their_own_source_and_are_balanced(documents: dict[str, xml.Element]) -> None:
    metrics, seen = defined_metrics(), set()
    for name, root in documents.items():
        columns = {column.get("name") for column in root.iter("column") if column.find("calculation") is None}
        for column in root.iter("column"):
            calculation = column.find("calculation")
            if calculation is None:
                continue
            text = calculation.get("formula")
            assert {f"[{found}]" for found in FIELD.findall(text)} <= columns, f"{name}: {text}"
            assert text.count("(") == text.count(")")
            assert len(re.findall(r"\bIF\b", text)) == len(re.findall(r"\bEND\b", text)) == len(re.findall(r"\bTHEN\b", text))
            metric = metrics[column.get("name")[len("[Metric_") : -1]]
            assert (home(metric, metrics).table, metric.label) == (name, column.get("caption"))
            assert column.find("desc/formatted-text/run").text == metric.description
            seen.add(metric.name)
    assert seen == set(metrics)


def test_captions_formats_folders_and_descriptions_come_from_dbt(documents: dict[str, xml.Element]) -> None:
    root = documents["rpt_turnover"]
    columns = {column.get("name"): column for column in root.iter("column")}
    revenue, location, turns = columns["[revenue_usd]"], columns["[location_id]"], columns["[Metric_inventory_turnover]"]
    assert (revenue.get("caption"), revenue.get("default-format"), revenue.get("role")) == (
        "Revenue USD",
        "n#,##0.00;-#,##0.00",
        "measure",
    )
    assert revenue.find("desc/formatted-text/run").text == "Sales at the price paid, before excise tax."
    assert (location.get("role"), location.get("default-format")) == ("dimension", None)
    assert turns.get("default-format") == "n0.0;-0.0"
    assert columns["[Metric_period_sell_through]"].get("default-format") == "p0.0%"
    for root in documents.values():
        for column in root.iter("column"):
            assert column.find("desc/formatted-text/run").text
        names = {column.get("name") for column in root.iter("column")}
        placed = [item.get("name") for item in root.iter("folder-item")]
        assert sorted(placed) == sorted(names)
        captions = [column.get("caption") for column in root.iter("column")]
        assert len(captions) == len(set(captions))


def test_joined_dimensions_neither_drop_nor_double_a_row(documents: dict[str, xml.Element], published: Settings) -> None:
    """The joins as the file writes them, run on the snapshot."""

    joins, metrics = 0, defined_metrics()
    with duckdb.connect(str(published.published / "stockroom.duckdb"), read_only=True) as connection:
        for name, root in documents.items():
            relation = root.find("connection/relation")
            joins += relation.get("type") == "join"
            assert (
                connection.sql(f"select count(*) from {from_clause(relation, 'bi')}").fetchone()
                == connection.sql(f"select count(*) from bi.{name}").fetchone()
            )
        ((revenue,),) = connection.sql(f"select {sql(metrics['revenue_usd'], metrics)} from bi.fct_sales_daily").fetchall()
        ((joined,),) = connection.sql(
            f"select sum(revenue_usd) from {from_clause(documents['fct_sales_daily'].find('connection/relation'), 'bi')}"
        ).fetchall()
    assert joins >= 6
    assert revenue == joined


def test_formats() -> None:
    assert [number_format(text) for text in ("0.0%", "#,##0", "0.00")] == ["p0.0%", "n#,##0;-#,##0", "n0.00;-0.00"]


def test_without_pantab_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, published: Settings) -> None:
    monkeypatch.setitem(sys.modules, "pantab", None)
    with pytest.raises(PublishError, match=r"pip install 'stockroom\[tableau\]'"):
        publish_to_tableau(published)


def test_before_the_first_publish_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="Next: stockroom publish"):
        publish_to_tableau(Settings(published_dir=tmp_path))
