"""What a run leaves behind for those who watch runs: how fresh and how large everything is, which columns, how much is ordered.

Belongs here: measuring, and writing a run's rows once. Does not belong here: Dagster, and what counts as unusual (SQL, reports.ops_*).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.intake import Intake, declared_tables, header_of
from dagster_project.operation_tables import COLUMNS, FILES, FORECASTS, OPS_SCHEMA, ORDER_HISTORY, ORDERS, RUNS, TABLES
from dagster_project.warehouse_file import WarehouseFile
from ml.contracts import FrameContract

_DAYS = {
    "sales": "select sale_date from staging.stg_sales",
    "days": "select sale_date from staging.stg_sales",
    "purchases": "select order_date from staging.stg_purchase_lines",
    "invoices": "select invoice_date from staging.stg_invoices",
    "stock_counts": "select count_date from staging.stg_stock_counts",
    "inspections": "select inspected_date from staging.stg_inspections",
    "customer_orders": "select order_date from staging.stg_customer_orders",
    "external_signals": "select signal_date from staging.stg_external_signals",
    "stock_adjustments": "select adjustment_date from staging.stg_stock_adjustments",
    "competitor_prices": "select observed_date from staging.stg_competitor_prices",
}
"""Kinds of file that tell of days one after the other, and where their days stand."""

_FORECASTS = """
with series as (
    select abc_class, demand_units is not null and model is not null as is_forecast from recommendations.rec_orders
),

past as (
    select abc_class, sum(interval_coverage_80 * scored_intervals) / nullif(sum(scored_intervals), 0) as interval_coverage_80
    from reports.rpt_forecast_accuracy
    where model in (select champion_model from recommendations.rec_champion) and interval_coverage_80 is not null
    group by abc_class
),

counts as (
    select
        case when grouping(abc_class) = 1 then 'all' else coalesce(abc_class, 'none') end as abc_class, count(*) as series_count, count(*) filter (where is_forecast) as forecast_count
    from series group by grouping sets ((abc_class), ())
)

select
    counts.abc_class, series_count, forecast_count, interval_coverage_80,
    case when counts.abc_class = 'all'
        then (select count(*) from staging.stg_ml__forecast_drift where is_drifting) end as drifting_count
from counts left join past using (abc_class)
where counts.series_count > 0
"""

_ORDERS = """
select
    coalesce(vendor_id, 0) as vendor_id, count(*) as order_line_count, cast(sum(order_units) as bigint) as order_units,
    coalesce(cast(sum(order_usd) as double), 0) as order_usd
from recommendations.rec_orders where order_units > 0 group by 1
"""

_OF_A_RUN = {"run_id", "source_key", "recorded_at", "is_rebuilt"}
_RECOMMENDED = ", ".join(column.name for column in ORDER_HISTORY.columns if column.name not in _OF_A_RUN)
_HISTORY = f"select {_RECOMMENDED} from recommendations.rec_orders"


def record_run(
    warehouse: WarehouseFile, run_id: str, intake: Intake, source_key: str, tables: Sequence[str], now: datetime | None = None
) -> dict[str, int]:
    """Write what one run found, all or nothing; a second time replaces the first. Returns rows written per table.

    `tables` are the tables whose rows are counted, as schema.table.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    with _all_or_nothing(warehouse) as connection:
        as_of_date = connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]
        stamp = {"run_id": run_id, "source_key": source_key, "recorded_at": moment, "as_of_date": as_of_date}
        files = _files(connection, intake, as_of_date)
        written = {
            contract.name: _write(connection, contract, stamp, frame)
            for contract, frame in (
                (FILES, files),
                (TABLES, _row_counts(connection, tables)),
                (FORECASTS, connection.sql(_FORECASTS).pl()),
                (ORDERS, connection.sql(_ORDERS).pl()),
            )
        }
        written[COLUMNS.name] = _write_changed_columns(connection, stamp, _columns(connection, intake, tables))
        written[ORDER_HISTORY.name] = _write_history(connection, stamp, connection.sql(_HISTORY).pl(), is_rebuilt=False)
    return written


