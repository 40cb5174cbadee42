"""The whole run: what it promises about every series, about time, and about repetition."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_frames import (
    AS_OF,
    NAN,
    QUICK,
    demand_frame,
    feature_frames,
    item_frame,
    lead_time_frame,
    poisson,
    promotion_frame,
    shuffled,
)

from ml.contracts import (
    DEMAND_FORECASTS,
    ENSEMBLE_WEIGHTS,
    FORECAST_DRIFT,
    FORECASTS,
    LEAD_TIME_DEMAND,
    MODEL_METRICS,
    MODEL_RUNS,
    QUANTILES,
    SERIES_METRICS,
    ContractError,
)
from ml.forecasting import Features, ForecastResult, ForecastSettings, identify, run_forecast
from ml.forecasting import models as registry
from ml.forecasting.stamp import code_hash

BOOSTED = ForecastSettings(
    models=("moving_average", "tsb", "theta", "lightgbm"),
    origins=2,
    boosting_min_rows=400,
    boosting_rounds=20,
    boosting_quantile_rounds=10,
)
NAIVE = replace(QUICK, models=("seasonal_naive",))
ALONE = replace(QUICK, models=("moving_average",))
"""A model that is run alone is written for every series; beside others only where it beats their ensemble."""
SECONDS = ("training_seconds_per_series", "inference_seconds_per_series")


def run(sales, *, settings: ForecastSettings = QUICK, progress=None, **frames) -> ForecastResult:
    return run_forecast(feature_frames(sales, **frames), as_of_date=AS_OF, settings=settings, progress=progress)


def unlike(left: ForecastResult, right: ForecastResult) -> list[str]:
    """Names of the frames that differ, seconds and the run's own name aside."""

    def plain(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.drop("run_id", "artefact", *SECONDS, strict=False)

    return [name for name, frame in left.frames.items() if not plain(frame).equals(plain(right.frames[name]))]


def metric(result: ForecastResult, item: int, model: str = "moving_average") -> dict:
    return result[SERIES_METRICS].row(by_predicate=(pl.col("item_id") == item) & (pl.col("model") == model), named=True)


@pytest.fixture(scope="module")
def bad_series() -> ForecastResult:
    """One series of every awkward kind; item 0 is a good one."""
    weeks = 40
    good = poisson(1, weeks)[0]
    rows = [
        good,
        np.zeros(weeks),
        np.r_[np.full(weeks - 5, NAN), 2, 4, 0, 6, 3],
        np.full(weeks, 7.0),
        np.r_[-3.0, good[1:]],
        np.r_[np.zeros(weeks - 1), 5.0],
        np.r_[np.full(weeks - 9, NAN), good[:9]],
        np.full(weeks, NAN),
        good * 0.37,
    ]
    return run(np.array(rows))


def test_every_series_model_week_and_quantile_is_there(bad_series: ForecastResult) -> None:
    series, models, horizon = 9, {"ensemble", "moving_average", "tsb"}, 3
    assert bad_series[SERIES_METRICS].height == series * 3
    assert set(bad_series[MODEL_RUNS]["model"]) == models
    published = set(bad_series[MODEL_RUNS].filter("is_deployed")["model"])
    forecasts, sums = bad_series[DEMAND_FORECASTS], bad_series[LEAD_TIME_DEMAND]
    assert "ensemble" in published
    assert set(forecasts["model"]) == set(sums["model"]) == published
    # the ensemble for all, and nothing else that SQL could not choose: nine series are too few for a champion
    rows = forecasts.group_by("item_id").agg(pl.col("model").n_unique())["model"]
    assert forecasts.filter(pl.col("model") == "ensemble").height == series * horizon
    assert rows.len() == series
    assert set(rows) == {1}
    assert forecasts.height == int(rows.sum()) * horizon
    assert sums.height == int(rows.sum()) * len(QUANTILES)
    weeks = bad_series[DEMAND_FORECASTS]["week_start_date"].unique().sort().to_list()
    assert weeks == [AS_OF + timedelta(days=1 + 7 * k) for k in range(3)]


def test_all_frames_conform_and_are_sorted_by_their_key(bad_series: ForecastResult) -> None:
    assert set(bad_series.frames) == {contract.name for contract in FORECASTS}
    for contract in FORECASTS:
        frame = bad_series[contract]
        assert frame.equals(contract.conform(frame).sort(contract.grain)), contract.name
        assert set(frame["run_id"]) <= set(bad_series[MODEL_RUNS]["run_id"])


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (0, "ok"),
        (1, "no sales"),
        (2, "short history: 5 weeks; new item: from 2 launches in all categories and 5 weeks of its own"),
        (3, "ok"),
        (4, "negative sales read as 0"),
        (5, "no sales before any origin"),
        (6, "history too short to backtest"),
        (7, "no history"),
        (8, "ok"),
    ],
)
def test_bad_series_say_why(bad_series: ForecastResult, item: int, reason: str) -> None:
    for model in ("ensemble", "moving_average", "tsb"):
        row = metric(bad_series, item, model)
        # an average of 13 weeks is silent where there are nine
        silent = "; model silent: a simpler one stands in" if (item, model) == (6, "moving_average") else ""
        assert row["reason"] == reason + silent
        assert (row["rmse_units"] is None) == (row["origins"] == 0)


