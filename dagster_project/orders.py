"""Purchase-order proposals and what people do with them: list, approve, export.

Belongs here: the states proposed, approved and exported, and the files. Does not belong here: what is ordered, which SQL decides.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dagster_project.input_tables import INPUT_SCHEMA
from dagster_project.warehouse_file import WarehouseFile

CSV_COLUMNS = (
    "proposal_id", "vendor_id", "vendor_name", "order_date", "expected_receipt_date", "need_date", "location_id", "item_id",
    "item_code", "item_name", "size", "order_units", "unit_cost_usd", "goods_usd",
)  # fmt: skip


class OrdersError(Exception):
    """Nothing was changed. `problems` says why, one line each; `next_step` what to do."""

    def __init__(self, problems: list[str], next_step: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.next_step = next_step


@dataclass(frozen=True)
class Outcome:
    """What became of one proposal: its new state in words, and the file where one was written."""

    proposal_id: str
    text: str
    path: Path | None = None


def list_proposals(warehouse: Path, everything: bool, program: str) -> Group:
    """Today's proposals and their states; with `everything`, those of past days too."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        proposals = _proposals(connection)
        unknown = connection.sql(
            "select count(*) from recommendations.rec_orders where order_units > 0 and vendor_id is null"
        ).fetchone()[0]
    shown = [p for p in proposals if everything or p["is_current"] or p["on_order_units"]]
    if not shown:
        return Group(Text("No order is proposed today."), *_notes(proposals, shown, unknown, program))
    table = Table(title=f"Purchase-order proposals as of {max(p['as_of_date'] for p in proposals)}", title_justify="left")
    names = ("proposal", "vendor", "needed", "expected", "lines", "units", "USD", "freight", "state")
    for name in names:
        table.add_column(
            name, justify="right" if name in ("lines", "units", "USD", "freight") else "left", no_wrap=name == "proposal"
        )
    for p in shown:
        money = [_usd(p["goods_usd"]), _usd(p["freight_estimate_usd"])]
        state = p["state"] if p["is_current"] or p["state"] == "exported" else f"{p['state']} on {p['as_of_date']}, out of date"
        if p["on_order_units"]:
            state += f", {p['on_order_units']:,} on order"
        if not p["is_minimum_reached"]:
            state += f", below {p['minimum_order_usd']:,.0f} USD"
        table.add_row(
            p["proposal_id"], escape(p["vendor_name"] or str(p["vendor_id"])), str(p["need_date"] or "-"), str(p["expected_receipt_date"]),
            f"{p['line_count']:,}", f"{p['order_units']:,}", *money, state,
        )  # fmt: skip
    return Group(table, *_notes(proposals, shown, unknown, program))


def approve(warehouse: Path, wanted: Sequence[str], program: str, now: datetime | None = None) -> list[Outcome]:
    """Approve proposals: their lines are kept as they are from now on. All or none; approving again changes nothing.

    Raises OrdersError for a proposal that does not exist or is not one of today's.
    """
    outcomes = []
    with _writing(warehouse, program) as connection:
        chosen = _chosen(connection, wanted, program)
        stale = [p for p in chosen if p["state"] == "proposed" and not p["is_current"]]
        if stale:
            raise OrdersError([f"{p['proposal_id']} is not one of today's" for p in stale], f"Today's: {program} orders list")
        for p in chosen:
            name = p["proposal_id"]
            if p["state"] != "proposed":
                outcomes.append(Outcome(name, f"was {p['state']} already; nothing changed"))
                continue
            connection.execute(
                f"""
                insert into {INPUT_SCHEMA}.order_proposals by name
                select
                    proposal_id, source_key, as_of_date, vendor_id, expected_receipt_date, freight_share, minimum_order_usd,
                    cast(? as timestamp) as approved_at
                from recommendations.rec_purchase_orders where proposal_id = ?
                """,
                [now or datetime.now(), name],
            )
            # of the lines as they were before the header was there: the view looks for kept lines from now on
            connection.execute(
                f"""
                insert into {INPUT_SCHEMA}.order_proposal_lines by name
                select lines.proposal_id, item_id, location_id, order_units, unit_cost_usd, need_date, known_ordered_units
                from chosen_lines as lines where lines.proposal_id = ?
                """,
                [name],
            )
            outcomes.append(
                Outcome(name, f"approved: {p['line_count']:,} lines, {p['order_units']:,} units, {_usd(p['goods_usd'])} USD")
            )
    return outcomes


