"""Storage: what is there, what is coming and what is ordered must fit into the location, in units and in litres.

Belongs here: the room that is left and who gets it. Does not belong here: how large a location is, which is policy.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ml.replenishment.constraints.adjustments import adjusted
from ml.replenishment.constraints.reward import Rewards, pack_steps, ranked, take_while_room

MICRO = 1_000
"""Volumes are counted in thousandths of a millilitre, as whole numbers."""


def cut_to_storage(
    lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards, transferred: np.ndarray
) -> tuple[np.ndarray, pl.DataFrame]:
    """Orders that fit, and what was cut: packs are ranked by expected reward per unit of room.

    Room is taken by what is physically there, whether or not it can be sold, by all that is on order, as if it were there by then
    (goods that sell meanwhile make room that nobody counts on), and by what other stores send: `transferred` (lines,) is what comes
    from them less what goes to them. An item without a known volume takes no litres. What a person ordered takes its room first.
    """
    held = np.maximum(lines["stored_units"].to_numpy() + transferred, 0)
    parts = []
    after = orders.copy()
    for column, size, per_unit, unit in (
        ("storage_capacity_units", None, 1, "units"),
        ("storage_capacity_litres", "unit_volume_ml", MICRO, "litres"),
    ):
        after, part = _cut(lines, after, held, rewards, column, size, per_unit, unit)
        parts.append(part)
    return after, pl.concat(parts)


def _cut(
    lines: pl.DataFrame,
    orders: np.ndarray,
    held: np.ndarray,
    rewards: Rewards,
    column: str,
    size: str | None,
    per_unit: int,
    unit: str,
) -> tuple[np.ndarray, pl.DataFrame]:
    has = lines[column].is_not_null().to_numpy()
    if not has.any():
        return orders, adjusted(lines, np.array([], dtype=int), "storage", [], np.array([]), [])
    each = np.ones(lines.height, dtype=np.int64)
    capacity = lines[column].fill_null(0).to_numpy()
    if size is not None:
        each = np.rint(lines[size].fill_null(0).to_numpy() * per_unit).astype(np.int64)
        capacity = capacity * 1000 * per_unit
    locations = np.where(has, lines["location_id"].to_numpy(), -1)
    free = lines["override_order_units"].is_null().to_numpy()
    taken_before = (held + np.where(free, 0, orders)) * each
    # rounded once, over the whole store: a fraction of every line adds up
    room = {
        int(name): max(int(np.floor(capacity[locations == name].min() - taken_before[locations == name].sum() + 1e-6)), 0)
        for name in np.unique(locations[has])
    }
    steps = pack_steps(rewards, lines, np.zeros(lines.height), np.where(has & free, orders, 0))
    steps = ranked(steps.with_columns(room=pl.col("units") * pl.Series(each[steps["row"].to_numpy()])), per="room")
    taken = take_while_room(steps, "room", [(locations, room)])
    row = steps["row"].to_numpy()
    kept = np.bincount(row, weights=steps["units"].to_numpy() * taken, minlength=lines.height).astype(np.int64)
    lost = np.bincount(row, weights=steps["reward_usd"].to_numpy() * ~taken, minlength=lines.height)
    after = np.where(has & free, kept, orders)
    rows = np.flatnonzero(after != orders)
    capacities = lines[column].to_numpy()
    reasons = [
        f"store {locations[i]} holds {capacities[i]:,.0f} {unit}: other packs earn more in the room that is left" for i in rows
    ]
    return after, adjusted(lines, rows, "storage", (after - orders)[rows], lost[rows], reasons)
