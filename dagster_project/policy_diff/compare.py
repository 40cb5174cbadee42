"""One comparison from beginning to end: a git revision against the working tree, over one warehouse.

Belongs here: the order of the steps, totals, the gate. Does not belong here: how each step works, and how it is shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dagster_project.policy_diff import comparing, money, versions
from dagster_project.policy_diff.building import Built, Side, build_sides
from dagster_project.policy_diff.comparing import ChangedModel, ChangedTable
from dagster_project.policy_diff.errors import DiffError
from dagster_project.policy_diff.money import Expected, Replayed
from dagster_project.settings import PROJECT_ROOT, Settings

DEFAULT_SAMPLE = 300


@dataclass(frozen=True)
class Totals:
    """Orders of a group, before and after."""

    lines_before: int
    lines_after: int
    units_before: int
    units_after: int
    usd_before: float
    usd_after: float
    position_usd_before: float
    """Stock that can be sold, open orders and these orders at unit cost: what is bound once the orders are placed."""
    position_usd_after: float
    added: int
    dropped: int
    more: int
    less: int
    moved_usd: float
    """Sum of the sizes of all changes, up or down."""


@dataclass(frozen=True)
class Comparison:
    """What a change does."""

    title: str
    models: list[ChangedModel]
    indirect: int
    untouched: int
    recomputed: dict[str, int]
    tables: list[ChangedTable]
    orders: pl.DataFrame
    expected: Expected | None
    replayed: Replayed | None
    replay_note: str
    worst: list[tuple[dict[str, Any], pl.DataFrame]]
    """The orders that changed most in USD, and their terms before and after."""
    notes: list[str]

    @property
    def totals(self) -> Totals:
        return _totals(self.orders)

    @property
    def order_change_pct(self) -> float:
        """All changes of orders, up or down, in per cent of the value of the orders before."""
        total = self.totals
        if not total.usd_before:
            return 100.0 if total.moved_usd else 0.0
        return 100 * total.moved_usd / total.usd_before

    @property
    def cost_increase_usd(self) -> float | None:
        """Expected cost a year after, less before; None where no cost is known."""
        return self.expected.after.total_usd - self.expected.before.total_usd if self.expected else None

    def by(self, column: str) -> list[tuple[str, Totals]]:
        """Totals per class or vendor, by name."""
        return [
            (str(key[0]), _totals(rows)) for key, rows in sorted(self.orders.partition_by(column, as_dict=True).items(), key=str)
        ]


def compare(
    settings: Settings,
    base: str,
    *,
    root: Path = PROJECT_ROOT,
    sample: int = DEFAULT_SAMPLE,
    with_forecasts: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Comparison | None:
    """What the working tree does to orders and money, compared with the git revision `base`; None where the SQL is the same.

    The warehouse is only read. Raises DiffError.
    """
    settings, as_of = of_warehouse(settings)
    commit = versions.revision(root, base)
    workspace = settings.warehouse.parent / "diff"
    before, after, state = read_versions(settings, root, commit, workspace, "after", say)
    direct, removed = versions.changed(before, after, state)
    python = versions.changed_python(root, commit)
    if not direct and not removed:
        return None
    built = build_sides(
        Side(before, settings.warehouse, state),
        Side(after, settings.warehouse, state),
        direct,
        removed,
        as_of,
        say,
        with_forecasts,
    )
    say("comparing")
    orders = comparing.orders(built)
    moved = orders.filter(pl.col("units_before") != pl.col("units_after")).with_columns(
        moved=(pl.col("usd_after") - pl.col("usd_before")).abs()
    )
    worst = moved.sort("moved", "item_id", "location_id", descending=[True, False, False]).head(comparing.WORST)
    replayed, replay_note = _replay(built, sample, say)
    return Comparison(
        title=f"the working tree, compared with {base} ({commit[:10]}),",
        models=comparing.changed_models(built),
        indirect=len(built.affected - built.direct),
        untouched=len(set(after.built()) - built.affected),
        recomputed=built.recomputed,
        tables=comparing.changed_tables(built),
        orders=orders,
        expected=money.expected(built),
        replayed=replayed,
        replay_note=replay_note,
        worst=[(row, comparing.why_rows(built, row["item_id"], row["location_id"])) for row in worst.iter_rows(named=True)],
        notes=_notes(built, python, as_of),
    )


def read_versions(
    settings: Settings, root: Path, commit: str, workspace: Path, name: str, say: Callable[[str], None]
) -> tuple[versions.Version, versions.Version, Path]:
    """The version of a commit, that of the working tree, and dbt's state of the first. Raises DiffError."""
    workspace.mkdir(parents=True, exist_ok=True)
    os.environ.update(settings.to_env())
    say("reading both versions of the SQL")
    folder = versions.extract(root, commit, workspace / "base")
    before = versions.read("before", folder, workspace, settings.warehouse, settings.memory_limit)
    after = versions.read(name, root / versions.PROJECT, workspace, settings.warehouse, settings.memory_limit)
    return before, after, versions.write_state(before, settings.warehouse)


