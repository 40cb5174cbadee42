"""Orders on their way out, on data/golden: held against limits and a person's word, proposed, approved, exported, counted as on
order, and taken over by the purchase file."""

from __future__ import annotations

import csv
import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse_file import WarehouseFile
from ml.contracts import ORDER_ADJUSTMENTS, ORDER_TRANSFERS
from ml.replenishment.constraints import constrain

AS_OF = date(2016, 3, 10)
LATER = date(2016, 3, 12)


def stockroom(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """data/golden, decided as of its last day. Item 103 at store 1 is out of stock."""
    home = tmp_path_factory.mktemp("proposals")
    shutil.copytree(PROJECT_ROOT / "data" / "golden", home / "source")
    settings = Settings(source_dir=home / "source", warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    run_daily_replenishment(settings.changed(as_of=AS_OF))
    return settings


def rows(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.sql(query).fetchall()


def states(settings: Settings) -> dict[str, str]:
    return dict(rows(settings, "select proposal_id, state from recommendations.rec_purchase_orders"))


POSITION = "select on_order_units, usable_on_hand_units from recommendations.rec_inventory_position where item_id = 103 and location_id = 1"
ORDER = "select order_units, reason from recommendations.rec_orders where item_id = 103 and location_id = 1"


def test_a_budget_and_a_persons_word_are_terms_of_the_order(first_run: Settings, run_dbt, tmp_path: Path) -> None:
    """100 USD in all. A person orders 7 units of item 101 at store 1 for 10 USD each, where the model orders none: 70. What is left
    buys a single unit of item 103 (20 USD) at most. A word on an item that nobody holds is left out with its reason, and stops nothing."""
    settings = first_run.changed(warehouse=tmp_path / "stockroom.duckdb")
    shutil.copyfile(first_run.warehouse, settings.warehouse)
    ((before, _),) = rows(settings, ORDER)
    assert before > 1
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("insert into policy.order_budgets values ('total', null, 100, '2000-01-01', null, 'a lean week')")
        connection.execute(
            "insert into policy.order_overrides values (101, 1, '2016-03-10', '2016-03-10', 7, 'a wedding', 'buyer', '2016-03-09')"
        )
        connection.execute(
            "insert into policy.order_overrides values (999, 1, '2016-03-10', '2016-03-31', 9, 'left the range', 'buyer', '2016-03-09')"
        )
    run_dbt(settings.source_dir, settings.warehouse, "run", "--select", "int_order_overrides", "rec_order_economics", as_of=AS_OF)
    warehouse = WarehouseFile(str(settings.warehouse))
    result = constrain(warehouse.read("from recommendations.rec_order_economics"))
    warehouse.replace_as_of(AS_OF, [(ORDER_ADJUSTMENTS, result.adjustments), (ORDER_TRANSFERS, result.transfers)])
    models = (
        "stg_ml__order_adjustments",
        "rec_orders",
        "rec_why",
        "rec_override_problems",
        "rec_purchase_orders",
        "rec_purchase_order_lines",
    )
    run_dbt(settings.source_dir, settings.warehouse, "build", "--select", *models, as_of=AS_OF, checked=True)

    # the build above holds order_overrides_make_sense, which warns of it
    assert rows(settings, "select item_id, problem from recommendations.rec_override_problems") == [
        (999, "item 999 is not held at store 1")
    ]
    ((spent,),) = rows(settings, "select sum(order_usd) from recommendations.rec_orders")
    assert 80 <= spent <= 100
    word = "select model_order_units, adjustment_units, override_order_units, order_units from recommendations.rec_orders where item_id = 101 and location_id = 1"
    assert rows(settings, word) == [(0, 0, 7, 7)]
    ((after, reason),) = rows(settings, ORDER)
    assert after <= 1
    assert reason == "the budget is short (100.0 USD in all): other packs earn more per dollar; out of stock and nothing on order"
    terms = dict(rows(settings, "select term, term_units from recommendations.rec_why where item_id = 103 and location_id = 1"))
    assert terms["budget"] == after - before
    assert sum(terms.values()) == after

    shown = stockroom("why", 101, 1, "--warehouse", settings.warehouse)
    assert shown.exit_code == 0, shown.output
    assert re.search(r"what a person orders instead\s*│\s*\+7.0", shown.stdout)
    assert "A person (buyer) orders it so: a wedding" in shown.stdout.replace("\n", " ")
    assert re.search(rf"budget\s*│\s*-{before - after}.0", stockroom("why", 103, 1, "--warehouse", settings.warehouse).stdout)


def test_an_export_counts_as_on_order_once_until_the_purchases_show_it(first_run: Settings, run_dbt, tmp_path: Path) -> None:
    """One story, told in order: the job takes its time."""
    settings = first_run
    ((ordered, _),) = rows(settings, ORDER)
    assert ordered > 0
    proposals = rows(
        settings,
        "select proposal_id, vendor_id, line_count, order_units, goods_usd, state, is_current, need_date from recommendations.rec_purchase_orders",
    )
    orders = rows(
        settings,
        "select vendor_id, count(*), sum(order_units), sum(order_usd) from recommendations.rec_orders where order_units > 0 group by all",
    )
    assert sorted(p[1:5] for p in proposals) == sorted(orders)
    assert {p[5:7] for p in proposals} == {("proposed", True)}
    ((name, vendor, needed),) = rows(
        settings,
        "select proposal_id, vendor_id, need_date from recommendations.rec_purchase_order_lines where item_id = 103 and location_id = 1",
    )
    assert needed == AS_OF, "the shelf is empty today"

    # too early, then in its order
    out = tmp_path / "out"
    refused = stockroom("orders", "export", name, "--out", out, "--warehouse", settings.warehouse)
    assert refused.exit_code == 1
    assert f"{name} is not approved" in refused.stderr
    assert f"orders approve {name}" in refused.stderr
    assert not out.exists()
    unknown = stockroom("orders", "approve", name, "P00000000", "--warehouse", settings.warehouse)
    assert unknown.exit_code == 1
    assert "no proposal P00000000" in unknown.stderr
    assert set(states(settings).values()) == {"proposed"}, "all or none"
    approved = stockroom("orders", "approve", name.lower(), "--warehouse", settings.warehouse)
    assert approved.exit_code == 0, approved.output
    assert states(settings)[name] == "approved"
    assert "approved already; nothing changed" in stockroom("orders", "approve", name, "--warehouse", settings.warehouse).stdout

    exported = stockroom("orders", "export", "--all", "--out", out, "--warehouse", settings.warehouse)
    assert exported.exit_code == 0, exported.output
    (path,) = out.iterdir()
    assert path.name == f"{name}_vendor_{vendor}_2016-03-10.csv"
    lines = list(csv.DictReader(path.open(newline="")))
    assert [(line["item_id"], line["location_id"], line["order_units"]) for line in lines if line["item_id"] == "103"] == [
        ("103", "1", str(ordered))
    ]
    before = path.read_bytes()
    again = stockroom("orders", "export", name, "--out", out, "--warehouse", settings.warehouse)
    assert re.search(r"was exported on \S+ already", again.stdout)
    assert path.read_bytes() == before
    nowhere = stockroom("orders", "export", name, "--out", path / "below_a_file", "--warehouse", settings.warehouse)
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.stderr

    # the next run knows of it
    run_daily_replenishment(settings.changed(as_of=LATER))
    assert rows(settings, POSITION) == [(ordered, 0)]
    ((second_order, reason),) = rows(settings, ORDER)
    assert second_order == 0, reason
    assert states(settings)[name] == "exported"
    assert rows(
        settings, f"select is_current, on_order_units from recommendations.rec_purchase_orders where proposal_id = '{name}'"
    ) == [(False, sum(int(line["order_units"]) for line in lines))]
    listed = stockroom("orders", "list", "--warehouse", settings.warehouse)
    assert name in listed.stdout
    assert "on order" in listed.stdout

    # whatever is prepared or built again, what people decided stays
    WarehouseFile(str(settings.warehouse)).prepare("US")
    assert rows(settings, "select count(*) from input.order_proposals") == [(1,)]

    # the purchase file shows the order, for less: from now on the file is right
    with (settings.source_dir / "PurchasesFINAL12312016.csv").open("a") as file:
        file.write(
            f"1_ALDERTON_103,1,103,Larkspur,750mL,{vendor},SOMEBODY,8004,11-03-2016,30-03-2016,01-04-2016,01-05-2016,20,5,100,1\n"
        )
    run_dbt(settings.source_dir, settings.warehouse, "build", "--select", "+rec_inventory_position", as_of=LATER)
    assert rows(settings, POSITION) == [(5, 0)]

    # a day before the export knows nothing of it
    run_dbt(settings.source_dir, settings.warehouse, "build", "--select", "+rec_inventory_position", as_of=date(2016, 3, 9))
    assert rows(settings, POSITION) == [(0, 0)]


def test_before_the_first_run_the_commands_say_what_to_do(tmp_path: Path) -> None:
    for command in (("list",), ("approve", "P1"), ("export", "P1")):
        result = stockroom("orders", *command, "--warehouse", tmp_path / "none.duckdb")
        assert result.exit_code == 1
        assert "no warehouse yet" in result.stderr.replace("\n", "")
    assert list(tmp_path.iterdir()) == []
