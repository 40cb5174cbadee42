"""From arrays of series to the windows a network reads. Needs torch: import it inside functions.

Belongs here: scaling, padding, masks, seasonal lags, known features, and which windows are trained on.
Does not belong here: networks, losses, the training loop.

A window is `input` periods before an origin and `horizon` periods from it on. It is scaled by the series' own mean as
known at the origin, so nothing after the origin reaches the input, in training as in forecasting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.forecasting.neural_shared import Arrays

Array = NDArray[np.float64]

SEASONAL_LAGS = 4
PRIOR_PERIODS = 4.0
"""Weight, in periods, of the whole history's mean beside the window's in the scale."""
WINDOW_FACTS = 4
"""Static facts computed at each origin: volume, share of periods with demand, whole history against window, age."""


@dataclass(frozen=True)
class Layout:
    """Shape of a window, and the mean and deviation by which its features are brought to one size."""

    input: int
    horizon: int
    season: int
    calendar_mean: list[float]
    calendar_deviation: list[float]
    exogenous_mean: list[float]
    exogenous_deviation: list[float]
    static_mean: list[float]
    static_deviation: list[float]

    @property
    def lags(self) -> list[int]:
        """Seasonal distances long enough to be known over the whole horizon; none without a season."""
        first = -(-self.horizon // self.season) * self.season
        return [first + self.season * i for i in range(SEASONAL_LAGS)] if self.season > 1 else []

    @property
    def known(self) -> int:
        """Known features of a period: calendar, exogenous twice (level and against the own mean), lags, step ahead."""
        return len(self.calendar_mean) + 2 * len(self.exogenous_mean) + (2 if self.season > 1 else 0) + 1

    @property
    def static(self) -> int:
        return len(self.static_mean) + WINDOW_FACTS


@dataclass(frozen=True)
class Windows:
    """A batch of windows, first axis the window."""

    past: Tensor
    """Scaled demand, asinh of units over scale, (windows, input)."""
    seen: Tensor
    """1 where the period is history, (windows, input)."""
    known: Tensor
    """Known features, (windows, input + horizon, known)."""
    static: Tensor
    """(windows, static)."""
    scale: Tensor
    """Units that are 1 to the network, (windows, 1); 0 where nothing was ever sold."""
    target: Tensor
    """Units over scale, (windows, horizon)."""
    counts: Tensor
    """1 where the target is known and may be learned from, (windows, horizon)."""


def layout_of(data: Arrays, horizon: int, season: int, input_periods: int) -> Layout:
    """The layout for these features. A column that never varies has deviation 0 and is left out of account."""

    def moments(values: Array | None) -> tuple[list[float], list[float]]:
        if values is None:
            return [], []
        flat = np.asarray(values, dtype=np.float64).reshape(-1, values.shape[-1])
        flat = np.where(np.isfinite(flat), flat, np.nan)
        count = np.maximum(np.isfinite(flat).sum(axis=0), 1)
        mean = np.nansum(flat, axis=0) / count
        deviation = np.sqrt(np.nansum((flat - mean) ** 2, axis=0) / count)
        return mean.tolist(), np.where(deviation > 1e-9, deviation, 0.0).tolist()

    return Layout(input_periods, horizon, season, *moments(data.calendar), *moments(data.exogenous), *moments(data.static))


class SeriesTensors:
    """A set of series on one device, from which windows are cut."""

    def __init__(self, layout: Layout, data: Arrays, device: torch.device) -> None:
        self.layout = layout
        self.series, self.periods = data.units.shape
        seen = data.history()
        clean = np.where(seen, np.maximum(data.units, 0.0), 0.0)
        pad = ((0, 0), (layout.input, layout.horizon))

        def tensor(values: NDArray[np.generic]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)

        def running(values: NDArray[np.generic]) -> Tensor:
            return tensor(np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0))))

        self.start = torch.from_numpy(np.asarray(data.start, dtype=np.int64)).to(device)
        self.units, self.seen = tensor(np.pad(clean, pad)), tensor(np.pad(seen, pad))
        self.total, self.count, self.active = running(clean), running(seen), running(clean > 0)
        self.calendar = self.exogenous = self.static = None
        shared = _standard(data.calendar, layout.calendar_mean, layout.calendar_deviation)
        if shared is not None:
            self.calendar = tensor(np.pad(shared, ((layout.input, 0), (0, 0))))
        own = _standard(data.exogenous, layout.exogenous_mean, layout.exogenous_deviation)
        if own is not None:
            count = np.maximum(seen.sum(axis=1), 1)[:, None, None]
            own_mean = np.where(seen[:, :, None], own[:, : self.periods], 0.0).sum(axis=1, keepdims=True) / count
            both = np.concatenate([own, own - own_mean], axis=2)
            self.exogenous = tensor(np.pad(both, ((0, 0), (layout.input, 0), (0, 0))))
        static = _standard(data.static, layout.static_mean, layout.static_deviation)
        if static is not None:
            self.static = tensor(static)

    def windows(self, rows: Tensor, origin: Tensor, end: int) -> Windows:
        """Windows of the series `rows` (windows,) whose horizon begins at columns `origin`; targets before `end` count."""
        layout, inputs = self.layout, self.layout.input
        ahead = torch.arange(inputs + layout.horizon, device=rows.device)
        column = origin[:, None] + ahead
        row = rows[:, None]
        units, seen = self.units[row, column], self.seen[row, column]
        scale, facts = self._facts(rows, origin)
        unit = torch.where(scale > 0, scale, 1.0)
        step = (ahead - inputs + 1).clamp(min=0) / layout.horizon
        known = [step.expand(len(rows), -1).unsqueeze(-1)]
        if self.calendar is not None:
            known.append(self.calendar[column])
        if self.exogenous is not None:
            known.append(self.exogenous[row, column])
        if layout.lags:
            known.append(self._seasonal(row, column, unit))
        static = facts if self.static is None else torch.cat([self.static[rows], facts], dim=1)
        inside = seen[:, inputs:] * (column[:, inputs:] - inputs < end) * (scale > 0)
        past = torch.asinh(units[:, :inputs] / unit)
        return Windows(past, seen[:, :inputs], torch.cat(known, dim=-1), static, scale, units[:, inputs:] / unit, inside)

    def _facts(self, rows: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Scale in units, (windows, 1), and the facts of the windows, (windows, WINDOW_FACTS), as known at the origin."""
        first = (origin - self.layout.input).clamp(min=0)
        total, count = self.total[rows, origin], self.count[rows, origin]
        mean = total / count.clamp(min=1)
        recent = total - self.total[rows, first]
        periods = count - self.count[rows, first]
        scale = (recent + PRIOR_PERIODS * mean) / (periods + PRIOR_PERIODS)
        volume = torch.log(scale.clamp(min=1e-4)) / 4
        share = self.active[rows, origin] / count.clamp(min=1)
        age = torch.log1p(count.clamp(max=self.layout.input)) / 4  # an age beyond those trained on would be extrapolated
        level = torch.log1p(mean / scale.clamp(min=1e-4)) - math.log(2)  # 0 where the window sells as the whole history
        return scale[:, None], torch.stack([volume, share, level, age], dim=1)

    def _seasonal(self, row: Tensor, column: Tensor, unit: Tensor) -> Tensor:
        """Demand one season back and its mean over several seasons, asinh of units over scale; 0 where not known."""
        total, count = torch.zeros_like(column, dtype=unit.dtype), torch.zeros_like(column, dtype=unit.dtype)
        last = total
        for i, lag in enumerate(self.layout.lags):
            back = (column - lag).clamp(min=0)  # column 0 is padding: not seen
            total = total + self.units[row, back]
            count = count + self.seen[row, back]
            last = total if i == 0 else last
        mean = total / count.clamp(min=1)
        return torch.stack([torch.asinh(last / unit), torch.asinh(mean / unit)], dim=-1)


def _standard(values: Array | None, mean: list[float], deviation: list[float]) -> Array | None:
    """Values less their mean over their deviation; 0 where the value is missing or the column never varied."""
    given = 0 if values is None else values.shape[-1]
    if given != len(mean):
        raise ValueError(f"fitted with {len(mean)} features of a kind, now given {given}")
    if values is None:
        return None
    spread = np.asarray(deviation)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(spread > 0, (values - np.asarray(mean)) / np.where(spread > 0, spread, 1.0), 0.0)
    return np.clip(np.where(np.isfinite(scaled), scaled, 0.0), -8.0, 8.0)


def training_rows(data: Arrays, most: int, seed: int) -> NDArray[np.int64]:
    """Series to train on: at least two periods and any demand; at most `most`, one drawn from each class of volume."""
    inside = data.history()
    volume = np.where(inside, data.units, 0.0).sum(axis=1)
    usable = np.flatnonzero((inside.sum(axis=1) >= 2) & (volume > 0))
    if len(usable) <= most:
        return usable
    by_volume = usable[np.argsort(volume[usable], kind="stable")]
    random = np.random.default_rng(seed)
    return np.sort(np.array([random.choice(part) for part in np.array_split(by_volume, most)]))
