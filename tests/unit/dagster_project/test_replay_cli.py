from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml
from click.testing import Result
from matplotlib.image import imread
from typer.testing import CliRunner

from dagster_project.assets.replay import replay
from dagster_project.cli import app
from dagster_project.decisions_cli import WHAT_IF_PARAMETERS
from dagster_project.resources import Warehouse
from dagster_project.settings import PROJECT_ROOT
from dagster_project.warehouse_file import WarehouseFile
from ml.contracts import POLICY_WHAT_IF, REPLAYS
from ml.replenishment.replay_policies import POLICIES, REPLAYED_AS
from ml.replenishment.replay_tables import PARAMETERS


def stockroom(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def warehouse(built_warehouse: Path, tmp_path: Path) -> Path:
    """The tiny data: 17 weeks, of which nine can be replayed."""
    copy = tmp_path / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, copy)
    return copy


def test_replay_prints_one_line_per_policy_and_writes_the_tables_and_a_picture(warehouse: Path, tmp_path: Path) -> None:
    png = tmp_path / "pictures" / "replay.png"
    result = stockroom("replay", "--policies", "least_cost, rss_textbook", "--warehouse", warehouse, "--png", png)
    assert result.exit_code == 0, result.output
    assert "9 weeks from 2016-10-30" in result.stdout
    for policy in ("actual", "least_cost", "rss_textbook"):
        assert f"│ {policy} " in result.stdout
    assert "eoq_textbook" not in result.stdout
    assert f"Drawn in {png}" in result.stdout.replace("\n", "")
    assert imread(png).shape[:2] == (840, 1650)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        written = connection.sql("select distinct policy from ml.policy_replay order by 1").fetchall()
        compared = connection.sql(
            "select policy, baseline from ml.policy_replay_differences where segment = 'all' order by 1"
        ).fetchall()
    assert written == [("actual",), ("least_cost",), ("rss_textbook",)]
    assert compared == [("least_cost", "actual"), ("rss_textbook", "actual")]


def test_a_baseline_is_replayed_too(warehouse: Path) -> None:
    result = stockroom("replay", "--policies", "least_cost", "--baseline", "rs_textbook", "--weeks", 5, "--warehouse", warehouse)
    assert result.exit_code == 0, result.output
    assert "5 weeks from 2016-11-27" in result.stdout
    assert "│ rs_textbook │" in result.stdout


def test_what_if_prints_a_line_per_value_and_draws_the_curve(warehouse: Path, tmp_path: Path) -> None:
    png = tmp_path / "curve.png"
    values = ("--parameter", "service_level", "--values", "0.8,0.9,0.95")
    result = stockroom("what-if", *values, "--warehouse", warehouse, "--png", png)
    assert result.exit_code == 0, result.output
    assert "What if service_level (probability of no stock-out per cycle) were" in result.stdout
    for value in ("0.8", "0.9", "0.95"):
        assert f" {value} │" in result.stdout
    assert imread(png).shape[:2] == (840, 1650)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.sql("select value, policy from ml.policy_what_if order by 1").fetchall() == [
            (0.8, "quantile"),
            (0.9, "quantile"),
            (0.95, "quantile"),
        ]


def test_multiples_of_todays_value_are_called_so_wherever_they_are_shown(warehouse: Path) -> None:
    """0.5 is half of today's holding rate, not a rate of 50 %."""
    result = stockroom("what-if", "--parameter", "holding_rate", "--values", "0.5,1", "--warehouse", warehouse)
    assert result.exit_code == 0, result.output
    assert "What if holding_rate (times today's rate) were" in " ".join(result.stdout.split())
    (described,) = [column.description for column in POLICY_WHAT_IF.columns if column.name == "value"]
    for name, (_, meaning, _) in PARAMETERS.items():
        assert f"{name} ({meaning})" in WHAT_IF_PARAMETERS
        assert f"{name}: {meaning}" in described


def test_every_policy_of_the_warehouse_is_replayed() -> None:
    seeds = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "seeds" / "_seeds.yml").read_text())["seeds"]
    (policy,) = [
        column
        for seed in seeds
        if seed["name"] == "policy_assignments"
        for column in seed["columns"]
        if column["name"] == "policy"
    ]
    assert list(REPLAYED_AS) == policy["data_tests"][1]["accepted_values"]["arguments"]["values"]
    assert set(REPLAYED_AS.values()) <= set(POLICIES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay", "--policies", "eoq"), "no policy eoq; there are quantile"),
        (("replay", "--policies", "eoq_sq"), "eoq_sq as eoq_textbook, rss as rss_textbook, base_stock as rs_textbook"),
        (("replay", "--policies", "clairvoyant_distribution"), "generated data only"),
        (("replay", "--baseline", "nobody"), "no policy nobody"),
        (("what-if", "--parameter", "weather"), "no parameter weather; there are service_level"),
        (("what-if", "--parameter", "service_level", "--values", "95"), "between 0 and 1"),
        (("what-if", "--parameter", "moq", "--values", "many"), "not numbers"),
        (("what-if", "--parameter", "moq", "--policy", "actual"), "name a policy"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(warehouse: Path, arguments: tuple, said: str) -> None:
    result = stockroom(*arguments, "--warehouse", warehouse)
    assert result.exit_code == 1
    assert said in result.stderr.replace("\n", " ")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for contract in REPLAYS:
            assert connection.sql(f"select count(*) from ml.{contract.name}").fetchone() == (0,)


def test_a_warehouse_without_stock_counts_or_history_is_told_so(warehouse: Path) -> None:
    with WarehouseFile(str(warehouse)).connect() as connection:
        connection.execute("create or replace table features.kept as from features.ftr_demand_weekly limit 0")
        connection.execute("drop view if exists features.ftr_demand_weekly")
        connection.execute("drop table if exists features.ftr_demand_weekly")
        connection.execute("alter table features.kept rename to ftr_demand_weekly")
    result = stockroom("replay", "--warehouse", warehouse)
    assert result.exit_code == 1
    assert "nothing to replay: there is no week of history" in result.stderr.replace("\n", " ")


def test_the_asset_writes_all_three_tables(warehouse: Path) -> None:
    result = dg.materialize([replay], resources={"warehouse": Warehouse(path=str(warehouse))})
    assert result.success
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for contract in REPLAYS:
            rows = connection.sql(f"select count(*) from ml.{contract.name}").fetchone()[0]
            (event,) = result.asset_materializations_for_node("replay")[REPLAYS.index(contract) :][:1]
            assert event.asset_key.path == ["ml", contract.name]
            assert event.metadata["dagster/row_count"].value == rows > 0
