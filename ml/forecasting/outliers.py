"""Weeks that do not look like demand: a robust test for every week, an Isolation Forest for the suspicious ones.

Belongs here: the local level, the robust bounds, the forest, what a model is trained on instead.
Does not belong here: stock-outs (`series`), promotions and holidays themselves: the caller says which weeks have them.

Counts are compared on the scale 2 sqrt(units + 3/8), on which Poisson noise has a deviation of about 1 at any mean
(Anscombe 1948); a series' own deviation (MAD) takes its place where it is larger. A week is a robust outlier on the
high side where it is far above its local level AND far above the series' own usual sale (the median of its positive
weeks, on a log scale): a lumpy item that sells 40 twice a year is no outlier when it sells 40 again. It is one on the
low side where it is far below its level while in stock.

Nothing is deleted and no reading changes: only the units a model is trained on are capped at the bound, or raised to the lower one,
and only for a robust outlier outside promotions and holidays that stands alone. Neighbours that moved the same way are a new level;
the same week of another year that moved the same way is a season.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

TREATMENTS = (
    "none",
    "capped at the robust bound",
    "kept: promotion or holiday",
    "kept: neighbouring weeks moved the same way",
    "kept: same week of another year moved the same way",
    "kept: flagged by the isolation forest only",
    "raised to the robust bound",
)
"""What was done, by code."""
_CAPPED, _EVENT, _LEVEL, _SEASON, _FOREST, _RAISED = 1, 2, 3, 4, 5, 6
_NORMAL = 1.4826
"""Deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class OutlierSettings:
    """What counts as an outlier. Raises ValueError when out of range."""

    window_weeks: int = 13
    """Weeks of the local level, the tested week in the middle."""
    min_weeks: int = 8
    """In-stock weeks below which nothing is tested: there is no usual week yet."""
    min_sales: int = 4
    """Weeks with sales below which nothing is tested on the high side: there is no usual sale yet."""
    threshold: float = 3.4
    """Deviations from the local level that make an outlier, for a long history."""
    sale_threshold: float = 1.8
    """Deviations from the usual sale, on a log scale, that a high outlier must pass as well."""
    short_history: float = 2.5
    """Thresholds grow by this many parts in the number of weeks: a deviation from few weeks is itself uncertain."""
    season_weeks: int = 52
    """Distance of the same week of another year."""
    use_forest: bool = True
    """Whether the Isolation Forest runs."""
    candidate_threshold: float = 3.0
    """Deviations from which a week is shown to the forest."""
    forest_sample: int = 20_000
    """Weeks the forest is trained on, drawn at random."""
    forest_trees: int = 100
    forest_threshold: float = 0.65
    """Least score that the forest flags; 0.5 is a usual point, 1 one that a single cut isolates."""
    forest_share: float = 0.001
    """Largest share of all weeks that the forest may flag."""
    max_candidates: int = 200_000
    """Most extreme weeks the forest scores; beyond them a score says nothing new."""
    seed: int = 1
    chunk_series: int = 20_000
    """Series tested together; it does not change any result."""

    def __post_init__(self) -> None:
        if self.window_weeks < 5 or self.min_weeks < 4 or self.min_sales < 2 or self.chunk_series < 1:
            raise ValueError("window_weeks below 5, min_weeks below 4, min_sales below 2 or chunk_series below 1")
        if min(self.threshold, self.sale_threshold, self.candidate_threshold) <= 0:
            raise ValueError("thresholds must be positive")


@dataclass(frozen=True)
class Outliers:
    """Findings, each array (series, weeks); units except for the scores."""

    training_units: Array
    """What models are fitted to: the units, at the bound in capped and raised weeks."""
    expected_units: NDArray[np.float32]
    """Local level; 0 where nothing was tested."""
    robust_z: NDArray[np.float32]
    """Deviations above (below: negative) the local level; 0 where nothing was tested."""
    isolation_score: NDArray[np.float32]
    """NaN where the forest was not asked."""
    is_robust_outlier: Flags
    is_isolation_outlier: Flags
    treatment: NDArray[np.int8]
    """Index into TREATMENTS."""


