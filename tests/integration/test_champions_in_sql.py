"""What the forecast run writes is what SQL chooses: the rule of champions in Python against the compiled rec_champion_segments.

Belongs here: scores of our own, both rules on them. Does not belong here: hand-worked numbers, which stand beside the model.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from dagster_project.forecasting import told_policy
from ml.forecasting.champions import champion
from ml.forecasting.models import ENSEMBLE
from ml.forecasting.scores import SeriesScores
from ml.forecasting.settings import ForecastSettings

SEGMENTS, MODELS = 80, (ENSEMBLE, "theta", "tsb", "lightgbm", "lstm")


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, dict[str, SeriesScores]]:
    """Series of 80 segments, 1 to 40 in each, whose models differ by less and by more than noise; some costs are not known.

    In the last segment the cheapest model wins by chance and another by more than noise: 40 series, lightgbm saves 1 on each,
    give or take, lstm 2 on average, all of it on one series.
    """
    rng = np.random.default_rng(7)
    sizes = rng.integers(1, 41, SEGMENTS)
    sizes[-1] = 40
    segment = np.repeat(np.arange(SEGMENTS), sizes)
    shown = np.ones(len(segment))
    base, found = rng.gamma(2, 5, len(segment)), {}
    cost_known = rng.random(len(segment)) < rng.choice([0.1, 0.9, 1.0], SEGMENTS)[segment]
    for name in MODELS:
        better = rng.normal(0, 0.4, SEGMENTS)[segment]
        columns = {}
        for measure in ("decision_cost", "pinball"):
            values = base + (name != ENSEMBLE) * (better + rng.normal(0, 1, len(segment)))
            values[rng.random(len(segment)) < 0.05] = np.nan
            columns[measure] = np.where(cost_known, values, np.nan) if measure == "decision_cost" else values
        last = segment == SEGMENTS - 1
        saved = {"lightgbm": 1 + np.arange(40) % 2 / 10, "lstm": np.r_[80.0, np.zeros(39)]}
        columns["decision_cost"][last] = 100 - saved.get(name, np.zeros(40))
        found[name] = SeriesScores({**columns, "origins": shown}, shown)
    return segment, found


@pytest.fixture(scope="module")
def compiled(run_dbt, tiny_source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("champions")
    answer = run_dbt(tiny_source, folder / "stockroom.duckdb", "compile", "--select", "rec_champion_segments")
    return answer.result.results[0].node.compiled_code


@pytest.mark.parametrize(("standard_errors", "min_series"), [(2.0, 20), (0.0, 1), (1.0, 5), (3.0, 30)])
def test_python_writes_what_sql_chooses(compiled: str, scored, standard_errors: float, min_series: int, tmp_path: Path) -> None:
    segment, found = scored
    keys = {"item_id": np.arange(len(segment)), "location_id": np.ones(len(segment), dtype=int)}
    metrics = pl.concat(
        pl.DataFrame(keys).with_columns(
            as_of_date=pl.date(2016, 12, 31),
            run_id=pl.lit("r"),
            model=pl.lit(name),
            decision_cost_usd=one.columns["decision_cost"],
            pinball_units=one.columns["pinball"],
        )
        for name, one in found.items()
    )
    none = {name: pl.lit(None, pl.Float64) for name in ("wape", "bias_units", "scaled_pinball", "coverage_80")}
    text = {name: pl.lit("", pl.String) for name in ("model", "abc_class", "demand_pattern")}
    tables = {
        "features.ftr_item_locations": pl.DataFrame(keys).with_columns(
            abc_class=pl.Series(segment).cast(pl.String), demand_pattern=pl.lit("smooth")
        ),
        "staging.stg_ml__series_metrics": metrics.fill_nan(None),
        "staging.stg_ml__model_metrics": pl.select(**text, **none).clear(),
        "intermediate.int_policy": pl.DataFrame({"champion_standard_errors": standard_errors, "champion_min_series": min_series}),
    }
    with duckdb.connect(str(tmp_path / "stockroom.duckdb")) as connection:
        for name, frame in tables.items():
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.register("given", frame)
            connection.execute(f"create table {name} as from given")
        rows = connection.sql(f"select abc_class::int, model from ({compiled}) where is_champion").fetchall()
    settings = ForecastSettings(champion_standard_errors=standard_errors, champion_min_series=min_series)
    ours = {s: champion(found, ENSEMBLE, segment == s, settings) or ENSEMBLE for s in range(SEGMENTS)}
    assert ours == dict(rows)
    # both outcomes occur, or the test tests nothing
    assert 5 < sum(name == ENSEMBLE for name in ours.values()) < SEGMENTS
    # the cheapest on average is not the best by more than noise
    assert ours[SEGMENTS - 1] == ("lstm" if standard_errors == 0 else "lightgbm")


def test_a_run_is_told_the_policy_and_keeps_the_default_of_what_it_does_not_say() -> None:
    said = pl.DataFrame({"champion_standard_errors": [None], "champion_min_series": [0.0]}, schema_overrides={0: pl.Float64})
    told = told_policy(ForecastSettings(), said)
    assert (told.champion_standard_errors, told.champion_min_series) == (2.0, 1)
