"""From a panel to distributions: fit, backtest, weigh, calibrate.

Belongs here: the order of these steps, and what one model, or their ensemble, says about every series.
Does not belong here: frames and keys (`door`, `run`), the mathematics of each step (`ensemble`, `calibration`, `distribution`).

The ensemble's distribution is the plain average of up to three quantile functions: around its centre, around boosting's models, and, for
sums, boosting's direct quantiles. Averaging quantiles keeps the shape and cancels the errors of the parts.
Calibration pools all series and origins, so a series' own past error hardly enters its own quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ml.forecasting import backtest
from ml.forecasting.backtest import Backtest, Fitted, Progress
from ml.forecasting.boosting_sums import QUANTILE_LEVELS, sum_quantiles
from ml.forecasting.calibration import (
    ErrorShape,
    Segments,
    VarianceLaw,
    dispersion,
    error_shape,
    variance_law,
)
from ml.forecasting.distribution import simple_quantiles_units
from ml.forecasting.ensemble import Weights, learn_weights
from ml.forecasting.models import BOOSTING, ENSEMBLE, REGISTRY, chosen_models
from ml.forecasting.panel import PATTERNS, Panel, demand_pattern
from ml.forecasting.settings import GRID, ForecastSettings

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Centre:
    """One path with the spread around it, for the past origins and from now on."""

    path: Array
    """(series, horizon)."""
    past: Array
    """(tested series, origins, scored horizon)."""
    period_law: VarianceLaw
    sum_law: VarianceLaw
    period_errors: ErrorShape | None
    sum_errors: tuple[ErrorShape | None, ...]
    """Per number of periods summed, up to the scored horizon."""


@dataclass(frozen=True)
class Direct:
    """Boosting's quantiles of the sum of `lengths` periods: (series, [origins,] lengths, QUANTILE_LEVELS), NaN where unknown."""

    lengths: tuple[int, ...]
    now: Array
    past: Array


@dataclass(frozen=True)
class Estimate:
    """What one model, or the ensemble, says about every series."""

    name: str
    path: Array
    """Published mean of each period, (series, horizon)."""
    past: Array
    """The same at the past origins, (tested series, origins, scored horizon)."""
    centres: tuple[Centre, ...]
    was_said: NDArray[np.bool_]
    """The model spoke for itself; elsewhere a simpler one stood in, (series,)."""
    period_shares: Array
    """Share of each centre in the distribution of a period; they sum to 1."""
    sum_shares: Array
    """Shares in the distribution of a sum, that of `direct` last where there is one."""
    direct: Direct | None = None


@dataclass(frozen=True)
class StandIns:
    """Distributions of series that no model speaks for."""

    row: Rows
    """(series,): row in the arrays below, -1 for all other series."""
    mean: Array
    """(series without a model, horizon) units a period."""
    sum_variance: Array
    """(series without a model, horizon), of demand summed over the first periods."""


