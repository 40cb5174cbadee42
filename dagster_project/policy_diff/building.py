"""A version's changed tables in a DuckDB file of its own; everything else is read from the warehouse, which stays as it is.

Belongs here: what is built, in which order, and which estimates of Python are made again. Does not belong here: comparing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from dagster_project.policy_diff import versions
from dagster_project.policy_diff.errors import DiffError
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts
from ml.contracts.derivations import DERIVATIONS

if TYPE_CHECKING:
    from dagster_project.policy_diff.versions import Version

Say = Callable[[str], None]
_NEAR = 2
"""Steps of SQL from the change after which it is looked whether anything is different: past a table that is not, nothing is built."""
_PYTHON_SCHEMAS = ("ml", "input", "reference")


@dataclass
class Side:
    """One version over the warehouse, and what of it is built so far."""

    version: Version
    warehouse: Path
    state: Path
    built: set[str] = field(default_factory=set)
    compiled: dict[str, str] = field(default_factory=dict)
    """SQL of the models built, by id."""

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The side's file, with the warehouse beside it for reading."""
        connection = duckdb.connect(str(self.version.file))
        try:
            connection.execute(f"attach if not exists '{self.warehouse}' as {self.warehouse.stem} (read_only)")
            yield connection
        finally:
            connection.close()

    def place(self, table: str) -> str:
        """Where `schema.name` of this version is: in its own file where it was built, else in the warehouse."""
        own = self.version.id_of(table) in self.built if table.split(".")[0] not in _PYTHON_SCHEMAS else True
        return f"{self.version.name if own else self.warehouse.stem}.{table}"

    def prepare(self) -> None:
        """An empty file in which the tables that Python and people write are the warehouse's."""
        self.version.file.unlink(missing_ok=True)
        with self.connect() as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = ? and schema_name in ?",
                [self.warehouse.stem, list(_PYTHON_SCHEMAS)],
            ).fetchall()
            for schema, name in tables:
                connection.execute(f"create schema if not exists {schema}")
                connection.execute(f"create view {schema}.{name} as from {self.warehouse.stem}.{schema}.{name}")

    def build(self, models: Iterable[str]) -> None:
        """Build models, seeds and snapshots that are not built yet. Raises DiffError with what dbt says of those that fail."""
        wanted = sorted(key for key in set(models) - self.built if self.version.node(key) is not None)
        if not wanted:
            return
        kept = [key for key in wanted if self.version.node(key).config.materialized in ("snapshot", "incremental")]
        if kept:
            self._copy_history(kept)
        names = [self.version.node(key).name for key in wanted]
        skipped = [word for kind in ("test", "unit_test") for word in ("--exclude-resource-type", kind)]
        result, said = versions.invoke(
            ["build", "--select", *names, "--defer", "--state", str(self.state), *skipped],
            self.version.folder, self.version.workspace, self.version.name, manifest=self.version.manifest,
        )  # fmt: skip
        if not result.success:
            is_base = self.version.name == "before"
            older = "Is the warehouse older than the SQL? Next: stockroom run. Nothing was compared."
            raise DiffError(
                [f"SQL of {'the base revision' if is_base else 'the working tree'} fails:", *(said or [str(result.exception)])],
                older if is_base else "Mend it, then try again. Nothing was compared.",
            )
        for done in result.result.results:
            self.compiled[done.node.unique_id] = getattr(done.node, "compiled_code", None) or ""
        self.built |= set(wanted)

    def replace_estimates(self, frames: Sequence[tuple[contracts.FrameContract, pl.DataFrame]]) -> None:
        """Estimates of this side's own in place of the warehouse's."""
        with self.connect() as connection:
            for contract, frame in frames:
                connection.register("frame", contract.conform(frame))
                connection.execute(f"drop view if exists {ML_SCHEMA}.{contract.name}")
                connection.execute(f"create or replace table {ML_SCHEMA}.{contract.name} as from frame")
                connection.unregister("frame")

    def rows(self, query: str) -> pl.DataFrame:
        with self.connect() as connection:
            return connection.sql(query).pl()

    def is_in_warehouse(self, key: str, connection: duckdb.DuckDBPyConnection) -> bool:
        schema, name = self.version.table(key).split(".")
        return bool(
            connection.execute(
                "select 1 from information_schema.tables where table_catalog = ? and table_schema = ? and table_name = ?",
                [self.warehouse.stem, schema, name],
            ).fetchone()
        )

    def changed_rows(self, table: str) -> pl.DataFrame | None:
        """Rows of a table that the warehouse's does not have; None where both have the same rows."""
        if self.version.id_of(table) not in self.built:
            return None
        kept = f"{self.warehouse.stem}.{table}"
        with self.connect() as connection:
            if connection.sql(f"describe {self.place(table)}").fetchall() != connection.sql(f"describe {kept}").fetchall():
                return connection.sql(f"from {self.place(table)}").pl()
            news = connection.sql(f"from {self.place(table)} except all from {kept}").pl()
            if (
                news.is_empty()
                and not connection.sql(f"select 1 from (from {kept} except all from {self.place(table)}) limit 1").fetchone()
            ):
                return None
        return news

    def _copy_history(self, models: list[str]) -> None:
        """A snapshot or an incremental model goes on from the history there is, as it would in a run."""
        with self.connect() as connection:
            for table in [self.version.table(key) for key in models if self.is_in_warehouse(key, connection)]:
                connection.execute(f"create schema if not exists {table.split('.')[0]}")
                connection.execute(f"create or replace table {table} as from {self.warehouse.stem}.{table}")


