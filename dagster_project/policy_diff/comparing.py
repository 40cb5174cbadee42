"""Two built versions side by side: models, rows of tables, orders and their terms.

Belongs here: SQL over both files. Does not belong here: expected and replayed costs (`money`), and how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import polars as pl
import sqlglot
from sqlglot import exp

from dagster_project.policy_diff.building import Built

SHOWN_SCHEMAS = ("marts", "recommendations", "reports")
KEY = ("item_id", "location_id")
WORST = 10
NAMES_OF_THE_RUN = {"run_id", "data_hash", "code_hash", "seed"}
"""What an estimate was made by: another name is no other number."""


@dataclass(frozen=True)
class ChangedModel:
    """A model, seed or snapshot that was changed itself. `effect`: what kind of change it is, in words."""

    table: str
    is_breaking: bool
    effect: str


@dataclass(frozen=True)
class ChangedTable:
    """Rows of a table that differ between both versions; without a key, a changed row is one dropped and one added."""

    table: str
    rows_before: int
    rows_after: int
    added: int
    dropped: int
    changed: int


@contextmanager
def both(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both files and the warehouse, for reading, under their names."""
    with duckdb.connect() as connection:
        for name, file in (
            (built.before.version.name, built.before.version.file),
            (built.after.version.name, built.after.version.file),
            (built.after.warehouse.stem, built.after.warehouse),
        ):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        yield connection


def places(built: Built, table: str) -> tuple[str, str]:
    """Where a table is in the version before and in the one after."""
    return built.before.place(table), built.after.place(table)


def changed_models(built: Built) -> list[ChangedModel]:
    """Each changed model with what its change means for who reads it; a removed one too."""
    found = []
    for key in built.direct:
        table = built.after.version.table(key)
        if built.before.version.node(key) is None:
            found.append(ChangedModel(table, False, "new"))
        elif key.startswith("model."):
            old, new = (_bare(side.compiled.get(key, ""), side.version.name) for side in (built.before, built.after))
            found.append(ChangedModel(table, *_kind(old, new)))
        else:
            found.append(ChangedModel(table, True, "its rows" if key.startswith("seed.") else "its SQL"))
    found += [ChangedModel(built.before.version.table(key), True, "removed") for key in built.removed]
    return sorted(found, key=lambda model: model.table)


def changed_tables(built: Built) -> list[ChangedTable]:
    """Tables for people and for BI whose rows differ, by what is in them; those that were rebuilt and came out the same are not listed."""
    found = []
    with both(built) as connection:
        for key in sorted(built.affected):
            node = built.after.version.node(key)
            if node is None or built.before.version.node(key) is None or node.schema not in SHOWN_SCHEMAS:
                continue
            table = built.after.version.table(key)
            row = _changed_rows(connection, *places(built, table), built.after.version.key_columns(key))
            if row[2:] != (0, 0, 0):
                found.append(ChangedTable(table, *row))
    return found


def orders(built: Built) -> pl.DataFrame:
    """Every item and store with its order before and after: units, USD, class, vendor, name, reason; nulls count as no order."""
    old, new = places(built, "recommendations.rec_orders")
    terms = places(built, "recommendations.rec_order_terms")
    stem = built.after.warehouse.stem
    with both(built) as connection:
        return connection.sql(
            f"""
            with joined as (
                select
                    item_id, location_id, coalesce(b.abc_class, a.abc_class) as abc_class, coalesce(a.vendor_id, b.vendor_id) as vendor_id,
                    coalesce(b.order_units, 0) as units_before, coalesce(a.order_units, 0) as units_after,
                    cast(coalesce(b.order_usd, 0) as double) as usd_before, cast(coalesce(a.order_usd, 0) as double) as usd_after,
                    {_position("b")} as position_usd_before, {_position("a")} as position_usd_after,
                    b.reason as reason_before, a.reason as reason_after
                from {_priced(old, terms[0])} as b full join {_priced(new, terms[1])} as a using (item_id, location_id)
            )

            select joined.*, coalesce(vendors.vendor_name, 'unknown') as vendor_name, products.item_name
            from joined
            left join {stem}.marts.dim_vendor as vendors using (vendor_id)
            left join {stem}.marts.dim_product as products using (item_id)
            order by item_id, location_id
            """
        ).pl()


def _priced(orders_of: str, terms_of: str) -> str:
    return f"(select o.*, t.unit_cost_usd from {orders_of} as o left join {terms_of} as t using (item_id, location_id))"


def _position(side: str) -> str:
    return f"cast(coalesce(greatest({side}.inventory_position_units, 0) + {side}.order_units, 0) * coalesce({side}.unit_cost_usd, 0) as double)"


def why_rows(built: Built, item_id: int, location_id: int) -> pl.DataFrame:
    """The terms of one order before and after, in their order: term, units_before, units_after; null where a term is not there."""
    old, new = places(built, "recommendations.rec_why")
    with both(built) as connection:
        return connection.execute(
            f"""
            select term, cast(b.term_units as double) as units_before, cast(a.term_units as double) as units_after
            from (from {old} where item_id = ? and location_id = ?) as b
            full join (from {new} where item_id = ? and location_id = ?) as a using (term_number, term)
            order by term_number
            """,
            [item_id, location_id] * 2,
        ).pl()


def _changed_rows(
    connection: duckdb.DuckDBPyConnection, old: str, new: str, key: list[str] | None
) -> tuple[int, int, int, int, int]:
    columns = [{row[0] for row in connection.sql(f"describe {name}").fetchall()} for name in (old, new)]
    shared = ", ".join(f'"{name}"' for name in sorted((columns[0] & columns[1]) - NAMES_OF_THE_RUN))
    key = [name for name in key or [] if name in columns[0] & columns[1]]
    counts = [connection.sql(f"select count(*) from {name}").fetchone()[0] for name in (old, new)]
    connection.execute(f"create or replace temp table gone as select {shared} from {old} except all select {shared} from {new}")
    connection.execute(f"create or replace temp table come as select {shared} from {new} except all select {shared} from {old}")
    changed = connection.sql(f"select count(*) from gone semi join come using ({', '.join(key)})").fetchone()[0] if key else 0
    gone, come = (connection.sql(f"select count(*) from {name}").fetchone()[0] for name in ("gone", "come"))
    return (*counts, come - changed, gone - changed, changed)


def _bare(sql: str, database: str) -> str:
    return sql.replace(f'"{database}".', "")


def _kind(old: str, new: str) -> tuple[bool, str]:
    """Whether existing columns may come out otherwise, and what changed: the statements compared, not their spelling."""
    try:
        trees = [sqlglot.parse_one(sql, dialect="duckdb") for sql in (old, new)]
    except sqlglot.errors.SqlglotError:
        return True, "its SQL"
    if trees[0].sql(comments=False) == trees[1].sql(comments=False):
        return False, "its settings or its spelling, not its statement"
    names = [[projection.alias_or_name for projection in tree.selects] for tree in trees]
    added = [name for name in names[1] if name not in names[0]]
    gone = [name for name in names[0] if name not in names[1]]
    if gone:
        return True, f"column {', '.join(gone)} removed"
    if added and isinstance(trees[1], exp.Select):
        kept = trees[1].copy()
        kept.set("expressions", [projection for projection in kept.expressions if projection.alias_or_name not in added])
        if kept.sql(comments=False) == trees[0].sql(comments=False):
            return False, f"column {', '.join(added)} added"
    return True, "its SQL"
