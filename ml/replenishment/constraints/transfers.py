"""Transfers before buying: what one store has beyond its own forward cover fills another store's need, where that saves money.

Belongs here: who gives what to whom, and what it saves. Does not belong here: how goods travel.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ml.contracts.constraints import ORDER_TRANSFERS
from ml.replenishment.constraints.adjustments import adjusted
from ml.replenishment.constraints.reward import Rewards, smallest_order

LONGEST_STAY_DAYS = 365
"""What a store would not sell within a year counts as held for a year: nobody knows what comes after."""


def transfer_first(lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards) -> tuple[np.ndarray, pl.DataFrame, pl.DataFrame]:
    """Orders after transfers, the adjustments on both sides, and the transfers themselves.

    A store gives of its usable stock what it has beyond the larger of its reorder point and `transfer_cover_days` of demand. A need
    that is filled in part is ordered anew, in whole packs of at least the minimum; a transfer that would not make the order smaller
    is not made. Saving: holding these units until the giving store would have come down to its reorder point with them, and the
    order line where none is left, less the cost of the transfer.
    """
    empty = adjusted(lines, np.array([], dtype=int), "transfer in", [], np.array([]), [])
    cover = lines["transfer_cover_days"].fill_null(0).to_numpy()
    if not (cover > 0).any():
        return orders, empty, ORDER_TRANSFERS.empty()
    free = lines["override_order_units"].is_null().to_numpy()
    daily = lines["daily_demand_units"].to_numpy()
    position = lines["inventory_position_units"].fill_null(0).to_numpy().astype(np.int64)
    reorder = lines["reorder_point_units"].to_numpy()
    keep = np.maximum(reorder, cover * daily)
    may_give = free & (cover > 0) & (orders == 0) & lines["inventory_position_units"].is_not_null().to_numpy()
    spare = np.floor(np.minimum(position - np.ceil(keep), lines["usable_on_hand_units"].fill_null(0).to_numpy()))
    spare = np.where(may_give, np.maximum(spare, 0), 0).astype(np.int64)
    needs = np.where(free & (cover > 0) & (orders > 0), np.ceil(lines["need_units"].fill_null(0).to_numpy()), 0).astype(np.int64)
    items = lines["item_id"].to_numpy()
    both = np.intersect1d(items[spare > 0], items[needs > 0])
    terms = _Terms(lines)
    after, moved = orders.copy(), []
    for item in both.tolist():
        rows = np.arange(*np.searchsorted(items, [item, item + 1]))
        givers = sorted((row for row in rows.tolist() if spare[row] > 0), key=lambda row: (-spare[row], row))
        takers = sorted((row for row in rows.tolist() if needs[row] > 0), key=lambda row: (-needs[row], row))
        for taker in takers:
            for giver in givers:
                units = int(min(needs[taker], spare[giver]))
                if units <= 0:
                    continue
                left = int(needs[taker]) - units
                order = terms.order_of(taker, left)
                if order >= after[taker]:
                    continue
                saving = terms.saving_usd(giver, float(position[giver] - reorder[giver]), float(daily[giver]), units, order == 0)
                if saving <= 0:
                    continue
                moved.append((giver, taker, units, saving, after[taker] - order))
                after[taker] = order
                needs[taker], spare[giver] = left, spare[giver] - units
                position[giver] -= units
    if not moved:
        return orders, empty, ORDER_TRANSFERS.empty()
    frame = pl.DataFrame(moved, schema=["giver", "taker", "units", "saving_usd", "less"], orient="row")
    locations = lines["location_id"].to_numpy()
    transfers = ORDER_TRANSFERS.conform(
        pl.DataFrame(
            {
                "as_of_date": lines["as_of_date"][frame["giver"].to_numpy()],
                "item_id": items[frame["giver"].to_numpy()],
                "from_location_id": locations[frame["giver"].to_numpy()],
                "to_location_id": locations[frame["taker"].to_numpy()],
                "transfer_units": frame["units"],
                "saving_usd": frame["saving_usd"].round(4),
                "reason": [
                    f"store {locations[giver]} has more than it needs for its forward cover, store {locations[taker]} would buy {less} more"
                    for giver, taker, _, _, less in moved
                ],
            }
        ).sort("item_id", "from_location_id", "to_location_id")
    )
    taken = frame.group_by("taker").agg(pl.col("units", "less", "saving_usd").sum(), pl.col("giver")).sort("taker")
    into = adjusted(
        lines,
        taken["taker"].to_numpy(),
        "transfer in",
        -taken["less"].to_numpy(),
        -taken["saving_usd"].to_numpy(),
        [
            f"{units} units come from store {', '.join(str(locations[giver]) for giver in sorted(givers))} instead"
            for units, givers in taken.select("units", "giver").iter_rows()
        ],
    )
    given = frame.group_by("giver").agg(pl.col("units").sum(), pl.col("taker")).sort("giver")
    out = adjusted(
        lines,
        given["giver"].to_numpy(),
        "transfer out",
        np.zeros(given.height, dtype=int),
        np.zeros(given.height),
        [
            f"{units} units go to store {', '.join(str(locations[taker]) for taker in sorted(takers))}; nothing is ordered for them"
            for units, takers in given.select("units", "taker").iter_rows()
        ],
    )
    return after, pl.concat([into, out]), transfers


class _Terms:
    """What a smaller order would be, and what a transfer saves."""

    def __init__(self, lines: pl.DataFrame) -> None:
        self.pack = np.maximum(lines["pack_units"].to_numpy(), 1).astype(np.int64)
        self.smallest = smallest_order(lines)
        self.holding_per_day = (
            lines["holding_cost_rate_per_year"].to_numpy() * lines["unit_cost_usd"].fill_null(0).to_numpy() / 365
        )
        self.order_line = lines["order_cost_usd_per_line"].to_numpy()
        self.per_line = lines["transfer_cost_usd_per_line"].to_numpy()
        self.per_unit = lines["transfer_cost_usd_per_unit"].to_numpy()

    def order_of(self, row: int, need: int) -> int:
        return 0 if need <= 0 else int(max(-(-need // self.pack[row]) * self.pack[row], self.smallest[row]))

    def saving_usd(self, giver: int, beyond: float, daily: float, units: int, saves_line: bool) -> float:
        """The last of `beyond` units to be sold are the ones that move: they would have stood longest."""
        longest = min(beyond / daily, LONGEST_STAY_DAYS) if daily > 0 else LONGEST_STAY_DAYS
        shortest = min(max(beyond - units, 0) / daily, LONGEST_STAY_DAYS) if daily > 0 else LONGEST_STAY_DAYS
        held = units * self.holding_per_day[giver] * (longest + shortest) / 2
        line = self.order_line[giver] if saves_line else 0
        return float(held + line - self.per_line[giver] - units * self.per_unit[giver])
