"""Why a boosted model said what it said: which features matter, and what each adds to one forecast.

Belongs here: importance by gain, SHAP contributions (LightGBM's own TreeSHAP), in units, as rows.
Does not belong here: features, training; explanations of models that are not trees.

Contributions of one forecast add up to it: base value + features = forecast. A model with a log link adds up on the log
scale; there each contribution takes its share of (forecast - base), so that units add up as well: a contribution is
SHAP x (forecast - base) / ln(forecast / base), the logarithmic mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightgbm import Booster

Array = NDArray[np.float64]

BASE, OTHER = "base", "other"


def contributions(
    booster: Booster,
    features: Array,
    scale: Array | None = None,
    link: Literal["identity", "log"] = "identity",
    chunk_rows: int = 20_000,
) -> tuple[Array, Array]:
    """SHAP contributions (rows, features) and base values (rows,), in units.

    `scale` (rows,) turns what the model predicts into units, where it was trained on demand over a level. `link` "log" is
    for the objectives poisson, tweedie and gamma.
    """
    parts = [
        np.asarray(booster.predict(features[begin : begin + chunk_rows], pred_contrib=True), dtype=np.float64)
        for begin in range(0, len(features), chunk_rows)
    ]
    raw = np.concatenate(parts) if parts else np.empty((0, booster.num_feature() + 1))
    shap, base = raw[:, :-1], raw[:, -1]
    if link == "log":
        total = shap.sum(axis=1)
        # (e^total - 1) / total, which is 1 where nothing is added
        share = np.where(np.abs(total) > 1e-9, np.expm1(total) / np.where(np.abs(total) > 1e-9, total, 1.0), 1.0)
        base = np.exp(base)
        shap = shap * (base * share)[:, None]
    if scale is not None:
        shap, base = shap * scale[:, None], base * scale
    return shap, base


def importance_rows(booster: Booster, shap: Array, model: str) -> pl.DataFrame:
    """The frame feature_importance without its stamp: share of the loss that splits on a feature took away (all shares add
    up to 1; 0 for a model without a split), and the mean size of its contributions to the forecasts explained."""
    gain = booster.feature_importance("gain").astype(np.float64)
    mean_abs = np.abs(shap).mean(axis=0) if len(shap) else np.zeros(gain.size)
    return pl.DataFrame(
        {
            "model": [model] * gain.size,
            "feature": booster.feature_name(),
            "gain_share": gain / gain.sum() if gain.sum() > 0 else gain,
            "mean_abs_shap_units": mean_abs,
        },
        schema_overrides={"model": pl.String, "feature": pl.String},
    ).sort(["gain_share", "feature"], descending=[True, False])


def explanation_rows(
    keys: pl.DataFrame,
    shap: Array,
    base: Array,
    features: Array,
    names: list[str],
    model: str,
    top: int = 5,
    codes: Sequence[str] = (),
) -> pl.DataFrame:
    """The frame forecast_explanations without its stamp: per row of `keys` (item_id, location_id), rank 0 the base value,
    then the `top` largest contributions, then all others as one row, where there are any. Ranks add up to the forecast. Of `codes` the
    value is left out: a place in a list of items says nothing."""
    if len(shap) and len(names) != shap.shape[1]:
        raise ValueError(f"{len(names)} names for {shap.shape[1]} features")
    series, count = len(shap), min(top, len(names))
    order = np.argsort(-np.abs(shap), axis=1, kind="stable")[:, :count]
    features = np.where(np.isin(names, codes), np.nan, features)
    chosen, value = np.take_along_axis(shap, order, axis=1), np.take_along_axis(features, order, axis=1)
    has_other = len(names) > count
    blocks = [base[:, None], chosen] + ([(shap.sum(axis=1) - chosen.sum(axis=1))[:, None]] if has_other else [])
    ranks = 1 + count + has_other
    labels = np.full((series, ranks), BASE, dtype=object)
    labels[:, 1 : 1 + count] = np.array(names, dtype=object)[order]
    values = np.full((series, ranks), np.nan)
    values[:, 1 : 1 + count] = value
    if has_other:
        labels[:, -1] = OTHER
    repeated = np.repeat(np.arange(series, dtype=np.uint32), ranks)
    return keys.select("item_id", "location_id")[repeated].with_columns(
        pl.lit(model).alias("model"),
        pl.Series("rank", np.tile(np.arange(ranks, dtype=np.int32), series)),
        pl.Series("feature", labels.ravel().tolist(), dtype=pl.String),
        pl.Series("feature_value", values.ravel()).fill_nan(None),
        pl.Series("contribution_units", np.concatenate(blocks, axis=1).ravel()),
    )