def find_outliers(
    units: Array,
    start: NDArray[np.int64],
    is_in_stock: Flags,
    is_event: Flags | None = None,
    settings: OutlierSettings | None = None,
) -> Outliers:
    """Test every week from `start` on. `is_event` marks promotion and holiday weeks; None: none is known."""
    settings = settings or OutlierSettings()
    series, weeks = units.shape
    event = np.zeros((1, weeks), dtype=bool) if is_event is None else is_event
    training = units.copy()
    expected, z = (np.zeros((series, weeks), dtype=np.float32) for _ in range(2))
    robust, treatment = np.zeros((series, weeks), dtype=bool), np.zeros((series, weeks), dtype=np.int8)
    for begin in range(0, series, settings.chunk_series):
        part = slice(begin, begin + settings.chunk_series)
        own = event if event.shape[0] == 1 else event[part]
        expected[part], z[part], robust[part], treatment[part], training[part] = _robust(
            units[part], start[part], is_in_stock[part], own, settings
        )
    score = np.full((series, weeks), np.nan, dtype=np.float32)
    isolated = np.zeros((series, weeks), dtype=bool)
    if settings.use_forest:
        row, column, found, least = _forest(units, start, expected, z, settings)
        score[row, column] = found
        isolated[row, column] = found >= least
        treatment[isolated & (treatment == 0)] = _FOREST
    return Outliers(training, expected, z, score, robust, isolated, treatment)


def outlier_rows(found: Outliers, sold: Array, demand: Array, keys: pl.DataFrame, last_week: date) -> pl.DataFrame:
    """The frame demand_outliers without its stamp: one row per flagged week; row i of `keys` is series i.

    `demand` (series, weeks) is what was tested: sales, and what a stock-out kept from being sold.
    """
    row, column = np.nonzero(found.is_robust_outlier | found.is_isolation_outlier)
    weeks = sold.shape[1]
    days = np.array([last_week - timedelta(days=7 * (weeks - 1 - k)) for k in range(weeks)], dtype="datetime64[D]")
    names = np.array(TREATMENTS)
    return pl.DataFrame(
        {
            "item_id": keys["item_id"].to_numpy()[row].astype(np.int32),
            "location_id": keys["location_id"].to_numpy()[row].astype(np.int32),
            "week_start_date": pl.Series(days[column]).cast(pl.Date),
            "sold_units": sold[row, column],
            "demand_units": demand[row, column],
            "expected_units": found.expected_units[row, column].astype(np.float64),
            "robust_z": found.robust_z[row, column].astype(np.float64),
            "isolation_score": pl.Series(found.isolation_score[row, column].astype(np.float64)).fill_nan(None),
            "is_robust_outlier": found.is_robust_outlier[row, column],
            "is_isolation_outlier": found.is_isolation_outlier[row, column],
            "training_units": found.training_units[row, column],
            "treatment": pl.Series(names[found.treatment[row, column]], dtype=pl.String),
        }
    )


def _root(units: NDArray) -> NDArray[np.float32]:
    return (2.0 * np.sqrt(np.maximum(units, 0.0) + 0.375)).astype(np.float32)


def _unroot(value: NDArray) -> NDArray:
    return np.maximum(np.square(value / 2.0) - 0.375, 0.0)


def _median(values: NDArray[np.float32], used: Flags) -> NDArray[np.float32]:
    """Median of the used values along the last axis; 0 where none is used. Much faster than nanmedian."""
    ordered = np.sort(np.where(used, values, np.float32(np.inf)), axis=-1)
    count = used.sum(axis=-1)
    low, high = np.maximum((count - 1) // 2, 0)[..., None], np.minimum(count // 2, values.shape[-1] - 1)[..., None]
    middle = (np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1))[..., 0] / 2
    return np.where(count > 0, middle, np.float32(0))


def _trimmed_deviation(gap: NDArray[np.float32], used: Flags) -> NDArray[np.float32]:
    """Root mean square of the gaps without the largest (one, and one more per 26): half of skewed demand says too little."""
    ordered = np.sort(np.where(used, gap, np.float32(np.inf)), axis=1)
    kept = used.sum(axis=1) * 25 // 26 - 1
    is_kept = np.arange(gap.shape[1]) < kept[:, None]
    return np.sqrt(np.square(np.where(is_kept, ordered, np.float32(0))).sum(axis=1) / np.maximum(kept, 1)).astype(np.float32)