@dataclass(frozen=True)
class PythonStep:
    """One step of Python between two parts of SQL: what it reads, what it writes, and how it is made again."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[contracts.FrameContract, ...]
    run: Callable[[Side, date], Sequence[pl.DataFrame]]


@dataclass(frozen=True)
class Built:
    """Two sides, and what is to be known of them."""

    before: Side | None
    after: Side
    direct: set[str]
    """Models, seeds and snapshots that were changed themselves."""
    affected: set[str]
    """Those, and all that is made of them, through SQL or through estimates made again."""
    removed: set[str]
    recomputed: dict[str, int]
    """Steps of Python made again: rows of their input that differ."""
    stale: dict[str, list[str]]
    """Steps of Python not made again although their input differs: tables and columns that do."""


def build_sides(
    before: Side | None, after: Side, direct: set[str], removed: set[str], as_of: date, say: Say, with_forecasts: bool = False
) -> Built:
    """Build what differs between two versions on both sides, each Python step in its place. The same method for both sides.

    Without `before`, the warehouse itself is the other side.
    """
    sides = [side for side in (before, after) if side is not None]
    for side in sides:
        side.prepare()
    affected = _reached(before, after, direct, removed)
    recomputed: dict[str, int] = {}
    stale: dict[str, list[str]] = {}
    for step in python_steps():
        for side in sides:
            ids = {side.version.id_of(table) for table in step.reads} - {None}
            side.build(affected & side.version.ancestors(ids))
        differing = [{table: side.changed_rows(table) for table in step.reads} for side in sides]
        changed = [[rows for rows in tables.values() if rows is not None] for tables in differing]
        if not any(changed):
            continue
        if step.writes is contracts.FORECASTS and not with_forecasts:
            if columns := _differences(before, after, step):
                stale[step.name] = columns
            continue
        say(f"{step.name}: made again")
        for side, rows in zip(sides, changed, strict=True):
            if rows:
                side.replace_estimates(list(zip(step.writes, step.run(side, as_of), strict=True)))
        recomputed[step.name] = max(sum(rows.height for rows in side_rows) for side_rows in changed)
        sources = {key for key, node in after.version.manifest.sources.items() if _writes(step, node)}
        affected = affected.union(*(side.version.descendants(sources) for side in sides))
    for side in sides:
        say(f"building {'the working tree' if side is after else 'the base'}: {len(affected)} models, seeds and snapshots")
        side.build(affected)
    return Built(before, after, direct, affected, removed, recomputed, stale)


def _reached(before: Side | None, after: Side, direct: set[str], removed: set[str]) -> set[str]:
    """What may differ: all that is made of changed models, except through those near the change that came out the same."""
    sides = [side for side in (before, after) if side is not None]
    near = set(direct)
    for _ in range(_NEAR):
        near |= {key for key in after.version.built() if after.version.parents(key) & near}
    for side in sides:
        side.build(near)
    differing = {key for key in near if not _same(before, after, key)}
    same = near - differing
    return near.union(*(side.version.descendants({*differing, *removed}, same) for side in sides))


def _same(before: Side | None, after: Side, key: str) -> bool:
    if before is None:
        with after.connect() as connection:
            if not after.is_in_warehouse(key, connection):
                return False
        return after.changed_rows(after.version.table(key)) is None
    if before.version.node(key) is None or after.version.node(key) is None:
        return False
    table = after.version.table(key)
    old, new = before.place(table), after.place(table)
    with after.connect() as connection:
        connection.execute(f"attach if not exists '{before.version.file}' as {before.version.name} (read_only)")
        columns = [connection.sql(f"describe {name}").fetchall() for name in (old, new)]
        differs = "select 1 from (from {} except all from {}) limit 1"
        return columns[0] == columns[1] and not any(
            connection.sql(differs.format(*pair)).fetchone() for pair in ((old, new), (new, old))
        )


def python_steps() -> tuple[PythonStep, ...]:
    """The steps of a run that read what SQL made and write what SQL reads, in their order."""
    return (
        PythonStep("forecasts", tuple(f"features.{c.name}" for c in contracts.FEATURES), contracts.FORECASTS, _forecasts),
        PythonStep("order targets", (f"recommendations.{contracts.TARGET_ECONOMICS.name}",), contracts.ORDERS, _targets),
        PythonStep("order limits", (f"recommendations.{contracts.ORDER_ECONOMICS.name}",), contracts.CONSTRAINTS, _limits),
    )


def _writes(step: PythonStep, source: Any) -> bool:
    return source.schema == ML_SCHEMA and source.name in {contract.name for contract in step.writes}


def _forecasts(side: Side, as_of: date) -> Sequence[pl.DataFrame]:
    from dagster_project.forecasting import POLICY, forecast_settings, told_policy
    from ml.forecasting import Features, identify, run_forecast

    features = Features(*(side.rows(f"from {side.place(f'features.{c.name}')}") for c in contracts.FEATURES))
    settings = told_policy(forecast_settings(), side.rows(POLICY.format(int_policy=side.place("intermediate.int_policy"))))
    result = run_forecast(features, as_of_date=as_of, settings=settings, identity=identify(features, as_of, settings))
    return [result[contract] for contract in contracts.FORECASTS]


def _targets(side: Side, as_of: date) -> Sequence[pl.DataFrame]:
    """Only of lines that differ from the warehouse's: a line's target depends on nothing but the line."""
    from ml.replenishment.order_targets import search_targets

    table = f"recommendations.{contracts.TARGET_ECONOMICS.name}"
    news = side.changed_rows(table)
    made = search_targets(news if news is not None else side.rows(f"from {side.place(table)} limit 0"))
    same = side.rows(f"select item_id, location_id from {side.place(table)}").join(
        news, on=["item_id", "location_id"], how="anti"
    )
    frames = []
    for contract, frame in zip(contracts.ORDERS, made, strict=True):
        kept = side.rows(f"from {side.warehouse.stem}.{ML_SCHEMA}.{contract.name} where as_of_date = date '{as_of}'")
        frames.append(pl.concat([kept.join(same, on=["item_id", "location_id"], how="semi"), frame]))
    return frames


def _limits(side: Side, as_of: date) -> Sequence[pl.DataFrame]:
    from ml.replenishment.constraints import constrain

    result = constrain(side.rows(f"from {side.place(f'recommendations.{contracts.ORDER_ECONOMICS.name}')}"))
    return [result.adjustments, result.transfers]


def _differences(before: Side | None, after: Side, step: PythonStep) -> list[str]:
    """`table.column (rows)` for each column that the step looks at and that differs between the sides."""
    derivation = next(one for one in DERIVATIONS if one.step == step.name)
    found = []
    for table in step.reads:
        key = after.version.id_of(table)
        if key not in after.built:
            continue
        old = before.place(table) if before else f"{after.warehouse.stem}.{table}"
        new = after.place(table)
        with after.connect() as connection:
            if before:
                connection.execute(f"attach if not exists '{before.version.file}' as {before.version.name} (read_only)")
            names = [[row[0] for row in connection.sql(f"describe {place}").fetchall()] for place in (old, new)]
            grain = after.version.key_columns(key) or []
            unread = {*grain, *derivation.unread.get(table.split(".")[1], ())}
            shared = [name for name in names[1] if name in names[0] and name not in unread]
            if names[0] != names[1]:
                found.append(f"{table} (its columns)")
            rows = [connection.sql(f"select count(*) from {place}").fetchone()[0] for place in (old, new)]
            if rows[0] != rows[1]:
                found.append(f"{table} ({rows[1] - rows[0]:+,} rows)")
            if grain and shared:
                counts = ", ".join(f"count(*) filter (where b.{name} is distinct from a.{name})" for name in shared)
                differing = connection.sql(
                    f"select {counts} from {old} as b join {new} as a using ({', '.join(grain)})"
                ).fetchone()
                found += [f"{table}.{name} ({count:,} rows)" for name, count in zip(shared, differing, strict=True) if count]
    return found
