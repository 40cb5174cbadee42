"""A past day, decided for once more: byte for byte as it was then, beside a present that stays. Real runs of the golden data.

The files of that day are the golden ones without what came later: sales, orders and invoices after it are not there, what an order
line got after it is blank, the closing count does not exist.
"""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from dagster_project.assets.rebuild import rebuilt_orders
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import PROJECT_ROOT, Settings

DAY = date(2016, 2, 20)  # vendor 10's second order is on its way: ordered on the 15th, received on the 24th
DATES = {
    "SalesFINAL12312016.csv": ("SalesDate", ()),
    "PurchasesFINAL12312016.csv": ("PODate", ("ReceivingDate", "InvoiceDate", "PayDate")),
    "InvoicePurchases12312016.csv": ("InvoiceDate", ("PayDate",)),
}
PRICE_LIST, CLOSING_COUNT = "2017PurchasePricesDec.csv", "EndInvFINAL12312016.csv"
DECIDED = ("features", "recommendations", "ml")


def as_exported_on(day: date, source: Path, folder: Path) -> None:
    """The retailer's files as they were on a day."""
    shutil.copytree(source, folder)
    (folder / CLOSING_COUNT).unlink()
    for name, (row_date, later_dates) in DATES.items():
        # sales say the month first, purchases the day
        formats = ("%Y-%m-%d", "%m-%d-%Y", "%m/%d/%Y") if name.startswith("Sales") else ("%Y-%m-%d", "%d-%m-%Y")
        with (source / name).open(newline="") as file:
            lines = list(csv.DictReader(file))
        kept = [line for line in lines if read_date(line[row_date], formats) <= day]
        for line in kept:
            line.update({column: "" for column in later_dates if line[column] and read_date(line[column], formats) > day})
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, lines[0].keys())
            writer.writeheader()
            writer.writerows(kept)


def read_date(text: str, formats: tuple[str, ...]) -> date:
    for form in formats:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise AssertionError(f"{text} is none of {formats}")


def decisions(warehouse: Path, day: date) -> dict[str, pl.DataFrame]:
    """All that was decided for a day and what it rests on, but how long models took."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema in (select unnest(?)) order by 1",
            [list(DECIDED)],
        ).fetchall()
        frames = {
            name: connection.sql(f"select columns(c -> not contains(c, '_seconds')) from {name} order by all").pl()
            for (name,) in names
        }
    return {
        name: frame.filter(pl.col("as_of_date") == day) if "as_of_date" in frame.columns else frame
        for name, frame in frames.items()
    }


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, pl.DataFrame]]:
    """A warehouse that decided for DAY with the files of DAY, then for today with today's files and prices; and what it said on DAY."""
    home = tmp_path_factory.mktemp("lived")
    golden, source = PROJECT_ROOT / "data" / "golden", home / "raw"
    settings = Settings(source_dir=source, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster", as_of=DAY)
    as_exported_on(DAY, golden, source)
    run_daily_replenishment(settings)
    then = decisions(settings.warehouse, DAY)
    shutil.rmtree(source)
    shutil.copytree(golden, source)
    prices = (source / PRICE_LIST).read_text()
    assert ",1,10,10," in prices
    (source / PRICE_LIST).write_text(prices.replace(",1,10,10,", ",1,12.5,10,"))
    settings = Settings(source_dir=source, warehouse=settings.warehouse, dagster_home=settings.dagster_home)
    run_daily_replenishment(settings)
    return settings, then


@pytest.fixture
def copied(lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(
        source_dir=lived[0].source_dir, warehouse=tmp_path / "stockroom.duckdb", dagster_home=tmp_path / "dagster"
    )
    shutil.copyfile(lived[0].warehouse, settings.warehouse)
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    return settings


def test_run_as_of_a_past_day_decides_as_on_that_day(lived, copied: Settings) -> None:
    """Features, forecasts, targets, orders and their terms: nothing of what came later gets in."""
    then = lived[1]
    assert then["recommendations.rec_orders"]["order_units"].sum() > 0
    assert decisions(copied.warehouse, DAY)["recommendations.rec_orders"].is_empty(), "the last run decided for another day"
    run_daily_replenishment(copied.changed(as_of=DAY))
    again = decisions(copied.warehouse, DAY)
    assert again.keys() == then.keys()
    assert [name for name in then if not then[name].equals(again[name])] == []


def test_a_rebuilt_day_stands_beside_the_present_which_stays(copied: Settings) -> None:
    with duckdb.connect(str(copied.warehouse)) as connection:
        today = connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]
        orders_before = connection.sql("from recommendations.rec_orders order by all").fetchall()
    with dg.instance_for_test() as instance:
        result = dg.materialize([rebuilt_orders], partition_key=str(DAY), instance=instance, selection=[rebuilt_orders])
    assert result.success
    with duckdb.connect(str(copied.warehouse), read_only=True) as connection:
        days = connection.sql("select as_of_date, is_rebuilt from reports.rpt_order_history group by all order by all").fetchall()
        assert connection.sql("from recommendations.rec_orders order by all").fetchall() == orders_before
    assert days == [(DAY, False), (DAY, True), (today, False)]
    metadata = result.asset_materializations_for_node("history__rebuilt_orders")[0].metadata
    assert metadata["same_as_decided"].value == metadata["order_history"].value > 0
    assert metadata["different_from_decided"].value == 0
    assert not list((copied.warehouse.parent / "rebuilding").iterdir())
