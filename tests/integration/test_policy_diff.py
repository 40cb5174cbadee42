"""The policy diff on a copy of the project under git: what a changed line does to orders, worked out beside it.

Belongs here: changes of SQL and seeds and what is said of them. Does not belong here: what orders ought to be.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dagster_project.policy_diff import environments
from dagster_project.policy_diff.compare import Comparison, compare, exceeded
from dagster_project.policy_diff.errors import DiffError
from dagster_project.policy_diff.page import as_markdown
from dagster_project.settings import DBT_PROJECT_DIR, Settings

SEED = "seeds/service_levels.csv"
FEATURES = "models/features/ftr_demand_weekly.sql"
LOST = "demand.sold_units + coalesce(lost.lost_units, 0)"
TERMS = "models/recommendations/rec_order_terms.sql"
ORDERS = "models/recommendations/rec_orders.sql"


class Project:
    """The dbt project in a git repository of its own, and the finished warehouse of the golden data."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root, self.settings, self.golden = root, settings, settings.warehouse
        shutil.copytree(DBT_PROJECT_DIR, root / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "base")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.root), *arguments], check=True)

    def change(self, path: str, old: str, new: str) -> None:
        """Change one place of one file; everything else is as committed."""
        self.restore()
        file = self.root / "dbt_project" / path
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new))

    def restore(self) -> None:
        """Everything as committed."""
        self.git("checkout", "--quiet", "--", ".")

    def diff(self, with_forecasts: bool = False) -> Comparison | None:
        return compare(self.settings, "HEAD", root=self.root, with_forecasts=with_forecasts)

    def value(self, query: str):
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as warehouse:
            return warehouse.sql(query).fetchall()


