"""Photos of bad goods change what is ordered: the golden data, run once as it is and once with a folder of inspection photos.

Belongs here: photos, their list and people's labels in, positions, orders, their terms and the tables for people out.
Does not belong here: how well a network sees (people's labels decide here), and single formulas, which dbt's unit tests hold.
"""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.stats import hypergeom

from dagster_project import inspecting
from dagster_project.demo import photos
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile

HEADER = ("photo", "inspected_at", "item_id", "location_id", "purchase_order_id", "lot_id", "label")
PARTS = 60
DEFECTIVE = 12


def add_photos(source: Path) -> None:
    """60 photos of item 101 in store 1, 12 of them labelled defective; 60 of item 103, all good; and what any folder is full of."""
    folder, rng = source / "inspection_photos", np.random.default_rng(5)
    rows: list[tuple] = []

    def take(name: str, defect: str | None = None) -> bytes:
        content = photos.png(photos.draw(rng, defect))
        photos.write(folder / name, content)
        return content

    for number in range(PARTS):
        label = "defective" if number < DEFECTIVE else "good"
        take(f"bad_vendor/{number}.png", "scratch" if label == "defective" else None)
        rows.append((f"bad_vendor/{number}.png", "2016-03-01 10:30:00", 101, 1, 8002, "A", label))
        take(f"good_vendor/{number}.png")
        rows.append((f"good_vendor/{number}.png", "2016-03-01", 103, 1, "", "", "good"))
    whole = take("unsure.png")
    photos.write(folder / "copy.png", whole)
    photos.write(folder / "truncated.png", whole[: len(whole) // 2])
    photos.write(folder / "empty.png", b"")
    photos.write(folder / "letter.jpg", b"Dear Sir or Madam,\n")
    take("nobodys.png")
    take("odd_label.png")
    rows += [
        (name, "2016-03-02", 101, 1, "", "", "")
        for name in ("unsure.png", "truncated.png", "empty.png", "letter.jpg", "gone.png")
    ]
    rows += [("copy.png", "2016-03-03", 101, 1, "", "", ""), ("odd_label.png", "2016-03-02", 101, 1, "", "", "dunno")]
    with (source / "inspection_photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    # a training that takes no time; what it learns decides nothing here, as a look by a person costs next to nothing
    least = {"max_steps": 2, "min_steps": 1, "check_steps": 1, "width": 4, "review_cost": 1e-9}
    photos.write(folder / "training" / "settings.json", json.dumps(least).encode())


@pytest.fixture(scope="module")
def settings(golden_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("photographed")
    shutil.copytree(golden_settings.source_dir, home / "source")
    add_photos(home / "source")
    return Settings(source_dir=home / "source", warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")


@pytest.fixture(scope="module")
def warehouse(settings: Settings):
    run_daily_replenishment(settings)
    with WarehouseFile(str(settings.warehouse)).connect(read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def without_photos(golden_warehouse: Path):
    with duckdb.connect(str(golden_warehouse), read_only=True) as connection:
        yield connection


def row(connection: duckdb.DuckDBPyConnection, table: str, **key) -> dict:
    where = " and ".join(f"{name} = '{value}'" for name, value in key.items())
    (found,) = connection.sql(f"from {table} where {where}").pl().to_dicts()
    return found


def test_rates_are_drawn_to_the_vendor_and_the_vendor_to_all(warehouse) -> None:
    # 12 of 120 units are defective, worth 100 units: vendor 10 (12 + 10) / 160, its item (12 + 13.75) / 160
    vendor = row(warehouse, "marts.rpt_defect_rates", group_kind="vendor", group_key="10", period_type="recent")
    assert (vendor["photo_inspected_units"], vendor["photo_defective_units"], vendor["counted_inspected_units"]) == (60, 12, 0)
    assert vendor["shrunk_defect_share"] == pytest.approx(0.1375)
    item = row(warehouse, "marts.rpt_defect_rates", group_kind="item", group_key="101", period_type="recent")
    assert item["shrunk_defect_share"] == pytest.approx(0.1609375)
    scorecard = row(warehouse, "marts.rpt_vendor_scorecard", vendor_id=10, period_type="all")
    assert (scorecard["inspected_units"], scorecard["defective_units"], scorecard["defect_share"]) == (60, 12, 0.2)


def test_the_worse_vendor_is_told_by_an_exact_test(warehouse) -> None:
    alert = row(warehouse, "marts.rpt_defect_alerts", group_kind="vendor")
    # 12 or more of all 12 defective units among 60 of 120, two vendors compared
    expected = hypergeom.sf(DEFECTIVE - 1, 2 * PARTS, DEFECTIVE, PARTS)
    assert (alert["vendor_id"], alert["compared_groups"]) == (10, 2)
    assert alert["p_value"] == pytest.approx(expected, rel=1e-9)
    assert alert["corrected_p_value"] == pytest.approx(2 * expected, rel=1e-9)


def test_what_is_blocked_or_expected_to_be_bad_is_not_usable(warehouse, without_photos) -> None:
    before = row(without_photos, "recommendations.rec_inventory_position", item_id=101, location_id=1)
    after = row(warehouse, "recommendations.rec_inventory_position", item_id=101, location_id=1)
    assert (before["on_hand_units"], before["usable_on_hand_units"], before["inventory_position_units"]) == (78, 78, 102)
    assert (after["on_hand_units"], after["quarantined_units"]) == (78, DEFECTIVE)
    # 78 are the last of two receipts of 60; of these 120, 48 were looked at and found good: (78 - 12) x 0.6 x 0.1609375
    assert after["expected_defective_units"] == Decimal("6.3731")
    assert after["usable_on_hand_units"] == 78 - 12 - Decimal("6.3731")
    # 24 x 0.1609375
    assert after["on_order_defective_units"] == Decimal("3.8625")
    assert after["inventory_position_units"] == after["usable_on_hand_units"] + 24 - Decimal("3.8625")


def test_an_order_is_its_need_divided_by_the_yield_and_its_terms_add_up(warehouse, without_photos) -> None:
    before = row(without_photos, "recommendations.rec_order_terms", item_id=103, location_id=1)
    after = row(warehouse, "recommendations.rec_order_terms", item_id=103, location_id=1)
    # its vendor (0 + 10) / 160, the item (0 + 6.25) / 160
    assert after["defect_share"] == pytest.approx(0.0390625)
    assert after["need_units"] == before["need_units"] > 0
    assert float(after["gross_need_units"]) == pytest.approx(float(after["need_units"]) / (1 - 0.0390625), abs=1e-4)
    terms = warehouse.sql(
        """
        select orders.item_id, orders.location_id, orders.order_units, sum(why.term_units) as why_units
        from recommendations.rec_orders as orders inner join recommendations.rec_why as why using (item_id, location_id)
        group by all
        """
    ).pl()
    assert terms.height > 0
    assert (terms["order_units"] == terms["why_units"]).all()
    names = (
        warehouse.sql("select term from recommendations.rec_why where item_id = 103 and location_id = 1").pl()["term"].to_list()
    )
    assert "yield" in names
    blocked = dict(
        warehouse.sql("select term, term_units from recommendations.rec_why where item_id = 101 and location_id = 1").fetchall()
    )
    assert (blocked["on hand, not expired"], blocked["quarantined"], blocked["expected defectives on order"]) == (
        -78,
        12,
        Decimal("3.8625"),
    )


def test_what_nobody_inspected_is_as_it_was(warehouse, without_photos) -> None:
    """Items of vendors without inspections keep every number; and without any photo nothing is expected of anything."""
    query = """
        select item_id, location_id, need_units, batch_units, order_units, usable_on_hand_units
        from recommendations.rec_order_terms where defect_share = 0 order by all
    """
    untouched = warehouse.sql(query).pl()
    everything = without_photos.sql(query).pl()
    assert untouched.equals(
        everything.join(untouched.select("item_id", "location_id"), on=["item_id", "location_id"], how="semi")
    )
    assert everything.height == without_photos.sql("from recommendations.rec_order_terms").pl().height
    deducted = without_photos.sql(
        """
        select sum(quarantined_units), sum(expected_defective_units), sum(on_order_defective_units), max(defect_share)
        from recommendations.rec_inventory_position
        """
    ).fetchone()
    assert tuple(map(float, deducted)) == (0, 0, 0, 0)
    terms = "select count(*) from recommendations.rec_why where term in ('quarantined', 'expected defectives', 'yield')"
    assert without_photos.sql(terms).fetchone() == (0,)
    for table in ("ml.image_scores", "ml.vision_models", "marts.rpt_defect_rates", "marts.rpt_inspection_queue"):
        assert without_photos.sql(f"select count(*) from {table}").fetchone() == (0,), table


def test_what_is_wrong_with_photos_and_rows_is_told_and_stops_nothing(warehouse) -> None:
    problems = dict(warehouse.sql("select photo, problem from marts.rpt_inspection_problems").fetchall())
    assert problems == {
        "copy.png": "same photo again",
        "truncated.png": "refused",
        "empty.png": "refused",
        "letter.jpg": "refused",
        "gone.png": "no such photo",
        "nobodys.png": "not listed",
        "odd_label.png": "label not understood",
    }
    reasons = dict(warehouse.sql("select photo, problem_reason from marts.rpt_inspection_problems").fetchall())
    assert reasons["copy.png"] == "the same bytes as unsure.png, which counts"
    assert reasons["empty.png"] == "the file is empty"


def test_a_second_run_looks_at_no_photo_again(warehouse, settings: Settings) -> None:
    found = inspecting.find_photos(settings.source_dir)
    file = WarehouseFile(str(settings.warehouse))
    before = file.read("from ml.image_scores order by photo")
    model, how = inspecting.train_or_load(
        file.models_folder, found, inspecting.vision_settings(found.choices), lambda share, text: None
    )
    scores, new = inspecting.judge(file, model, how, found, lambda share, text: None)
    assert how == "loaded" or how.startswith("no model")
    assert new == 0
    assert scores.equals(before)
