"""The search for better parameters: what to try, how well each did, a configuration to review.

Belongs here: search spaces, the trials, the result as data.
Does not belong here: the score itself (the rolling backtest, given as a function), and writing: nothing changes until a
person puts the configuration where settings are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Between:
    """A number between two; whole where both bounds are. `is_log` searches its order of magnitude."""

    low: float
    high: float
    is_log: bool = False

    def __post_init__(self) -> None:
        if self.low >= self.high or (self.is_log and self.low <= 0):
            raise ValueError(f"no range: {self.low} to {self.high}{' on a log scale' if self.is_log else ''}")


@dataclass(frozen=True)
class OneOf:
    """One of some options."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError("one option is no choice")


SearchSpace = Mapping[str, Between | OneOf]

FORECAST_SPACE: SearchSpace = {
    "boosting_leaves": Between(8, 128, is_log=True),
    "boosting_learning_rate": Between(0.02, 0.2, is_log=True),
    "boosting_rounds": Between(50, 400, is_log=True),
    "boosting_origins": Between(3, 16),
    "dispersion_periods": Between(26, 104),
    "moving_average_periods": Between(4, 26),
}
"""Fields of ForecastSettings that usually matter."""


@dataclass(frozen=True)
class TuneResult:
    """`parameters` are the defaults where no trial beat them by `min_gain`."""

    parameters: dict[str, Any]
    defaults: dict[str, Any]
    score_before: float
    """Score of the defaults; lower is better."""
    score_after: float
    is_better: bool
    trials: pl.DataFrame
    """trial, score (null where it failed), parameters (JSON), state (done, failed: and why)."""
    seed: int

    def to_json(self) -> str:
        """The configuration with what it promises, to review and keep."""
        gain = 1 - self.score_after / self.score_before if self.score_before else 0.0
        return json.dumps(
            {
                "parameters": self.parameters,
                "replaces": {name: self.defaults[name] for name in self.parameters},
                "is_better": self.is_better,
                "score_before": self.score_before,
                "score_after": self.score_after,
                "relative_gain": gain,
                "trials": self.trials.height,
                "seed": self.seed,
            },
            indent=2,
            sort_keys=True,
        )


def tune(
    score: Callable[[dict[str, Any]], float],
    space: SearchSpace,
    defaults: Mapping[str, Any],
    n_trials: int = 50,
    seed: int = 1,
    progress: Callable[[int, int, float], None] | None = None,
    min_gain: float = 0.005,
) -> TuneResult:
    """Search for parameters with a lower score than the defaults, which are the first trial.

    score: parameters to a number, lower is better, by the backtest a champion is chosen by. space: what may change.
    defaults: a value for every name of the space. progress: called with trials done, all trials, best score. min_gain:
    share of the score that an improvement must be more than: among many trials the best one is partly luck.

    A trial whose score is no finite number, or that raises ValueError, FloatingPointError or ArithmeticError, has failed
    and the search goes on. Raises ValueError when the defaults themselves fail.
    """
    import optuna

    if set(defaults) != set(space):
        raise ValueError(f"defaults and search space differ in {sorted(set(defaults) ^ set(space))}")
    if n_trials < 1:
        raise ValueError("n_trials must be at least 1")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False))
    rows: list[tuple[int, float | None, str, str]] = []
    best, best_parameters = math.inf, dict(defaults)

    def attempt(parameters: dict[str, Any]) -> float | None:
        nonlocal best, best_parameters
        value, state = None, "done"
        try:
            value = float(score(dict(parameters)))
            if not math.isfinite(value):
                value, state = None, "failed: the score is no finite number"
        except (ValueError, ArithmeticError) as error:
            state = f"failed: {error}"
        if not rows and value is None:
            raise ValueError(f"the defaults cannot be scored; {state}")
        rows.append((len(rows), value, json.dumps(parameters, sort_keys=True), state))
        if value is not None and value < best:
            best, best_parameters = value, dict(parameters)
        if progress is not None:
            progress(len(rows), n_trials, best)
        return value

    before = attempt(dict(defaults))
    if before is not None and all(_holds(space[name], value) for name, value in defaults.items()):
        study.add_trial(optuna.trial.create_trial(params=dict(defaults), distributions=_distributions(space), value=before))
    for _ in range(n_trials - 1):
        trial = study.ask(_distributions(space))
        value = attempt(dict(trial.params))
        if value is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)
    is_better = best < before - min_gain * abs(before)
    trials = pl.DataFrame(
        rows, schema={"trial": pl.Int32, "score": pl.Float64, "parameters": pl.String, "state": pl.String}, orient="row"
    )
    return TuneResult(
        best_parameters if is_better else dict(defaults),
        dict(defaults),
        before,
        best if is_better else before,
        is_better,
        trials,
        seed,
    )


def _holds(range_: Between | OneOf, value: Any) -> bool:
    return value in range_.options if isinstance(range_, OneOf) else range_.low <= value <= range_.high


def _distributions(space: SearchSpace) -> dict:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found = {}
    for name, range_ in space.items():
        if isinstance(range_, OneOf):
            found[name] = CategoricalDistribution(range_.options)
        elif isinstance(range_.low, int) and isinstance(range_.high, int):
            found[name] = IntDistribution(range_.low, range_.high, log=range_.is_log)
        else:
            found[name] = FloatDistribution(range_.low, range_.high, log=range_.is_log)
    return found
