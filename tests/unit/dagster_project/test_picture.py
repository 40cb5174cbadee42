"""The picture of one item at one store: read from the warehouse, drawn in characters and as a PNG."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.picture import ForecastWeek, Picture, Week, as_text, read_picture, write_png

pytest.importorskip("matplotlib")

MONDAY = date(2016, 1, 4)


def drawn(history: list[tuple[float, float, int]], forecast: list[tuple[float, float, float]]) -> Picture:
    weeks = [MONDAY + timedelta(days=7 * k) for k in range(len(history) + len(forecast))]
    return Picture(
        item_id=101,
        item_name="Grey Heron Vodka (750mL)",
        location_id=1,
        city="WREN",
        as_of_date=weeks[len(history)] - timedelta(days=1) if forecast else MONDAY,
        model="theta" if forecast else None,
        history=tuple(Week(week, *values) for week, values in zip(weeks, history, strict=False)),
        forecast=tuple(ForecastWeek(week, *values) for week, values in zip(weeks[len(history) :], forecast, strict=True)),
    )


FULL = drawn([(10, 10, 0), (4, 9, 3), (12, 12, 0), (11, 11, 0)] * 5, [(10, 6, 15)] * 4)


def rows(picture: Picture, width: int = 80) -> list[str]:
    return as_text(picture, width, 10).plain.splitlines()


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_text_names_item_store_model_and_unit() -> None:
    lines = rows(FULL)
    assert lines[0] == "Grey Heron Vodka (750mL), item 101, at store 1 WREN"
    assert lines[1] == "Weekly demand and its forecast for 4 weeks by theta, as of 2016-05-22, units a week"
    assert max(map(len, lines[3:14])) == 80
    for name in ("sold", "estimated demand", "expected demand", "10 % to 90 %", "week with a stock-out"):
        assert name in lines[-1]


def test_the_axis_reaches_from_nothing_to_the_highest_value() -> None:
    lines = rows(FULL)
    assert lines[3].split("┤")[0].strip() == "15"
    assert lines[12].split("┤")[0].strip() == "0"


def test_every_stock_out_week_is_marked_under_its_week() -> None:
    marks = next(line for line in rows(FULL) if line.lstrip().startswith("▲"))
    assert marks.count("▲") == 5
    # the axis takes 5 columns; 24 weeks over 150 dots: week 1 is 149 / 23 = 6.5 dots, so 3 columns, from week 0
    assert marks.index("▲") == 5 + 3


def test_a_higher_week_is_drawn_higher() -> None:
    def height(units: float) -> int:
        lines = rows(drawn([(units, units, 0)] * 8, [(0, 0, 20)] * 2))
        return next(i for i, line in enumerate(lines[3:13]) if "⣀" <= line[6] <= "⣿" or "\u2801" <= line[6] <= "\u28ff")

    assert height(20) < height(10) < height(1)


def test_without_estimate_or_forecast_nothing_is_said_of_them() -> None:
    lines = rows(drawn([(3, 3, 0)] * 6, []))
    assert "without a forecast" in lines[1]
    assert lines[-1].strip() == "── sold"


@pytest.mark.parametrize(
    "picture", [FULL, drawn([(3, 3, 0)], []), drawn([], [(1, 0, 2)]), drawn([], []), drawn([(0, 0, 7)] * 3, [])]
)
def test_anything_can_be_drawn(picture: Picture, tmp_path: Path) -> None:
    write_png(picture, tmp_path / "new" / "picture.png")
    assert is_png(tmp_path / "new" / "picture.png")
    assert picture.title in as_text(picture).plain


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    write_png(FULL, tmp_path / "a.png")
    write_png(FULL, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.fixture(scope="module")
def decided_warehouse(run_dbt, tiny_source: Path, built_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tables; without a forecast in them."""
    warehouse = tmp_path_factory.mktemp("decided") / "stockroom.duckdb"
    shutil.copyfile(built_warehouse, warehouse)
    run_dbt(tiny_source, warehouse, "run", "--select", "path:models/recommendations")
    return warehouse


@pytest.fixture(scope="module")
def best_seller(decided_warehouse: Path) -> tuple[int, int, float]:
    """Item, store and units sold in the last week of what sells most."""
    with duckdb.connect(str(decided_warehouse), read_only=True) as connection:
        return connection.execute(
            """
            select item_id, location_id, arg_max(sold_units, week_start_date) from features.ftr_demand_weekly
            group by all order by sum(sold_units) desc, item_id, location_id limit 1
            """
        ).fetchone()


def stockroom(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_draws_what_the_warehouse_holds(decided_warehouse: Path, best_seller, tmp_path: Path) -> None:
    item, store, last_units = best_seller
    found = read_picture(decided_warehouse, item, store)
    assert found.history[-1].sold_units == last_units
    assert found.history[-1].start + timedelta(days=6) == found.as_of_date
    shown = stockroom("forecast", item, store, "--warehouse", decided_warehouse)
    assert shown.exit_code == 0
    assert found.title in shown.stdout
    written = stockroom("forecast", item, store, "--png", tmp_path / "p.png", "--warehouse", decided_warehouse)
    assert written.exit_code == 0
    assert f"item {item}, at store {store}" in written.stdout
    assert is_png(tmp_path / "p.png")


def test_an_item_that_is_not_held_says_so(decided_warehouse: Path) -> None:
    result = stockroom("forecast", 99999, 1, "--warehouse", decided_warehouse)
    assert result.exit_code == 1
    assert "item 99999 is not held at store 1" in result.stderr
    assert "ftr_item_locations" in result.stderr


def test_a_file_that_cannot_be_written_says_so(decided_warehouse: Path, best_seller, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = stockroom("forecast", *best_seller[:2], "--png", tmp_path / "file" / "p.png", "--warehouse", decided_warehouse)
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path) -> None:
    result = stockroom("forecast", 1, 1, "--warehouse", tmp_path / "none.duckdb")
    assert result.exit_code == 1
    assert "no warehouse yet" in result.stderr.replace("\n", "")
