"""The Power BI project: its TMDL and JSON are whole and fit together, and the checks that say so reject what is broken.

Power BI Desktop was not run. With PBIR_VALIDATOR, a folder whose node_modules hold Microsoft's npm packages
@microsoft/powerbi-report-authoring-cli and @microsoft/powerbi-core-visual-schema (MIT) with ajv and ajv-formats, Microsoft's own
conformance check of the report runs too.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import pbir
import tmdl

from dagster_project.publish import powerbi_report
from dagster_project.publish.contract import published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.metrics import defined_metrics, home, sql
from dagster_project.publish.powerbi import publish_to_powerbi
from dagster_project.publish.powerbi_model import Source, model_files, relationships
from dagster_project.publish.powerbi_report import PAGES, Page, Visual
from dagster_project.settings import Settings

Files = dict[str, str]
MODEL = "Stockroom.SemanticModel/definition/"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(published_dir=tmp_path_factory.mktemp("powerbi"))


@pytest.fixture(scope="module")
def project(settings: Settings) -> Files:
    """Every file of the project over Parquet, by its path."""
    root = publish_to_powerbi(settings).file.parent
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def model(project: Files) -> Files:
    return {path.removeprefix(MODEL): text for path, text in project.items() if path.endswith(".tmdl")}


@pytest.fixture(scope="module")
def parts(project: Files) -> Files:
    return {path: text for path, text in project.items() if not path.endswith(".tmdl")}


@pytest.fixture(scope="module")
def names(model: Files) -> tuple[set[tuple[str, str]], set[str]]:
    """Columns and measures of the model, as read back from its text."""
    tables = tmdl.check(model)
    columns = {(table.name, column.name) for table in tables.values() for column in table.all("column")}
    return columns, {measure.name for table in tables.values() for measure in table.all("measure")}


# The model -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [Source(folder="C:\\stockroom\\parquet"), Source(server="db.example:5432", database="bi")],
    ids=["parquet", "postgres"],
)
def test_the_model_is_whole_and_holds_the_contract(source: Source) -> None:
    contract, metrics = published_tables(), defined_metrics()
    tables = tmdl.check(model_files(contract, metrics, source))
    assert list(tables) == ["Metrics", *[table.name for table in contract]]
    types = {
        "varchar": "string",
        "integer": "int64",
        "bigint": "int64",
        "date": "dateTime",
        "timestamp": "dateTime",
        "double": "double",
        "boolean": "boolean",
    }
    for table in contract:
        written = {c.name: c.properties for c in tables[table.name].all("column")}
        assert list(written) == [column.name for column in table.columns]
        for column in table.columns:
            assert written[column.name]["dataType"] == types.get(column.type, "decimal"), column.name
            assert written[column.name].get("formatString", "") == (
                column.number_format or ("yyyy-mm-dd" if column.type == "date" else "")
            )
    measures = {measure.name: measure for measure in tables["Metrics"].all("measure")}
    assert list(measures) == [metric.label for metric in metrics.values()]
    assert "isHidden" in measures["Gross margin per inventory USD-day"].properties


def test_keys_are_hidden_and_levels_do_not_add_up(model: Files) -> None:
    tables = tmdl.check(model)
    columns = {(table.name, column.name): column.properties for table in tables.values() for column in table.all("column")}
    assert columns["fct_sales_daily", "item_id"]["isHidden"] == "true"
    assert columns["dim_product", "item_id"]["isKey"] == "true"
    assert "isHidden" not in columns["dim_product", "item_name"]
    assert columns["fct_sales_daily", "revenue_usd"]["summarizeBy"] == "sum"
    assert columns["rpt_turnover", "revenue_usd"]["summarizeBy"] == "none", "its rows hold the same money at seven levels"
    assert columns["rpt_turnover", "inventory_turnover"]["summarizeBy"] == "none"


def test_descriptions_come_from_dbt(model: Files) -> None:
    assert "\t/// Sales at the price paid, before excise tax.\n\tcolumn revenue_usd\n" in model["tables/fct_sales_daily.tmdl"]
    metric = defined_metrics()["inventory_turnover"]
    assert (
        f"\t/// {metric.description}\n\tmeasure 'Inventory turnover' = 365 * [Cost of goods sold per inventory USD-day]\n"
        in model["tables/Metrics.tmdl"]
    )
    for table in published_tables():
        assert model[f"tables/{table.name}.tmdl"].startswith(f"/// {table.description} ({table.grain})\n")
        assert model[f"tables/{table.name}.tmdl"].count("\t/// ") == len(table.columns)


def test_relationships_are_those_of_the_contract_and_of_the_dates_of_metrics() -> None:
    contract, metrics = published_tables(), defined_metrics()
    found = {(link.table, link.column): link for link in relationships(contract, metrics)}
    for table in contract:
        for column, (to_table, to_column) in table.references.items():
            assert (found[table.name, column].to_table, found[table.name, column].to_column) == (to_table, to_column)
    for metric in metrics.values():
        measure = home(metric, metrics)
        assert found[measure.table, measure.date_column].is_active, f"{metric.name} is counted by {measure.date_column}"
    assert not found["dim_product", "vendor_id"].is_active
    assert not found["fct_purchase_order_lines", "receipt_date"].is_active


def test_measures_say_the_same_as_the_metrics(model: Files, published: Settings) -> None:
    """The DAX of each simple measure, put into SQL word by word, over the snapshot; ratios and products by their text."""
    metrics, seen = defined_metrics(), 0
    by_label = {metric.label: metric for metric in metrics.values()}
    with duckdb.connect(str(published.published / "stockroom.duckdb"), read_only=True) as connection:
        for node in tmdl.check(model)["Metrics"].all("measure"):
            metric = by_label[node.name]
            if metric.kind == "ratio":
                assert node.expression == f"DIVIDE([{metrics[metric.numerator].label}], [{metrics[metric.denominator].label}])"
                continue
            if metric.kind == "derived":
                continue
            table = metric.measure.table
            whole = re.fullmatch(r"CALCULATE\((.+?\)), (.+)\)", node.expression)
            value, conditions = whole.groups() if whole else (node.expression, "true")
            conditions = (
                re.sub(r"(, )?REMOVEFILTERS\(\w+\)", "", conditions)
                .replace("TRUE()", "true")
                .replace('"', "'")
                .replace(", ", " and ")
            )
            value = re.sub(rf"SUMX\({table}, (.+)\)", r"sum(\1)", value).replace(f"COUNTROWS({table})", "nullif(count(*), 0)")
            value = re.sub(r"DISTINCTCOUNT\((.+)\)", r"count(distinct \1)", value)
            text = re.sub(rf"{table}\[(\w+)\]", r"\1", f"select {value} from bi.{table} where {conditions}")
            theirs = connection.sql(text).fetchone()[0]
            ours = connection.sql(f"select {sql(metric, metrics)} from bi.{table}").fetchone()[0]
            assert theirs == ours, f"{node.name}: {text}"
            seen += ours is not None
    assert seen > 30


def test_parameters_say_where_to_read_and_hold_no_password() -> None:
    source = Source.of(Path("/data/parquet"), "postgresql://reader:secret@db.example:6543/stock")
    assert source == Source(server="db.example:6543", database="stock")
    text = model_files(published_tables(), defined_metrics(), source)["expressions.tmdl"]
    assert "secret" not in text
    assert 'expression Server = "db.example:6543" meta' in text
    assert Source.of(Path("/data/parquet"), "") == Source(folder="/data/parquet")


def test_two_generations_are_the_same(project: Files, tmp_path: Path) -> None:
    root = publish_to_powerbi(Settings(published_dir=tmp_path)).file.parent
    again = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    assert {path: text for path, text in again.items() if "expressions" not in path} == {
        p: t for p, t in project.items() if "expressions" not in p
    }


# What the check of TMDL rejects ----------------------------------------------------------------------------------------------------

LOCATION = "tables/dim_location.tmdl"
OPTIONAL = ("///", "isHidden", "annotation", "formatString", "dataCategory")


def broken(files: Files, path: str, change: Callable[[str], str]) -> Files:
    changed = change(files[path])
    assert changed != files[path], "the mutant is none"
    return {**files, path: changed}


def test_each_dropped_line_is_found(model: Files) -> None:
    """Every line of a small table, of the relationships and of the model; only what may be left out may be left out."""
    survivors, tried = [], 0
    keep = {"dim_date", "dim_location", "dim_product", "dim_vendor", "Metrics"}
    small = {
        path: text
        for path, text in model.items()
        if not path.startswith("tables/") or Path(path).stem in {*keep, "fct_sales_daily"}
    }
    small["model.tmdl"] = "\n".join(
        line
        for line in model["model.tmdl"].split("\n")
        if not line.startswith("ref") or line.split()[-1] in {*keep, "fct_sales_daily"}
    )
    links = [
        link
        for link in model["relationships.tmdl"].split("\n\nrel")
        if re.search(r"fromColumn: (fct_sales_daily|dim_product)\.", link)
    ]
    small["relationships.tmdl"] = (
        "relationship"
        + "\n\nrelationship".join(link.rstrip("\n").removeprefix("relationship").removeprefix("ationship") for link in links)
        + "\n"
    )
    small["tables/Metrics.tmdl"] = re.sub(
        r"\t/// [^\n]*\n\tmeasure (?!Revenue|'Units sold' ).*?\n\n(?=\t(///|column))",
        "",
        model["tables/Metrics.tmdl"],
        flags=re.DOTALL,
    )
    tmdl.check(small)
    for path in (LOCATION, "relationships.tmdl", "database.tmdl", "expressions.tmdl", "tables/Metrics.tmdl", "model.tmdl"):
        lines = small[path].split("\n")
        for number, line in enumerate(lines):
            if not line.strip() or line.strip().startswith(OPTIONAL) or "isActive" in line:
                continue
            tried += 1
            try:
                tmdl.check({**small, path: "\n".join(lines[:number] + lines[number + 1 :])})
                survivors.append(f"{path}: {line}")
            except tmdl.TmdlError:
                pass
    assert tried > 60
    assert survivors == []


def test_each_wrong_depth_is_found(model: Files) -> None:
    survivors, tried = [], 0
    for path in (LOCATION, "relationships.tmdl", "database.tmdl"):
        lines = model[path].split("\n")
        in_query = False
        for number, line in enumerate(lines[:60]):
            in_query = in_query and line.startswith("\t\t\t\t")
            for changed in (f"\t{line}", line[1:] if line.startswith("\t") else f" {line}", line.replace("\t", "    ")):
                if not line.strip() or changed == line or in_query:  # inside a query depth is a matter of taste
                    continue
                tried += 1
                try:
                    tmdl.parse("\n".join([*lines[:number], changed, *lines[number + 1 :]]))
                    survivors.append(f"{path} {number + 1}: {changed}")
                except tmdl.TmdlError:
                    pass
            in_query = in_query or line.strip() == "source ="
    assert tried > 80
    assert survivors == []


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        (LOCATION, "\t\tdataType: int64\n", "\t\tdataType: int64\n\t\tcolour: red\n", "column has no colour"),
        (LOCATION, "\t\tdataType: int64\n", "\t\tdataType: int\n", "not a value of dataType"),
        (LOCATION, "\t\tdataType: int64\n", "\t\tdataType: int64\n\t\tdataType: int64\n", "a second dataType"),
        (LOCATION, "isKey\n", "isKey: true\n", "isKey has no value"),
        (LOCATION, "\tcolumn city\n", "\tcolumn location_name\n", "a second column location_name"),
        (LOCATION, "\tcolumn city\n", "\tcolumn city of store\n", "not a column"),
        (LOCATION, "\tcolumn city\n", "\tcolum city\n", "the description belongs to nothing"),
        (LOCATION, "sourceColumn: city", "sourceColumn: town", "city reads town"),
        (LOCATION, "table dim_location", "table dim_locations", "must hold the table it is named after"),
        (LOCATION, "partition dim_location = m", "partition dim_location", "not a partition"),
        (LOCATION, 'File.Contents(Folder & "/dim_location.parquet")', "File.Contents(Folder", "brackets do not close"),
        (LOCATION, "Folder &", "Place &", "Place is not there"),
        (LOCATION, "/dim_location.parquet", "/dim_vendor.parquet", "reads another table"),
        (LOCATION, '{"city", type text}', '{"city", type number}', "city is type number here"),
        (LOCATION, ', {"city", type text}', "", "its types are not those of the table"),
        (LOCATION, "\t\t\t\tin\n", "\t\t\t\tinn\n", "not let Rows"),
        ("tables/dim_date.tmdl", "\t\tisKey\n", "", "is no key"),
        ("tables/Metrics.tmdl", "measure Revenue =", "measure 'Units sold' =", "a second measure Units sold"),
        ("tables/Metrics.tmdl", "SUM(fct_sales_daily[revenue_usd])", "SUM(fct_sales_daily[income_usd])", r"fct_sales_daily\[income_usd\] is not there"),
        ("tables/Metrics.tmdl", "SUM(fct_sales_daily[revenue_usd])", "SUM(fct_sales[revenue_usd])", r"fct_sales\[revenue_usd\] is not there"),
        ("tables/Metrics.tmdl", "SUM(fct_sales_daily[revenue_usd])", "SUM(fct_sales_daily[revenue_usd]", "ends too early"),
        ("tables/Metrics.tmdl", "SUM(fct_sales_daily[revenue_usd])", "TOTAL(fct_sales_daily[revenue_usd])", "unknown function TOTAL"),
        ("tables/Metrics.tmdl", "SUM(fct_sales_daily[revenue_usd])", "[Revenue] + 1", "made of itself"),
        ("tables/Metrics.tmdl", "DIVIDE([Revenue], [Units sold])", "DIVIDE([Revenue], [Units])", r"\[Units\] is not there"),
        ("tables/Metrics.tmdl", "DIVIDE([Revenue], [Units sold])", "DIVIDE([Revenue] [Units sold])", "two operands in a row"),
        ("tables/Metrics.tmdl", "DIVIDE([Revenue], [Units sold])", "DIVIDE([Revenue], )", r"nothing before \)|ends too early"),
        ("relationships.tmdl", "fromColumn: fct_sales_daily.item_id", "fromColumn: fct_sales_daily.item_number", "item_number is not there"),
        ("relationships.tmdl", "fromColumn: fct_sales_daily.item_id", "fromColumn: fct_sales_daily.location_id", "a second one of fct_sales_daily.location_id"),
        ("relationships.tmdl", "fromColumn: fct_sales_daily.item_id", "fromColumn: fct_sales_daily.sale_date", "are of two types|a second one"),
        ("relationships.tmdl", "fromColumn: fct_sales_daily.item_id", "fromColumn: item_id", "not a value of fromColumn"),
        ("relationships.tmdl", "\tisActive: false\n\tfromColumn: dim_product.vendor_id", "\tfromColumn: dim_product.vendor_id", "two active ways"),
        ("relationships.tmdl", "\tisActive: false\n\tfromColumn: fct_purchase_order_lines.receipt_date", "\tfromColumn: fct_purchase_order_lines.receipt_date", "two active ways"),
        ("model.tmdl", "ref table dim_date\n", "", "references and tables differ"),
        ("model.tmdl", "ref table dim_date\n", "ref table dim_date\nref table dim_day\n", "references and tables differ"),
        ("expressions.tmdl", "IsParameterQuery=true", "IsParameterQuery=yes", "is not a parameter"),
        ("expressions.tmdl", "expression Folder", "expression Place", "Folder is not there"),
        ("database.tmdl", "compatibilityLevel: 1600", "compatibilityLevel: new", "not a value"),
    ],
)  # fmt: skip
def test_a_broken_model_is_found(path: str, old: str, new: str, reason: str, model: Files) -> None:
    with pytest.raises(tmdl.TmdlError, match=reason):
        tmdl.check(broken(model, path, lambda text: text.replace(old, new, 1)))


def test_a_tag_given_twice_is_found(model: Files) -> None:
    first, second = re.findall(r"lineageTag: (\S+)", model[LOCATION])[:2]
    with pytest.raises(tmdl.TmdlError, match="is given twice"):
        tmdl.check(broken(model, LOCATION, lambda text: text.replace(second, first)))


def test_a_missing_file_is_found(model: Files) -> None:
    for path in model:
        with pytest.raises(tmdl.TmdlError):
            tmdl.check({other: text for other, text in model.items() if other != path})


# The report ------------------------------------------------------------------------------------------------------------------------


def test_the_report_is_whole_and_has_the_pages(parts: Files, names: tuple) -> None:
    visuals = pbir.check(parts, *names)
    assert visuals == sum(len(row) for page in PAGES for _, row in page.rows) > 35
    titles = [json.loads(text)["displayName"] for path, text in parts.items() if path.endswith("page.json")]
    assert sorted(titles) == sorted(
        ["Overview", "What to order", "Forecasts", "Inventory policy", "Vendors", "Quality", "Data health"]
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        ("overview/visuals/overview_0_0/visual.json", '"visualType": "card"', '"visualType": "kard"', "kard"),
        ("overview/visuals/overview_0_0/visual.json", '"Values": {', '"Value": {', "no such wells"),
        ("overview/visuals/overview_0_0/visual.json", '"Property": "Order value"', '"Property": "Order worth"', "Order worth is not there"),
        ("overview/visuals/overview_0_0/visual.json", '"tabOrder": 0', '"tabOrder": 0, "colour": 1', "colour"),
        ("overview/visuals/overview_0_0/visual.json", '"x": 12', '"x": 1270', "lies outside"),
        ("overview/visuals/overview_0_1/visual.json", '"z": 1', '"z": 1, "angle": 0', "angle"),
        ("overview/visuals/overview_0_0/visual.json", '"name": "overview_0_0"', '"name": "first"', "calls itself first"),
        ("overview/visuals/overview_1_0/visual.json", '"Property": "month_start_date"', '"Property": "month"', "dim_date.month is not there"),
        ("what_to_order/visuals/what_to_order_2_0/visual.json", '"Entity": "rec_orders",\n', '"Entity": "rec_order",\n', "not there"),
        ("what_to_order/visuals/what_to_order_2_0/visual.json", '"Source": "t"', '"Source": "u"', "which is not there"),
        ("what_to_order/visuals/what_to_order_2_0/visual.json", '"Value": "0L"', '"Value": "zero"', "zero"),
        ("overview/page.json", "page/2.0.0", "page/9.0.0", "page/9.0.0"),
        ("overview/page.json", '"FitToPage"', '"Fit"', "Fit"),
        ("overview/page.json", '"name": "overview"', '"name": "front"', "calls itself front"),
        ("pages.json", '"overview",\n    "what_to_order"', '"overview"', "its pages are not those"),
        ("definition.pbir", "../Stockroom.SemanticModel", "../Other", "there is no model"),
        ("report.json", "{\n", "{,\n", "Expecting"),
    ],
)  # fmt: skip
def test_a_broken_report_is_found(path: str, old: str, new: str, reason: str, parts: Files, names: tuple) -> None:
    (full,) = [name for name in parts if name.endswith(f"/{path}")]
    with pytest.raises(pbir.PbirError, match=reason):
        pbir.check(broken(parts, full, lambda text: text.replace(old, new, 1)), *names)


@pytest.mark.parametrize(
    "name", ["version.json", "report.json", "pages.json", "page.json", "definition.pbir", "definition.pbism", ".platform"]
)
def test_a_missing_part_is_found(name: str, parts: Files, names: tuple) -> None:
    gone = next(path for path in parts if path.endswith(f"/{name}"))
    with pytest.raises(pbir.PbirError):
        pbir.check({path: text for path, text in parts.items() if path != gone}, *names)


def test_a_page_that_shows_what_is_not_published_is_refused_before_users_see_it(
    settings: Settings, project: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page("x", "X", [(1, [Visual("tableEx", "T", {"Values": ["rec_orders.order_worth"]})])])
    monkeypatch.setattr(powerbi_report.unknown_fields, "__defaults__", ((page,),))
    with pytest.raises(PublishError, match=r"page X, T: rec_orders\.order_worth is not there"):
        publish_to_powerbi(settings)
    assert (settings.published / "powerbi" / "Stockroom.pbip").exists(), "the old project is untouched"


def test_a_renamed_column_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project.publish import powerbi

    def renamed() -> list:
        return [
            dataclasses.replace(t, columns=tuple(dataclasses.replace(c, name="qty") if c.name == "order_units" else c for c in t.columns))
            if t.name == "rec_orders" else t
            for t in published_tables()
        ]  # fmt: skip

    monkeypatch.setattr(powerbi, "published_tables", renamed)
    with pytest.raises(PublishError, match=r"metric order_units: rec_orders has no column order_units[\s\S]*page What to order"):
        publish_to_powerbi(Settings(published_dir=Path("/nonexistent")))


# Microsoft's own check ---------------------------------------------------------------------------------------------------------------

VALIDATOR = """
import {locateReport, runReportValidation, getMetadataProvider} from "@microsoft/powerbi-report-authoring-cli";
const report = locateReport(process.argv[2]);
const found = await runReportValidation({...report, provider: await getMetadataProvider(), skipSchema: true});
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def microsoft() -> Callable[[Path], dict]:
    folder = os.environ.get("PBIR_VALIDATOR", "")
    if not folder or not shutil.which("node"):
        pytest.skip("PBIR_VALIDATOR names no folder with Microsoft's validator, or node is missing")

    def run(report: Path) -> dict:
        result = subprocess.run(
            ["node", "--input-type=module", "-", str(report)],
            input=VALIDATOR,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def test_microsofts_validator_finds_nothing(microsoft: Callable[[Path], dict], project: Files, settings: Settings) -> None:
    found = microsoft(settings.published / "powerbi" / "Stockroom.Report")
    assert (found["result"], found["errorCount"], found["warningCount"]) == ("succeeded", 0, 0), json.dumps(found, indent=1)


def test_microsofts_validator_finds_a_mistake(
    microsoft: Callable[[Path], dict], settings: Settings, project: Files, tmp_path: Path
) -> None:
    shutil.copytree(settings.published / "powerbi", tmp_path / "powerbi")
    visual = next((tmp_path / "powerbi").rglob("overview_1_0/visual.json"))
    visual.write_text(visual.read_text().replace('"Y": {', '"Z": {'))
    found = microsoft(tmp_path / "powerbi" / "Stockroom.Report")
    assert found["result"] == "failed"
    assert "PBIR_ROLE_UNKNOWN" in found["diagnostics"]
