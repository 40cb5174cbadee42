"""`stockroom publish --to powerbi`: a Power BI project (.pbip) in text, over the published snapshot or PostgreSQL.

Belongs here: the project's folders and the files that hold them together. Does not belong here: the model's and the report's text.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from dagster_project.publish.contract import published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.folder import new_folder
from dagster_project.publish.metrics import defined_metrics, unknown_columns
from dagster_project.publish.powerbi_model import Source, model_files
from dagster_project.publish.powerbi_report import report_files, unknown_fields
from dagster_project.settings import Settings

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"


@dataclass(frozen=True)
class Project:
    """What was written."""

    file: Path
    table_count: int
    measure_count: int
    page_count: int
    source: Source


def publish_to_powerbi(settings: Settings) -> Project:
    """Write the project. It holds no data: Power BI reads them when it refreshes. Raises PublishError; then nothing has changed."""
    tables, metrics = published_tables(), defined_metrics()
    broken = [*unknown_columns(metrics, tables), *unknown_fields(tables, metrics)]
    if broken:
        raise PublishError(broken, "Mend dbt_project/models/semantic or the pages: they name what is not published.")
    source = Source.of(settings.published / "parquet", settings.postgres_url)
    report = report_files(tables, metrics)
    files = {
        "Stockroom.pbip": _json(
            {
                "$schema": f"{_SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
                "version": "1.0",
                "artifacts": [{"report": {"path": "Stockroom.Report"}}],
                "settings": {"enableAutoRecovery": True},
            }
        ),
        "Stockroom.SemanticModel/definition.pbism": _json(
            {"$schema": f"{_SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json", "version": "4.2", "settings": {}}
        ),
        "Stockroom.Report/definition.pbir": _json(
            {
                "$schema": f"{_SCHEMAS}/item/report/definitionProperties/2.0.0/schema.json",
                "version": "4.0",
                "datasetReference": {"byPath": {"path": "../Stockroom.SemanticModel"}},
            }
        ),
        "Stockroom.Report/.platform": _platform("Report"),
        "Stockroom.SemanticModel/.platform": _platform("SemanticModel"),
        **{f"Stockroom.SemanticModel/definition/{path}": text for path, text in model_files(tables, metrics, source).items()},
        **{f"Stockroom.Report/definition/{path}": text for path, text in report.items()},
    }
    with new_folder(settings.published, "powerbi") as folder:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    pages = len([path for path in report if path.endswith("/page.json")])
    return Project(settings.published / "powerbi" / "Stockroom.pbip", len(tables), len(metrics), pages, source)


def _platform(kind: str) -> str:
    """What Git integration of Fabric knows an item by; the same in every generation."""
    return _json(
        {
            "$schema": f"{_SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
            "metadata": {"type": kind, "displayName": "Stockroom"},
            "config": {"version": "2.0", "logicalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"stockroom/powerbi/{kind}"))},
        }
    )


def _json(content: dict) -> str:
    return json.dumps(content, indent=2) + "\n"