def test_bad_series_have_defined_forecasts(bad_series: ForecastResult) -> None:
    sums = bad_series[LEAD_TIME_DEMAND]
    for item in (1, 7):
        assert sums.filter(item_id=item).select(pl.col("mean_units", "quantile_units").abs().max()).row(0) == (0, 0)
    # 7 a week over the mean interval of 10.5 + 7 = 17.5 days
    assert sums.filter(item_id=3)["mean_units"].to_list() == pytest.approx([7 * 2.5] * sums.filter(item_id=3).height)
    fractional = sums.filter(item_id=8, model="ensemble")["quantile_units"]
    assert (fractional != fractional.round()).any()
    # a launch is forecast near its own five weeks, 3 a week
    assert bad_series[DEMAND_FORECASTS].filter(item_id=2)["mean_units"].is_between(2, 5).all()


def test_forecasts_are_finite_monotone_and_not_negative(bad_series: ForecastResult) -> None:
    weekly = bad_series[DEMAND_FORECASTS]
    assert weekly.filter(pl.any_horizontal(pl.col("^.*_units$").is_infinite() | (pl.col("^.*_units$") < 0))).is_empty()
    ordered = (pl.col("p10_units") <= pl.col("p50_units")) & (pl.col("p50_units") <= pl.col("p90_units"))
    assert weekly.select(ordered.all()).item()
    sums = bad_series[LEAD_TIME_DEMAND].sort("item_id", "model", "quantile")
    for column in ("quantile_units", "fixed_lead_time_units"):
        steps = sums.select(pl.col(column).diff().over("item_id", "model"))[column].drop_nulls()
        assert (steps >= 0).all()
        assert (sums[column] >= 0).all()


def test_the_sum_is_less_uncertain_than_the_sum_of_weekly_quantiles() -> None:
    result = run(poisson(60, rate=8), lead=lead_time_frame({14: 1.0}))
    keys = ["item_id", "model"]
    added = result[DEMAND_FORECASTS].group_by(keys).agg(added=pl.col("p90_units").sum())
    summed = result[LEAD_TIME_DEMAND].filter(quantile=0.9).join(added, on=keys)
    assert (summed["quantile_units"] < summed["added"]).mean() > 0.95
    buffer = (summed["quantile_units"] - summed["mean_units"]).mean() / (summed["added"] - summed["mean_units"]).mean()
    assert buffer < 0.75  # independent weeks: 1 / sqrt(3) = 0.58


def test_later_weeks_are_not_better_known() -> None:
    result = run(poisson(60), lead=lead_time_frame({35: 1.0}), settings=ALONE)
    spread = result[DEMAND_FORECASTS].filter(model="moving_average").sort("item_id", "week_start_date")
    spread = spread.with_columns(width=pl.col("p90_units") - pl.col("p10_units"))
    assert (spread.select(pl.col("width").diff().over("item_id"))["width"].drop_nulls() >= -1e-9).all()


