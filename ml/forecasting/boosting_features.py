"""What boosting reads of a series at an origin, in units of its level.

Belongs here: features of the series so far, of one period ahead, of several periods summed. Does not belong here: which origins and steps are
learned from, LightGBM.

Features of an origin read columns before it, and what is known ahead at the target period.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.panel import Panel
from ml.forecasting.shared_level import Scale

Array = NDArray[np.float64]


def origin_features(
    panel: Panel, part: NDArray[np.int64], origin: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What is known of the series at the origin, in units of its level: (series, features), and their names."""
    demand, start, season = panel.training_units[part, :origin], panel.start[part], panel.season
    level = scale.units[part]
    age = (origin - start).astype(np.float64)
    columns: list[Array] = []
    names: list[str] = []

    def add(name: str, values: Array) -> None:
        names.append(name)
        columns.append(values)

    for lag in range(1, (season if season <= 12 else 4) + 1):
        add(f"lag_{lag}", demand[:, -lag] / level if lag <= origin else np.full(len(part), np.nan))
    total = np.concatenate([np.zeros((len(part), 1)), demand.cumsum(axis=1)], axis=1)
    for window in (2, 3, 4, 7, 8, 13, 14, 26, 28, 52, 56):
        span = min(window, origin)
        mean = (total[:, origin] - total[:, origin - span]) / span
        add(f"rolling_mean_{window}", np.where(age >= span, mean, np.nan) / level)
    for window in (7, 28) if season == 7 else (8, 26):
        recent = demand[:, -min(window, origin) :]
        add(f"nonzero_share_{window}", (recent > 0).mean(axis=1))
        add(f"rolling_std_{window}", recent.std(axis=1) / level)
        add(f"rolling_max_{window}", recent.max(axis=1) / level)
    for alpha in (0.1, 0.3):
        depth = min(origin, int(4 / alpha))
        decay = alpha * (1 - alpha) ** np.arange(depth)[::-1]
        inside = np.arange(origin - depth, origin) >= start[:, None]
        add(f"ewm_{alpha:g}", (demand[:, origin - depth :] * inside) @ decay / np.maximum(inside @ decay, 1e-12) / level)
    sold = demand[:, ::-1] > 0
    add("periods_since_sale", np.where(sold.any(axis=1), sold.argmax(axis=1), origin).astype(np.float64))
    add("stock_out_share_28", 1.0 - panel.is_in_stock[part, max(origin - 28, 0) : origin].mean(axis=1))
    add("age_periods", np.minimum(age, 200.0))
    add("log_level", np.log(level))
    if scale.own_units is not None:
        add("own_level", scale.own_units[part] / level)
    for j, name in enumerate(panel.static_names):
        add(name, panel.static[part, j])
    return np.column_stack(columns).astype(np.float32), tuple(names)


def step_features(
    panel: Panel, part: NDArray[np.int64], origin: int, step: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What is known of the target period `origin + step`: its place in the season, then and there, and what is planned."""
    target, season, level = origin + step, panel.season, scale.units[part]
    columns: list[Array] = [np.full(len(part), float(step))]
    names = ["step"]
    if season > 1:
        names.append("place_in_season")
        columns.append(np.full(len(part), float(target % season)))
    if panel.day_of_month is not None:
        names.append("day_of_month")
        columns.append(np.full(len(part), panel.day_of_month[target]))
    if 1 < season <= 12:
        same = [target - season * j for j in range(1, 14) if target - season * j < origin]
        same = [column for column in same if column >= 0]
        for count in (1, 2, 4, 8):
            names.append(f"same_place_mean_{count}")
            value = panel.training_units[np.ix_(part, same[:count])].mean(axis=1) if same else np.full(len(part), np.nan)
            columns.append(value / level)
    elif season > 12:
        for around in (0, 1, 3):
            first, last = target - season - around, min(target - season + around + 1, origin)
            names.append(f"year_ago_mean_{2 * around + 1}")
            known = (panel.start[part] <= first) & (first >= 0) & (last > first)
            inside = panel.training_units[part, max(first, 0) : max(last, max(first, 0) + 1)].mean(axis=1)
            columns.append(np.where(known, inside / level, np.nan))
    if panel.known_names:
        now = panel.known[part, target].astype(np.float64)
        usual = panel.known[part, max(origin - 28, 0) : origin].astype(np.float64).mean(axis=1)
        for j, name in enumerate(panel.known_names):
            names += [name, f"{name}_beyond_usual"]
            columns += [now[:, j], now[:, j] - usual[:, j]]
    return np.column_stack(columns).astype(np.float32), tuple(names)


def sum_features(
    panel: Panel, part: NDArray[np.int64], origin: int, length: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The same of the `length` periods from the origin on, on average."""
    stacked = [step_features(panel, part, origin, step, scale) for step in range(length)]
    names = stacked[0][1]
    rows = np.mean([values for values, _ in stacked], axis=0, dtype=np.float64)
    rows[:, names.index("step")] = length
    return rows.astype(np.float32), tuple("periods_summed" if name == "step" else name for name in names)
