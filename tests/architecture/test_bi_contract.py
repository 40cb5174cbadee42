"""What dashboards rely on: a change of it is found here before a user finds it.

After a change that is meant, write the contract anew, read the difference, and tell who uses what has gone:

    UPDATE_BI_CONTRACT=1 pytest tests/architecture/test_bi_contract.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from dagster_project.publish.contract import (
    ACCEPT,
    CONTRACT_FILE,
    MODELS_DIR,
    PublishedTable,
    accept,
    additions,
    broken_promises,
    contract_text,
    promised,
    published_tables,
)


@pytest.fixture(scope="module")
def tables() -> list[PublishedTable]:
    return published_tables()


def test_dashboards_get_what_they_were_promised(tables: list[PublishedTable]) -> None:
    if os.environ.get("UPDATE_BI_CONTRACT"):
        accept()
    promise = promised()
    hint = f"\n  If it should be so: {ACCEPT}"
    broken = broken_promises(tables, promise)
    assert broken == [], "dashboards would break:\n  " + "\n  ".join(broken) + hint
    new = additions(tables, promise)
    assert new == [], "not promised yet:\n  " + "\n  ".join(new) + hint
    assert contract_text(tables, promise.version) == CONTRACT_FILE.read_text(), f"the order or the form changed{hint}"


def test_the_contract_is_what_dbt_declares(tables: list[PublishedTable], dbt_manifest, session_environment: Path) -> None:
    """Read from YAML without dbt: names, columns, types and descriptions are those of dbt's own manifest."""
    nodes = json.loads((session_environment / "dbt_target" / "manifest.json").read_text())["nodes"].values()
    models = {f"{node['schema']}.{node['name']}": node for node in nodes if node["resource_type"] == "model"}
    assert len(tables) > 50
    for table in tables:
        if table.kind == "run":
            continue
        node = models[table.source]
        assert table.description == " ".join(node["description"].split())
        assert table.grain == node["meta"]["grain"]
        declared = [
            (c["name"], c["data_type"].replace(",", ", ").replace(",  ", ", "), " ".join(c["description"].split()))
            for c in node["columns"].values()
        ]
        assert [(c.name, c.type, c.description) for c in table.columns if not c.names] == declared
    with_contract = {
        key
        for key, node in models.items()
        if node["fqn"][1] in ("marts", "recommendations", "reports") and node["config"]["contract"]["enforced"]
    }
    assert with_contract - {t.source for t in tables} == {
        "recommendations.rec_order_economics",
        "recommendations.rec_override_problems",
        "recommendations.rec_target_economics",
    }


def test_keys_units_and_references_are_said(tables: list[PublishedTable]) -> None:
    by_name = {table.name: table for table in tables}
    orders = by_name["rec_orders"]
    assert orders.primary_key == ("item_id", "location_id")
    assert orders.references == {
        "item_id": ("dim_product", "item_id"),
        "location_id": ("dim_location", "location_id"),
        "vendor_id": ("dim_vendor", "vendor_id"),
    }
    names = [column.name for column in orders.columns]
    assert names[names.index("item_id") + 1] == "item_name"
    assert (orders.column("order_usd").type, orders.column("order_usd").unit) == ("decimal(18, 2)", "USD")
    assert orders.column("order_usd").number_format == "#,##0.00"
    assert orders.column("cycle_service_level").unit == "share"
    assert by_name["fct_sales_daily"].references["sale_date"] == ("dim_date", "calendar_date")
    assert "item_name" not in [column.name for column in by_name["fct_sales_daily"].columns]
    assert by_name["role_procurement"].primary_key == ()  # a vendor may be unknown: an expression names the row
    assert {table.kind for table in tables} == {
        "dimension",
        "fact",
        "report",
        "role",
        "recommendation",
        "estimate",
        "operation",
        "data",
        "run",
    }
    assert [c.name for t in tables for c in t.columns if "[]" in c.type] == [], "PostgreSQL and Tableau take no lists"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "{name: order_usd, data_type",
            "{name: order_amount_usd, data_type",
            ["bi.rec_orders.order_usd: the column is gone (renamed to order_amount_usd?); dashboards may read it"],
        ),
        (
            '{name: order_units, data_type: integer',
            '{name: order_units, data_type: double',
            ["bi.rec_orders.order_units: was promised as integer, is double"],
        ),
        ("name: rec_orders", "name: rec_all_orders", ["bi.rec_orders: the table is not published any more; dashboards may read it"]),
        ("meta: {", "meta: {publish: false, ", ["bi.rec_orders: the table is not published any more; dashboards may read it"]),
    ],
)  # fmt: skip
def test_a_promise_that_is_broken_is_found_and_accepting_it_is_a_new_version(
    tmp_path: Path, old: str, new: str, found: list[str]
) -> None:
    shutil.copytree(MODELS_DIR, tmp_path / "models")
    path = tmp_path / "models" / "recommendations" / "rec_orders.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert broken_promises(published_tables(tmp_path / "models"), promised()) == found
    contract = tmp_path / "contract.yml"
    shutil.copyfile(CONTRACT_FILE, contract)
    accept(contract, tmp_path / "models")
    assert promised(contract).version == promised().version + 1
    assert broken_promises(published_tables(tmp_path / "models"), promised(contract)) == []


def test_a_new_column_keeps_the_version(tmp_path: Path) -> None:
    shutil.copytree(MODELS_DIR, tmp_path / "models")
    path = tmp_path / "models" / "marts" / "core" / "dim_location.yml"
    path.write_text(path.read_text() + '      - {name: area_m2, data_type: double, description: "Area."}\n')
    tables = published_tables(tmp_path / "models")
    assert broken_promises(tables, promised()) == []
    assert additions(tables, promised()) == ["bi.dim_location.area_m2: a new column"]
    contract = tmp_path / "contract.yml"
    shutil.copyfile(CONTRACT_FILE, contract)
    accept(contract, tmp_path / "models")
    assert promised(contract).version == promised().version


def test_what_is_published_needs_types(tmp_path: Path) -> None:
    shutil.copytree(MODELS_DIR, tmp_path / "models")
    path = tmp_path / "models" / "staging" / "rejects.yml"
    path.write_text(re.sub(r"data_type: varchar, ", "", path.read_text(), count=1))
    with pytest.raises(ValueError, match=r"rejects\.yml: rejects is published, but has no data_type for adapter"):
        published_tables(tmp_path / "models")


def test_what_tells_of_runs_is_no_part_of_the_hash_of_the_data() -> None:
    told = {table.name for table in published_tables() if table.tells_of_runs}
    assert told == {
        f"ops_{name}" for name in ("forecast_coverage", "freshness", "order_spikes", "runs", "schema_changes", "volume")
    } | {"rpt_order_history"}