def mixed_of(settings: ForecastSettings) -> ForecastResult:
    """Slow, lumpy and seasonal series, three vendors, lead times that end within a week."""
    rng = np.random.default_rng(2)
    season = 6 + 5 * np.sin(np.arange(120) / 52 * 2 * np.pi)
    sales = np.vstack(
        [
            rng.poisson(0.15, (20, 120)),
            (rng.random((20, 120)) < 0.3) * np.ceil(rng.lognormal(1.5, 1.0, (20, 120))),
            rng.poisson(season, (20, 120)),
            rng.poisson(season, (20, 120)) * 0.37,
        ]
    )
    patterns = [name for name in ("intermittent", "lumpy", "smooth", "erratic") for _ in range(20)]
    lead = [lead_time_frame(days, v) for v, days in enumerate(({3: 0.4, 9: 0.6}, {11: 0.5, 40: 0.5}, {1: 0.9, 30: 0.1}))]
    items = item_frame(80, patterns, vendors=[i % 3 for i in range(80)], review_days=4)
    return run(sales, items=items, lead=pl.concat(lead), settings=settings)


@pytest.fixture(scope="module")
def mixed() -> ForecastResult:
    """With boosting."""
    return mixed_of(BOOSTED)


def test_weekly_means_add_up_to_the_mean_over_the_protection_interval(mixed: ForecastResult) -> None:
    # Days are cut from the published weeks, mixed over the lead times: to rounding, the published sum.
    days = {0: {7: 0.4, 13: 0.6}, 1: {15: 0.5, 44: 0.5}, 2: {5: 0.9, 34: 0.1}}
    weekly = mixed[DEMAND_FORECASTS].sort("item_id", "model", "week_start_date")
    means = mixed[LEAD_TIME_DEMAND].group_by("item_id", "model").agg(pl.col("mean_units").unique())
    published = {(item, model): mean for item, model, (mean,) in means.iter_rows()}
    assert published
    for (item, model), rows in weekly.group_by("item_id", "model"):
        weeks = rows["mean_units"].to_numpy()
        daily = np.repeat(weeks / 7, 7)
        expected = sum(p * daily[:day].sum() for day, p in days[item % 3].items())
        assert len(daily) >= max(days[item % 3])
        assert published[item, model] == pytest.approx(expected, rel=1e-9)


def test_quantiles_are_whole_where_sales_are(mixed: ForecastResult) -> None:
    sums, weeks = mixed[LEAD_TIME_DEMAND], mixed[DEMAND_FORECASTS]
    is_whole = pl.col("item_id") < 60
    for frame, columns in (
        (sums, ("quantile_units", "fixed_lead_time_units")),
        (weeks, ("p10_units", "p50_units", "p90_units")),
    ):
        rest = frame.select(
            is_whole.alias("is_whole"), pl.max_horizontal((pl.col(c) - pl.col(c).round()).abs() for c in columns).alias("rest")
        )
        assert rest.filter("is_whole")["rest"].max() == 0
        assert rest.filter(~pl.col("is_whole"))["rest"].mean() > 0.1


def test_mean_and_quantiles_do_not_contradict_each_other() -> None:
    sums = mixed_of(ForecastSettings(models=("tsb",), origins=2))[LEAD_TIME_DEMAND]
    assert sums.filter(pl.col("mean_units") <= 0, pl.max_horizontal("quantile_units", "fixed_lead_time_units") > 0).is_empty()
    # The quantiles around one model's path, read as a distribution, have about its mean. The published mean of the ensemble is
    # lower where demand is heavy-tailed, by choice.
    by_series = sums.sort("quantile").group_by("item_id", "model").agg(pl.col("mean_units").first(), "quantile", "quantile_units")
    areas = [
        (np.trapezoid(np.r_[units[0], units, units[-1]], np.r_[0, levels, 1]), mean)
        for _, _, mean, levels, units in by_series.iter_rows()
    ]
    area, mean = np.array(areas).T
    assert area.sum() == pytest.approx(mean.sum(), rel=0.1)