def export(warehouse: Path, wanted: Sequence[str], out: Path, program: str, now: datetime | None = None) -> list[Outcome]:
    """Write one CSV file per approved proposal; from then on it counts as on order. All or none.

    A proposal that was exported before is written again, the same, and stays as it is. Raises OrdersError for one that is not
    approved, or was approved for orders that are not today's any more, and where a file cannot be written.
    """
    outcomes: list[Outcome] = []
    with _writing(warehouse, program) as connection:
        chosen = _chosen(connection, wanted, program)
        early = [p["proposal_id"] for p in chosen if p["state"] == "proposed"]
        if early:
            raise OrdersError([f"{name} is not approved" for name in early], f"Next: {program} orders approve {' '.join(early)}")
        stale = [p for p in chosen if p["state"] == "approved" and not p["is_current"]]
        if stale:
            raise OrdersError(
                [f"{p['proposal_id']} was approved for {p['as_of_date']}; what it is for is in today's proposals" for p in stale],
                f"Today's: {program} orders list",
            )
        for p in chosen:
            path = out / f"{p['proposal_id']}_vendor_{p['vendor_id']}_{p['as_of_date']}.csv"
            try:
                _write_atomically(path, _csv_text(connection, p))
            except OSError as error:
                raise OrdersError(
                    [f"{path} cannot be written: {error}"], "Nothing counts as exported. Choose another --out."
                ) from None
            if p["state"] == "exported":
                outcomes.append(
                    Outcome(
                        p["proposal_id"],
                        f"was exported on {p['exported_at']:%Y-%m-%d} already: written again, not ordered again",
                        path,
                    )
                )
                continue
            connection.execute(
                f"update {INPUT_SCHEMA}.order_proposals set exported_at = ?, exported_to = ? where proposal_id = ?",
                [now or datetime.now(), str(path), p["proposal_id"]],
            )
            outcomes.append(Outcome(p["proposal_id"], "exported: counts as on order from the next run", path))
    return outcomes


def current_ids(warehouse: Path, state: str) -> list[str]:
    """Today's proposals in a state."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return [p["proposal_id"] for p in _proposals(connection) if p["is_current"] and p["state"] == state]


@contextlib.contextmanager
def _writing(warehouse: Path, program: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """One transaction: all that is done in it, or nothing."""
    file = WarehouseFile(str(warehouse))
    try:
        file.ensure_kept_tables()
        with file.connect() as connection:
            connection.begin()
            try:
                connection.execute("create or replace temp table chosen_lines as from recommendations.rec_purchase_order_lines")
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
    except duckdb.IOException as error:
        raise OrdersError(
            [f"{warehouse} cannot be written: {error}"], "Is a run at work? Wait for its end, then try again."
        ) from None
    except duckdb.CatalogException as error:
        raise OrdersError([str(error)], f"Run the job to its end first: {program} run") from None


def _proposals(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    found = connection.execute(
        "from recommendations.rec_purchase_orders order by is_current desc, as_of_date desc, goods_usd desc nulls last, proposal_id"
    )
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _chosen(connection: duckdb.DuckDBPyConnection, wanted: Sequence[str], program: str) -> list[dict[str, Any]]:
    known = {p["proposal_id"]: p for p in _proposals(connection)}
    names = list(dict.fromkeys(name.strip().upper() for name in wanted))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise OrdersError([f"no proposal {name}" for name in unknown], f"Proposals there are: {program} orders list --all")
    return [known[name] for name in names]


def _csv_text(connection: duckdb.DuckDBPyConnection, proposal: dict[str, Any]) -> str:
    rows = connection.execute(
        """
        select
            lines.proposal_id, lines.vendor_id, cast(? as varchar) as vendor_name, lines.as_of_date, lines.expected_receipt_date,
            lines.need_date, lines.location_id, lines.item_id, products.item_code, lines.item_name, lines.size, lines.order_units,
            lines.unit_cost_usd, lines.goods_usd
        from chosen_lines as lines
        left join marts.dim_product as products on lines.item_id = products.item_id
        where lines.proposal_id = ?
        order by lines.location_id, lines.item_id
        """,
        [proposal["vendor_name"], proposal["proposal_id"]],
    ).fetchall()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()


def _write_atomically(path: Path, text: str) -> None:
    """A file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _notes(proposals: list[dict[str, Any]], shown: list[dict[str, Any]], unknown: int, program: str) -> list[Text]:
    notes = []
    if unknown:
        notes.append(
            Text(
                f"{unknown:,} orders are in no proposal: their vendor is not known. See recommendations.rec_orders.",
                style="yellow",
            )
        )
    if len(shown) < len(proposals):
        notes.append(Text(f"{len(proposals) - len(shown):,} of past days are not shown; --all shows them."))
    current = [p for p in shown if p["is_current"]]
    if any(p["state"] == "proposed" for p in current):
        example = next(p["proposal_id"] for p in current if p["state"] == "proposed")
        notes.append(Text(f"Next: {program} orders approve {example}, or approve --all"))
    elif any(p["state"] == "approved" for p in current):
        example = next(p["proposal_id"] for p in current if p["state"] == "approved")
        notes.append(Text(f"Next: {program} orders export {example} --out FOLDER, or export --all --out FOLDER"))
    return notes


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"
