"""Gradient boosting of demand summed over several periods: its quantiles and its mean, directly.

Belongs here: models of sums, their training rows, what they foretell from any origin on. Does not belong here: single periods
(`boosting`), which of the answers is used (`engine`, `ml.replenishment.pooled`).

What plans do and the shape of the year are taken out before learning and put back over the periods summed (`plans`, `year`): a sum says little
of which period had which plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.forecasting import shared_level
from ml.forecasting.boosting import MEAN, Rows, capped, dataset, foretold, parameters, room, stacked, trained
from ml.forecasting.boosting_features import origin_features, sum_features
from ml.forecasting.panel import Panel
from ml.forecasting.plans import without_plans
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.shared_level import SharedLevel
from ml.forecasting.year import without_year

Array = NDArray[np.float64]

QUANTILE_LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Levels the sum's quantiles are fitted at; between them they are interpolated, beyond them not used."""
_REACH = 4.8
"""Rounds times learning rate."""

QUANTILES: tuple[dict[str, Any], ...] = tuple({"objective": "quantile", "alpha": level} for level in QUANTILE_LEVELS)
"""What `learn` is asked for to foretell QUANTILE_LEVELS."""


@dataclass(frozen=True)
class Sums:
    """Models of the demand summed over the first `lengths` periods from an origin on, and what their answers are in units of."""

    boosters: tuple[Any, ...]
    lengths: tuple[int, ...]
    level: SharedLevel
    settings: ForecastSettings

    def foretold(self, panel: Panel, end: int) -> Array:
        """What each model says from column `end` on, in units, (series, lengths, models); NaN where nothing can be said."""
        found = np.full((panel.series, len(self.lengths), len(self.boosters)), np.nan)
        plain, plans = without_plans(panel, end, max(self.lengths), self.settings)
        here, year = without_year(plain, end, max(self.lengths))
        factor = year * plans
        at, scale = np.flatnonzero(panel.can_train(end, self.settings)), self.level.scale(here, end)
        for begin in range(0, at.size, self.settings.chunk_series):
            part = at[begin : begin + self.settings.chunk_series]
            own, _ = origin_features(here, part, end, scale)
            for j, length in enumerate(self.lengths):
                rows = np.hstack([own, sum_features(here, part, end, length, scale)[0]])
                is_open = ~here.closed(end, end + length)[part]
                units = scale.units[part] * (factor[part, :length] * is_open).sum(axis=1)
                found[part, j] = np.column_stack(foretold(self.boosters, rows)) * units[:, None]
        return found


def learn(
    panel: Panel, fit_end: int, lengths: Sequence[int], settings: ForecastSettings, objectives: Sequence[dict[str, Any]]
) -> Sums | None:
    """A model per objective (MEAN, QUANTILES), from origins whose horizon ends by column `fit_end`; None where too little is known."""
    past = without_year(without_plans(panel, fit_end, max(lengths), settings)[0], fit_end, 0)[0]
    level = shared_level.learn(past, fit_end, max(lengths), settings)
    rows = training_rows(past, level, fit_end, lengths, settings)
    mean_target = capped(rows.target)
    if len(rows.target) < settings.boosting_min_rows // 2 or (MEAN in objectives and mean_target is None):
        return None
    rounds = settings.boosting_quantile_rounds
    shared = parameters(settings) | {
        "num_leaves": max(settings.boosting_leaves // 2, 4),
        "feature_fraction": 0.6,  # with as few as single periods look at, sums cost more
        # fewer rounds go as far by longer steps
        "learning_rate": min(_REACH / rounds, 0.2),
    }
    boosters: list[Any] = [None] * len(objectives)
    for is_mean, target in ((True, mean_target), (False, rows.target)):
        places = [place for place, objective in enumerate(objectives) if (objective == MEAN) == is_mean]
        if places:
            made = trained(dataset(rows, target), [shared | objectives[place] for place in places], rounds)
            for place, booster in zip(places, made, strict=True):
                boosters[place] = booster
    return Sums(tuple(boosters), tuple(lengths), level, settings)


def sum_quantiles(panel: Panel, fit_end: int, ends: Sequence[int], lengths: Sequence[int], settings: ForecastSettings) -> Array:
    """Quantiles of demand summed over the first `lengths` periods from each of `ends` on, NaN where nothing can be said.

    The models are learned once, from origins whose horizon ends by `fit_end`. Shape (series, ends, lengths, QUANTILE_LEVELS).
    """
    made = learn(panel, fit_end, lengths, settings, QUANTILES)
    if made is None:
        return np.full((panel.series, len(ends), len(lengths), len(QUANTILE_LEVELS)), np.nan)
    return np.maximum.accumulate(np.stack([made.foretold(panel, end) for end in ends], axis=1), axis=3)


def training_rows(panel: Panel, shared: SharedLevel, end: int, lengths: Sequence[int], settings: ForecastSettings) -> Rows:
    """A row per series, origin and length; the target is demand per open period, in units of the level."""
    origins = panel.learning_origins(end, max(lengths), settings, room(panel, end, len(lengths), settings))
    per_origin = max(1, settings.boosting_max_rows // max(len(origins) * len(lengths), 1))
    rows, targets, weights, names = [], [], [], ()
    for origin in origins:
        part, scale = panel.trainable(origin, settings, per_origin), shared.scale(panel, origin)
        level = scale.units[part]
        own, own_names = origin_features(panel, part, origin, scale)
        for length in lengths:
            more, more_names = sum_features(panel, part, origin, length, scale)
            inside = slice(origin, origin + length)
            is_open = ~panel.closed(origin, origin + length)[part]
            is_known = panel.is_in_stock[part, inside] | ~is_open
            keep = (is_known.mean(axis=1) >= settings.min_in_stock_share) & is_open.any(axis=1)
            units = (panel.training_units[part, inside] * is_open).sum(axis=1) / (level * np.maximum(is_open.sum(axis=1), 1))
            rows.append(np.hstack([own, more])[keep])
            targets.append(units[keep])
            weights.append(np.sqrt(level)[keep])
            names = own_names + more_names
    return stacked(rows, targets, weights, names)