def test_what_was_learned_is_recorded(mixed: ForecastResult) -> None:
    runs = mixed[MODEL_RUNS]
    parameters = {row["model"]: json.loads(row["parameters"]) for row in runs.iter_rows(named=True)}
    ensemble = parameters["ensemble"]
    assert ensemble["models"] == list(BOOSTED.models)
    assert sum(ensemble["sum_shares"]) == pytest.approx(1, abs=1e-3)
    assert ensemble["settings"]["origins"] == 2
    assert "chunk_series" not in ensemble["settings"]
    artefacts = dict(runs.select("model", "artefact").iter_rows())
    assert artefacts["lightgbm"] == f"{runs['run_id'][0]}/lightgbm"
    assert artefacts["tsb"] is None
    assert set(mixed.artefacts) == {"lightgbm"}


def test_every_model_of_the_ensemble_has_a_run_and_only_those_that_orders_may_use_are_deployed() -> None:
    """What foretells a median speaks through the ensemble only: a fitted model with an artefact, no forecast and no score of its own."""
    settings = replace(BOOSTED, models=("moving_average", "lightgbm_absolute"))
    made = run(poisson(25), settings=settings)
    runs = {row["model"]: row for row in made[MODEL_RUNS].iter_rows(named=True)}
    assert runs.keys() == {"ensemble", *settings.models}
    assert set(made[ENSEMBLE_WEIGHTS]["model"]) == set(settings.models)
    absolute = runs["lightgbm_absolute"]
    assert (absolute["metrics"], absolute["is_deployed"]) == ("{}", False)
    assert absolute["artefact"] == f"{absolute['run_id']}/lightgbm_absolute"
    assert runs["ensemble"]["is_deployed"]
    assert set(made[LEAD_TIME_DEMAND]["model"]) == {name for name, row in runs.items() if row["is_deployed"]}


def test_weights_of_a_segment_sum_to_one(mixed: ForecastResult) -> None:
    weights = mixed[ENSEMBLE_WEIGHTS]
    assert set(weights["segment"]) == {"intermittent", "lumpy", "smooth", "erratic"}
    assert (weights["weight"] >= 0).all()
    assert weights.group_by("segment").agg(pl.col("weight").sum())["weight"].to_list() == pytest.approx([1.0] * 4)


def test_metrics_of_segments_and_of_all(mixed: ForecastResult) -> None:
    metrics = mixed[MODEL_METRICS].filter(model="ensemble")
    segments = [f"A / {pattern}" for pattern in ("erratic", "intermittent", "lumpy", "smooth")]
    assert metrics["segment"].to_list() == [*segments, "all"]
    parts, whole = metrics.filter(pl.col("segment") != "all"), metrics.row(by_predicate=pl.col("segment") == "all", named=True)
    assert parts["series"].sum() == whole["series"]
    assert whole["rmse_units"] == pytest.approx(np.sqrt(whole["mse_units"]))
    assert parts["origins"].sum() == whole["origins"]
    weighted = (parts["pinball_units"] * parts["series"]).sum() / whole["series"]
    assert weighted == pytest.approx(whole["pinball_units"])


def test_a_certain_lead_time_and_an_uncertain_one() -> None:
    sales = poisson(20)
    certain = run(sales, lead=lead_time_frame({14: 1.0}), settings=ALONE)[LEAD_TIME_DEMAND]
    assert certain["quantile_units"].to_list() == certain["fixed_lead_time_units"].to_list()
    uncertain = run(sales, lead=lead_time_frame({7: 0.5, 21: 0.5}), settings=ALONE)[LEAD_TIME_DEMAND]
    # of flat paths the mean of 14 and 28 days is that of 21 days
    flat = uncertain.filter(model="moving_average")["mean_units"].to_list()
    assert flat == pytest.approx(certain.filter(model="moving_average")["mean_units"].to_list())
    high = uncertain.filter(quantile=0.95)
    assert (high["quantile_units"] > high["fixed_lead_time_units"]).all()


