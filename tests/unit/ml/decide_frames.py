"""The five frames of a decision, small and readable.

Belongs here: building frames. Does not belong here: expected numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from ml.replenishment import decide

Frames = dict[str, pl.DataFrame]


def frames(
    demand: dict[str, Sequence[float]],
    on_hand: float | dict[str, float] = 0.0,
    open_orders: Sequence[tuple[str, int, int, float]] = (),
    receipts: Sequence[tuple[str, int, int, float]] = (),
    **terms: Any,
) -> Frames:
    """Series that end in the period before `now` = 100; lead time 0, review 1, holding 1 and shortage 4 unless terms say else.

    A term is one value for all series or a dict by series. Open orders are (series, ordered_at, expected_at, quantity).
    """
    now = 100
    ids = list(demand)
    terms = {"lead_time_periods": 0, "review_periods": 1, "holding_cost": 1.0, "shortage_cost": 4.0} | terms

    def by_id(value: Any) -> list[Any]:
        return [value[i] if isinstance(value, dict) else value for i in ids]

    rows = [(i, now - len(y) + t, float(units)) for i, y in demand.items() for t, units in enumerate(y)]
    on_order = {i: 0.0 + sum(float(order[3]) for order in open_orders if order[0] == i) for i in ids}
    orders = {"unique_id": pl.String, "ordered_at": pl.Int64}
    return {
        "history": pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Int64, "y": pl.Float64}, orient="row"),
        "state": pl.DataFrame({"unique_id": ids, "now": now, "on_hand": by_id(on_hand), "on_order": by_id(on_order)}).cast(
            {"on_hand": pl.Float64, "on_order": pl.Float64}
        ),
        "pipeline": pl.DataFrame(
            list(open_orders), schema=orders | {"expected_at": pl.Int64, "quantity": pl.Float64}, orient="row"
        ),
        "receipts": pl.DataFrame(list(receipts), schema=orders | {"received_at": pl.Int64, "quantity": pl.Float64}, orient="row"),
        "params": pl.DataFrame({"unique_id": ids} | {name: by_id(value) for name, value in terms.items()}, strict=False),
    }


def one_order(demand: Sequence[float], policy: str = "least_cost", **more: Any) -> dict[str, Any]:
    """The order of a single series called A."""
    return decide(**frames({"A": demand}, **more), policy=policy).row(0, named=True)
