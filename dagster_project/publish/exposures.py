"""Who shows which table: dbt's exposures, made from the dashboards, the report and the extracts themselves.

Belongs here: which models each of them reads, and the text of _exposures.yml. Does not belong here: what they show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagster_project.publish.contract import MODELS_DIR, PublishedTable
from dagster_project.publish.dashboards import Dashboards
from dagster_project.publish.metrics import Metric, home
from dagster_project.publish.powerbi_report import PAGES

EXPOSURES_FILE = MODELS_DIR / "_exposures.yml"
ACCEPT = "UPDATE_EXPOSURES=1 pytest tests/architecture/test_exposures.py"
_REPORT_DIR = Path(__file__).parent / "report"


def exposures(
    tables: Sequence[PublishedTable], dashboards: Dashboards, metrics: Mapping[str, Metric]
) -> dict[str, tuple[str, str, str, list[str]]]:
    """Per exposure its label, its kind, what it answers, and the published tables it reads."""
    found = {
        f"superset_{page.name}": (f"Superset, {page.title}", "dashboard", page.question, dashboards.tables_of(page))
        for page in dashboards.pages
    }
    home_of = {metric.label: home(metric, metrics).table for metric in metrics.values()}
    for page in PAGES:
        fields = [f for _, visuals in page.rows for visual in visuals for names in visual.roles.values() for f in names]
        used = sorted({home_of.get(field) or field.partition(".")[0] for field in fields})
        found[f"power_bi_{page.name}"] = (
            f"Power BI, {page.title}",
            "dashboard",
            f"Page {page.title} of the Power BI report.",
            used,
        )
    names = [table.name for table in tables]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(_REPORT_DIR.glob("*.py")))
    read = [name for name in names if re.search(rf"\b{name}\b", text)]
    found["report"] = ("Report", "dashboard", "The page that every run writes, for five roles.", read)
    for name, label, question in (
        ("power_bi_model", "Power BI, semantic model", "Every published table with its measures, for reports of one's own."),
        ("tableau_extracts", "Tableau extracts", "Every published table as .hyper, and data sources with metrics."),
        ("postgres", "PostgreSQL", "Every published table in schema bi, for any BI tool, Excel and ODBC."),
    ):
        found[name] = (label, "application", question, names)
    return found


def exposures_text(tables: Sequence[PublishedTable], dashboards: Dashboards, metrics: Mapping[str, Metric]) -> str:
    """_exposures.yml. What a run says of itself comes from no model and is left out."""
    models = {table.name: table.source.partition(".")[2] for table in tables if table.kind != "run"}
    lines = [
        "# Which dashboard, report and extract reads which model. Written by a test from what they show; a change is accepted with:",
        f"#   {ACCEPT}",
        "exposures:",
    ]
    for name, (label, kind, question, used) in exposures(tables, dashboards, metrics).items():
        lines += [
            f"  - name: {name}",
            f'    label: "{label}"',
            f"    type: {kind}",
            f'    description: "{question}"',
            "    owner: {name: whoever publishes}",
            "    depends_on:",
            *[f"      - ref('{models[table]}')" for table in used if table in models],
        ]
    return "\n".join(lines) + "\n"