def test_equal_inputs_in_any_order_give_equal_numbers() -> None:
    features = feature_frames(poisson(25), items=item_frame(25, [("smooth", "lumpy")[i % 2] for i in range(25)]))
    first, again = (run_forecast(f, as_of_date=AS_OF, settings=BOOSTED) for f in (features, shuffled(features)))
    assert unlike(first, again) == []
    assert first[MODEL_RUNS]["run_id"].to_list() == again[MODEL_RUNS]["run_id"].to_list()
    assert first[MODEL_RUNS]["artefact"].drop_nulls().len() == 1


def test_chunks_do_not_change_the_result() -> None:
    sales = poisson(7)
    left, right = run(sales), run(sales, settings=replace(QUICK, chunk_series=2))
    assert unlike(left, right) == []
    assert left[MODEL_RUNS]["run_id"].to_list() == right[MODEL_RUNS]["run_id"].to_list()


def test_the_run_id_knows_data_settings_and_date() -> None:
    sales = poisson(3)
    changed = sales.copy()
    changed[0, 0] += 1
    plain = feature_frames(sales)
    promoted = feature_frames(sales, known=promotion_frame([(0, AS_OF + timedelta(days=1), 3)]))
    found = [
        identify(plain, AS_OF, QUICK),
        identify(feature_frames(changed), AS_OF, QUICK),
        identify(plain, AS_OF, replace(QUICK, origins=3)),
        identify(plain, AS_OF - timedelta(days=7), QUICK),
        identify(promoted, AS_OF, QUICK),
    ]
    assert len({identity.run_id for identity in found}) == 5
    assert all(len(identity.run_id) == 16 for identity in found)
    assert found[0].data_hash == found[2].data_hash
    assert len({identity.data_hash for identity in found}) == 4
    assert len({identity.code_hash for identity in found}) == 1
    assert identify(shuffled(plain), AS_OF, QUICK) == found[0]
    assert set(run_forecast(plain, as_of_date=AS_OF, settings=QUICK)[DEMAND_FORECASTS]["run_id"]) == {found[0].run_id}


def test_the_code_hash_knows_only_what_makes_the_forecast(tmp_path: Path) -> None:
    promised = tuple(f"contracts/{name}.py" for name in ("features", "forecasts", "frame"))
    names = (*promised, "evaluation.py", "forecasting/run.py", "__init__.py", "neural/train.py")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    hashes = [code_hash(tmp_path)]
    for name in names:
        (tmp_path / name).write_text("changed")
        hashes.append(code_hash(tmp_path))
    assert [new != old for old, new in itertools.pairwise(hashes)] == [True] * 5 + [False] * 2


def test_weeks_after_the_as_of_date_are_not_read() -> None:
    features = feature_frames(poisson(5))
    later = demand_frame(np.full((5, 43), 900.0), as_of=AS_OF + timedelta(days=21)).filter(pl.col("week_start_date") > AS_OF)
    assert later.height == 15
    with_future = replace(features, demand_weekly=pl.concat([features.demand_weekly, later]))
    left, right = (run_forecast(f, as_of_date=AS_OF, settings=QUICK) for f in (features, with_future))
    assert unlike(left, right) == []
    assert left[MODEL_RUNS]["run_id"].to_list() == right[MODEL_RUNS]["run_id"].to_list()


def test_demand_of_item_locations_nobody_asked_for_is_not_read() -> None:
    sales = poisson(6)
    assert unlike(run(sales, items=item_frame(5)), run(sales[:5])) == []


def test_weeks_that_do_not_end_with_the_as_of_date_are_refused() -> None:
    with pytest.raises(ContractError, match="weekday"):
        run_forecast(feature_frames(poisson(2)), as_of_date=AS_OF + timedelta(days=1), settings=QUICK)


