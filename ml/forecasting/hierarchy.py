"""Forecasts that add up: item and store, item, category, store, chain.

Belongs here: the summing matrix, the reconciliation of base forecasts made at every level, the rows of all levels.
Does not belong here: how base forecasts were made; quantiles: only means add up.

Reconciliation is MinTrace with a diagonal error covariance (Wickramasuriya et al. 2019), hierarchicalforecast: the
coherent forecasts nearest to all base forecasts, each weighted by the inverse of its error variance. Without measured
variances a node's is taken proportional to its mean: errors of counts grow with their mean, and those of a sum add up.
So a correction from above is shared out by size. The textbook's structural weights give each store the same units: a
store that sells 1 a week would be corrected as much as one that sells 100.

Negative results are set to 0 before they are added up: few, as corrections follow size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Array = NDArray[np.float64]

Solver = Literal["library", "direct"]

LEVELS = ("chain", "store", "category", "item", "item_store")
_LEAST_SHARE = 1e-3
"""Least variance of a node, as a share of the mean bottom forecast: a forecast of zero is not certain either."""


@dataclass(frozen=True)
class Hierarchy:
    """Nodes of all levels, from the chain down; the last `bottom` ones are the item-stores, in their frame's order."""

    nodes: pl.DataFrame
    """level, node, item_id, location_id, product_category."""
    summing: sparse.csr_matrix
    """(nodes, item-stores), ones where the item-store belongs to the node."""

    @property
    def bottom(self) -> int:
        return self.summing.shape[1]


def build_hierarchy(item_stores: pl.DataFrame) -> Hierarchy:
    """Of distinct item_id, location_id, product_category (may be null: then in no category)."""
    from scipy import sparse

    count = item_stores.height
    item_stores = item_stores.select(
        pl.col("item_id").cast(pl.Int32), pl.col("location_id").cast(pl.Int32), pl.col("product_category").cast(pl.String)
    )
    category_of_item = item_stores.group_by("item_id").agg(
        pl.when(pl.col("product_category").n_unique() == 1).then(pl.col("product_category").first()).alias("product_category")
    )
    empty = {
        "item_id": pl.lit(None, pl.Int32),
        "location_id": pl.lit(None, pl.Int32),
        "product_category": pl.lit(None, pl.String),
    }
    nodes, parts = [], []
    for level, key, label in (
        ("chain", None, pl.lit("chain")),
        ("store", "location_id", pl.format("store {}", "location_id")),
        ("category", "product_category", pl.format("category {}", "product_category")),
        ("item", "item_id", pl.format("item {}", "item_id")),
    ):
        if key is None:
            own, code = pl.DataFrame({"level": [level]}), np.zeros(count, dtype=np.int64)
        else:
            own = item_stores.select(key).drop_nulls().unique().sort(key)
            code = item_stores.select(key).join(own.with_row_index("code"), on=key, how="left", maintain_order="left")["code"]
            code = code.fill_null(own.height).to_numpy().astype(np.int64)
        if level == "item":
            own = own.join(category_of_item, on="item_id", how="left", maintain_order="left")
        missing = [value.alias(name) for name, value in empty.items() if name not in own.columns]
        nodes.append(own.with_columns(pl.lit(level).alias("level"), label.alias("node"), *missing))
        inside = np.flatnonzero(code < own.height)
        parts.append(sparse.csr_matrix((np.ones(inside.size), (code[inside], inside)), shape=(own.height, count)))
    bottom = pl.format("item {} / store {}", "item_id", "location_id")
    nodes.append(item_stores.with_columns(pl.lit("item_store").alias("level"), bottom.alias("node")))
    order = ["level", "node", "item_id", "location_id", "product_category"]
    parts.append(sparse.identity(count, format="csr"))
    return Hierarchy(pl.concat(part.select(order) for part in nodes), sparse.vstack(parts).tocsr())


def reconcile_arrays(hierarchy: Hierarchy, base: Array, variance: Array | None = None, solver: Solver = "library") -> Array:
    """Coherent means of every node, (nodes, weeks), none negative.

    `base` (nodes, weeks) is NaN in the rows of nodes without a forecast of their own, which then follow from the others;
    the item-stores need one. `variance` (nodes,) is the error variance of base forecasts; None: proportional to the mean.
    `solver` "direct" solves the same equations by factoring the system of the upper nodes: 50 times faster where
    item-stores are many.
    """
    if not np.isfinite(base[-hierarchy.bottom :]).all():
        raise ValueError("every item-store needs a base forecast in every week")
    has_base = np.isfinite(base).all(axis=1)
    if has_base.sum() == hierarchy.bottom:
        return hierarchy.summing @ np.maximum(base[-hierarchy.bottom :], 0.0)
    if variance is None:
        bottom = np.maximum(base[-hierarchy.bottom :], 0.0).mean(axis=1)
        variance = hierarchy.summing @ np.maximum(bottom, _LEAST_SHARE * max(bottom.mean(), 1e-6))
    solve = _direct if solver == "direct" else _library
    scaled = np.maximum(variance[has_base] / variance[has_base].mean(), 1e-6)
    found = solve(hierarchy.summing[has_base], np.maximum(base[has_base], 0.0), scaled)
    return hierarchy.summing @ np.maximum(found, 0.0)


