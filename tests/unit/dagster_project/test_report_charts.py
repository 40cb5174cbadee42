"""Charts and the writing of numbers: places worked by hand. A chart is 400 wide and 216 high; its plot goes from 46 to 390 across and
from 192 up to 10."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from dagster_project.publish.report.charts import Band, Bar, Line, Point, bar_chart, line_chart, nice_ticks, scatter_chart
from dagster_project.publish.report.formats import plural, with_unit, written


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1234.5, "usd", "1,234"),
        (Decimal("9999999.40"), "usd", "9,999,999"),
        (12_345_678, "usd", "12.35 M"),
        (-0.3, "usd", "0"),
        (-0.6, "usd", "-1"),
        (0, "units", "0"),
        (12.34, "units", "12.3"),
        (12.0, "units", "12"),
        (1234.56, "units", "1,235"),
        (0.98765, "share", "98.8%"),
        (-0.0001, "share", "0.0%"),
        (7.25, "days", "7.2"),
        (9.995, "price", "9.99"),  # the nearest double lies below
        (15, "day_count", "15"),
        (date(2016, 12, 31), "date", "2016-12-31"),
        (datetime(2016, 12, 31, 7, 5, 9), "moment", "2016-12-31 07:05"),
        ("a <b>", "text", "a <b>"),
        (None, "usd", "–"),
        (float("nan"), "share", "–"),
        (float("inf"), "days", "–"),
    ],
)
def test_a_value_is_written_for_a_person(value: object, kind: str, text: str) -> None:
    assert written(value, kind) == text


def test_a_unit_stands_behind_what_is_known_only() -> None:
    assert with_unit(1234, "usd") == "1,234 USD"
    assert with_unit(0.5, "share") == "50.0%"
    assert with_unit(None, "usd") == "–"


def test_one_is_not_many() -> None:
    assert [plural(1, "line"), plural(2000, "line"), plural(0, "item in a store", "items in stores")] == [
        "1 line",
        "2,000 lines",
        "0 items in stores",
    ]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 50, 100]),  # 25 apart would be five; the next round number is 50
        (0, 80, [0, 20, 40, 60, 80]),
        (0.853, 0.97, [0.85, 0.9, 0.95, 1.0]),  # 0.117 / 4 = 0.029: 0.05 apart
        (-30, 50, [-40, -20, 0, 20, 40, 60]),
        (0, 0, [0, 0.5, 1]),  # nothing sold at all
        (5, 5, [4, 6, 8, 10]),
    ],
)
def test_ticks_are_round_and_hold_all(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == ticks


def paths(svg: str) -> list[str]:
    return re.findall(r'<path class="line[^"]*" d="([^"]*)"', svg)


def test_a_line_goes_through_its_points() -> None:
    svg = line_chart("Sold", ["a", "b", "c"], [Line("sold", [0, 50, 100])], "units")
    assert paths(svg) == ["M46.0,192.0L218.0,101.0L390.0,10.0"]
    assert "<title>b, sold: 50 units</title>" in svg


def test_a_step_holds_its_value() -> None:
    svg = line_chart("Stock", ["a", "b", "c"], [Line("stock", [100, 50, 0], is_step=True)], "units")
    assert paths(svg) == ["M46.0,10.0H218.0V101.0H390.0V192.0"]


def test_places_may_be_unevenly_apart() -> None:
    svg = line_chart("Cost", ["0", "1", "4"], [Line("cost", [0, 50, 100])], "usd", at=[0, 1, 4])
    assert paths(svg) == ["M46.0,192.0L132.0,101.0L390.0,10.0"]  # a quarter of 344 is 86


def test_a_gap_stays_a_gap() -> None:
    svg = line_chart("Sold", list("abcde"), [Line("sold", [100, 50, None, float("nan"), 100])], "units")
    assert paths(svg) == ["M46.0,10.0L132.0,101.0"]
    assert '<circle class="dot c1" cx="390.0" cy="10.0"' in svg


def test_a_band_lies_between_low_and_high() -> None:
    svg = line_chart("F", ["a", "b"], [Line("f", [50, 50])], "units", Band("b", [0, 50], [100, 100]))
    assert 'd="M46.0,10.0L390.0,10.0L390.0,101.0L46.0,192.0Z"' in svg


def test_an_axis_below_zero_and_one_that_ends_at_a_whole() -> None:
    assert ">-50<" in line_chart("V", ["a", "b"], [Line("v", [-50, 50])], "usd")
    svg = line_chart("S", ["a", "b"], [Line("s", [0.853, 0.99])], "share", from_zero=False, top=1.0)
    assert re.findall(r">(\d+)%<", svg) == ["85", "90", "95", "100"]


def test_one_point_alone_is_drawn() -> None:
    assert 'class="dot c1"' in line_chart("Sold", ["a"], [Line("sold", [7])], "units")


def test_no_chart_of_nothing() -> None:
    assert line_chart("Sold", ["a"], [Line("sold", [None])], "units") == ""
    assert bar_chart("B", [Bar("x", None)], "usd") == ""
    assert scatter_chart("S", [], "x", "y", "units", "units") == ""


def test_a_bar_is_as_long_as_its_share_of_the_longest() -> None:
    svg = bar_chart("B", [Bar("half", 50.0), Bar("all", 100.0)], "usd")
    assert re.findall(r'class="bar c1" x="([\d.]+)" y="(\d+)" width="([\d.]+)"', svg) == [
        ("2.0", "18", "196.0"),
        ("2.0", "52", "392.0"),
    ]


def test_a_bar_below_zero_goes_to_the_left() -> None:
    svg = bar_chart("B", [Bar("less", -50.0), Bar("more", 50.0)], "usd")
    assert re.findall(r'class="bar c1" x="([\d.]+)" y="\d+" width="([\d.]+)"', svg) == [("2.0", "196.0"), ("198.0", "196.0")]


def test_bars_that_are_all_nothing_have_a_width() -> None:
    assert re.findall(r'class="bar c1" x="([\d.]+)" y="\d+" width="([\d.]+)"', bar_chart("B", [Bar("none", 0.0)], "usd")) == [
        ("2.0", "1.0")
    ]


def test_a_point_where_both_are_equal_lies_on_the_diagonal() -> None:
    svg = scatter_chart(
        "A", [Point(1, 1, "low"), Point(10, 10, "middle"), Point(100, 100, "high")], "x", "y", "units", "units", True
    )
    (x1, y1), (x2, y2), (x3, y3) = [
        (float(x), float(y)) for x, y in re.findall(r'class="spot c1" cx="([\d.]+)" cy="([\d.]+)"', svg)
    ]
    assert (x2, y2) == pytest.approx(((x1 + x3) / 2, (y1 + y3) / 2), abs=0.1)
    assert f'class="line c0 dash" x1="{x1}" y1="{y1}" x2="{x3}" y2="{y3}"' in svg


def test_what_has_no_logarithm_is_left_out_of_a_chart_of_powers() -> None:
    svg = scatter_chart(
        "A", [Point(0, 1, "never sold"), Point(1, -1, "below"), Point(2, 3, "fine")], "x", "y", "units", "units", True
    )
    assert "never sold" not in svg
    assert "below" not in svg
    assert "fine" in svg


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'A & B "quoted"', "Zoë's 'Best' <1l"])
def test_names_are_escaped_and_every_chart_is_whole(text: str) -> None:
    charts = [
        line_chart(text, [text, text], [Line(text, [1, 2])], "units"),
        bar_chart(text, [Bar(text, 1.0, low=0.5, high=1.5, mark=1.0)], "usd", mark=text),
        scatter_chart(text, [Point(1, 2, text, is_named=True)], text, text, "units", "units"),
    ]
    for svg in charts:
        root = ElementTree.fromstring(svg)  # raises on a tag out of place
        assert {element.tag for element in root.iter()} <= {"svg", "path", "text", "line", "rect", "circle", "title"}
        assert root.attrib["aria-label"].startswith(text)
        assert "nan" not in svg


def test_a_chart_says_in_words_what_it_shows() -> None:
    svg = line_chart("Sold", ["May", "June", "July"], [Line("sold", [10, 30, 20])], "units")
    assert 'aria-label="Sold. sold: 10 units (May) to 20 units (July), lowest 10 (May), highest 30 (June)"' in svg