def record_rebuilt_day(warehouse: WarehouseFile, run_id: str, source_key: str, orders: pl.DataFrame) -> int:
    """Keep the recommendations of one rebuilt day (rows of rec_orders) beside those of other days; returns how many."""
    warehouse.ensure_kept_tables()
    stamp = {"run_id": run_id, "source_key": source_key, "recorded_at": datetime.now(UTC).replace(tzinfo=None)}
    with _all_or_nothing(warehouse) as connection:
        return _write_history(connection, stamp, orders, is_rebuilt=True)


def rebuilt_as_decided(warehouse: WarehouseFile, source_key: str, day: date) -> dict[str, int]:
    """How many of a rebuilt day's recommendations are those of that day, in every column; empty where no run decided for it then."""
    decided, rebuilt = (
        f"select {_RECOMMENDED} from {OPS_SCHEMA}.{ORDER_HISTORY.name} where source_key = $1 and as_of_date = $2 and is_rebuilt = {is_rebuilt}"
        for is_rebuilt in (False, True)
    )
    counted = f"""
        select
            (select count(*) from ({decided})) as decided, (select count(*) from ({rebuilt} intersect all {decided})) as same,
            (select count(distinct (item_id, location_id)) from (
                ({decided} except all {rebuilt}) union all ({rebuilt} except all {decided})
            )) as different
    """
    with warehouse.connect(read_only=True) as connection:
        then, same, different = connection.execute(counted, [source_key, day]).fetchone()
    return {"same_as_decided": same, "different_from_decided": different} if then else {}


def read_history_rows(warehouse: WarehouseFile) -> pl.DataFrame:
    """The recommendations that stand in a warehouse, as the history keeps them."""
    return warehouse.read(_HISTORY)


def record_runs(warehouse: WarehouseFile, runs: Sequence[Mapping]) -> int:
    """Write what Dagster knows of runs (rows of ops.runs), replacing what stood there of the same runs."""
    frame = pl.DataFrame(runs, schema=RUNS.schema, orient="row")
    warehouse.ensure_kept_tables()
    with _all_or_nothing(warehouse) as connection:
        connection.register("frame", RUNS.conform(frame))
        connection.execute(f"delete from {OPS_SCHEMA}.{RUNS.name} where run_id in (select run_id from frame)")
        connection.execute(f"insert into {OPS_SCHEMA}.{RUNS.name} by name from frame")
    return frame.height


@contextmanager
def _all_or_nothing(warehouse: WarehouseFile) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.connect() as connection:
        connection.begin()
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def _write(connection: duckdb.DuckDBPyConnection, contract: FrameContract, stamp: dict, frame: pl.DataFrame) -> int:
    frame = _stamped(contract, stamp, frame)
    connection.register("frame", frame)
    connection.execute(f"delete from {OPS_SCHEMA}.{contract.name} where run_id = ?", [stamp["run_id"]])
    connection.execute(f"insert into {OPS_SCHEMA}.{contract.name} by name from frame")
    connection.unregister("frame")
    return frame.height


def _stamped(contract: FrameContract, stamp: dict, frame: pl.DataFrame) -> pl.DataFrame:
    dtypes = contract.schema
    stamped = frame.with_columns(pl.lit(value, dtypes[name]).alias(name) for name, value in stamp.items())
    return contract.conform(stamped.select(pl.col(name).cast(dtype) for name, dtype in dtypes.items()))


def _write_changed_columns(connection: duckdb.DuckDBPyConnection, stamp: dict, frame: pl.DataFrame) -> int:
    """Keep the columns where they are not those of the run before: a year of equal runs is one set of rows."""
    table = f"{OPS_SCHEMA}.{COLUMNS.name}"
    connection.execute(f"delete from {table} where run_id = ?", [stamp["run_id"]])
    before = connection.execute(
        f"select object_name, column_name, column_type from {table} where source_key = $1 and recorded_at = "
        f"(select max(recorded_at) from {table} where source_key = $1) order by all",
        [stamp["source_key"]],
    ).pl()
    return 0 if before.equals(frame.sort(frame.columns)) else _write(connection, COLUMNS, stamp, frame)


