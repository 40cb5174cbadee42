"""What the lineage of Python's steps says is not read does not change what they write."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from forecast_frames import AS_OF, QUICK, feature_frames, poisson

from ml.contracts import FORECASTS, OUTPUTS, VISION
from ml.contracts.derivations import DERIVATIONS
from ml.forecasting import run_forecast

FORECAST = next(one for one in DERIVATIONS if one.writes is FORECASTS)
FRAMES = {contract.name: contract.name.removeprefix("ftr_") for contract in FORECAST.reads}


def test_every_table_python_writes_has_its_derivation() -> None:
    assert {c.name for one in DERIVATIONS for c in one.writes} == {c.name for c in OUTPUTS} - {c.name for c in VISION}


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda one: one.step)
def test_only_promised_columns_are_named(derivation) -> None:
    read = {contract.name: contract.schema for contract in derivation.reads}
    written = {contract.name: contract.schema for contract in derivation.writes}
    assert all(name in read[table] for table, names in derivation.unread.items() for name in names)
    for (table, column), parents in derivation.narrower.items():
        assert column in written[table]
        assert set(parents) <= set(derivation.read_columns())


def conformed(features):
    """Every column in its promised type, also where nothing is said."""
    frames = {FRAMES[c.name]: c.conform(getattr(features, FRAMES[c.name])) for c in FORECAST.reads}
    return replace(features, **frames)


def changed(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Other values of the same type in every row."""
    dtype = frame.schema[column]
    if dtype == pl.Date:
        return frame.with_columns(pl.lit(AS_OF).alias(column))
    return frame.with_columns((pl.col(column).fill_null(0) * 0.5 + 0.25).cast(dtype).alias(column))


def test_a_forecast_does_not_depend_on_columns_said_to_be_unread() -> None:
    features = conformed(feature_frames(poisson(4)))
    other = features
    for table, names in FORECAST.unread.items():
        for name in names:
            other = replace(other, **{FRAMES[table]: changed(getattr(other, FRAMES[table]), name)})
    first, again = (run_forecast(f, as_of_date=AS_OF, settings=QUICK) for f in (features, other))
    for contract in FORECASTS:
        own = [name for name in contract.schema if name not in ("run_id", "data_hash", "artefact") and "seconds" not in name]
        assert first[contract].select(own).equals(again[contract].select(own)), contract.name


def test_a_forecast_depends_on_demand() -> None:
    """The same comparison finds a column that is read."""
    features = conformed(feature_frames(poisson(4)))
    other = replace(features, demand_weekly=changed(features.demand_weekly, "demand_units"))
    first, again = (run_forecast(f, as_of_date=AS_OF, settings=QUICK) for f in (features, other))
    assert not first[FORECASTS[0]].drop("run_id").equals(again[FORECASTS[0]].drop("run_id"))
