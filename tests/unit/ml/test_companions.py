"""The tables beside the forecasts: launches, components, hierarchy, explanations, drift."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, NAN, feature_frames, item_frame, lead_time_frame, negative_binomial

from ml.contracts import (
    DEMAND_COMPONENTS,
    DEMAND_FORECASTS,
    DEMAND_OUTLIERS,
    FEATURE_IMPORTANCE,
    FORECAST_DRIFT,
    FORECAST_EXPLANATIONS,
    FORECAST_HIERARCHY,
    LEAD_TIME_DEMAND,
    MODEL_RUNS,
    SERIES_METRICS,
)
from ml.forecasting import ForecastResult, ForecastSettings, run_forecast

SETTINGS = ForecastSettings(
    models=("moving_average", "tsb", "lightgbm"), origins=2, boosting_min_rows=400, boosting_rounds=20, boosting_quantile_rounds=10,
    component_series=3, explained_series=4,
)  # fmt: skip
WEEKS, SERIES = 60, 30


def sales() -> np.ndarray:
    """Thirty series: 0 and 1 are new, 2 .. 11 were launched within the history, the others were always there; 12 had one mad week.
    13 sold to the end, and was dropped.

    A launch sells 20, 16, 12 and then 8 a week.
    """
    rng = np.random.default_rng(21)
    curve = np.r_[20.0, 16.0, 12.0, np.full(WEEKS, 8.0)]
    found = negative_binomial(rng, np.linspace(3, 30, SERIES)[:, None], 2.0, (SERIES, WEEKS))
    for i in range(2, 12):
        begin = 8 + 3 * i
        found[i, :begin] = NAN
        found[i, begin:] = rng.poisson(curve[: WEEKS - begin])
    for i, age in ((0, 2), (1, 3)):
        found[i, :-age] = NAN
        found[i, -age:] = curve[:age]
    found[12, 30] = 900
    return found


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    items = item_frame(
        SERIES,
        product_category=["tea"] * 12 + ["oil"] * 18,
        abc_class=["A"] * 20 + ["B"] * 10,
        location_id=[1] * SERIES,
        is_carried=[i != 13 for i in range(SERIES)],
    )
    features = feature_frames(sales(), items=items, lead=lead_time_frame({28: 1.0}))
    return run_forecast(features, as_of_date=AS_OF, settings=SETTINGS)


def test_a_launch_is_forecast_from_the_launches_of_its_category_and_says_so(result: ForecastResult) -> None:
    for item, age in ((0, 2), (1, 3)):
        reasons = set(result[SERIES_METRICS].filter(item_id=item)["reason"])
        assert len(reasons) == 1
        reason = reasons.pop()
        assert reason.startswith(f"short history: {age} weeks; new item: ")
        assert "tea" in reason
        weekly = result[DEMAND_FORECASTS].filter(item_id=item, model="ensemble").sort("week_start_date")
        # the curve falls to 8 from the fourth week on; the mean of what it sold is 18 and 16
        assert weekly["mean_units"][-1] == pytest.approx(8, abs=2.5)
        sums = result[LEAD_TIME_DEMAND].filter(item_id=item, model="ensemble").sort("quantile")
        assert (sums["quantile_units"].diff().drop_nulls() >= 0).all()
        spread = sums.filter(quantile=0.9)["quantile_units"][0] - sums.filter(quantile=0.1)["quantile_units"][0]
        assert spread > 4
    others = result[SERIES_METRICS].filter(pl.col("item_id") >= 2)["reason"]
    assert not others.str.contains("new item").any()


def test_every_model_says_the_same_of_a_launch(result: ForecastResult) -> None:
    weekly = result[DEMAND_FORECASTS].filter(item_id=0).drop("model").unique()
    assert weekly.height == result[DEMAND_FORECASTS].filter(item_id=0, model="ensemble").height


def test_of_a_dropped_item_nothing_is_expected(result: ForecastResult) -> None:
    weekly, sums = (result[frame].filter(item_id=13) for frame in (DEMAND_FORECASTS, LEAD_TIME_DEMAND))
    assert weekly.select("mean_units", "p10_units", "p90_units").max().row(0) == (0, 0, 0)
    assert sums.select("mean_units", "quantile_units").max().row(0) == (0, 0)
    reasons = result[SERIES_METRICS].filter(item_id=13, model="ensemble")["reason"]
    assert reasons.unique().to_list() == ["no longer carried: no demand is expected"]
    assert result[DEMAND_FORECASTS].filter(item_id=14)["mean_units"].min() > 0


def test_the_mad_week_is_written_and_not_learned(result: ForecastResult) -> None:
    found = result[DEMAND_OUTLIERS].filter(item_id=12)
    mad = found.filter(pl.col("sold_units") == 900)
    assert mad.height == 1
    assert mad["training_units"][0] < 100
    assert result[DEMAND_FORECASTS].filter(item_id=12)["mean_units"].max() < 60


def test_components_add_up_for_the_class_a_series_that_move_most(result: ForecastResult) -> None:
    found = result[DEMAND_COMPONENTS]
    total = np.nansum(sales(), axis=1)
    total[12] -= 800
    assert set(found["item_id"]) == set(np.argsort(-total[:20])[:3].tolist())
    parts = found.select(pl.col("trend_units") + pl.col("seasonal_units") + pl.col("remainder_units")).to_series()
    assert parts.to_list() == pytest.approx(found["demand_units"].to_list())


def test_the_hierarchy_adds_up(result: ForecastResult) -> None:
    found = result[FORECAST_HIERARCHY]
    assert set(found["level"]) == {"chain", "store", "category", "item", "item_store"}
    week = AS_OF + timedelta(days=1)
    now = found.filter(week_start_date=week)
    bottom = now.filter(level="item_store")
    assert bottom.height == SERIES
    for column in ("reconciled_units", "bottom_up_units"):
        total = bottom[column].sum()
        for level in ("chain", "store", "category", "item"):
            assert now.filter(level=level)[column].sum() == pytest.approx(total), (column, level)
    published = result[DEMAND_FORECASTS].filter(model="ensemble", week_start_date=week).sort("item_id")["mean_units"]
    assert bottom.sort("item_id")["bottom_up_units"].to_list() == pytest.approx(published.to_list())
    tea = now.filter(level="category", product_category="tea")
    assert tea["bottom_up_units"][0] == pytest.approx(published[:12].sum())
    assert now.filter(level="chain")["base_units"].null_count() == 0


def test_explanations_add_up_to_what_boosting_says(result: ForecastResult) -> None:
    found = result[FORECAST_EXPLANATIONS]
    assert found["item_id"].n_unique() == 4
    assert set(found["model"]) == {"lightgbm"}
    alone = ForecastSettings(models=("lightgbm",), origins=2, boosting_min_rows=400, boosting_rounds=20)
    items = item_frame(SERIES, product_category=["tea"] * 12 + ["oil"] * 18, abc_class=["A"] * 20 + ["B"] * 10)
    features = feature_frames(sales(), items=items, lead=lead_time_frame({28: 1.0}))
    weekly = run_forecast(features, as_of_date=AS_OF, settings=alone)[DEMAND_FORECASTS]
    said = weekly.filter(week_start_date=AS_OF + timedelta(days=1), model="lightgbm").select("item_id", "mean_units")
    total = found.group_by("item_id").agg(pl.col("contribution_units").sum()).join(said, on="item_id")
    assert total.height == 4
    assert total["contribution_units"].to_list() == pytest.approx(total["mean_units"].to_list(), rel=1e-3)


def test_importance_is_of_features_that_exist_and_sums_to_one(result: ForecastResult) -> None:
    found = result[FEATURE_IMPORTANCE]
    assert found["gain_share"].sum() == pytest.approx(1)
    assert {"lag_1", "rolling_mean_4", "promotion_days", "product_category"} <= set(found["feature"])
    assert set(result[FORECAST_EXPLANATIONS]["feature"]) <= {*found["feature"], "base", "other"}


def test_drift_is_told_for_inputs_and_errors(result: ForecastResult) -> None:
    found = result[FORECAST_DRIFT]
    assert set(found["kind"]) == {"input", "error"}
    assert found["is_drifting"].to_list() == (found["statistic"] > found["threshold"]).to_list()
    # demand was drawn from one distribution throughout: what the models err has not changed
    assert not found.filter(kind="error")["is_drifting"].any()


def test_a_break_in_the_newest_weeks_is_drift_of_the_error() -> None:
    broken = np.random.default_rng(22).poisson(10.0, (40, WEEKS)).astype(float)
    broken[:, -4:] *= np.where(np.arange(40) % 2, 4, 0)[:, None]
    features = feature_frames(broken, lead=lead_time_frame({28: 1.0}))
    plain = ForecastSettings(models=("moving_average", "tsb"), origins=3)
    errors = run_forecast(features, as_of_date=AS_OF, settings=plain)[FORECAST_DRIFT].filter(kind="error")
    assert errors.filter("is_drifting").height


def test_what_was_fitted_is_kept(result: ForecastResult) -> None:
    assert set(result.artefacts) == {"lightgbm"}
    assert result.artefacts["lightgbm"].kind == "lightgbm"
    kept = result[MODEL_RUNS].filter(pl.col("artefact").is_not_null())
    assert kept["model"].to_list() == ["lightgbm"]


@pytest.mark.parametrize("own", [0.0, 5.0])
def test_launches_that_never_sold_do_not_stop_the_run(own: float) -> None:
    weekly = np.full((8, 40), NAN)
    weekly[:4] = 6.0
    weekly[4:7, 20:] = 0.0
    weekly[7, -3:] = own
    result = run_forecast(feature_frames(weekly), as_of_date=AS_OF, settings=SETTINGS)
    assert result[DEMAND_FORECASTS].filter(item_id=7)["mean_units"].is_between(0, 6).all()
    assert result[DEMAND_FORECASTS].filter(item_id=0)["mean_units"].to_list() == pytest.approx([6.0] * (3 * _models(result)))


def _models(result: ForecastResult) -> int:
    return result[DEMAND_FORECASTS]["model"].n_unique()


def test_a_chain_in_its_first_weeks_has_no_launches_to_learn_from() -> None:
    found = run_forecast(feature_frames(np.full((5, 7), 4.0)), as_of_date=AS_OF, settings=SETTINGS)
    assert set(found[SERIES_METRICS]["reason"]) == {"short history: 7 weeks"}
    assert found[FORECAST_HIERARCHY].filter(level="chain")["bottom_up_units"].to_list() == pytest.approx([20.0] * 3)
    assert found[FORECAST_EXPLANATIONS].is_empty()
