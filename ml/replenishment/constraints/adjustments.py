"""The one form in which every constraint says what it changed.

Belongs here: rows of `order_adjustments`. Does not belong here: why a constraint changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ml.contracts.constraints import ORDER_ADJUSTMENTS


def adjusted(
    lines: pl.DataFrame, rows: np.ndarray, adjustment: str, units: np.ndarray, cost_usd: np.ndarray, reasons: Sequence[str] | str
) -> pl.DataFrame:
    """One row of `order_adjustments` for each of `rows`. Cost is null where the margin of the item is not known."""
    picked = lines.select("as_of_date", "item_id", "location_id", "shortage_cost_usd")[rows]
    frame = picked.with_columns(
        adjustment=pl.lit(adjustment),
        adjustment_units=pl.Series(np.asarray(units), dtype=pl.Int32),
        cost_usd=pl.when(pl.col("shortage_cost_usd").is_not_null()).then(pl.Series(np.round(cost_usd, 4), dtype=pl.Float64)),
        reason=pl.lit(reasons) if isinstance(reasons, str) else pl.Series(list(reasons), dtype=pl.String),
    )
    return ORDER_ADJUSTMENTS.conform(frame.drop("shortage_cost_usd"))