def _robust(units: Array, start: NDArray[np.int64], in_stock: Flags, event: Flags, settings: OutlierSettings):
    """Local level, z, flags, treatment and training units of one chunk of series."""
    weeks = units.shape[1]
    in_history = np.arange(weeks) >= start[:, None]
    usual = in_history & in_stock
    root = _root(units)
    level = np.empty_like(root)
    half = settings.window_weeks // 2
    for week in range(weeks):
        begin = min(max(week - half, 0), max(weeks - settings.window_weeks, 0))
        window = slice(begin, begin + settings.window_weeks)
        level[:, week] = _median(root[:, window], usual[:, window])

    count = usual.sum(axis=1)
    gap = np.abs(root - level)
    deviation = np.maximum(np.maximum(_NORMAL * _median(gap, usual), _trimmed_deviation(gap, usual)), np.float32(1.0))
    factor = (1.0 + settings.short_history / np.maximum(count, 1)).astype(np.float32)
    is_tested = in_history & (count >= settings.min_weeks)[:, None]
    z = np.where(is_tested, (root - level) / deviation[:, None], np.float32(0))

    sold = usual & (units > 0)
    sales = sold.sum(axis=1)
    log_units = np.log(np.maximum(units, 1e-9)).astype(np.float32)
    usual_sale = _median(log_units, sold)
    # Poisson noise about a mean m has a deviation of about 1 / sqrt(m) on the log scale
    spread = np.maximum(_NORMAL * _median(np.abs(log_units - usual_sale[:, None]), sold), np.exp(-usual_sale / 2).clip(0.1, 1.0))
    high_root = level + (settings.threshold * factor * deviation)[:, None]
    high_sale = np.exp(np.minimum(usual_sale + settings.sale_threshold * factor * spread, 50.0))[:, None]
    high = np.maximum(_unroot(high_root), high_sale)
    low = _unroot(np.maximum(level - (settings.threshold * factor * deviation)[:, None], 0.0))
    is_high = is_tested & (units > high) & (sales >= settings.min_sales)[:, None]
    is_low = is_tested & in_stock & (units < low)
    robust = is_high | is_low

    side = np.where(is_high, 1, np.where(is_low, -1, 0)).astype(np.int8)
    has_moved = np.where(z > settings.candidate_threshold, 1, np.where(z < -settings.candidate_threshold, -1, 0)).astype(np.int8)
    before, after = _shifted(has_moved, 1), _shifted(has_moved, -1)
    year = settings.season_weeks
    other_years = [_shifted(has_moved, shift) for shift in (year - 1, year, year + 1, -year - 1, -year, 1 - year)]
    treatment = np.where(is_high, _CAPPED, np.where(is_low, _RAISED, 0)).astype(np.int8)
    treatment[robust & np.any([other == side for other in other_years], axis=0)] = _SEASON
    treatment[robust & ((before == side) | (after == side))] = _LEVEL
    treatment[robust & event] = _EVENT
    training = np.where(treatment == _CAPPED, high, np.where(treatment == _RAISED, low, units))
    return np.where(is_tested, _unroot(level), 0.0), z, robust, treatment, training


def _shifted(values: NDArray, by: int) -> NDArray:
    """Values `by` columns earlier, 0 where there is none."""
    result = np.zeros_like(values)
    if abs(by) < values.shape[1]:
        if by > 0:
            result[:, by:] = values[:, :-by]
        else:
            result[:, :by] = values[:, -by:]
    return result


def _features(units: Array, row: NDArray, column: NDArray, expected: NDArray, z: NDArray, chain: Array) -> NDArray[np.float32]:
    """What the forest sees of a week: ratio to its level, jump from the week before, z, share of the chain's week."""
    value, level = units[row, column], expected[row, column]
    before = units[row, np.maximum(column - 1, 0)]
    share = np.log((value + 1) / (level + 1)) - np.log(chain[column])
    return np.column_stack([np.log((value + 1) / (level + 1)), _root(value) - _root(before), z[row, column], share]).astype(
        np.float32
    )


def _forest(units: Array, start: NDArray[np.int64], expected: NDArray, z: NDArray, settings: OutlierSettings):
    """Candidate weeks, their scores and the least that is flagged. The forest learns from a random sample of all weeks."""
    from sklearn.ensemble import IsolationForest

    row, column = np.nonzero(np.abs(z) >= settings.candidate_threshold)
    weeks = units.shape[1]
    history = np.maximum(weeks - start, 0)
    total = int(history.sum())
    if row.size == 0 or total < 2 * settings.min_weeks:
        return row[:0], column[:0], np.empty(0, dtype=np.float32), settings.forest_threshold
    if row.size > settings.max_candidates:
        extreme = np.sort(np.argsort(-np.abs(z[row, column]), kind="stable")[: settings.max_candidates])
        row, column = row[extreme], column[extreme]
    random = np.random.default_rng(settings.seed)
    drawn = np.sort(random.choice(total, min(total, settings.forest_sample), replace=False))
    last = np.cumsum(history)
    sample_row = np.searchsorted(last, drawn, side="right")
    sample_column = weeks - (last[sample_row] - drawn)
    chain = (units.sum(axis=0) + 1) / (expected.sum(axis=0, dtype=np.float64) + 1)
    forest = IsolationForest(n_estimators=settings.forest_trees, random_state=settings.seed, n_jobs=1)
    forest.fit(_features(units, sample_row, sample_column, expected, z, chain))
    scores = -forest.score_samples(_features(units, row, column, expected, z, chain))
    flagged = max(int(settings.forest_share * total), 1)
    least = np.sort(scores)[-min(flagged, scores.size)]
    return row, column, scores.astype(np.float32), max(float(least), settings.forest_threshold)