@pytest.fixture(scope="module")
def committed(golden_warehouse: Path, golden_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"), golden_settings)


@pytest.fixture
def project(committed: Project, golden_settings: Settings) -> Project:
    committed.settings = golden_settings
    return committed


def test_a_service_level_in_a_seed_moves_the_orders_of_its_class_by_the_quantiles(project: Project, tmp_path: Path) -> None:
    """B goes from 92 to 98 %: item 103 has nothing and orders the 98 % quantile of its demand; 102 has enough for years.

    Ordering costs next to nothing in this warehouse, so that no batch hides the need: 7 units at 10 USD and 17 at 20 before.
    """
    project.settings = project.settings.changed(warehouse=tmp_path / "stockroom.duckdb")
    shutil.copyfile(project.golden, project.settings.warehouse)
    with duckdb.connect(str(project.settings.warehouse)) as warehouse:
        warehouse.execute("update policy.policy_parameters set value = 0.01 where parameter = 'order_cost_usd_per_line'")
    project.change(SEED, "B,,0.92,", "B,,0.98,")
    found = project.diff()
    quantiles = project.value(
        """
        select quantile, quantile_units from staging.stg_ml__lead_time_demand
        inner join recommendations.rec_champion using (item_id, location_id)
        where item_id = 103 and location_id = 1 and model = champion_model order by quantile
        """
    )
    old_units, units = (int(np.ceil(np.interp(level, *zip(*quantiles, strict=True)))) for level in (0.92, 0.98))
    assert (old_units, units) == (17, 18)
    moved = found.orders.filter(found.orders["units_before"] != found.orders["units_after"])
    assert moved.select("item_id", "location_id", "units_before", "units_after").rows() == [(103, 1, old_units, units)]
    assert (moved["usd_before"].item(), moved["usd_after"].item()) == (340, 360)
    assert found.order_change_pct == pytest.approx(100 * 20 / (70 + 340))
    by_class = dict(found.by("abc_class"))
    assert (by_class["A"].moved_usd, by_class["B"].more) == (0, 1)
    # more stock and no worse service, on both yardsticks; nearly all of this steady demand is met already
    assert found.expected.after.stock_usd > found.expected.before.stock_usd
    assert found.expected.after.fill_rate >= found.expected.before.fill_rate
    assert found.replayed.after.stock_usd >= found.replayed.before.stock_usd
    # forecasts never look at service levels: nothing is said to be out of date
    assert not [note for note in found.notes if "forecasts" in note]
    # the warehouse's targets and limits were made with dearer orders: both sides have their own
    assert found.recomputed.keys() == {"order targets", "order limits"}
    [(worst, terms)] = found.worst
    assert worst["item_id"] == 103
    assert terms["units_after"].sum() == pytest.approx(units)
    assert terms["units_before"].sum() == pytest.approx(old_units)
    assert [(model.table, model.effect) for model in found.models] == [("policy.service_levels", "its rows")]
    text = as_markdown(found)
    assert "| 17 | 18 | +20 |" in text


def test_forecasts_are_made_again_on_demand(project: Project) -> None:
    """Item 103 sells twice as much: its order of 20 grows. All rows were made by another run; where only its name differs, none is counted."""
    project.change(FEATURES, LOST, f"({LOST}) * (1 + (demand.item_id = 103)::integer)")
    found = project.diff(with_forecasts=True)
    assert "forecasts" in found.recomputed
    [order] = found.orders.filter(found.orders["item_id"] == 103, found.orders["location_id"] == 1).to_dicts()
    assert order["units_before"] == 20
    assert order["units_after"] > 20
    assert {t.table: t.changed for t in found.tables}["recommendations.rec_orders"] == 1
    assert not [note for note in found.notes if "forecasts" in note]


def test_a_formula_in_sql_moves_every_order_it_makes(project: Project) -> None:
    """Packs of 12 whatever the vendor sells: 27 becomes 36 at 10 USD, 20 becomes 24 at 20 USD: 670 USD becomes 840."""
    project.change(TERMS, "then ceil(greatest(wanted_units, moq_units) / pack_units) * pack_units\n            when wanted_units = 0", "then ceil(greatest(wanted_units, moq_units) / 12) * 12\n            when wanted_units = 0")  # fmt: skip
    found = project.diff()
    moved = found.orders.filter(found.orders["units_before"] != found.orders["units_after"])
    assert moved.select("item_id", "location_id", "units_before", "units_after").rows() == [(101, 2, 27, 36), (103, 1, 20, 24)]
    total = found.totals
    assert (total.usd_before, total.usd_after, total.moved_usd) == (670, 840, 170)
    assert (total.added, total.dropped, total.more, total.less) == (0, 0, 2, 0)
    assert total.position_usd_after - total.position_usd_before == pytest.approx(170)
    assert [(model.table, model.is_breaking) for model in found.models] == [("recommendations.rec_order_terms", True)]
    assert "does not see" in found.replay_note
    assert {t.table: t.changed for t in found.tables}["recommendations.rec_orders"] == 2
    assert [word for word in exceeded(found, 25, None) if "25.4 %" in word]
    assert exceeded(found, 26, 0) == []


def test_a_new_column_is_not_breaking_and_moves_nothing(project: Project) -> None:
    project.change("models/marts/core/dim_location.sql", "select", "select 1 as added_column,")
    (project.root / "dbt_project/models/marts/core/dim_location.yml").write_text("models: [{name: dim_location}]\n")
    found = project.diff()
    assert [(m.table, m.is_breaking, m.effect) for m in found.models] == [
        ("marts.dim_location", False, "column added_column added")
    ]
    assert found.totals.moved_usd == 0
    assert exceeded(found, 0, 0) == []


def test_what_cannot_be_compared_is_said_with_the_next_step(project: Project, tmp_path: Path) -> None:
    project.restore()
    assert project.diff() is None, "nothing changed"
    with pytest.raises(DiffError, match="git knows no revision 'nowhere'"):
        compare(project.settings, "nowhere", root=project.root)
    with pytest.raises(DiffError, match="no warehouse yet"):
        compare(Settings(warehouse=tmp_path / "stockroom.duckdb"), "HEAD", root=project.root)
    with pytest.raises(DiffError, match="is not under git"):
        compare(project.settings, "HEAD", root=tmp_path)
    project.change(ORDERS, "from decided", "from nowhere_at_all")
    with pytest.raises(DiffError, match=r"(?s)SQL of the working tree fails.*nowhere_at_all"):
        project.diff()


def test_an_environment_holds_what_changed_and_the_warehouse_stays(project: Project) -> None:
    project.change(ORDERS, "cast(order_units * unit_cost_usd as", "cast(2 * order_units * unit_cost_usd as")
    before = project.settings.warehouse.read_bytes()
    made = environments.create(project.settings, "double", root=project.root)
    assert [one.name for one in environments.environments(project.settings)] == ["double"]
    _, [(usd,)] = environments.ask(project.settings, "double", "select sum(order_usd) from recommendations.rec_orders", 1)
    _, [(sales,)] = environments.ask(project.settings, "double", "select count(*) from marts.fct_sales_daily", 1)
    assert (usd, sales) == (1340, project.value("select count(*) from marts.fct_sales_daily")[0][0])
    with duckdb.connect(str(made.file), read_only=True) as connection:
        tables = {row[0] for row in connection.sql("select schema_name || '.' || table_name from duckdb_tables()").fetchall()}
    assert "recommendations.rec_orders" in tables
    assert "marts.fct_sales_daily" not in tables, "unchanged tables are not copied"
    environments.drop(project.settings, "double")
    assert environments.environments(project.settings) == []
    assert project.settings.warehouse.read_bytes() == before
    with pytest.raises(DiffError, match="no environment 'double'"):
        environments.find(project.settings, "double")