@dataclass(frozen=True)
class Forecasts:
    """All estimates of a run and what they were made from."""

    panel: Panel
    settings: ForecastSettings
    horizon: int
    segments: Segments
    tested: Backtest
    fitted: Fitted
    weights: Weights
    estimates: dict[str, Estimate]
    phi: Array
    """Variance-to-mean ratio of a period now, (series,)."""
    phi_past: Array
    """At the past origins, (tested series, origins)."""
    stand_ins: StandIns | None = None

    @cached_property
    def is_whole_units(self) -> NDArray[np.bool_]:
        return self.panel.is_whole_units

    @property
    def best(self) -> Estimate:
        """The ensemble, or the only model that was asked for."""
        return self.estimates[ENSEMBLE] if ENSEMBLE in self.estimates else next(iter(self.estimates.values()))

    def period_quantiles(self, estimate: Estimate, rows: Rows, origin: int | None = None) -> Array:
        """Quantiles of each period on the GRID, (rows, horizon, levels); of a past origin where one is given.

        With an `origin`, `rows` count the tested series, else all.
        """
        return self._quantiles(estimate, rows, origin, None, is_sum=False)

    def sum_quantiles(
        self, estimate: Estimate, rows: Rows, origin: int | None = None, lengths: NDArray[np.int64] | None = None
    ) -> Array:
        """Quantiles of the sum up to and with each period on the GRID, (rows, horizon, levels).

        With `lengths` (rows,), only of the sum of so many periods for each row: (rows, 1, levels).
        """
        return self._quantiles(estimate, rows, origin, lengths, is_sum=True)

    def published(self, quantiles: Array, rows: Rows) -> Array:
        """Quantiles (rows, ...) of series `rows` as they are said: to the nearest unit where all sales of a series are whole.

        An average of whole quantiles is none: a low end of 0.1 would say that no sale at all is less than expected.
        """
        is_whole = self.is_whole_units[rows].reshape(-1, *(1,) * (quantiles.ndim - 1))
        return np.where(is_whole, np.rint(quantiles), quantiles)

    def _quantiles(
        self, estimate: Estimate, rows: Rows, origin: int | None, lengths: NDArray[np.int64] | None, *, is_sum: bool
    ) -> Array:
        shares = estimate.sum_shares if is_sum else estimate.period_shares
        total: Array | float = 0.0
        for share, centre in zip(shares, estimate.centres, strict=False):
            if share > 0:
                total = total + share * self.centre_quantiles(centre, rows, origin, lengths, is_sum=is_sum)
        if is_sum and estimate.direct is not None and shares[-1] > 0:
            total = total + shares[-1] * self.direct_quantiles(estimate, rows, origin, lengths)
        total = np.asarray(total)
        total = self._with_stand_ins(total, rows, is_sum) if origin is None and lengths is None else total
        if not is_sum and self.panel.is_closed is not None:
            first = self.panel.periods if origin is None else self.tested.origins[origin]
            series = rows if origin is None else self.tested.rows[rows]
            total = total * ~self.panel.closed(first, first + total.shape[1])[series][:, :, None]
        return np.maximum.accumulate(total, axis=2)

    def _segment(self, rows: Rows, origin: int | None) -> NDArray[np.int64]:
        return self.segments.code[rows if origin is None else self.tested.rows[rows]]

    def _with_stand_ins(self, total: Array, rows: Rows, is_sum: bool) -> Array:
        """Put the distributions of series that no model speaks for in the place of what models say."""
        if self.stand_ins is None:
            return total
        at = self.stand_ins.row[rows]
        own = np.flatnonzero(at >= 0)
        if not own.size:
            return total
        mean, variance = self.stand_ins.mean[at[own]], self.stand_ins.sum_variance[at[own]]
        if is_sum:
            mean = mean.cumsum(axis=1)
        else:
            # the errors of one launch go together: a period has at least its share of the whole
            variance = np.maximum(np.diff(variance, axis=1, prepend=0.0), mean)
        whole = np.repeat(self.is_whole_units[rows[own]], mean.shape[1])
        flat = simple_quantiles_units(mean.ravel(), variance.ravel(), whole, np.array(GRID), self.settings.lattice_points)
        total = total.copy()
        total[own] = flat.reshape(*mean.shape, len(GRID))
        return total

    def centre_quantiles(
        self, centre: Centre, rows: Rows, origin: int | None, lengths: NDArray[np.int64] | None = None, *, is_sum: bool
    ) -> Array:
        """Quantiles around one centre, (rows, horizon or 1, levels): the mean of law and empirical errors, or the law alone."""
        phi = self.phi[rows] if origin is None else self.phi_past[rows, origin]
        path = centre.path[rows] if origin is None else centre.past[rows, origin]
        mean = path.cumsum(axis=1) if is_sum else path
        law = centre.sum_law if is_sum else centre.period_law
        variance = law.variance(self._segment(rows, origin), phi, mean)
        step = np.broadcast_to(np.arange(mean.shape[1]), mean.shape)
        if lengths is not None:
            step = (lengths - 1)[:, None]
            mean, variance = np.take_along_axis(mean, step, axis=1), np.take_along_axis(variance, step, axis=1)
        series = rows if origin is None else self.tested.rows[rows]
        whole = np.repeat(self.is_whole_units[series], mean.shape[1])
        levels = np.array(GRID)
        flat = simple_quantiles_units(mean.ravel(), variance.ravel(), whole, levels, self.settings.lattice_points)
        result = flat.reshape(*mean.shape, len(levels))
        errors = centre.sum_errors if is_sum else (centre.period_errors,)
        for k in range(len(errors)):
            shape = errors[k]
            here = step >= 0 if len(errors) == 1 else (step == k if k < len(errors) - 1 else step >= k)
            if shape is not None and here.any():
                result[here] = (result[here] + shape.quantiles(mean[here], variance[here])) / 2
        return result

    def direct_quantiles(
        self, estimate: Estimate, rows: Rows, origin: int | None, lengths: NDArray[np.int64] | None = None
    ) -> Array:
        """Boosting's quantiles of sums on the GRID, (rows, horizon, levels).

        Between the lengths it was asked for they are interpolated, beyond them they grow like the mean. Outside its outermost
        levels, and where it says nothing, the first centre's quantiles go on, moved to meet it.
        """
        assert estimate.direct is not None
        result = self.centre_quantiles(estimate.centres[0], rows, origin, lengths, is_sum=True)
        own = estimate.direct.now[rows] if origin is None else estimate.direct.past[rows, origin]
        known = np.isfinite(own).all(axis=(1, 2))
        levels, fitted = np.array(GRID), np.array(QUANTILE_LEVELS)
        inside = np.flatnonzero((levels >= fitted[0]) & (levels <= fitted[-1]))
        asked = np.array((0, *estimate.direct.lengths), dtype=np.float64)
        padded = np.concatenate([np.zeros((len(own), 1, own.shape[2])), own], axis=1)
        position = np.clip(np.searchsorted(fitted, levels[inside]), 1, len(fitted) - 1)
        weight = (levels[inside] - fitted[position - 1]) / (fitted[position] - fitted[position - 1])
        for k in range(result.shape[1]):
            length = np.full(len(rows), k + 1) if lengths is None else lengths
            at = np.minimum(length, asked[-1])
            right = np.searchsorted(asked, at)
            share = ((at - asked[right - 1]) / (asked[right] - asked[right - 1]))[:, None]
            every = np.arange(len(rows))
            found = ((1 - share) * padded[every, right - 1] + share * padded[every, right]) * (length / at)[:, None]
            spread = found[:, position - 1] * (1 - weight) + found[:, position] * weight
            here = result[:, k].copy()
            low, high = spread[:, :1] - here[:, inside[:1]], spread[:, -1:] - here[:, inside[-1:]]
            moved = np.hstack([here[:, : inside[0]] + low, spread, here[:, inside[-1] + 1 :] + high])
            result[known, k] = np.maximum(moved, 0.0)[known]
        return result


