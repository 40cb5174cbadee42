"""What series of a group learn from each other, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from decide_frames import Frames, frames
from polars.testing import assert_frame_equal
from scipy.stats import nbinom

from ml.forecasting import ForecastSettings
from ml.forecasting.boosting_sums import QUANTILE_LEVELS
from ml.forecasting.panel import Panel
from ml.replenishment import decide
from ml.replenishment.case import read_case
from ml.replenishment.pooled import Said, as_panel, followed, leaning
from ml.replenishment.settings import DecisionSettings

SETTINGS = DecisionSettings()


def alike(series: int = 80, periods: int = 30, **terms) -> Frames:
    """Series of the same lumpy demand: 6 units a period, variance 24."""
    units = np.random.default_rng(4).negative_binomial(2, 0.25, (series, periods))
    return frames({f"S{i:02d}": row.tolist() for i, row in enumerate(units)}, lead_time_periods=2, **terms)


def test_many_short_series_know_more_together() -> None:
    # three periods: a sum of three negative binomials, and 4 to 1 for having enough
    right = nbinom(6, 0.25).ppf(0.8)
    alone, together = (decide(**alike(**terms), policy="quantile")["target_units"] for terms in ({}, {"group": "toys"}))
    errors = [float(np.sqrt(((targets - right) ** 2).mean())) for targets in (alone, together)]
    assert errors[1] < 0.9 * errors[0]


def test_nobody_outside_a_group_hears_of_it() -> None:
    made = alike(series=60)
    own = {f"S{i:02d}": "toys" if i < 50 else None for i in range(60)}
    some = made | {"params": made["params"].with_columns(group=pl.Series(own.values()))}
    outside = pl.col("unique_id") >= "S50"
    found, alone = decide(**some), decide(**made)
    assert_frame_equal(found.filter(outside), alone.filter(outside), check_exact=True)
    assert not found.filter(~outside)["target_units"].equals(alone.filter(~outside)["target_units"])


def test_the_order_of_rows_decides_nothing() -> None:
    made = alike(group="toys", price=3.0)
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=1) if frame.height else frame for name, frame in made.items()}
    assert_frame_equal(decide(**mixed), decide(**made), check_exact=True)


def test_a_small_group_says_nothing_beyond_its_season() -> None:
    assert_frame_equal(decide(**alike(series=19, group="toys")), decide(**alike(series=19)), check_exact=True)


def test_a_group_reads_what_its_series_have_beside_the_terms() -> None:
    made = frames(
        {"A": [1, 2, 3], "B": [4, 5]}, group="toys", category={"A": "dolls", "B": "trains"}, price_usd={"A": 9.0, "B": 7.5}
    )
    case = read_case(**made, settings=SETTINGS)
    [batch] = case.batches
    panel = as_panel(case, [(batch, 0), (batch, 1)])
    assert panel.static_names == ("category", "price_usd")
    assert panel.static.tolist() == [[0.0, 9.0], [1.0, 7.5]]
    assert panel.units.tolist() == [[1, 2, 3], [0, 4, 5]]
    assert panel.start.tolist() == [0, 1]


def test_paths_lean_at_their_rank_and_keep_their_shape() -> None:
    # sums of 1 to 100, and the group agrees on the mean; its quantiles are twice as high
    paths = np.zeros((1, 100, 3))
    paths[0, :, 0] = paths[0, :, 1] = np.arange(1, 101) / 2
    total = paths[0, :, :2].sum(axis=1)
    twice = Said(50.5, 2 * np.quantile(total, QUANTILE_LEVELS), followed=0.5 / SETTINGS.group_share)
    units = 50.5 / (50.5 + SETTINGS.group_prior_units)
    moved = leaning(paths, 2, [7], {7: twice}, SETTINGS)
    # in the middle, where the quantile is the path itself: 50 and half of 50 more, less what slow movers keep
    assert moved[0, 49, :2].sum() == pytest.approx(50 + 0.5 * units * 50, rel=0.01)
    assert moved[0, 49, 0] == moved[0, 49, 1]
    assert (np.diff(moved[0, :, 0]) > 0).all()
    assert leaning(paths, 2, [8], {7: twice}, SETTINGS) is paths


def test_a_path_without_demand_gets_it_spread_over_the_interval() -> None:
    paths = np.zeros((1, 4, 5))
    paths[0, 3, 0] = 4.0
    said = {0: Said(1.0, np.full(len(QUANTILE_LEVELS), 2.0), followed=0.5)}
    moved = leaning(paths, 2, [0], said, SETTINGS)
    assert moved[0, 0, 0] == moved[0, 0, 1] > 0
    assert moved[0, :3, 2:].sum() == 0


def test_the_mean_goes_as_far_as_the_group_is_followed() -> None:
    # 6 expected over two periods, the group says 9: three quarters of the way is 8.25, 1.375 times as much, after the interval, too
    paths = np.array([[[2.0, 2.0, 1.0], [4.0, 4.0, 5.0]]])
    said, by_mean = {0: Said(9.0, np.zeros(len(QUANTILE_LEVELS)), 0.75)}, replace(SETTINGS, group_share=0.0)
    assert leaning(paths, 2, [0], said, by_mean) == pytest.approx(1.375 * paths)
    # nobody is followed further than five times, and what is never asked for has nothing to grow
    assert leaning(paths, 2, [0], {0: replace(said[0], mean=900.0, followed=1.0)}, by_mean) == pytest.approx(5 * paths)
    assert not leaning(0 * paths, 2, [0], said, by_mean).any()


def waves(hidden_as_before: bool) -> Panel:
    """60 series that are up for four periods and down for five, 100 in all; in the last 20 they do as before, or stay up.

    No wave that a series is tried for by itself has nine periods.
    """
    phase = np.arange(100) % 9 < 4
    phase = phase if hidden_as_before else np.where(np.arange(100) < 80, phase, 1)
    units = np.random.default_rng(2).poisson(5 + 10 * phase, (60, 100)).astype(float)
    return Panel(units, units, np.ones(units.shape, dtype=bool), np.zeros(60, dtype=np.int64), 1)


@pytest.mark.parametrize(("hidden_as_before", "low", "high"), [(True, 0.8, 1.0), (False, 0.0, 0.35)])
def test_a_group_is_followed_as_far_as_it_was_right_where_it_had_not_looked(
    hidden_as_before: bool, low: float, high: float
) -> None:
    own = ForecastSettings(boosting_origins=40, boosting_most_origins=40, boosting_quantile_rounds=20)
    assert low < followed(waves(hidden_as_before), (2,), own, SETTINGS) <= high


def test_a_data_error_does_not_decide_how_far_a_group_is_followed() -> None:
    own = ForecastSettings(boosting_origins=40, boosting_most_origins=40, boosting_quantile_rounds=20)
    wrong = waves(True)
    wrong.units[7, 97] = 1e9
    assert followed(wrong, (2,), own, SETTINGS) == pytest.approx(followed(waves(True), (2,), own, SETTINGS), abs=0.11)


def test_a_group_of_too_few_outcomes_is_followed_by_guess() -> None:
    assert followed(waves(True).take(np.arange(5)), (2,), ForecastSettings(), SETTINGS) == SETTINGS.group_mean_share
