"""The metrics of dbt_project/models/semantic, read from their YAML, in the words of other tools.

Belongs here: reading the one definition, and saying it in DAX, in Tableau's formulas, in SQL and in prose. Does not belong here:
what a metric means, which the YAML says, and files of any tool.

A measure is the sum (or another aggregate) of a product of columns, over the rows that a `case when ... then ... end` lets through.
Nothing else is understood, so that nothing can be said differently in two tools; what is not understood is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.publish.contract import MODELS_DIR, PublishedTable

SEMANTIC_DIR = MODELS_DIR / "semantic"
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CASE = re.compile(r"case\s+when\s+(?P<rows>.+?)\s+then\s+(?P<value>.+?)\s+end", re.IGNORECASE | re.DOTALL)
_CONDITION = re.compile(
    r"(?P<column>[a-z_][a-z0-9_]*)\s*(?P<operator>=|<>|>=|<=|>|<)\s*(?P<value>'[^']*'|true|false|-?\d+(\.\d+)?)"
)
_DAX_AGGREGATES = {"sum": "SUM", "count_distinct": "DISTINCTCOUNT", "min": "MIN", "max": "MAX"}
_TABLEAU_AGGREGATES = {"sum": "SUM", "count_distinct": "COUNTD", "min": "MIN", "max": "MAX"}
_SQL_AGGREGATES = {"sum": "sum({})", "count_distinct": "count(distinct {})", "min": "min({})", "max": "max({})"}


@dataclass(frozen=True)
class Condition:
    """`column operator value`; text in single quotes, as in SQL."""

    column: str
    operator: str
    value: str


@dataclass(frozen=True)
class Measure:
    """An aggregate over the rows of one table. Without `factors` it counts rows."""

    name: str
    table: str
    aggregate: str
    factors: tuple[str, ...]
    rows: tuple[Condition, ...]
    date_column: str
    folder: str
    same_for_all: bool  # what does not depend on item, store or vendor

    @property
    def columns(self) -> list[str]:
        return [*self.factors, *[condition.column for condition in self.rows]]


@dataclass(frozen=True)
class Metric:
    """One metric: of a measure (simple), of two metrics (ratio), or an expression of metrics (derived)."""

    name: str
    label: str
    description: str
    kind: str
    unit: str
    number_format: str
    is_hidden: bool  # a step towards another metric
    measure: Measure | None = None
    numerator: str = ""
    denominator: str = ""
    expression: str = ""
    inputs: tuple[str, ...] = ()


def defined_metrics(folder: Path = SEMANTIC_DIR) -> dict[str, Metric]:
    """Every metric by its name, in the order of the files. Runs no dbt."""
    files = [yaml.load(path.read_text(), _YAML) for path in sorted(folder.glob("*.yml"))]
    measures = {
        measure.name: measure for content in files for model in content["semantic_models"] for measure in _measures(model)
    }
    metrics = [_metric(item, measures) for content in files for item in content.get("metrics", [])]
    return {metric.name: metric for metric in metrics}


def _measures(model: dict) -> list[Measure]:
    meta = model.get("config", {}).get("meta", {})
    table = re.fullmatch(r"ref\('(\w+)'\)", model["model"])[1]
    found = []
    for item in model.get("measures", []):
        factors, rows = parse_expression(str(item["expr"]))
        date_column = model["defaults"]["agg_time_dimension"]
        if item["agg"] not in _DAX_AGGREGATES or (item["agg"] != "sum" and len(factors) != 1):
            raise ValueError(f"measure {item['name']}: {item['agg']} of {item['expr']} is not understood")
        found.append(
            Measure(item["name"], table, item["agg"], factors, rows, date_column, meta["folder"], meta.get("same_for_all", False))
        )
    return found


def parse_expression(text: str) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """Columns that are multiplied, and conditions on rows, all of which must hold. Raises ValueError on anything else."""
    case = _CASE.fullmatch(text.strip())
    value, rows = (case["value"], re.split(r"\s+and\s+", case["rows"])) if case else (text, [])
    factors = [] if value.strip() == "1" else [factor.strip() for factor in value.split("*")]
    conditions = [_CONDITION.fullmatch(row.strip()) for row in rows]
    if not all(re.fullmatch(r"[a-z_][a-z0-9_]*", factor) for factor in factors) or None in conditions:
        raise ValueError(
            f"{text}: not understood; write columns with * between, or case when column = 'value' and ... then ... end"
        )
    return tuple(factors), tuple(Condition(c["column"], c["operator"], c["value"]) for c in conditions)


def _metric(item: dict, measures: Mapping[str, Measure]) -> Metric:
    meta, parameters = item["config"]["meta"], item["type_params"]
    return Metric(
        name=item["name"],
        label=item["label"],
        description=" ".join(item["description"].split()),
        kind=item["type"],
        unit=meta["unit"],
        number_format=meta["format"],
        is_hidden=meta.get("hidden", False),
        measure=measures[parameters["measure"]] if item["type"] == "simple" else None,
        numerator=parameters.get("numerator", ""),
        denominator=parameters.get("denominator", ""),
        expression=parameters.get("expr", ""),
        inputs=tuple(parameters.get("metrics", ())),
    )


def needed(metric: Metric, metrics: Mapping[str, Metric]) -> list[Measure]:
    """The measures it is made of."""
    if metric.measure:
        return [metric.measure]
    return [measure for name in parts(metric) for measure in needed(metrics[name], metrics)]


def parts(metric: Metric) -> list[str]:
    """The metrics it is made of directly."""
    return [metric.numerator, metric.denominator] if metric.kind == "ratio" else list(metric.inputs)


def home(metric: Metric, metrics: Mapping[str, Metric]) -> Measure:
    """The measure that says where it belongs: its folder, its table, its date."""
    return needed(metric, metrics)[0]


# DAX ----------------------------------------------------------------------------------------------------------------------------


def dax(metric: Metric, metrics: Mapping[str, Metric], tables: Mapping[str, PublishedTable]) -> str:
    """The metric as a DAX expression over the published tables; other metrics by their label."""
    if metric.measure:
        return _dax_measure(metric.measure, tables)
    if metric.kind == "ratio":
        return f"DIVIDE([{metrics[metric.numerator].label}], [{metrics[metric.denominator].label}])"
    return _replaced(metric, {name: f"[{metrics[name].label}]" for name in metric.inputs})


def _dax_measure(measure: Measure, tables: Mapping[str, PublishedTable]) -> str:
    columns = [f"{measure.table}[{factor}]" for factor in measure.factors]
    if not columns:
        text = f"COUNTROWS({measure.table})"
    elif len(columns) == 1:
        text = f"{_DAX_AGGREGATES[measure.aggregate]}({columns[0]})"
    else:
        text = f"SUMX({measure.table}, {' * '.join(columns)})"
    filters = [f"{measure.table}[{row.column}] {row.operator} {_dax_value(row.value)}" for row in measure.rows]
    if measure.same_for_all:
        others = {name for name, _ in tables[measure.table].references.values() if name != "dim_date"}
        filters += [f"REMOVEFILTERS({name})" for name in sorted(others)]
    return f"CALCULATE({', '.join([text, *filters])})" if filters else text


def _dax_value(value: str) -> str:
    return f"{value.upper()}()" if value in ("true", "false") else value.replace("'", '"')


# Tableau ------------------------------------------------------------------------------------------------------------------------


def tableau(metric: Metric, metrics: Mapping[str, Metric]) -> str:
    """The metric as a formula of a calculated field over the columns of its own table; no other calculated field is needed."""
    if metric.measure:
        return _tableau_measure(metric.measure)
    if metric.kind == "ratio":
        numerator, denominator = (tableau(metrics[name], metrics) for name in parts(metric))
        return f"IF ({denominator}) <> 0 THEN ({numerator}) / ({denominator}) END"
    return _replaced(metric, {name: f"({tableau(metrics[name], metrics)})" for name in metric.inputs})


def _tableau_measure(measure: Measure) -> str:
    value = " * ".join(f"[{factor}]" for factor in measure.factors) or "1"
    if measure.rows:
        rows = " AND ".join(f"[{row.column}] {row.operator} {row.value}" for row in measure.rows)
        value = f"IF {rows} THEN {value} END"
    return f"{_TABLEAU_AGGREGATES[measure.aggregate]}({value})"


# SQL and prose --------------------------------------------------------------------------------------------------------------------


def sql(metric: Metric, metrics: Mapping[str, Metric]) -> str:
    """The metric as an aggregate over the rows of its table, for whoever has no MetricFlow."""
    if metric.measure:
        measure = metric.measure
        value = " * ".join(measure.factors) or "1"
        rows = " and ".join(f"{row.column} {row.operator} {row.value}" for row in measure.rows)
        text = _SQL_AGGREGATES[measure.aggregate].format(value)
        return f"{text} filter (where {rows})" if rows else text
    if metric.kind == "ratio":
        numerator, denominator = (sql(metrics[name], metrics) for name in parts(metric))
        return f"cast({numerator} as double) / nullif({denominator}, 0)"
    return _replaced(metric, {name: f"({sql(metrics[name], metrics)})" for name in metric.inputs})


def formula(metric: Metric, metrics: Mapping[str, Metric]) -> str:
    """The metric for a reader: of which columns, of which rows, by which date."""
    if metric.kind == "ratio":
        return f"{metrics[metric.numerator].label} / {metrics[metric.denominator].label}"
    if metric.kind == "derived":
        return _replaced(metric, {name: metrics[name].label for name in metric.inputs})
    measure = metric.measure
    value = " × ".join(f"`{factor}`" for factor in measure.factors) or "rows"
    what = {"sum": "sum of", "count_distinct": "number of distinct", "min": "smallest", "max": "largest"}[measure.aggregate]
    rows = " and ".join(f"`{row.column} {row.operator} {row.value}`" for row in measure.rows)
    return f"{what} {value} in `{measure.table}`" + (f", rows with {rows}" if rows else "")


def _replaced(metric: Metric, names: Mapping[str, str]) -> str:
    unknown = [word for word in re.findall(r"[a-z_][a-z0-9_]*", metric.expression) if word not in names]
    if unknown or "/" in metric.expression:
        raise ValueError(
            f"metric {metric.name}: {metric.expression} is not understood; a division is a ratio, and names are its metrics"
        )
    return re.sub(r"[a-z_][a-z0-9_]*", lambda word: names[word[0]], metric.expression)


def unknown_columns(metrics: Mapping[str, Metric], tables: Sequence[PublishedTable]) -> list[str]:
    """What metrics read that is not published, one line each: a column renamed in a mart breaks the metric here, before users."""
    there = {table.name: {column.name for column in table.columns} for table in tables}
    found = []
    for metric in metrics.values():
        for measure in [metric.measure] if metric.measure else []:
            if measure.table not in there:
                found.append(f"metric {metric.name}: {measure.table} is not published")
                continue
            missing = [c for c in [*measure.columns, measure.date_column] if c not in there[measure.table]]
            found += [f"metric {metric.name}: {measure.table} has no column {column}" for column in missing]
    return found


def metrics_page(metrics: Mapping[str, Metric]) -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Defined once, in [`dbt_project/models/semantic`](../dbt_project/models/semantic). The Power BI measures, the Tableau",
        "calculated fields and this page are made from there: `UPDATE_METRICS_PAGE=1 pytest tests/publish/test_metrics.py` writes it anew.",
        "Every ratio is a ratio of sums and is null without a denominator. Estimates with an interval, percentiles and quantiles do not",
        "add up and are no metrics: they stay in their tables.",
        "",
        "Ask with [MetricFlow](https://docs.getdbt.com/docs/build/about-metricflow) (`pip install 'stockroom[metrics]'`), for example:",
        "",
        "```",
        ".venv/bin/stockroom dbt parse",
        "cd dbt_project",
        "../.venv/bin/mf query --metrics inventory_turnover,gross_margin_usd --group-by metric_time__month --order metric_time__month",
        "../.venv/bin/mf query --metrics inventory_turnover --group-by item__category",
        "```",
    ]
    folders: dict[str, list[Metric]] = {}
    for metric in metrics.values():
        folders.setdefault(home(metric, metrics).folder, []).append(metric)
    for folder, members in sorted(folders.items()):
        lines += ["", f"## {folder}", "", "| metric | what it says | formula | date | unit |", "|---|---|---|---|---|"]
        for metric in members:
            measure = home(metric, metrics)
            lines.append(
                f"| **{metric.label}** `{metric.name}` | {metric.description} | {formula(metric, metrics)}"
                f" | `{measure.date_column}` | {metric.unit} |"
            )
    return "\n".join(lines) + "\n"
