"""dbt's layers, from its manifest: who may read whom, and what stands beside every model."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import duckdb
import pytest

# who may read whom; a layer that is not named here does not exist
MAY_READ = {
    "base": {"raw"},
    "staging": {"base", "staging", "seeds"},
    "staging/ml": {"ml", "as of"},
    # what a model says of photos is known before the first table, as the files are
    "staging/vision": {"ml"},
    # what people decided about proposals
    "staging/input": {"input"},
    # the day everything is decided for: the clock of all layers after it
    "as of": {"staging"},
    "history": {"staging", "seeds", "as of"},
    "intermediate": {"staging", "staging/input", "staging/vision", "history", "reference", "intermediate", "seeds", "as of"},
    "marts": {"intermediate", "marts", "seeds", "as of"},
    "features": {"intermediate", "features", "as of"},
    "recommendations": {"staging/ml", "staging/input", "intermediate", "marts", "features", "recommendations", "seeds", "as of"},
    "reports": {
        "ops",
        "staging/ml",
        "staging/input",
        "staging/vision",
        "intermediate",
        "marts",
        "features",
        "recommendations",
        "reports",
        "seeds",
        "as of",
    },
}
ADAPTED = (["staging", "ml"], ["staging", "input"], ["staging", "vision"])
READ_FROM_OUTSIDE = ("marts", "features", "recommendations", "reports")
# steps on the way to a recommendation or a report, read by other models only
WITHOUT_CONTRACT = {"rec_order_targets", "rec_order_terms", "alert_findings", "alert_history"}


@pytest.fixture(scope="module")
def manifest(dbt_manifest, session_environment: Path) -> dict:
    return json.loads((session_environment / "dbt_target" / "manifest.json").read_text())


def models(manifest: dict) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def models_and_snapshots(manifest: dict) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "snapshot")]


def layer(manifest: dict, unique_id: str) -> str:
    if unique_id.startswith("source."):
        source = manifest["sources"][unique_id]
        return "raw" if "file_patterns" in source["meta"] else source["source_name"]
    if unique_id.startswith("seed."):
        return "seeds"
    if unique_id.startswith("snapshot."):
        return "history"
    node = manifest["nodes"][unique_id]
    if node["name"] == "int_as_of":
        return "as of"
    if node["name"].startswith("base_"):
        return "base"
    return "/".join(node["fqn"][1:3]) if node["fqn"][1:3] in ADAPTED else node["fqn"][1]


def backward_reads(manifest: dict) -> set[str]:
    """Every read against MAY_READ, as a line."""
    found = set()
    for node in models_and_snapshots(manifest):
        own = layer(manifest, node["unique_id"])
        for parent in node["depends_on"]["nodes"]:
            read = layer(manifest, parent)
            if read not in MAY_READ.get(own, set()):
                found.add(f"{node['name']} ({own}) reads {parent.rpartition('.')[2]} ({read})")
    return found


def test_nobody_reads_backwards(manifest: dict) -> None:
    assert {layer(manifest, node["unique_id"]) for node in models_and_snapshots(manifest)} == set(MAY_READ)
    assert backward_reads(manifest) == set()


@pytest.mark.parametrize(
    ("model", "parent", "found"),
    [
        ("dim_product", "model.stockroom.rec_orders", "dim_product (marts) reads rec_orders (recommendations)"),
        (
            "rec_orders",
            "model.stockroom.rpt_inventory_health",
            "rec_orders (recommendations) reads rpt_inventory_health (reports)",
        ),
        ("stg_sales", "source.stockroom.retailer.sales", "stg_sales (staging) reads sales (raw)"),
        ("int_stock_ledger", "model.stockroom.fct_sales_daily", "int_stock_ledger (intermediate) reads fct_sales_daily (marts)"),
        ("ftr_demand_weekly", "source.stockroom.ml.model_runs", "ftr_demand_weekly (features) reads model_runs (ml)"),
    ],
)
def test_a_backward_read_is_found(manifest: dict, model: str, parent: str, found: str) -> None:
    mutant = copy.deepcopy(manifest)
    mutant["nodes"][f"model.stockroom.{model}"]["depends_on"]["nodes"].append(parent)
    assert backward_reads(mutant) == {found}


def test_every_model_has_a_yaml_file_beside_it_that_describes_it(manifest: dict) -> None:
    beside = {node["name"]: f"stockroom://{node['original_file_path'].removesuffix('.sql')}.yml" for node in models(manifest)}
    assert {node["name"]: node["patch_path"] for node in models(manifest)} == beside
    assert [node["name"] for node in models(manifest) if not node["description"].strip()] == []


def test_every_column_is_described(manifest: dict, built_warehouse: Path, run_dbt, tiny_source: Path, tmp_path: Path) -> None:
    """The YAML has the table's columns, all of them, in their order, each with a description."""
    warehouse = tmp_path / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, warehouse)
    run_dbt(tiny_source, warehouse, "run", "--select", "path:models/recommendations", "path:models/reports")  # no forecast yet
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        query = "select schema_name, table_name, list(column_name order by column_index) from duckdb_columns() group by all"
        tables = {(schema, name): columns for schema, name, columns in connection.execute(query).fetchall()}
    documented = {(node["schema"], node["name"]): list(node["columns"]) for node in models(manifest)}
    assert {key: tables[key] for key in documented} == documented
    columns = [(node["name"], column) for node in models(manifest) for column in node["columns"].values()]
    assert [(name, column["name"]) for name, column in columns if not column["description"].strip()] == []


def test_what_is_read_from_outside_has_an_enforced_contract(manifest: dict) -> None:
    """BI reads marts, recommendations and reports, ml reads features. An exception that has a contract by now must leave the list."""
    outside = [node for node in models(manifest) if node["fqn"][1] in READ_FROM_OUTSIDE]
    assert {node["name"] for node in outside if not node["config"]["contract"]["enforced"]} == WITHOUT_CONTRACT
    typed = [column for node in outside for column in node["columns"].values() if node["name"] not in WITHOUT_CONTRACT]
    assert len(typed) > 0
    assert [column["name"] for column in typed if not column["data_type"]] == []