def estimate_all(
    panel: Panel,
    horizon: int,
    settings: ForecastSettings,
    *,
    segments: Segments | None = None,
    singles: bool = False,
    sum_lengths: Sequence[int] = (),
    report: Progress | None = None,
) -> Forecasts:
    """Fit the models of the settings, and calibrate their ensemble (and, with `singles`, each of them).

    `segments` are the pools for weights and calibration; by default the demand patterns. `sum_lengths` asks boosting for direct
    quantiles of sums of so many periods. Where one model alone is asked for, it is the only estimate.
    """
    report = report or (lambda step, share: None)
    segments = segments or Segments(demand_pattern(panel, panel.periods), PATTERNS)
    names = chosen_models(panel, horizon, settings)
    tested, fitted = backtest.run(names, panel, horizon, settings, report)
    past_panel = panel if len(tested.rows) == panel.series else panel.take(tested.rows)
    past_segments = Segments(segments.code[tested.rows], segments.names)

    def at_origins(value: Callable[[int], Array]) -> Array:
        return np.stack([value(o) for o in tested.origins], axis=1) if tested.origins else np.zeros((len(tested.rows), 0))

    level = at_origins(past_panel.level_units)
    sale = at_origins(past_panel.sale_units)
    medians = [name for name in names if not REGISTRY[name].is_mean]
    weights = learn_weights(tested, level, sale, past_segments.code, len(segments.names), settings, medians)
    phi = dispersion(panel, panel.periods, segments, settings)
    phi_past = at_origins(lambda origin: dispersion(past_panel, origin, past_segments, settings))
    base = Forecasts(panel, settings, horizon, segments, tested, fitted, weights, {}, phi, phi_past)

    def calibrated(path: Array, past: Array) -> Centre:
        return _centre(path, past, tested, past_segments, phi_past, settings)

    estimates: dict[str, Estimate] = {}
    wanted = [name for name in names if (singles and REGISTRY[name].is_mean) or len(names) == 1]
    trees = [name for name in names if name in BOOSTING and REGISTRY[name].is_mean]
    alone = {name: calibrated(fitted.paths[name], tested.paths[name]) for name in dict.fromkeys((*wanted, *trees))}
    if len(names) > 1:
        report("calibration", 0.9)
        middle, median = (weights.combine(fitted.paths, segments.code, w) for w in (weights.squared, weights.absolute))
        past_middle, past_median = (
            weights.combine(tested.paths, past_segments.code, w) for w in (weights.squared, weights.absolute)
        )
        centres = (calibrated(middle, past_middle), *(alone[name] for name in trees))
        direct = _direct(panel, past_panel, tested, sum_lengths, settings) if trees else None
        # the median of slow demand is no demand at all: there only the mean is worth showing
        blend = np.array([0.0 if name in ("intermittent", "none") else settings.absolute_share for name in segments.names])
        path = _blended(middle, median, blend[segments.code])
        past = _blended(past_middle, past_median, blend[past_segments.code])
        said = np.any(list(fitted.was_said.values()), axis=0)
        shares = _equal_shares(1, len(trees)), _equal_shares(1, len(trees), 1 if direct else 0)
        estimates[ENSEMBLE] = Estimate(ENSEMBLE, path, past, centres, said, *shares, direct)
    one = np.ones(1)
    for name in wanted:
        centre = alone[name]
        estimates[name] = Estimate(name, centre.path, centre.past, (centre,), fitted.was_said[name], one, one)
    report("done", 1.0)
    return replace(base, estimates=estimates)