def of_warehouse(settings: Settings) -> tuple[Settings, date]:
    """The settings the warehouse was last run with: its source folder and its as-of day. Raises DiffError where there is none."""
    path = settings.warehouse
    if not path.exists():
        raise DiffError([f"{path}: no warehouse yet, so there is nothing to compare over"], "Next: stockroom run")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            as_of = connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]
            sources = [row[0] for row in connection.sql("select distinct source_key from history.snap_policy").fetchall()]
            orders = connection.sql("select count(*) from recommendations.rec_orders").fetchone()[0]
    except duckdb.IOException as error:
        raise DiffError([f"{path} cannot be read: {error}"], "Is a run at work? Wait for its end, then try again.") from None
    except duckdb.Error as error:
        raise DiffError([f"{path} is not a finished warehouse: {error}"], "Run the job to its end first: stockroom run") from None
    if not orders:
        raise DiffError([f"{path} holds no orders to compare"], "Run the job to its end first: stockroom run")
    if str(settings.source_dir) not in sources and len(sources) == 1:
        settings = settings.changed(source_dir=Path(sources[0]))
    return settings.changed(as_of=as_of), as_of


def exceeded(found: Comparison, max_order_change_pct: float | None, max_cost_increase_usd: float | None) -> list[str]:
    """Which limits a change goes beyond, in words; a limit that cannot be judged counts as passed over."""
    said = []
    if max_order_change_pct is not None and found.order_change_pct > max_order_change_pct:
        said.append(f"orders change by {found.order_change_pct:.1f} %, more than {max_order_change_pct:g} %")
    if max_cost_increase_usd is not None:
        if found.cost_increase_usd is None:
            said.append("no cost is known, so its limit cannot be judged")
        elif found.cost_increase_usd > max_cost_increase_usd:
            said.append(
                f"expected cost rises by {found.cost_increase_usd:,.0f} USD a year, more than {max_cost_increase_usd:,.0f}"
            )
    return said


def _totals(orders: pl.DataFrame) -> Totals:
    before, after = pl.col("units_before"), pl.col("units_after")
    row = orders.select(
        lines_before=(before > 0).sum(),
        lines_after=(after > 0).sum(),
        units_before=before.sum(),
        units_after=after.sum(),
        usd_before=pl.col("usd_before").sum(),
        usd_after=pl.col("usd_after").sum(),
        position_usd_before=pl.col("position_usd_before").sum(),
        position_usd_after=pl.col("position_usd_after").sum(),
        added=((before == 0) & (after > 0)).sum(),
        dropped=((before > 0) & (after == 0)).sum(),
        more=((before > 0) & (after > before)).sum(),
        less=((after > 0) & (after < before)).sum(),
        moved_usd=(pl.col("usd_after") - pl.col("usd_before")).abs().sum(),
    )
    return Totals(**row.row(0, named=True))


def _replay(built: Built, sample: int, say: Callable[[str], None]) -> tuple[Replayed | None, str]:
    blind = (
        "The replay plays the policies in Python: it sees changed features, service levels, costs and terms, and which policy an item "
        "follows. A formula changed in the SQL of recommendations it does not see; of that, the expected cost sees the levels, and the orders "
        "above see everything."
    )
    if not sample:
        return None, "Nothing was replayed (--replay 0)."
    if not money.replay_differs(built):
        return None, f"Replayed cost: the same on both sides, since nothing that the replay reads differs. {blind}"
    say("replaying history")
    try:
        return money.replayed(built, sample), blind
    except ValueError as error:
        return None, f"Nothing was replayed: {error}."


def _notes(built: Built, python: list[str], as_of: date) -> list[str]:
    notes = [f"Both sides are built over the warehouse's data as of {as_of}; nothing was written to it. Data tests were not run."]
    for step, columns in built.stale.items():
        notes.append(
            f"The {step} were not made again, although their input differs: {', '.join(columns)}. Both sides use those of the last run; "
            "--with-forecasts makes them again (as long as in a run, for each side)."
        )
    if python:
        shown = ", ".join(python[:5]) + (f" and {len(python) - 5} more" if len(python) > 5 else "")
        notes.append(
            f"Python changed too ({shown}). Both sides use the working tree's Python: what that changes is not in the numbers."
        )
    return notes
