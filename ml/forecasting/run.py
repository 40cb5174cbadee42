"""The forecast run of the warehouse: feature frames in, output frames out.

Belongs here: the order of the steps, the stamp, which models are published.
Does not belong here: reading or writing tables, and the choice of a champion, which SQL makes from the scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from itertools import product

import numpy as np
import polars as pl

from ml import contracts
from ml.contracts import FrameContract
from ml.forecasting import companions, rows, scores, stamp
from ml.forecasting.artefacts import Artefact
from ml.forecasting.backtest import Progress
from ml.forecasting.calibration import Segments
from ml.forecasting.champions import champion
from ml.forecasting.drift import Retrain
from ml.forecasting.engine import Estimate, Forecasts, StandIns, estimate_all
from ml.forecasting.lead_time import protection_intervals
from ml.forecasting.models import ENSEMBLE
from ml.forecasting.panel import PATTERNS
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.weekly import Features, WeeklyPanel, build_panel, usable_demand

_LIBRARIES = ("statsforecast", "lightgbm", "neuralforecast", "torch")


@dataclass(frozen=True)
class ForecastResult:
    """The frames a run writes, by the name of their contract, each conforming to it and sorted by its key; and the fitted models."""

    frames: dict[str, pl.DataFrame]
    artefacts: dict[str, Artefact]

    def __getitem__(self, contract: FrameContract) -> pl.DataFrame:
        return self.frames[contract.name]


@dataclass(frozen=True)
class RunIdentity:
    """What a run is called, and what its name is made of. Equal inputs have equal names."""

    run_id: str
    data_hash: str
    code_hash: str


def identify(features: Features, as_of_date: date, settings: ForecastSettings | None = None) -> RunIdentity:
    """The name a run on these features would have; the frames are held to their contracts."""
    settings = settings or ForecastSettings()
    return _identity(_usable(features, as_of_date, settings), as_of_date, settings)


def _identity(features: Features, as_of_date: date, settings: ForecastSettings) -> RunIdentity:
    data, code = stamp.data_hash(features.frames), stamp.code_hash()
    libraries = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return RunIdentity(stamp.run_id(as_of_date, data, code, settings, libraries), data, code)


def run_forecast(
    features: Features,
    *,
    as_of_date: date,
    settings: ForecastSettings | None = None,
    identity: RunIdentity | None = None,
    progress: Progress | None = None,
) -> ForecastResult:
    """Forecast every row of `features.item_locations` with the models of the settings and their ensemble.

    Demand after `as_of_date`, and of item-locations that are not asked for, is not read. A series that cannot be fitted gets
    the mean of what it has and a reason in `series_metrics`. Raises ContractError when an input breaks its contract,
    ValueError for an unknown model. `identity` is what `identify` said of the same arguments, where that was asked before:
    hashing all features again takes as long as reading them. `progress(step, share done)` is called along the way.
    """
    settings = settings or ForecastSettings()
    report = progress or (lambda step, share: None)
    features = _usable(features, as_of_date, settings)
    identity = identity or _identity(features, as_of_date, settings)
    constants: rows.Stamp = {"run_id": identity.run_id, "as_of_date": as_of_date}
    if features.item_locations.is_empty():
        return ForecastResult({contract.name: contract.empty() for contract in contracts.FORECASTS}, {})

    intervals = protection_intervals(features.item_locations, features.lead_time_distribution, settings)
    horizon = min(max(int(np.ceil(intervals.cut_days.max() / 7)), 1), settings.max_horizon_weeks)
    weekly = build_panel(features, as_of_date, horizon, settings)
    own_weeks = np.ceil(intervals.mean_days / 7 - 1e-9).astype(np.int64)
    usual = int(np.clip(np.median(own_weeks), 1, horizon))
    made = estimate_all(
        weekly.panel,
        horizon,
        settings,
        segments=_patterns(weekly),
        singles=True,
        sum_lengths=(1, usual, horizon),
        report=lambda step, share: report(step, 0.7 * share),
    )
    stand_ins, stand_in_words = companions.stand_ins(weekly, horizon, settings)
    if stand_ins is not None:
        made = _with_stand_ins(made, stand_ins)

    report("scores", 0.7)
    length = np.clip(own_weeks, 1, max(made.tested.horizon, 1))
    found = {name: scores.score_series(made, estimate, length, weekly.keys) for name, estimate in made.estimates.items()}
    naive = scores.naive_errors(made)
    metrics = {name: _segment_metrics(made, estimate, found[name], naive, weekly) for name, estimate in made.estimates.items()}
    published = _published(made, found, weekly)
    report("distributions", 0.8)
    history = weekly.history_reasons(settings)
    drift, retrain = companions.drifted(made, weekly, constants)
    frames: dict[str, list[pl.DataFrame]] = {contract.name: [] for contract in contracts.FORECASTS}
    for name, estimate in made.estimates.items():
        own = {**constants, "model": name}
        # the ensemble has a row for every series, with its reason; single models for those that were tested
        shown = np.arange(weekly.keys.height) if name == made.best.name else made.tested.rows
        words = rows.reasons(made, estimate, found[name], weekly, intervals, history, stand_in_words, shown)
        frames["series_metrics"].append(rows.series_rows(weekly, shown, length, found[name], words, own))
        frames["model_metrics"].append(rows.metric_rows(metrics[name], own))
        if name in published:
            frames["demand_forecasts"].append(rows.forecast_rows(made, estimate, published[name], weekly, own))
            frames["lead_time_demand"].append(rows.sum_rows(made, estimate, published[name], weekly, intervals, own))
    run_constants = {**constants, "data_hash": identity.data_hash, "code_hash": identity.code_hash, "series": weekly.keys.height}
    # also of models that only speak through the ensemble: what foretells a median has no forecast of its own, and no scores
    for name in dict.fromkeys((*made.estimates, *made.fitted.paths)):
        scored = _run_metrics(metrics[name][0], retrain if name == made.best.name else None) if name in metrics else {}
        frames["model_runs"].append(
            rows.run_row(
                name,
                made,
                _learned(made, name),
                scored,
                is_deployed=name in published,
                artefact=f"{identity.run_id}/{name}" if name in made.fitted.workshop.fitted else None,
                constants=run_constants,
            )
        )
    frames["ensemble_weights"].append(rows.weight_rows(made, constants))
    report("outliers, components, hierarchy", 0.9)
    frames["demand_outliers"].append(companions.outliers(weekly, constants))
    frames["demand_components"].append(companions.components(weekly, constants, settings))
    frames["forecast_hierarchy"].append(companions.reconciled(made, weekly, constants))
    report("explanations", 0.95)
    importance, explanations = companions.explanations(made, weekly, constants)
    frames["feature_importance"].append(importance)
    frames["forecast_explanations"].append(explanations)
    frames["forecast_drift"].append(drift)
    report("done", 1.0)
    joined = {
        contract.name: contract.conform(pl.concat(frames[contract.name])).sort(contract.grain)
        if frames[contract.name]
        else contract.empty()
        for contract in contracts.FORECASTS
    }
    return ForecastResult(joined, _artefacts(made))


def _usable(features: Features, as_of_date: date, settings: ForecastSettings) -> Features:
    """The frames held to their contracts, sorted, with the demand a run reads."""
    features = features.conformed()
    demand = usable_demand(features.demand_weekly, features.item_locations, as_of_date, settings)
    return replace(features, demand_weekly=demand)


def backtest_score(features: Features, *, as_of_date: date, settings: ForecastSettings, most_series: int = 1_000) -> float:
    """Scaled pinball loss of the ensemble's sums in the backtest, lower is better; of a seeded sample where there are more series.

    What the search for parameters minimises. The series drawn do not depend on the settings, except on their seed.
    """
    keys = features.item_locations.sort("item_id", "location_id")
    if keys.height > most_series:
        keys = keys.sample(most_series, seed=settings.seed)
    features = _usable(replace(features, item_locations=keys), as_of_date, settings)
    keys = features.item_locations
    intervals = protection_intervals(keys, features.lead_time_distribution, settings)
    horizon = min(max(int(np.ceil(intervals.cut_days.max() / 7)), 1), settings.max_horizon_weeks)
    weekly = build_panel(features, as_of_date, horizon, settings)
    made = estimate_all(weekly.panel, horizon, settings, segments=_patterns(weekly))
    length = np.clip(np.ceil(intervals.mean_days / 7 - 1e-9).astype(np.int64), 1, max(made.tested.horizon, 1))
    found = scores.score_series(made, made.best, length, keys)
    everyone = np.ones(keys.height, dtype=bool)
    return scores.segment_scores(made, made.best, found, scores.naive_errors(made), everyone)["scaled_pinball"]


def _patterns(weekly: WeeklyPanel) -> Segments:
    names = tuple(dict.fromkeys((*PATTERNS, *weekly.keys["demand_pattern"].unique().sort().to_list())))
    code = weekly.keys["demand_pattern"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
    return Segments(code.to_numpy(), names)


def _with_stand_ins(made: Forecasts, stand_ins: StandIns) -> Forecasts:
    """The same forecasts with the paths of series that no model speaks for in every estimate."""
    own = np.flatnonzero(stand_ins.row >= 0)
    estimates = {}
    for name, estimate in made.estimates.items():
        path = estimate.path.copy()
        path[own] = stand_ins.mean[stand_ins.row[own]]
        estimates[name] = replace(estimate, path=path)
    return replace(made, estimates=estimates, stand_ins=stand_ins)


def _published(made: Forecasts, found: dict[str, scores.SeriesScores], weekly: WeeklyPanel) -> dict[str, np.ndarray]:
    """The models whose forecasts are written, with the series they are written for: those that SQL will choose, and no others.

    The ensemble for all, since it stands in wherever another was not chosen; in each class and pattern the model that beats it.
    """
    everyone = np.arange(weekly.keys.height)
    if ENSEMBLE not in made.estimates:
        return dict.fromkeys(made.estimates, everyone)
    rows: dict[str, list[np.ndarray]] = {}
    for _, _, _, member in _groups(weekly):
        winner = champion(found, ENSEMBLE, member, made.settings)
        if winner:
            rows.setdefault(winner, []).append(np.flatnonzero(member))
    return {ENSEMBLE: everyone} | {name: np.sort(np.concatenate(parts)) for name, parts in rows.items()}


def _groups(weekly: WeeklyPanel) -> list[tuple[str, str, str, np.ndarray]]:
    """Name, class, pattern and members (series,) of every segment that has any."""
    classes, patterns = weekly.keys["abc_class"].to_numpy(), weekly.keys["demand_pattern"].to_numpy()
    found = [
        (f"{abc} / {pattern}", abc, pattern, (classes == abc) & (patterns == pattern))
        for abc, pattern in product(np.unique(classes), np.unique(patterns))
    ]
    return [group for group in found if group[3].any()]


def _segment_metrics(
    made: Forecasts, estimate: Estimate, found: scores.SeriesScores, naive: scores.NaiveErrors, weekly: WeeklyPanel
) -> list[dict[str, object]]:
    """One dictionary per segment, all series first; segments without a series are left out."""
    workshop, series = made.fitted.workshop, weekly.keys.height
    seconds = {
        "training_seconds_per_series": _of_all(workshop.training_seconds, estimate.name) / series,
        "inference_seconds_per_series": _of_all(workshop.inference_seconds, estimate.name) / series,
    }
    groups: list[tuple[str, str | None, str | None, np.ndarray]] = [("all", None, None, np.ones(series, dtype=bool))]
    groups += _groups(weekly)
    origins = found.columns["origins"]
    return [
        {
            "segment": segment,
            "abc_class": abc,
            "demand_pattern": pattern,
            "series": int((origins[member] > 0).sum()),
            "origins": int(origins[member].sum()),
            **scores.segment_scores(made, estimate, found, naive, member),
            **seconds,
        }
        for segment, abc, pattern, member in groups
    ]


def _run_metrics(scored: dict[str, object], retrain: Retrain | None) -> dict[str, object]:
    """The scores over all series; of the best estimate also whether drift asks for new settings or models."""
    found = {k: v for k, v in scored.items() if isinstance(v, float) and np.isfinite(v) and "seconds" not in k}
    return found if retrain is None else {**found, "retrain_is_due": retrain.is_due, "retrain_reason": retrain.reason}


def _of_all(seconds: dict[str, float], name: str) -> float:
    return sum(seconds.values()) if name == ENSEMBLE else seconds.get(name, float("nan"))


def _learned(made: Forecasts, name: str) -> dict[str, object]:
    if name != ENSEMBLE:
        fitted = made.fitted.workshop.fitted.get(name)
        learned = getattr(fitted, "learned", {})
        return {k: v for k, v in learned.items() if "second" not in k}
    best = made.estimates[ENSEMBLE]
    return {
        "models": list(made.weights.names),
        "period_shares": best.period_shares.round(4).tolist(),
        "sum_shares": best.sum_shares.round(4).tolist(),
    }


def _artefacts(made: Forecasts) -> dict[str, Artefact]:
    found = {}
    for name, fitted in made.fitted.workshop.fitted.items():
        if hasattr(fitted, "booster"):
            found[name] = Artefact("lightgbm", fitted.booster)
        elif getattr(fitted, "network", None) is not None:
            found[name] = Artefact("tensors", fitted.network.state_dict())
    return found
