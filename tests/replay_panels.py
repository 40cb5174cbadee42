"""Made-up histories to replay.

Belongs here: panels for tests of properties and for the clock. Does not belong here: generated data with a truth (`replay_truth`).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from ml.replenishment.replay_panel import Actual, ReplayPanel


def made_up_panel(series: int, history: int, weeks: int, seed: int = 1) -> ReplayPanel:
    """Negative binomial demand at a constant rate, lead times of 4 to 15 days, and no open orders."""
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(0.3, 1.2, series)
    demand = rng.negative_binomial(1.5, 1.5 / (1.5 + rate[:, None]), (series, history + weeks)).astype(np.float32)
    ahead = demand[:, history:]
    cost = rng.lognormal(2.2, 0.6, series)
    empty = np.zeros((series, weeks), dtype=np.float32)
    keys = pl.DataFrame(
        {
            "item_id": (np.arange(series) // 40).astype(np.int32),
            "location_id": (np.arange(series) % 40).astype(np.int32),
            "vendor_id": rng.integers(1, 120, series).astype(np.int32),
            "abc_class": rng.choice(["A", "B", "C"], series),
        }
    )
    return ReplayPanel(
        keys=keys, first_week=date(2016, 1, 3), first=history, known=demand, start=np.zeros(series, dtype=np.intp),
        group=rng.integers(0, 20, series), demand=ahead, demand_low=ahead, demand_high=ahead,
        opening_units=(rate * 4).astype(np.float32), arriving_units=empty, arriving_day=empty,
        lead_days=rng.integers(4, 16, (series, weeks)).astype(np.int32), lead_mean=empty + 10, lead_deviation=empty + 3,
        may_order=np.ones((series, weeks), dtype=bool), review_weeks=rng.integers(1, 3, series).astype(np.int32), unit_cost=cost,
        holding=cost * 0.25 * 7 / 365, shortage=cost * 0.4, order_cost=np.full(series, 2.5), service_level=np.full(series, 0.95),
        fill_rate_level=np.full(series, 0.98), moq=np.ones(series), pack=np.ones(series), actual=Actual(empty, ahead, empty, empty, empty),
    )  # fmt: skip
