"""dbt's exposures are what dashboards, report and extracts read: `dbt ls --select +exposure:superset_overview` tells the truth.

After a dashboard reads another table:

    UPDATE_EXPOSURES=1 pytest tests/architecture/test_exposures.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dagster_project.publish.contract import PublishedTable, published_tables
from dagster_project.publish.dashboards import Dashboards, read_dashboards
from dagster_project.publish.exposures import ACCEPT, EXPOSURES_FILE, exposures, exposures_text
from dagster_project.publish.metrics import defined_metrics

METRICS = defined_metrics()


@pytest.fixture(scope="module")
def tables() -> list[PublishedTable]:
    return published_tables()


@pytest.fixture(scope="module")
def dashboards(tables: list[PublishedTable]) -> Dashboards:
    return read_dashboards(tables, METRICS)


def test_the_exposures_are_what_is_shown(tables: list[PublishedTable], dashboards: Dashboards) -> None:
    text = exposures_text(tables, dashboards, METRICS)
    if os.environ.get("UPDATE_EXPOSURES"):
        EXPOSURES_FILE.write_text(text)
    assert EXPOSURES_FILE.read_text() == text, f"another table is shown now, or one no longer. If it should be so: {ACCEPT}"


def test_who_reads_what(tables: list[PublishedTable], dashboards: Dashboards) -> None:
    found = exposures(tables, dashboards, METRICS)
    assert found["superset_what_to_order"][3] == ["rec_orders", "rec_why", "role_procurement"]
    assert {"rpt_defect_alerts", "rpt_vendor_scorecard", "rpt_shrinkage"} <= set(found["power_bi_quality"][3])
    assert {"rec_orders", "rpt_service"} <= set(found["report"][3])
    assert found["postgres"][3] == [table.name for table in tables]
    assert all(used for *_, used in found.values())


def test_dbt_knows_them(dbt_manifest, session_environment: Path, tables: list[PublishedTable], dashboards: Dashboards) -> None:
    manifest = json.loads((session_environment / "dbt_target" / "manifest.json").read_text())
    models = {table.name: table.source.partition(".")[2] for table in tables if table.kind != "run"}
    known = {e["name"]: {n.rpartition(".")[2] for n in e["depends_on"]["nodes"]} for e in manifest["exposures"].values()}
    assert known == {
        name: {models[table] for table in used if table in models}
        for name, (*_, used) in exposures(tables, dashboards, METRICS).items()
    }