def _blended(mean: Array, median: Array, share: Array) -> Array:
    share = share.reshape(-1, *[1] * (mean.ndim - 1))
    return (1 - share) * mean + share * median


def _direct(
    panel: Panel, past_panel: Panel, tested: Backtest, lengths: Sequence[int], settings: ForecastSettings
) -> Direct | None:
    lengths = tuple(sorted({min(length, tested.horizon) for length in lengths}))
    if not lengths or not tested.origins:
        return None
    past = sum_quantiles(past_panel, tested.origins[0], tested.origins, lengths, settings)
    now = sum_quantiles(panel, panel.periods, (panel.periods,), lengths, settings)[:, 0]
    return Direct(lengths, now, past) if np.isfinite(now).any() and np.isfinite(past).any() else None


def _equal_shares(*sizes: int) -> Array:
    """Parts of so many quantile functions count alike, and the functions of a part alike: (sum of sizes,)."""
    inside = [size for size in sizes if size]
    return np.concatenate([np.full(size, 1 / (size * len(inside))) for size in inside])


def _centre(
    path: Array, past: Array, tested: Backtest, segments: Segments, phi_past: Array, settings: ForecastSettings
) -> Centre:
    sum_mean, sum_units = past.cumsum(axis=2), tested.units.cumsum(axis=2)
    period_law = variance_law(past, tested.units, phi_past, tested.period_valid, segments, settings)
    sum_law = variance_law(sum_mean, sum_units, phi_past, tested.sum_valid, segments, settings)
    if not tested.origins:
        return Centre(path, past, period_law, sum_law, None, ())
    period_variance, sum_variance = np.empty_like(past), np.empty_like(past)
    for j in range(len(tested.origins)):
        period_variance[:, j] = period_law.variance(segments.code, phi_past[:, j], past[:, j])
        sum_variance[:, j] = sum_law.variance(segments.code, phi_past[:, j], sum_mean[:, j])
    period_errors = error_shape(past, period_variance, tested.units, tested.period_valid, settings)
    sum_errors = tuple(
        error_shape(sum_mean[:, :, k], sum_variance[:, :, k], sum_units[:, :, k], tested.sum_valid[:, :, k], settings)
        for k in range(tested.horizon)
    )
    return Centre(path, past, period_law, sum_law, period_errors, sum_errors)


def at_levels(quantiles: Array, levels: Sequence[float]) -> Array:
    """Quantiles on the GRID, (..., grid), at any `levels` in (0, 1): (..., levels). Beyond the grid its ends stand."""
    wanted = np.asarray(levels, dtype=np.float64)
    grid = np.array(GRID)
    right = np.clip(np.searchsorted(grid, wanted), 1, len(grid) - 1)
    share = np.clip((wanted - grid[right - 1]) / (grid[right] - grid[right - 1]), 0.0, 1.0)
    low, high = quantiles[..., right - 1], quantiles[..., right]
    # never a last digit above the upper one: quantiles stay in order
    return np.minimum(low + (high - low) * share, high)
