"""The border between SQL and Python is declared on both sides: the declarations are the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dagster_project.input_tables import INPUTS
from dagster_project.operation_tables import OPS_SCHEMA, RECORDS
from dagster_project.resources import Warehouse
from ml.contracts import FEATURES, ORDER_ECONOMICS, OUTPUTS, REPLAY_FEATURES, TARGET_ECONOMICS, FrameContract

SQL_TYPES = {pl.Int32: "integer", pl.Float64: "double", pl.String: "varchar", pl.Date: "date", pl.Boolean: "boolean"}
SQL_TYPES |= {pl.Int64: "bigint", pl.Datetime("us"): "timestamp", pl.List(pl.Float64): "double[]"}

# of one row per item, store and day: for people and for models of chosen items, not for the run over all of them
READ_BY_PEOPLE = {"ftr_demand_daily"}


def named(contract: FrameContract) -> str:
    return contract.name


def test_dbt_declares_the_tables_python_writes_and_no_others(dbt_manifest) -> None:
    declared = {source.name for source in dbt_manifest.sources.values() if source.source_name == "ml"}
    assert declared == {contract.name for contract in OUTPUTS}


@pytest.mark.parametrize("contract", OUTPUTS, ids=named)
def test_what_python_writes_is_what_dbt_declares(contract: FrameContract, dbt_manifest) -> None:
    source = dbt_manifest.sources[f"source.stockroom.ml.{contract.name}"]
    promised = [(column.name, SQL_TYPES[column.dtype], column.description) for column in contract.columns]
    assert [(column.name, column.data_type, column.description) for column in source.columns.values()] == promised
    assert source.description.endswith(f"One row per {', '.join(contract.grain)}.")


@pytest.mark.parametrize("contract", [*FEATURES, *REPLAY_FEATURES, ORDER_ECONOMICS, TARGET_ECONOMICS], ids=named)
def test_what_python_reads_is_what_dbt_enforces(contract: FrameContract, dbt_manifest) -> None:
    model = dbt_manifest.nodes[f"model.stockroom.{contract.name}"]
    promised = [(column.name, SQL_TYPES[column.dtype]) for column in contract.columns]
    assert [(column.name, column.data_type) for column in model.columns.values()] == promised
    assert model.config.contract.enforced


@pytest.mark.parametrize("contract", [*FEATURES, *REPLAY_FEATURES], ids=named)
def test_the_features_of_the_tiny_data_conform(contract: FrameContract, built_warehouse: Path) -> None:
    frame = Warehouse(path=str(built_warehouse)).read(f"from features.{contract.name}")
    assert frame.height > 0
    assert contract.conform(frame).equals(frame)
    assert frame.schema == pl.Schema(contract.schema)


def test_every_feature_model_is_a_contract(dbt_manifest) -> None:
    features = {node.name for node in dbt_manifest.nodes.values() if node.resource_type == "model" and node.fqn[1] == "features"}
    assert features == {contract.name for contract in (*FEATURES, *REPLAY_FEATURES)} | READ_BY_PEOPLE


def test_what_people_decide_has_the_columns_dbt_reads(dbt_manifest) -> None:
    declared = {source.name: list(source.columns) for source in dbt_manifest.sources.values() if source.source_name == "input"}
    assert declared == {contract.name: [column.name for column in contract.columns] for contract in INPUTS}


def test_what_a_run_records_is_what_dbt_declares(dbt_manifest) -> None:
    declared = {source.name: source for source in dbt_manifest.sources.values() if source.source_name == OPS_SCHEMA}
    assert set(declared) == {contract.name for contract in RECORDS}
    for contract in RECORDS:
        source = declared[contract.name]
        promised = [(column.name, SQL_TYPES[column.dtype], column.description) for column in contract.columns]
        assert [(column.name, column.data_type, column.description) for column in source.columns.values()] == promised
        assert source.description.endswith(f"One row per {', '.join(contract.grain)}.")
