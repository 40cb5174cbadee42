"""Column lineage of the real project, across the steps of Python.

Belongs here: what orders are made of. Does not belong here: drawing, whose tests are in tests/unit.
"""

from __future__ import annotations

import pytest

from dagster_project.lineage.edges import find_edges
from dagster_project.lineage.tree import Lineage

ORDER = ("recommendations.rec_orders", "order_units")


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Lineage:
    return Lineage(find_edges(tmp_path_factory.mktemp("lineage")))


def test_what_an_order_is_made_of_in_one_step(lineage: Lineage) -> None:
    assert lineage.beside(ORDER, "up") == {
        ("recommendations.rec_order_terms", "order_units"): "sql",
        ("staging.stg_ml__order_adjustments", "adjustment_units"): "sql",
        ("intermediate.int_order_overrides", "override_order_units"): "sql",
    }


def test_sales_reach_the_order_through_features_and_the_model(lineage: Lineage) -> None:
    way = lineage.path_through(("retailer.sales", "SalesQuantity"), ORDER, "ml.lead_time_demand")
    tables = [table for (table, _), _ in way]
    assert tables[:3] == ["retailer.sales", "staging.base_retailer__sales", "staging.stg_sales"]
    assert tables[-2:] == ["recommendations.rec_order_terms", "recommendations.rec_orders"]
    model = tables.index("ml.lead_time_demand")
    assert way[model][1] == "python"
    assert tables[model - 1].startswith("features.ftr_")
    assert {via for _, via in way} == {"", "file", "sql", "python"}


def test_every_step_of_python_but_the_replay_leads_to_an_order(lineage: Lineage) -> None:
    origins = {table for table, _ in lineage.reached(ORDER, "up")}
    assert {
        "ml.lead_time_demand",
        "ml.demand_forecasts",
        "ml.order_targets",
        "ml.order_adjustments",
        "ml.image_scores",
    } <= origins
    assert {"policy.service_levels", "policy.policy_parameters", "input.order_overrides", "retailer.purchases"} <= origins
    assert "ml.policy_replay" not in origins, "what would have been is no reason for an order"


def test_down_from_a_raw_column(lineage: Lineage) -> None:
    used = lineage.reached(("retailer.sales", "SalesQuantity"), "down")
    assert ORDER in used
    assert {"marts.fct_sales_daily", "marts.rpt_turnover", "features.ftr_demand_weekly"} <= {table for table, _ in used}


def test_recommendations_have_an_origin_in_all_but_a_few_columns(lineage: Lineage, dbt_manifest) -> None:
    """What has none is said by the SQL itself, such as a kind of row."""
    for node in dbt_manifest.nodes.values():
        if node.resource_type.value == "model" and node.schema == "recommendations":
            columns = [name for name in node.columns if lineage.beside((f"recommendations.{node.name}", name), "up")]
            assert len(columns) >= len(node.columns) - 3, (node.name, sorted(set(node.columns) - set(columns)))
