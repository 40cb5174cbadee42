"""Policy tables: the normal distribution is right to its last digit, and no two rules hold for one thing on one day."""

from __future__ import annotations

import csv
import itertools
from datetime import date
from statistics import NormalDist

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from dagster_project.settings import DBT_PROJECT_DIR

SEEDS = DBT_PROJECT_DIR / "seeds"
KEYS = {
    "policy_parameters": ("parameter",),
    "service_levels": ("abc_class", "xyz_class"),
    "item_service_levels": ("item_id", "location_id"),
    "policy_assignments": ("abc_class", "xyz_class", "item_id", "location_id"),
    "order_terms": ("vendor_id", "size"),
    "price_bands": ("lower_bound_usd",),
    "order_budgets": ("scope", "scope_key"),
    "location_storage": ("location_id",),
    "vendor_order_days": ("vendor_id",),
    "alert_thresholds": ("kind",),
}
# rules that nobody has until somebody writes them down
MAY_BE_EMPTY = {"item_service_levels", "order_budgets", "location_storage", "vendor_order_days"}
# a later word on the same days takes the place of an earlier one
LAST_WORD_COUNTS = {"order_overrides"}


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def overlaps(rows: list[dict[str, str]], key: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Keys with two periods that share a day, or with a period that ends before it begins."""
    found = []
    periods: dict[tuple[str, ...], list[tuple[date, date]]] = {}
    for row in rows:
        period = (date.fromisoformat(row["valid_from"]), date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max)
        periods.setdefault(tuple(row[name] for name in key), []).append(period)
    for value, spans in periods.items():
        spans.sort()
        ends_early = any(end < start for start, end in spans)
        if ends_early or any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(spans)):
            found.append(value)
    return found


def test_the_normal_table_is_right_to_its_last_digit() -> None:
    rows = seed("standard_normal")
    assert [row["cycle_service_level"] for row in rows] == [f"{thousandth / 1000:.3f}" for thousandth in range(500, 1000)]
    normal = NormalDist()
    wrong = {row["cycle_service_level"]: row["z_factor"] for row in rows}
    right = {row["cycle_service_level"]: f"{normal.inv_cdf(float(row['cycle_service_level'])):.6f}" for row in rows}
    assert wrong == right
    assert right["0.950"] == "1.644854"


def test_the_loss_table_is_the_loss_function() -> None:
    rows = seed("standard_normal_loss")
    assert [row["k_factor"] for row in rows] == [f"{hundredth / 100:.2f}" for hundredth in range(-300, 401)]
    k = np.array([float(row["k_factor"]) for row in rows])
    loss = np.array([float(row["normal_loss"]) for row in rows])
    np.testing.assert_allclose(loss, norm.pdf(k) - k * norm.sf(k), atol=1e-12)
    # the expected shortage itself, by integration: G(k) is the integral of 1 - Phi above k
    np.testing.assert_allclose(loss[[0, 300, 432]], [quad(norm.sf, point, np.inf)[0] for point in (-3.0, 0.0, 1.32)], atol=1e-9)


@pytest.mark.parametrize("name", KEYS)
def test_at_most_one_rule_holds_on_any_day(name: str) -> None:
    rows = seed(name)
    assert len(rows) > 0 or name in MAY_BE_EMPTY
    assert overlaps(rows, KEYS[name]) == []


@pytest.mark.parametrize(
    ("first_until", "second_from", "found"),
    [
        ("2016-12-31", "2017-01-01", []),
        ("2017-01-01", "2017-01-01", [("x",)]),
        ("", "2017-01-01", [("x",)]),
        ("2015-12-31", "2017-01-01", [("x",)]),
    ],
)
def test_periods_that_share_a_day_or_end_before_they_begin_are_found(first_until: str, second_from: str, found: list) -> None:
    rows = [
        {"parameter": "x", "valid_from": "2016-01-01", "valid_to": first_until},
        {"parameter": "x", "valid_from": second_from, "valid_to": ""},
        {"parameter": "y", "valid_from": "2016-01-01", "valid_to": ""},
    ]
    assert overlaps(rows, ("parameter",)) == found


def test_every_table_of_rules_with_a_period_is_looked_at() -> None:
    headers = {path.stem: path.read_text().splitlines()[0].split(",") for path in SEEDS.glob("*.csv")}
    assert {name for name, header in headers.items() if "valid_to" in header} == set(KEYS) | LAST_WORD_COUNTS


def test_every_class_has_a_service_level_and_every_item_has_terms() -> None:
    assert sorted(row["abc_class"] for row in seed("service_levels") if not row["xyz_class"]) == ["A", "B", "C", "Z"]
    assert [row["meaning"] for row in seed("order_terms") if row["vendor_id"] == row["size"] == ""] != []
    assert [
        row["policy"] for row in seed("policy_assignments") if not any(row[name] for name in KEYS["policy_assignments"])
    ] != []


def test_service_levels_lie_where_the_normal_table_does() -> None:
    lines = [row for name in ("service_levels", "item_service_levels") for row in seed(name)]
    cycle = [float(row["cycle_service_level"]) for row in lines if row["cycle_service_level"]]
    fill = [float(row["fill_rate_level"]) for row in lines if row["fill_rate_level"]]
    assert [level for level in cycle if not 0.5 <= level <= 0.999] == []
    assert [level for level in fill if not 0 < level < 1] == []