def _write_history(connection: duckdb.DuckDBPyConnection, stamp: dict, rows: pl.DataFrame, is_rebuilt: bool) -> int:
    """Recommendations of one as-of day, in place of those of the same day, source and way."""
    frame = _stamped(ORDER_HISTORY, {**stamp, "is_rebuilt": is_rebuilt}, rows)
    connection.register("frame", frame)
    connection.execute(
        f"delete from {OPS_SCHEMA}.{ORDER_HISTORY.name} where source_key = ? and is_rebuilt = ? "
        "and as_of_date in (select as_of_date from frame)",
        [stamp["source_key"], is_rebuilt],
    )
    connection.execute(f"insert into {OPS_SCHEMA}.{ORDER_HISTORY.name} by name from frame")
    connection.unregister("frame")
    return frame.height


def _files(connection: duckdb.DuckDBPyConnection, intake: Intake, as_of_date: date) -> pl.DataFrame:
    read = connection.sql(
        "select adapter, file_kind, file_count, lines_read as row_count, lines_rejected as rejected_count from staging.ingest_summary"
    ).pl()
    read = read.filter(pl.col("adapter").is_in([intake.adapter, "optional"]))
    known = {kind: _days(connection, query, as_of_date) for kind, query in _DAYS.items() if kind in set(read["file_kind"])}
    rows = []
    for row in read.to_dicts():
        paths = intake.files.get((row["adapter"], row["file_kind"]), [])
        newest, gap = known.get(row["file_kind"], (None, None)) if paths else (None, None)
        rows.append({**row, "newest_file_at": _changed(paths), "newest_data_date": newest, "usual_gap_days": gap})
    schema = {
        name: dtype for name, dtype in FILES.schema.items() if name not in ("run_id", "source_key", "recorded_at", "as_of_date")
    }
    return pl.DataFrame(rows, schema=schema)


def _days(connection: duckdb.DuckDBPyConnection, query: str, as_of_date: date) -> tuple[date | None, float | None]:
    """The last day up to the as-of day, and the median of the gaps between days."""
    return connection.execute(
        f"""
        with days as (select distinct columns(*) as day from ({query})),
        gaps as (select day, day - lag(day) over (order by day) as gap_days from days where day <= ?)
        select max(day), cast(median(gap_days) as double) from gaps
        """,
        [as_of_date],
    ).fetchone()


def _changed(paths: Sequence[Path]) -> datetime | None:
    moments = [path.stat().st_mtime for path in paths if path.exists()]
    return datetime.fromtimestamp(max(moments), UTC).replace(tzinfo=None) if moments else None


def _row_counts(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> pl.DataFrame:
    counts = " union all ".join(f"select '{table}' as table_name, count(*) as row_count from {table}" for table in sorted(tables))
    return connection.sql(counts).pl()


def _columns(connection: duckdb.DuckDBPyConnection, intake: Intake, tables: Sequence[str]) -> pl.DataFrame:
    """Columns of the counted tables, and of the files as their first lines name them."""
    declared = {table.key: table for table in declared_tables()}
    files = sorted(
        {
            (f"{adapter}.{kind} (file)", name, "text")
            for (adapter, kind), paths in intake.files.items()
            if adapter in (intake.adapter, "optional")
            for path in paths
            for name in header_of(path, declared[adapter, kind])
        }
    )
    present = connection.sql(
        "select schema_name || '.' || table_name as object_name, column_name, data_type as column_type from duckdb_columns() "
        "where database_name = current_database()"
    ).pl()
    own = pl.DataFrame(files, schema=present.schema, orient="row")
    return pl.concat([present.filter(pl.col("object_name").is_in(list(tables))), own])