def test_out_of_stock_for_six_weeks_does_not_forecast_zero() -> None:
    sales, out = poisson(5, rate=10), np.zeros((5, 40), dtype=int)
    sales[0, -6:], out[0, -6:] = 0, 7
    means = run(sales, out=out, settings=BOOSTED)[DEMAND_FORECASTS].filter(item_id=0).group_by("model")
    means = dict(means.agg(pl.col("mean_units").mean()).iter_rows())
    assert min(means.values()) > 6
    naked = replace(NAIVE, repair_stock_outs=False)
    floor = naked.min_share_of_history * sales[0].mean()
    means = run(sales, out=out, settings=naked)[DEMAND_FORECASTS].filter(item_id=0)["mean_units"]
    assert means.to_list() == pytest.approx([floor] * 3)


def test_windows_with_a_stock_out_are_not_scored() -> None:
    # Three weeks are summed; origins at weeks 31, 33, 35 and 37: the windows from 35 and from 33 hold the stock-out of week 35.
    sales, out = poisson(4), np.zeros((4, 40), dtype=int)
    four = replace(QUICK, origins=4)
    assert metric(run(sales, out=out, settings=four), 0)["origins"] == 4
    out[0, 35] = 1
    row = metric(run(sales, out=out, settings=four), 0)
    assert (row["origins"], row["reason"]) == (2, "ok")
    out[0, 31:] = 1
    row = metric(run(sales, out=out, settings=four), 0)
    assert (row["origins"], row["rmse_units"], row["reason"]) == (0, None, "stock-outs in every window")


def test_scores_by_hand_for_a_step() -> None:
    # Sales of 2, then 8 from week 34 on; the naive model repeats the last week and never sees the step coming.
    sales = np.r_[np.full(34, 2.0), np.full(6, 8.0)][None, :]
    row = metric(run(sales, settings=replace(NAIVE, origins=4)), 0, "seasonal_naive")
    # Three-week windows from weeks 31, 33, 35, 37: actual 6, 2 + 8 + 8 = 18, 24, 24; forecast 6, 6, 24, 24.
    assert (row["horizon_weeks"], row["origins"]) == (3, 4)
    assert row["mae_units"] == pytest.approx(12 / 4)
    assert row["rmse_units"] == pytest.approx(np.sqrt(144 / 4))
    assert row["bias_units"] == pytest.approx(-3.0)
    assert row["wape"] == pytest.approx(12 / 72)


def test_a_failing_fit_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from statsforecast.models import WindowAverage

    class Refuses(WindowAverage):
        """A window average that raises on series that ever sold 13."""

        def forecast(self, y, *args, **kwargs):
            if 13.0 in y:
                raise RuntimeError("unlucky")
            return super().forecast(y, *args, **kwargs)

    changed = replace(registry.REGISTRY["moving_average"], build=lambda settings, season: Refuses(window_size=8))
    monkeypatch.setitem(registry.REGISTRY, "moving_average", changed)
    sales = np.minimum(poisson(6), 12)
    sales[2, 0] = 13
    result = run(sales)
    assert metric(result, 2)["reason"] == "model silent: a simpler one stands in"
    assert metric(result, 2, "tsb")["reason"] == "ok"
    assert [metric(result, i)["reason"] for i in (0, 1, 3, 4, 5)] == ["ok"] * 5
    mean = run(sales, settings=ALONE)[DEMAND_FORECASTS].filter(item_id=2, model="moving_average")["mean_units"]
    assert mean.to_list() == pytest.approx([sales[2].mean()] * 3)


def test_scores_of_single_models_are_a_series_own_and_pools_are_shared() -> None:
    sales, wild = poisson(10), poisson(10)
    wild[9] *= np.r_[np.ones(30), np.full(10, 20.0)]
    calm, other = run(sales), run(wild)
    mine = (pl.col("item_id") < 9) & (pl.col("model") == "moving_average")
    scores = ["item_id", "model", "rmse_units", "bias_units"]
    assert calm[SERIES_METRICS].filter(mine).select(scores).equals(other[SERIES_METRICS].filter(mine).select(scores))
    mine = (pl.col("item_id") < 9) & (pl.col("model") == "ensemble")
    left, right = (r[LEAD_TIME_DEMAND].filter(mine)["quantile_units"] for r in (calm, other))
    assert not left.equals(right)


