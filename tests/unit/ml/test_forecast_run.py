"""The whole run: what it promises about every series, about time, and about repetition."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, demand_frame, item_frame, lead_time_frame

from ml.contracts import (
    DEMAND_FORECASTS,
    LEAD_TIME_DEMAND,
    MODEL_RUNS,
    QUANTILES,
    SERIES_METRICS,
    ContractError,
)
from ml.forecasting import ForecastResult, ForecastSettings, run_forecast
from ml.forecasting import models as registry
from ml.forecasting.stamp import code_hash

CHEAP = ForecastSettings(models=("moving_average", "croston_sba"), origins=4)
ALL = ForecastSettings(origins=4)
NAN = float("nan")
FRAMES = ("demand_forecasts", "lead_time_demand", "series_metrics", "model_runs")


def poisson(series: int, weeks: int = 40, rate: float = 5.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate, (series, weeks)).astype(float)


def run(sales, *, out=None, items=None, lead=None, settings=CHEAP, **kwargs) -> ForecastResult:
    items = item_frame(len(np.atleast_2d(sales))) if items is None else items
    lead = lead_time_frame() if lead is None else lead
    return run_forecast(demand_frame(sales, out), items, lead, as_of_date=AS_OF, settings=settings, **kwargs)


def same(left: ForecastResult, right: ForecastResult) -> bool:
    return all(getattr(left, name).equals(getattr(right, name)) for name in FRAMES)


def metric(result: ForecastResult, item: int, model: str = "moving_average") -> dict:
    return result.series_metrics.row(by_predicate=(pl.col("item_id") == item) & (pl.col("model") == model), named=True)


@pytest.fixture(scope="module")
def bad_series() -> ForecastResult:
    """One series of every awkward kind, with all models; item 0 is a good one."""
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
    return run(np.array(rows), settings=ALL)


def test_every_series_model_week_and_quantile_is_there(bad_series: ForecastResult) -> None:
    series, models, horizon = 9, 4, 3
    assert bad_series.demand_forecasts.height == series * models * horizon
    assert bad_series.lead_time_demand.height == series * models * len(QUANTILES)
    assert bad_series.series_metrics.height == series * models
    assert bad_series.model_runs.height == models
    contracts = (DEMAND_FORECASTS, LEAD_TIME_DEMAND, SERIES_METRICS, MODEL_RUNS)
    for contract, name in zip(contracts, FRAMES, strict=True):
        frame = getattr(bad_series, name)
        assert frame.equals(contract.conform(frame))
    first = bad_series.demand_forecasts["week_start_date"].unique().sort().to_list()
    assert first == [AS_OF + timedelta(days=1 + 7 * k) for k in range(3)]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (0, "ok"),
        (1, "no sales"),
        (2, "short history: 5 weeks"),
        (3, "ok"),
        (4, "negative sales read as 0"),
        (5, "no sales before any origin"),
        (6, "short history: 9 weeks"),
        (7, "no history"),
        (8, "ok"),
    ],
)
def test_bad_series_say_why(bad_series: ForecastResult, item: int, reason: str) -> None:
    for model in ALL.models:
        row = metric(bad_series, item, model)
        assert row["reason"] == reason
        assert (row["rmse_units"] is None) == (row["origins"] == 0)


def test_bad_series_have_defined_forecasts(bad_series: ForecastResult) -> None:
    sums = bad_series.lead_time_demand
    for item in (1, 7):
        assert sums.filter(item_id=item).select(pl.col("mean_units", "quantile_units").abs().max()).row(0) == (0, 0)
    # Mean of 2, 4, 0, 6, 3 over the mean interval of 17.5 days.
    assert sums.filter(item_id=2)["mean_units"].to_list() == pytest.approx([3 * 2.5] * (4 * len(QUANTILES)))
    constant = sums.filter(item_id=3, model="theta")["mean_units"][0]
    assert constant == pytest.approx(7 * 2.5)
    fractional = sums.filter(item_id=8, model="theta")["quantile_units"]
    assert (fractional != fractional.round()).any()


def test_forecasts_are_finite_monotone_and_not_negative(bad_series: ForecastResult) -> None:
    weekly = bad_series.demand_forecasts
    assert weekly.filter(pl.any_horizontal(pl.col("^.*_units$").is_infinite() | (pl.col("^.*_units$") < 0))).is_empty()
    ordered = (pl.col("p10_units") <= pl.col("p50_units")) & (pl.col("p50_units") <= pl.col("p90_units"))
    assert weekly.select(ordered.all()).item()
    sums = bad_series.lead_time_demand.sort("item_id", "model", "quantile")
    for column in ("quantile_units", "fixed_lead_time_units"):
        steps = sums.select(pl.col(column).diff().over("item_id", "model"))[column].drop_nulls()
        assert (steps >= 0).all()
        assert (sums[column] >= 0).all()


def test_the_sum_is_less_uncertain_than_the_sum_of_weekly_quantiles() -> None:
    result = run(poisson(60, rate=8), lead=lead_time_frame({14: 1.0}), settings=CHEAP)
    keys = ["item_id", "model"]
    added = result.demand_forecasts.group_by(keys).agg(added=pl.col("p90_units").sum())
    summed = result.lead_time_demand.filter(quantile=0.9).join(added, on=keys)
    assert (summed["quantile_units"] < summed["added"]).mean() > 0.95
    buffer = (summed["quantile_units"] - summed["mean_units"]).mean() / (summed["added"] - summed["mean_units"]).mean()
    assert buffer < 0.75  # independent weeks: 1 / sqrt(3) = 0.58


def test_later_weeks_are_not_better_known() -> None:
    result = run(poisson(60), lead=lead_time_frame({35: 1.0}), settings=CHEAP)
    spread = result.demand_forecasts.filter(model="croston_sba").sort("item_id", "week_start_date")
    spread = spread.with_columns(width=pl.col("p90_units") - pl.col("p10_units"))
    assert (spread.select(pl.col("width").diff().over("item_id"))["width"].drop_nulls() >= 0).all()


@pytest.fixture(scope="module")
def mixed() -> ForecastResult:
    """Slow, lumpy and seasonal series with every model, three vendors, lead times that end within a week."""
    rng = np.random.default_rng(2)
    season = 6 + 5 * np.sin(np.arange(120) / 52 * 2 * np.pi)
    sales = np.vstack(
        [
            rng.poisson(0.15, (40, 120)),
            (rng.random((40, 120)) < 0.3) * np.ceil(rng.lognormal(1.5, 1.0, (40, 120))),
            rng.poisson(season, (40, 120)),
            rng.poisson(season, (40, 120)) * 0.37,
        ]
    )
    patterns = [name for name in ("intermittent", "lumpy", "smooth", "erratic") for _ in range(40)]
    lead = [lead_time_frame(days, v) for v, days in enumerate(({3: 0.4, 9: 0.6}, {11: 0.5, 40: 0.5}, {1: 0.9, 30: 0.1}))]
    items = item_frame(160, patterns, vendors=[i % 3 for i in range(160)], review_days=4)
    return run(sales, items=items, lead=pl.concat(lead), settings=ALL)


def test_weekly_means_add_up_to_the_mean_over_the_protection_interval(mixed: ForecastResult) -> None:
    # Days are cut from the published weeks, mixed over the lead times: to rounding, the published sum.
    days = {0: {7: 0.4, 13: 0.6}, 1: {15: 0.5, 44: 0.5}, 2: {5: 0.9, 34: 0.1}}
    weekly = mixed.demand_forecasts.sort("item_id", "model", "week_start_date")
    means = mixed.lead_time_demand.group_by("item_id", "model").agg(pl.col("mean_units").unique())
    published = {(item, model): mean for item, model, (mean,) in means.iter_rows()}
    for (item, model), rows in weekly.group_by("item_id", "model"):
        weeks = rows["mean_units"].to_numpy()
        daily = np.repeat(weeks / 7, 7)
        expected = sum(p * daily[:day].sum() for day, p in days[item % 3].items())
        assert len(daily) >= max(days[item % 3])
        assert published[item, model] == pytest.approx(expected, rel=1e-9)


def test_mean_and_quantiles_do_not_contradict_each_other(mixed: ForecastResult) -> None:
    weekly = mixed.demand_forecasts
    assert weekly.filter(pl.col("p90_units") > 0, pl.col("mean_units") <= 0).is_empty()
    sums = mixed.lead_time_demand
    assert sums.filter(pl.col("mean_units") <= 0, pl.max_horizontal("quantile_units", "fixed_lead_time_units") > 0).is_empty()
    # The published quantiles, read as a distribution, have the published mean: up to the rounding of units and the
    # upper tail, which they leave out.
    by_series = sums.sort("quantile").group_by("item_id", "model").agg(pl.col("mean_units").first(), "quantile", "quantile_units")
    for item, _, mean, levels, units in by_series.iter_rows():
        area = np.trapezoid(np.r_[units[0], units, units[-1]], np.r_[0, levels, 1])
        assert area == pytest.approx(mean, rel=0.1, abs=0.5), item


def test_the_weight_of_the_historical_mean_is_recorded(mixed: ForecastResult) -> None:
    for text in mixed.model_runs["parameters"]:
        weight = json.loads(text)["weight_of_historical_mean"]
        assert weight["smooth"] == weight["erratic"] == 0
        assert 0 < weight["intermittent"] <= 1
        assert 0 < weight["lumpy"] <= 1


def test_a_certain_lead_time_and_an_uncertain_one() -> None:
    sales = poisson(20)
    certain = run(sales, lead=lead_time_frame({14: 1.0})).lead_time_demand
    assert certain["quantile_units"].to_list() == certain["fixed_lead_time_units"].to_list()
    uncertain = run(sales, lead=lead_time_frame({7: 0.5, 21: 0.5})).lead_time_demand
    assert uncertain["mean_units"].to_list() == pytest.approx(certain["mean_units"].to_list())
    high = uncertain.filter(quantile=0.95)
    assert (high["quantile_units"] > high["fixed_lead_time_units"]).all()


def test_equal_inputs_in_any_order_give_equal_bytes() -> None:
    sales, items, lead = poisson(12), item_frame(12), lead_time_frame()
    first = run(sales, settings=ALL)
    shuffled = [f.sample(fraction=1.0, shuffle=True, seed=3) for f in (demand_frame(sales), items, lead)]
    assert same(first, run_forecast(*shuffled, as_of_date=AS_OF, settings=ALL))


def test_chunks_do_not_change_the_result() -> None:
    sales = poisson(7)
    assert same(run(sales), run(sales, settings=ForecastSettings(models=CHEAP.models, origins=4, chunk_series=2)))


def test_the_run_id_knows_data_settings_and_date() -> None:
    sales = poisson(3)
    changed = sales.copy()
    changed[0, 0] += 1
    results = [
        run(sales),
        run(changed),
        run(sales, settings=ForecastSettings(models=CHEAP.models, origins=3)),
    ]
    ids = [r.model_runs["run_id"][0] for r in results]
    assert len(set(ids)) == 3
    assert all(len(i) == 16 for i in ids)
    assert results[0].model_runs["data_hash"][0] != results[1].model_runs["data_hash"][0]
    assert results[0].model_runs["data_hash"][0] == results[2].model_runs["data_hash"][0]


def test_the_code_hash_knows_only_what_makes_the_forecast(tmp_path: Path) -> None:
    names = ("contracts.py", "evaluation.py", "forecasting/run.py", "__init__.py", "neural/train.py")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    hashes = [code_hash(tmp_path)]
    for name in names:
        (tmp_path / name).write_text("changed")
        hashes.append(code_hash(tmp_path))
    assert [new != old for old, new in itertools.pairwise(hashes)] == [True, True, True, False, False]


def test_weeks_after_the_as_of_date_are_not_read() -> None:
    sales = poisson(5)
    later = demand_frame(np.full((5, 43), 900.0), as_of=AS_OF + timedelta(days=21))
    later = later.filter(pl.col("week_start_date") > AS_OF)
    assert later.height == 15
    known = demand_frame(sales)
    result = run_forecast(pl.concat([known, later]), item_frame(5), lead_time_frame(), as_of_date=AS_OF, settings=CHEAP)
    assert same(result, run(sales))


def test_demand_of_unknown_items_is_not_read() -> None:
    sales = poisson(6)
    assert same(run(sales, items=item_frame(5)), run(sales[:5]))


def test_out_of_stock_for_six_weeks_does_not_forecast_zero() -> None:
    sales, out = poisson(5, rate=10), np.zeros((5, 40), dtype=int)
    sales[0, -6:], out[0, -6:] = 0, 7
    means = run(sales, out=out, settings=ALL).demand_forecasts.filter(item_id=0).group_by("model")
    means = dict(means.agg(pl.col("mean_units").mean()).iter_rows())
    assert min(means.values()) > 6
    naked = ForecastSettings(models=("seasonal_naive",), origins=4, repair_stock_outs=False)
    floor = naked.min_share_of_history * sales[0].mean()
    means = run(sales, out=out, settings=naked).demand_forecasts.filter(item_id=0)["mean_units"]
    assert means.to_list() == pytest.approx([floor] * 3)


def test_windows_with_a_stock_out_are_not_scored() -> None:
    # H = 3 weeks: origins at weeks 37, 35, 33, 31; the window of three weeks from 35 holds the stock-out of week 36.
    sales, out = poisson(4), np.zeros((4, 40), dtype=int)
    before = run(sales, out=out)
    out[0, 36] = 1
    after = run(sales, out=out)
    assert metric(before, 0)["origins"] == 4
    assert metric(after, 0)["origins"] == 3
    out[0, 31:] = 1
    row = metric(run(sales, out=out), 0)
    assert row["origins"] == 0
    assert row["rmse_units"] is None
    assert row["reason"] == "stock-outs in every window"


def test_scores_by_hand_for_a_step() -> None:
    # Sales of 2, then 8 from week 30 on; the naive model repeats the last week and never sees the step coming.
    sales = np.r_[np.full(34, 2.0), np.full(6, 8.0)][None, :]
    result = run(sales, settings=ForecastSettings(models=("seasonal_naive",), origins=4))
    row = metric(result, 0, "seasonal_naive")
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

    def build(settings: ForecastSettings, season_weeks: int) -> Refuses:
        return Refuses(window_size=8)

    spec = registry.REGISTRY["moving_average"]
    changed = registry.ModelSpec(spec.name, spec.family, build, spec.parameters)
    monkeypatch.setitem(registry.REGISTRY, "moving_average", changed)
    sales = np.minimum(poisson(6), 12)
    sales[2, 0] = 13
    result = run(sales)
    assert metric(result, 2)["reason"] == "model failed: mean of history used"
    assert metric(result, 2, "croston_sba")["reason"] == "ok"
    assert [metric(result, i)["reason"] for i in (0, 1, 3, 4, 5)] == ["ok"] * 5
    mean = result.demand_forecasts.filter(item_id=2, model="moving_average")["mean_units"]
    assert mean.to_list() == pytest.approx([sales[2].mean()] * 3)


def test_isolation_of_means_and_shared_pools() -> None:
    # Means and point scores of smooth demand are a series' own; quantiles share a pool with series of the same pattern.
    sales, wild = poisson(10), poisson(10)
    wild[9] *= np.r_[np.ones(30), np.full(10, 20.0)]
    calm, other = run(sales), run(wild)
    mine = pl.col("item_id") < 9
    columns = ["item_id", "model", "mean_units"]
    left, right = (r.lead_time_demand.filter(mine).select(columns) for r in (calm, other))
    assert left.equals(right)
    scores = ["item_id", "model", "rmse_units", "bias_units"]
    assert calm.series_metrics.filter(mine).select(scores).equals(other.series_metrics.filter(mine).select(scores))
    left, right = (r.lead_time_demand.filter(mine)["quantile_units"] for r in (calm, other))
    assert not left.equals(right)


def test_a_yearly_season_is_used_where_history_allows() -> None:
    year = np.r_[np.full(26, 2.0), np.full(26, 20.0)]
    sales = np.vstack([np.tile(year, 2), np.r_[np.full(60, NAN), np.tile(year, 2)[60:]]])
    result = run(sales, settings=ForecastSettings(models=("seasonal_naive",), origins=4))
    means = result.demand_forecasts.group_by("item_id", maintain_order=True).agg(pl.col("mean_units").first())
    assert means["mean_units"].to_list() == [2.0, 20.0]
    assert '"series_with_full_season": 1' in result.model_runs["parameters"][0]


@pytest.mark.parametrize("weeks", [1, 7, 8])
def test_a_young_warehouse_runs_without_any_origin(weeks: int) -> None:
    result = run(np.full((3, weeks), 4.0), settings=ALL)
    assert set(result.series_metrics["reason"]) == {f"short history: {weeks} weeks"}
    assert result.lead_time_demand["mean_units"].to_list() == pytest.approx(
        [10.0] * (3 * 4 * len(QUANTILES)), rel=0.051
    )  # Croston, once fitted, is debiased by 5 %


def test_an_empty_warehouse_gives_empty_frames_and_no_demand_gives_zeros() -> None:
    empty = demand_frame(np.full((1, 1), NAN))
    result = run_forecast(empty, item_frame(0), lead_time_frame(), as_of_date=AS_OF, settings=CHEAP)
    assert result.demand_forecasts.is_empty()
    assert result.model_runs.height == 2
    result = run_forecast(empty, item_frame(2), lead_time_frame({}), as_of_date=AS_OF, settings=CHEAP)
    assert set(result.series_metrics["reason"]) == {"no history; no lead time: default 14 days"}
    assert result.lead_time_demand["quantile_units"].max() == 0


def test_broken_inputs_are_refused() -> None:
    sales, items, lead = demand_frame(poisson(2)), item_frame(2), lead_time_frame()
    broken = [
        (pl.concat([sales, sales[:1]]), items, lead),
        (sales.with_columns(sold_units=pl.lit(float("nan"))), items, lead),
        (sales.with_columns(sold_units=pl.lit(float("inf"))), items, lead),
        (sales, pl.concat([items, items]), lead),
        (sales, items.with_columns(review_period_days=-1), lead),
        (sales, items, lead_time_frame({7: 0.5})),
    ]
    for frames in broken:
        with pytest.raises(ContractError):
            run_forecast(*frames, as_of_date=AS_OF, settings=CHEAP)
    with pytest.raises(ValueError, match="unknown models"):
        run_forecast(sales, items, lead, as_of_date=AS_OF, settings=ForecastSettings(models=("oracle",)))
    with pytest.raises(ValueError, match="origins"):
        ForecastSettings(origins=0)


def test_progress_is_told() -> None:
    steps: list[tuple[str, float]] = []
    run(poisson(2), progress=lambda step, share: steps.append((step, share)))
    assert [share for _, share in steps] == [0.0, 0.5, 1.0]
