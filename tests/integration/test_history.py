"""What was known when: prices and vendor names change, and a past day is rebuilt with those valid then.

Belongs here: several runs over one warehouse file. Does not belong here: the choice of a version, which unit tests of
int_policy show on hand-made versions.
"""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import PROJECT_ROOT

PRICE_LIST = "2017PurchasePricesDec.csv"
TABLES = ("--select", "+int_vendors", "+int_policy")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT_ROOT / "data" / "golden", tmp_path / "raw"))


@pytest.fixture
def known_on(run_dbt, source: Path, tmp_path: Path):
    """`known_on(day)`: cost of item 101 and name of its vendor as the warehouse built for that day says, and all versions."""
    warehouse = tmp_path / "stockroom.duckdb"

    def build(day: date, folder: Path = source) -> tuple[Decimal, str]:
        run_dbt(folder, warehouse, "build", *TABLES, as_of=day)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return connection.sql(
                "select unit_cost_usd, vendor_name from intermediate.int_products inner join intermediate.int_vendors using (vendor_id) where item_id = 101"
            ).fetchone()

    build.warehouse = warehouse
    return build


def edit_price_list(source: Path, old: str, new: str) -> None:
    text = (source / PRICE_LIST).read_text()
    assert old in text
    (source / PRICE_LIST).write_text(text.replace(old, new))


def test_a_past_day_is_rebuilt_with_the_price_and_the_name_known_then(known_on, source: Path):
    first, second = (Decimal("10.0000"), "NORTHERN BEVERAGE CO"), (Decimal("12.5000"), "NORTHERN DRINKS CO")
    assert known_on(date(2016, 2, 1)) == first
    edit_price_list(source, ",1,10,10,", ",1,12.5,10,")
    for name in (PRICE_LIST, "InvoicePurchases12312016.csv"):
        (source / name).write_text((source / name).read_text().replace("NORTHERN BEVERAGE CO", "NORTHERN DRINKS CO"))
    assert known_on(date(2016, 3, 10)) == second
    assert known_on(date(2016, 2, 20)) == first, "the new list was seen first on 10 March"
    assert known_on(date(2016, 1, 15)) == first, "before the first version the first one stands"
    assert known_on(date(2016, 3, 10)) == second, "looking back changed nothing"
    with duckdb.connect(str(known_on.warehouse), read_only=True) as connection:
        versions = connection.sql(
            "select purchase_price_usd, dbt_valid_from::date, dbt_valid_to::date from history.snap_prices where item_id = 101 order by 2"
        ).fetchall()
    assert versions == [
        (Decimal("10.0000"), date(2016, 2, 1), date(2016, 3, 10)),
        (Decimal("12.5000"), date(2016, 3, 10), None),
    ]


def test_an_item_taken_off_the_list_keeps_its_past_price(known_on, source: Path):
    known_on(date(2016, 2, 1))
    lines = (source / PRICE_LIST).read_text().splitlines(keepends=True)
    (source / PRICE_LIST).write_text("".join(line for line in lines if not line.startswith("101,")))
    assert known_on(date(2016, 3, 10)) == (Decimal("10.0000"), "NORTHERN BEVERAGE CO"), "now from its purchases"
    with duckdb.connect(str(known_on.warehouse), read_only=True) as connection:
        source_now = "select unit_cost_source from intermediate.int_products where item_id = 101"
        assert connection.sql(source_now).fetchone() == ("average of purchases",)
    known_on(date(2016, 2, 20))
    with duckdb.connect(str(known_on.warehouse), read_only=True) as connection:
        assert connection.sql(source_now).fetchone() == ("price list",)


def test_another_folder_in_the_same_warehouse_has_its_own_history(known_on, source: Path, tmp_path: Path):
    known_on(date(2016, 3, 10))
    other = Path(shutil.copytree(source, tmp_path / "other"))
    edit_price_list(other, ",1,10,10,", ",1,8,10,")
    assert known_on(date(2016, 2, 1), other)[0] == Decimal("8.0000"), "a later version of another folder is none of its business"
    assert known_on(date(2016, 3, 10))[0] == Decimal("10.0000")