def test_a_yearly_season_is_used_where_history_allows() -> None:
    year = np.r_[np.full(26, 2.0), np.full(26, 20.0)]
    sales = np.vstack([np.tile(year, 2), np.r_[np.full(60, NAN), np.tile(year, 2)[60:]]])
    means = run(sales, settings=NAIVE)[DEMAND_FORECASTS].group_by("item_id", maintain_order=True)
    assert means.agg(pl.col("mean_units").first())["mean_units"].to_list() == [2.0, 20.0]


@pytest.mark.parametrize("weeks", [1, 7, 8])
def test_a_young_warehouse_runs_without_any_origin(weeks: int) -> None:
    result = run(np.full((3, weeks), 4.0), settings=BOOSTED)
    reason = "history too short to backtest" if weeks == 8 else f"short history: {weeks} weeks"
    assert all(text.startswith(reason) for text in result[SERIES_METRICS]["reason"])
    means = result[LEAD_TIME_DEMAND]["mean_units"]
    assert means.to_list() == pytest.approx([10.0] * len(means))


def test_an_empty_warehouse_gives_empty_frames_and_no_demand_gives_zeros() -> None:
    nobody = feature_frames(np.full((1, 1), NAN), items=item_frame(0))
    result = run_forecast(nobody, as_of_date=AS_OF, settings=QUICK)
    assert [name for name, frame in result.frames.items() if not frame.is_empty()] == []
    result = run(np.full((2, 1), NAN), lead=lead_time_frame({}))
    assert set(result[SERIES_METRICS]["reason"]) == {"no history; no lead time: default 14 days"}
    assert result[LEAD_TIME_DEMAND].height
    assert result[LEAD_TIME_DEMAND]["quantile_units"].max() == 0


def test_broken_inputs_are_refused() -> None:
    good = feature_frames(poisson(2))

    def broken(name: str, frame: pl.DataFrame) -> Features:
        return replace(good, **{name: frame})

    sales, items = good.demand_weekly, good.item_locations
    cases = [
        broken("demand_weekly", pl.concat([sales, sales[:1]])),
        broken("demand_weekly", sales.with_columns(sold_units=pl.lit(float("nan")))),
        broken("demand_weekly", sales.with_columns(sold_units=pl.lit(float("inf")))),
        broken("demand_weekly", sales.with_columns(demand_units=pl.lit(float("inf")))),
        broken("demand_weekly", sales.drop("stock_out_days")),
        broken("item_locations", pl.concat([items, items])),
        broken("item_locations", items.with_columns(review_period_days=-1)),
        broken("lead_time_distribution", lead_time_frame({7: 0.5})),
    ]
    for features in cases:
        with pytest.raises(ContractError):
            run_forecast(features, as_of_date=AS_OF, settings=QUICK)
    with pytest.raises(ValueError, match="unknown models"):
        run_forecast(good, as_of_date=AS_OF, settings=ForecastSettings(models=("oracle",)))


@pytest.mark.parametrize(
    "wrong",
    [{"origins": -1}, {"min_training_periods": 0}, {"lead_time_cut": 0.0}, {"lattice_points": 8}, {"models": ("tsb", "tsb")}],
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ForecastSettings(**wrong)


def test_progress_is_told() -> None:
    steps: list[tuple[str, float]] = []
    run(poisson(2), progress=lambda step, share: steps.append((step, share)))
    shares = [share for _, share in steps]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


def test_the_run_of_the_ensemble_says_whether_to_retrain(mixed: ForecastResult) -> None:
    said = {model: json.loads(text) for model, text in mixed[MODEL_RUNS].select("model", "metrics").iter_rows()}
    assert said["ensemble"]["retrain_is_due"] in (True, False)
    assert said["ensemble"]["retrain_reason"]
    assert "retrain_is_due" not in said["moving_average"]
    drifting = mixed[FORECAST_DRIFT].filter("is_drifting")
    assert drifting.height or said["ensemble"]["retrain_reason"] in ("nothing drifts", "too little to compare")
