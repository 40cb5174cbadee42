"""The warehouse file: connections, the tables Python writes, and what SQL expects to find before the first build.

Belongs here: connections and the atomic replacement of a table's rows. Does not belong here: SQL that decides anything, and
Dagster, which takes half a second to import.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.input_tables import INPUT_SCHEMA, INPUTS
from dagster_project.operation_tables import OPS_SCHEMA, RECORDS
from ml.contracts import OUTPUTS, ContractError, FrameContract

ML_SCHEMA = "ml"
REFERENCE_SCHEMA = "reference"
HOLIDAY_YEARS = range(1990, 2051)


class WarehouseFile:
    """The DuckDB file. Connections are short: none is held while a model trains, so dbt can always write."""

    def __init__(self, path: str, memory_limit: str = "4GB") -> None:
        self.path = path
        self.memory_limit = memory_limit

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(self.path, read_only=read_only, config={"memory_limit": self.memory_limit})
        try:
            yield connection
        finally:
            connection.close()

    def read(self, query: str) -> pl.DataFrame:
        """The result of a query as a frame."""
        with self.connect(read_only=True) as connection:
            return connection.sql(query).pl()

    def prepare(self, country: str) -> int:
        """What SQL expects to find before the first build: the tables Python and people write, and a country's public holidays (count)."""
        self.ensure_tables(OUTPUTS)
        self.ensure_kept_tables()
        return self.replace_holidays(country)

    def replace_holidays(self, country: str) -> int:
        """Write the public holidays of a country (ISO 3166 code) of all years that data may be of; says how many days they are.

        Raises ValueError for a country the holidays library does not know.
        """
        frame = _public_holidays(country)
        with self.connect() as connection:
            connection.execute(f"create schema if not exists {REFERENCE_SCHEMA}")
            connection.register("frame", frame)
            connection.execute(f"create or replace table {REFERENCE_SCHEMA}.public_holidays as from frame")
        return frame.height

    def ensure_tables(self, contracts: Sequence[FrameContract]) -> None:
        """Create the tables Python writes, empty and typed, so that SQL can be built before the first forecast.

        A table whose columns no longer equal its contract is made anew: what is in it can be computed again.
        """
        with self.connect() as connection:
            connection.execute(f"create schema if not exists {ML_SCHEMA}")
            for contract in contracts:
                empty = contract.empty()
                connection.register("empty", empty)
                promised = connection.sql("describe empty").fetchall()
                exists = connection.sql(
                    f"select 1 from duckdb_tables() where schema_name = '{ML_SCHEMA}' and table_name = '{contract.name}'"
                ).fetchone()
                present = connection.sql(f"describe {ML_SCHEMA}.{contract.name}").fetchall() if exists else None
                if present is None or [row[:2] for row in present] != [row[:2] for row in promised]:
                    connection.execute(f"create or replace table {ML_SCHEMA}.{contract.name} as from empty")
                connection.unregister("empty")

    def ensure_kept_tables(self) -> None:
        """Create the tables of people's decisions and of what happened in runs, where they are not there.

        What is in them stays, whatever else changes; a column that is missing is added.
        """
        with self.connect() as connection:
            for schema, contracts in ((INPUT_SCHEMA, INPUTS), (OPS_SCHEMA, RECORDS)):
                connection.execute(f"create schema if not exists {schema}")
                for contract in contracts:
                    empty = contract.empty()
                    connection.register("empty", empty)
                    connection.execute(f"create table if not exists {schema}.{contract.name} as from empty")
                    present = {row[0] for row in connection.sql(f"describe {schema}.{contract.name}").fetchall()}
                    for name, dtype, *_ in connection.sql("describe empty").fetchall():
                        if name not in present:
                            connection.execute(f"alter table {schema}.{contract.name} add column {name} {dtype}")
                    connection.unregister("empty")

    @property
    def models_folder(self) -> Path:
        """Where fitted models are kept, beside the warehouse."""
        return Path(self.path).parent / "models"

    def has_run(self, run_id: str) -> bool:
        """Whether the tables hold what this model run wrote."""
        return bool(self.read(f"select count(*) from {ML_SCHEMA}.model_runs where run_id = '{run_id}'").item())

    def replace_as_of(self, as_of_date: date, frames: Sequence[tuple[FrameContract, pl.DataFrame]]) -> None:
        """Replace the rows of one as-of date in several tables, all or none. Repeating it changes nothing."""
        conforming = [(contract, contract.conform(frame)) for contract, frame in frames]
        for contract, frame in conforming:
            if (frame["as_of_date"] != as_of_date).any():
                raise ContractError(f"{contract.name}: rows of another as_of_date than {as_of_date}; repeating would double them")
        self._replace(conforming, "as_of_date = ?", [as_of_date])

    def replace_rows(self, frames: Sequence[tuple[FrameContract, pl.DataFrame]]) -> None:
        """Replace all rows of several tables that hold one state and no history, all or none. Repeating it changes nothing."""
        self._replace([(contract, contract.conform(frame)) for contract, frame in frames], "true", [])

    def _replace(self, frames: Sequence[tuple[FrameContract, pl.DataFrame]], which: str, values: list) -> None:
        with self.connect() as connection:
            connection.begin()
            try:
                for contract, frame in frames:
                    connection.register("frame", frame)
                    connection.execute(f"delete from {ML_SCHEMA}.{contract.name} where {which}", values)
                    connection.execute(f"insert into {ML_SCHEMA}.{contract.name} by name from frame")
                    connection.unregister("frame")
                connection.commit()
            except BaseException:
                connection.rollback()
                raise


@functools.cache
def _public_holidays(country: str) -> pl.DataFrame:
    import holidays

    try:
        days = holidays.country_holidays(country, years=HOLIDAY_YEARS, language="en_US")
    except NotImplementedError:
        raise ValueError(f"country {country!r}: no public holidays are known. Use an ISO 3166 code such as US.") from None
    return pl.DataFrame(
        {"holiday_date": list(days.keys()), "holiday_name": list(days.values()), "country": [country] * len(days)},
        schema={"holiday_date": pl.Date, "holiday_name": pl.String, "country": pl.String},
    ).sort("holiday_date")
