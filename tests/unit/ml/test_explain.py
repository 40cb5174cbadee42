"""Explanations add up to the forecast they explain."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ml.forecasting.explain import contributions, explanation_rows, importance_rows

lightgbm = pytest.importorskip("lightgbm")

NAMES = ["lag_1_sales", "lag_7_sales", "price", "month"]


def trained(objective: str):
    random = np.random.default_rng(1)
    features = random.normal(size=(400, 4))
    target = random.poisson(np.exp(1 + features[:, 0] + 0.3 * features[:, 2])).astype(float)
    parameters = {"objective": objective, "verbosity": -1, "num_threads": 1, "seed": 1, "deterministic": True}
    return lightgbm.train(parameters, lightgbm.Dataset(features, target, feature_name=NAMES), 30), features[:20]


@pytest.mark.parametrize(
    ("objective", "link"), [("quantile", "identity"), ("regression", "identity"), ("poisson", "log"), ("tweedie", "log")]
)
def test_contributions_add_up_to_the_prediction(objective: str, link: str) -> None:
    booster, features = trained(objective)
    scale = np.linspace(1, 5, 20)
    shap, base = contributions(booster, features, scale, link, chunk_rows=7)
    assert shap.sum(axis=1) + base == pytest.approx(scale * booster.predict(features), rel=1e-6)


def test_importance_shares_add_up_and_find_what_matters() -> None:
    booster, features = trained("poisson")
    rows = importance_rows(booster, contributions(booster, features, link="log")[0], "boosting")
    assert rows.columns == ["model", "feature", "gain_share", "mean_abs_shap_units"]
    assert rows["gain_share"].sum() == pytest.approx(1)
    assert rows["feature"][0] == "lag_1_sales"
    assert sorted(rows["feature"]) == sorted(NAMES)


def test_the_largest_are_named_and_the_rest_is_one_row() -> None:
    keys = pl.DataFrame({"item_id": [58], "location_id": [1]}, schema={"item_id": pl.Int32, "location_id": pl.Int32})
    shap, base = np.array([[1.0, -4.0, 0.5, 2.0]]), np.array([10.0])
    rows = explanation_rows(keys, shap, base, np.array([[7.0, 8.0, np.nan, 12.0]]), NAMES, "boosting", top=2)
    assert rows.select("rank", "feature", "feature_value", "contribution_units").rows() == [
        (0, "base", None, 10.0),
        (1, "lag_7_sales", 8.0, -4.0),
        (2, "month", 12.0, 2.0),
        (3, "other", None, 1.5),
    ]
    assert rows["contribution_units"].sum() == base[0] + shap.sum()
    coded = explanation_rows(keys, shap, base, np.array([[7.0, 8.0, np.nan, 12.0]]), NAMES, "boosting", top=2, codes=["month"])
    assert coded["feature_value"].to_list() == [None, 8.0, None, None]
    every = explanation_rows(keys, shap, base, shap, NAMES, "boosting", top=9)
    assert every["feature"].to_list() == ["base", "lag_7_sales", "month", "lag_1_sales", "price"]


def test_no_rows_are_no_rows() -> None:
    booster, features = trained("quantile")
    shap, base = contributions(booster, features[:0])
    keys = pl.DataFrame(schema={"item_id": pl.Int32, "location_id": pl.Int32})
    assert explanation_rows(keys, shap, base, features[:0], NAMES, "boosting").height == 0
    assert importance_rows(booster, shap, "boosting")["mean_abs_shap_units"].to_list() == [0, 0, 0, 0]