def _library(summing: sparse.csr_matrix, base: Array, variance: Array) -> Array:
    from hierarchicalforecast.methods import MinTraceSparse

    # it reads variances from residuals: two of them, 0 and sqrt(2 v), have the variance v
    residuals = np.column_stack([np.zeros_like(variance), np.sqrt(2 * variance)])
    method = MinTraceSparse("wls_var", nonnegative=True, qp=False)
    found = method.fit_predict(S=summing, y_hat=base, y_insample=residuals, y_hat_insample=np.zeros_like(residuals))
    return found["mean"][-summing.shape[1] :]


def _direct(summing: sparse.csr_matrix, base: Array, variance: Array) -> Array:
    """Bottom + V_b U' (V_u + U V_b U')^-1 (upper - U bottom), with U the rows of the upper nodes and V the variances."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    upper = summing.shape[0] - summing.shape[1]
    sums, bottom = summing[:upper], base[upper:]
    system = sparse.diags(variance[:upper]) + sums @ sparse.diags(variance[upper:]) @ sums.T
    factor = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return bottom + variance[upper:, None] * (sums.T @ factor.solve(base[:upper] - sums @ bottom))


def reconcile(
    bottom: pl.DataFrame, upper: pl.DataFrame | None = None, variance: pl.DataFrame | None = None, solver: Solver = "library"
) -> pl.DataFrame:
    """The frame forecast_hierarchy without its stamp: every node and week, its base, reconciled and bottom-up units.

    bottom: item_id, location_id, product_category (nullable), week_start_date, mean_units; every item-store has every
    week. upper: level, node (as in `Hierarchy.nodes`), week_start_date, base_units; nodes may be missing. variance: level,
    node, variance (error variance of base forecasts); nodes without one are given the proportional one.
    """
    weeks = bottom["week_start_date"].unique().sort()
    keys = ["item_id", "location_id"]
    bottom = bottom.sort(*keys, "week_start_date")
    item_stores = bottom.select(*keys, "product_category").unique(keys, keep="first", maintain_order=True)
    if (
        bottom.height != item_stores.height * weeks.len()
        or bottom.select(pl.struct(*keys, "week_start_date").is_duplicated().any()).item()
    ):
        raise ValueError("every item-store needs one forecast of every week, no more and no less")
    hierarchy = build_hierarchy(item_stores)
    base = np.full((hierarchy.nodes.height, weeks.len()), np.nan)
    base[-hierarchy.bottom :] = bottom["mean_units"].to_numpy().reshape(hierarchy.bottom, weeks.len())
    index = hierarchy.nodes.select("level", "node").with_row_index("row")
    if upper is not None and upper.height:
        placed = upper.join(index, on=["level", "node"], how="left").join(
            weeks.to_frame().with_row_index("column"), on="week_start_date", how="left"
        )
        strangers = placed.filter(pl.col("row").is_null() | pl.col("column").is_null())
        if strangers.height:
            raise ValueError(f"base forecast of an unknown node or week: {strangers.row(0, named=True)}")
        row, column = placed["row"].to_numpy(), placed["column"].to_numpy()
        is_upper = row < hierarchy.nodes.height - hierarchy.bottom
        base[row[is_upper], column[is_upper]] = placed["base_units"].to_numpy()[is_upper]
    measured = None
    if variance is not None and variance.height:
        size = np.maximum(hierarchy.summing @ np.maximum(base[-hierarchy.bottom :], 0.0).mean(axis=1), 1e-6)
        known = index.join(variance, on=["level", "node"], how="left", maintain_order="left")["variance"].to_numpy().astype(float)
        ratio = known / size
        measured = np.where(np.isfinite(known), known, size * np.nanmedian(ratio))
    reconciled = reconcile_arrays(hierarchy, base, measured, solver)
    bottom_up = hierarchy.summing @ np.maximum(base[-hierarchy.bottom :], 0.0)
    repeated = np.repeat(np.arange(hierarchy.nodes.height, dtype=np.uint32), weeks.len())
    return (
        hierarchy.nodes[repeated]
        .with_columns(
            pl.Series("week_start_date", np.tile(weeks.to_numpy(), hierarchy.nodes.height)).cast(pl.Date),
            pl.Series("base_units", base.ravel()).fill_nan(None),
            pl.Series("reconciled_units", reconciled.ravel()),
            pl.Series("bottom_up_units", bottom_up.ravel()),
        )
        .select(
            "level",
            "node",
            "item_id",
            "location_id",
            "product_category",
            "week_start_date",
            "base_units",
            "reconciled_units",
            "bottom_up_units",
        )
    )
