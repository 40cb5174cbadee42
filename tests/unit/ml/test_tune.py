"""The search finds a known optimum, says the same twice, and does not sell luck as progress."""

from __future__ import annotations

import json
import math

import pytest

from ml.forecasting.tune import FORECAST_SPACE, Between, OneOf, tune

pytest.importorskip("optuna")

SPACE = {"x": Between(-5.0, 5.0), "n": Between(1, 100, is_log=True), "kind": OneOf(("a", "b"))}
DEFAULTS = {"x": -4.0, "n": 90, "kind": "b"}


def quadratic(parameters: dict) -> float:
    """Least at x = 1, n = 10, kind a: there it is 1."""
    return 1 + (parameters["x"] - 1) ** 2 + math.log(parameters["n"] / 10) ** 2 + (parameters["kind"] == "b")


def test_the_minimum_of_a_quadratic_is_found() -> None:
    found = tune(quadratic, SPACE, DEFAULTS, n_trials=80)
    assert found.score_before == pytest.approx(1 + 25 + math.log(9) ** 2 + 1)
    assert found.score_after < 1.3
    assert found.parameters["kind"] == "a"
    assert isinstance(found.parameters["n"], int)
    assert found.trials["score"].min() == found.score_after
    assert found.trials.height == 80
    assert json.loads(found.trials["parameters"][0]) == DEFAULTS


def test_the_same_seed_makes_the_same_trials() -> None:
    first, second, other = (tune(quadratic, SPACE, DEFAULTS, n_trials=15, seed=seed) for seed in (7, 7, 8))
    assert first.trials.equals(second.trials)
    assert first.to_json() == second.to_json()
    assert not first.trials.equals(other.trials)


def test_the_configuration_says_what_it_replaces() -> None:
    said = json.loads(tune(quadratic, SPACE, DEFAULTS, n_trials=20).to_json())
    assert said["replaces"] == DEFAULTS
    assert set(said["parameters"]) == set(SPACE)
    assert said["relative_gain"] == pytest.approx(1 - said["score_after"] / said["score_before"])


def test_defaults_stay_where_nothing_is_better_by_more_than_luck() -> None:
    found = tune(lambda p: 100 + quadratic(p) / 1000, SPACE, DEFAULTS, n_trials=20)
    assert not found.is_better
    assert found.parameters == DEFAULTS
    assert found.score_after == found.score_before


def test_a_failed_trial_is_recorded_and_the_search_goes_on() -> None:
    def score(parameters: dict) -> float:
        if parameters["kind"] == "a":
            raise ValueError("cannot be fitted")
        return math.nan if parameters["n"] < 3 else quadratic(parameters)

    found = tune(score, SPACE, DEFAULTS, n_trials=30)
    assert found.trials.height == 30
    assert found.trials.filter(found.trials["state"] == "failed: cannot be fitted")["score"].null_count() > 0
    assert found.parameters["kind"] == "b"


def test_defaults_that_fail_stop_the_search() -> None:
    with pytest.raises(ValueError, match="defaults cannot be scored"):
        tune(lambda p: math.inf, SPACE, DEFAULTS)
    with pytest.raises(ValueError, match="differ in"):
        tune(quadratic, SPACE, {"x": 1.0})


def test_progress_counts_to_the_end() -> None:
    seen: list[tuple[int, int, float]] = []
    found = tune(quadratic, SPACE, DEFAULTS, n_trials=5, progress=lambda *values: seen.append(values))
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5]
    assert seen[-1][1:] == (5, found.trials["score"].min())


def test_ranges_that_are_none_are_refused() -> None:
    for bad in (lambda: Between(3, 3), lambda: Between(0, 3, is_log=True), lambda: OneOf(("a",))):
        with pytest.raises(ValueError, match=r"no range|no choice"):
            bad()
    assert all(isinstance(value, Between) for value in FORECAST_SPACE.values())
