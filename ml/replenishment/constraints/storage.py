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


def cut_to_storage(lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards) -> tuple[np.ndarray, pl.DataFrame]:
    """Orders that fit, and what was cut: packs are ranked by expected reward per unit of room.

    All that is on order is taken to be there by then: goods that sell meanwhile make room that nobody counts on. An item without a
    known volume takes no litres. What a person ordered takes its room first.
    """
    parts = []
    after = orders.copy()
    for column, size, per_unit, unit in (
        ("storage_capacity_units", None, 1, "units"),
        ("storage_capacity_litres", "unit_volume_ml", MICRO, "litres"),
    ):
        after, part = _cut(lines, after, rewards, column, size, per_unit, unit)
        parts.append(part)
    return after, pl.concat(parts)


def _cut(
    lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards, column: str, size: str | None, per_unit: int, unit: str
) -> tuple[np.ndarray, pl.DataFrame]:
    has = lines[column].is_not_null().to_numpy()
    if not has.any():
        return orders, adjusted(lines, np.array([], dtype=int), "storage", [], np.array([]), [])
    each = np.ones(lines.height, dtype=np.int64)
    capacity = np.floor(lines[column].fill_null(0).to_numpy()).astype(np.int64)
    if size is not None:
        each = np.rint(lines[size].fill_null(0).to_numpy() * per_unit).astype(np.int64)
        capacity = np.floor(lines[column].fill_null(0).to_numpy() * 1000 * per_unit).astype(np.int64)
    locations = np.where(has, lines["location_id"].to_numpy(), -1)
    free = lines["override_order_units"].is_null().to_numpy()
    held = np.maximum(lines["inventory_position_units"].fill_null(0).to_numpy().astype(np.int64), 0) + np.where(free, 0, orders)
    room = {
        int(name): max(int(capacity[locations == name].min()) - int((held * each)[locations == name].sum()), 0)
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
