"""The graph Dagster runs: a change of it is a difference to read.

After a change that is meant, write the snapshot anew and read the difference before it is committed:

    UPDATE_ASSET_GRAPH=1 pytest tests/architecture/test_asset_graph.py
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import build_defs
from dagster_project.input_tables import INPUTS
from dagster_project.intake import declared_tables
from dagster_project.jobs import DAILY_REPLENISHMENT, JOBS, POLICY_REPLAY, REBUILD_DAY, REBUILD_GROUP, REPLAY_GROUP
from dagster_project.settings import Settings

SNAPSHOT = Path(__file__).with_name("asset_graph.txt")


@pytest.fixture(scope="module")
def defs(dbt_manifest) -> dg.Definitions:
    return build_defs(Settings.from_env())


@pytest.fixture(scope="module")
def graph(defs: dg.Definitions):
    return defs.resolve_asset_graph()


def ancestors(graph, key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    todo = [key]
    while todo:
        parents = graph.get(todo.pop()).parent_keys - found
        found |= parents
        todo += parents
    return found


def test_the_asset_graph_is_the_one_committed(graph) -> None:
    lines = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        upstream = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys)) or "-"
        lines.append(f"{key.to_user_string()} | {node.group_name} | {upstream}\n")
    drawn = "".join(sorted(lines))
    if os.environ.get("UPDATE_ASSET_GRAPH"):
        SNAPSHOT.write_text(drawn)
    assert drawn == SNAPSHOT.read_text(), "the graph changed; if it should: UPDATE_ASSET_GRAPH=1 pytest tests/architecture"


def test_every_recommendation_descends_from_every_required_file_and_from_the_forecasts(graph) -> None:
    raw = {dg.AssetKey(table.key) for table in declared_tables() if table.is_required and table.adapter == "retailer"}
    recommendations = [key for key in graph.get_all_asset_keys() if graph.get(key).group_name == "recommendations"]
    assert len(raw) == 3
    assert len(recommendations) >= 7
    for key in recommendations:
        assert raw <= ancestors(graph, key), key.to_user_string()
    for recommendation, estimate in (("rec_orders", "lead_time_demand"), ("rec_demand_forecast", "demand_forecasts")):
        assert dg.AssetKey(["ml", estimate]) in ancestors(graph, dg.AssetKey(["recommendations", recommendation]))


def test_only_raw_files_have_nothing_before_them(graph) -> None:
    decided = {dg.AssetKey(["input", contract.name]) for contract in INPUTS}
    roots = {key for key in graph.get_all_asset_keys() if not graph.get(key).parent_keys}
    assert (
        roots
        == {dg.AssetKey(table.key) for table in declared_tables()} | {dg.AssetKey(["reference", "public_holidays"])} | decided
    )
    assert {key for key in graph.get_all_asset_keys() if not graph.get(key).is_executable} == set()


def test_all_that_writes_waits_for_the_one_pool(defs: dg.Definitions) -> None:
    steps = [step for step in defs.resolve_job_def(DAILY_REPLENISHMENT).all_node_defs if isinstance(step, dg.OpDefinition)]
    assert {step.name for step in steps} >= {"raw_files", "forecasts"}
    assert {step.name: step.pool for step in steps} == {step.name: "warehouse" for step in steps}


def test_the_daily_job_makes_every_asset_but_the_replay_and_past_days_which_have_jobs_of_their_own(
    defs: dg.Definitions, graph
) -> None:
    def of_group(name: str) -> set[dg.AssetKey]:
        return {key for key in graph.get_all_asset_keys() if graph.get(key).group_name == name}

    def made_by(job: str) -> set[dg.AssetKey]:
        return set(defs.resolve_job_def(job).asset_layer.selected_asset_keys)

    assert made_by(POLICY_REPLAY) == of_group(REPLAY_GROUP) != set()
    assert made_by(REBUILD_DAY) == of_group(REBUILD_GROUP) != set()
    assert made_by(DAILY_REPLENISHMENT) == graph.get_all_asset_keys() - of_group(REPLAY_GROUP) - of_group(REBUILD_GROUP)


def test_every_asset_has_an_owner_a_kind_a_description_and_a_group_of_the_data_flow(graph) -> None:
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert [node.key for node in nodes if not (node.owners and node.kinds and node.description)] == []
    flow = "raw policy staging history intermediate marts features ml vision recommendations reports operations publish"
    assert {node.group_name for node in nodes} == {*flow.split(), REPLAY_GROUP, REBUILD_GROUP}


def test_what_people_read_has_a_freshness_policy(graph) -> None:
    late = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy}
    assert late == {"bi/published_snapshot", "bi/report"}


def test_every_run_has_tags_of_what_it_is_for(defs: dg.Definitions) -> None:
    kinds = {job.name: job.tags.get("stockroom/kind") for job in JOBS}
    assert None not in kinds.values()
    assert len(set(kinds.values())) == len(kinds) == 5


def test_a_page_says_what_a_table_and_a_check_mean_and_what_a_tables_columns_are(defs: dg.Definitions, graph) -> None:
    written = [key for key in graph.get_all_asset_keys() if key.path[0] in ("ml", "ops", "input")]
    assert [key.to_user_string() for key in written if graph.get(key).description.startswith("One row per")] == []
    assert [key.to_user_string() for key in written if "dagster/column_schema" not in graph.get(key).metadata] == []
    checks = {key.name: graph.get_check_spec(key).description for key in graph.asset_check_keys}
    assert checks["why_rows_sum_to_orders"]
    assert checks["every_line_is_accounted_for"].startswith("read = blank + rejected + staged, for every file")
    warns = {key.name for key in graph.asset_check_keys if not graph.get_check_spec(key).blocking}
    assert warns, "some checks only warn"
    assert "most_lines_can_be_read" not in warns


def test_dbt_tests_are_checks_of_the_asset_they_speak_of(graph) -> None:
    checks = {key.name: key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert len(graph.asset_check_keys) > 30
    spoken_of = {
        "ledger_identity": "intermediate/int_inventory_item_location",
        "why_rows_sum_to_orders": "recommendations/rec_why",
        "every_line_is_accounted_for": "staging/ingest_summary",
        "every_order_is_in_one_proposal": "recommendations/rec_purchase_orders",
    }
    assert {name: checks.get(name) for name in spoken_of} == spoken_of
