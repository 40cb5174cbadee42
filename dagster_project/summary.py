"""What a run says to a person: what was read, what to order, from whom, for how much, and where to look next. Where stock was
never counted, nothing can be ordered: then the largest target levels stand in.

Belongs here: queries over finished tables and their layout. Does not belong here: decisions; every number is a column of SQL.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_WARNING_COUNTS = """
    select
        count(*) filter (where on_hand_units < 0), sum(overdue_order_units), count(*) filter (where is_dormant),
        (select count(*) from intermediate.int_opening_stock where is_opening_stand_in)
    from recommendations.rec_inventory_position
"""
_WARNINGS = (
    "book stocks are below zero and count as none: an opening count or a receipt is missing. See recommendations.rec_orders.",
    "units are on orders too old to be believed and do not count as on order. See overdue_order_units in rec_inventory_position.",
    "items in stores were not bought for long, hold no stock and are not ordered. See is_dormant in rec_inventory_position.",
    "opening stocks are taken from a count of another day. See is_opening_stand_in in intermediate.int_opening_stock.",
)

CYCLE_SERVICE_POLICIES = ("quantile", "eoq_sq", "rss", "base_stock")
"""Policies whose levels are set by a cycle service level; see rec_policy_targets."""

TOP_ORDERS = 10
TOP_VENDORS = 8
NARROW = 125
CHARACTERS_PER_COLUMN = 10


def run_summary(warehouse: Path, width: int = 120, program: str = "stockroom", report: Path | None = None) -> Group:
    """The page that `stockroom run` ends with, for a screen of `width` characters; `program` is how the reader calls it."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        is_stock_known = connection.sql("select is_stock_known from intermediate.int_as_of").fetchone()[0]
        decided = (_vendors(connection), "", _orders(connection, width)) if is_stock_known else (_targets(connection, width),)
        return Group(_input(connection), "", *decided, "", _next_steps(connection, warehouse, program, report))


def why(warehouse: Path, item_id: int, location_id: int) -> Group | None:
    """The terms of one order, or of one decision not to order; None where the item is not held at the location."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(
            """
            select orders.*, targets.fill_rate_level, products.item_name, products.size, locations.city, vendors.vendor_name
            from recommendations.rec_orders as orders
            left join recommendations.rec_policy_targets as targets using (item_id, location_id)
            inner join marts.dim_product as products using (item_id)
            inner join marts.dim_location as locations using (location_id)
            left join marts.dim_vendor as vendors on orders.vendor_id = vendors.vendor_id
            where item_id = ? and location_id = ?
            """,
            [item_id, location_id],
        )
        names = [column[0] for column in found.description]
        row = found.fetchone()
        if row is None:
            return None
        order = dict(zip(names, row, strict=True))
        terms = connection.execute(
            "select term, term_units from recommendations.rec_why where item_id = ? and location_id = ? order by term_number",
            [item_id, location_id],
        ).fetchall()
    table = Table()
    table.add_column("term")
    table.add_column("units", justify="right")
    for term, units in terms:
        table.add_row(term, f"{units:+,.1f}")
    table.add_section()
    if order["order_units"] is None:
        table.add_row("target level", f"{order['reorder_point_units']:,.1f}", style="bold")
        question = f"Why up to {order['reorder_point_units']:,.0f} units of {order['item_name']} ({order['size']})?"
    else:
        table.add_row("order", f"{order['order_units']:,}", style="bold")
        question = f"Why {order['order_units']:,} units of {order['item_name']} ({order['size']})?"
    reason = order["reason"][:1].upper() + order["reason"][1:]  # the rest stays as it is: USD, names, a person's own words
    facts = (
        f"Store {location_id} {order['city']}, vendor {order['vendor_name'] or 'unknown'}, as of {order['as_of_date']}.\n"
        f"{reason}. Forecast by {order['model']}; class {order['abc_class']}, policy {order['policy']}{_target(order)}, "
        f"protection interval {order['horizon_days']:.1f} days (lead time and review period)."
    )
    return Group(Text(question, style="bold"), table, facts)


def _target(order: dict[str, object]) -> str:
    """The service that the order was made for, where its policy asks for one: others weigh costs, or wait for no more than the need."""
    if order["policy"] == "fill_rate":
        return f", fill rate {order['fill_rate_level']:.1%}"
    return f", cycle service level {order['cycle_service_level']:.1%}" if order["policy"] in CYCLE_SERVICE_POLICIES else ""


def _input(connection: duckdb.DuckDBPyConnection) -> Group:
    table = Table(title="What was read", title_justify="left")
    for name in ("file", "lines", "blank", "rejected", "staged"):
        table.add_column(name, justify="left" if name == "file" else "right")
    rows = connection.sql(
        """
        select file_kind, lines_read, lines_blank, lines_rejected, lines_staged from staging.ingest_summary
        where file_count > 0 order by adapter = 'optional', file_kind
        """
    ).fetchall()
    for kind, *counts in rows:
        table.add_row(kind, *(f"{count:,}" for count in counts))
    notes = _gaps(connection)
    left_out = connection.sql("select line_count, reason from staging.stg_left_out_lines order by all desc").fetchall()
    if left_out:
        reasons = "; ".join(f"{lines:,} {reason}" for lines, reason in left_out)
        notes.append(Text(f"Lines that are no sales: {reasons}. See staging.stg_left_out_lines.", style="yellow"))
    rejected = connection.sql(
        """
        select source_file, column_name, split_part(reason, ';', 1) as reason, count(*) as lines, min(line_number) as first_line
        from staging.rejects group by all order by lines desc, source_file limit 5
        """
    ).fetchall()
    notes += [
        Text(
            f"{lines:,} rejected in {file}: {column} {reason}, first in line {line}. All of them: staging.rejects.",
            style="yellow",
        )
        for file, column, reason, lines, line in rejected
    ]
    words = connection.sql("select item_id, location_id, problem from recommendations.rec_override_problems limit 3").fetchall()
    notes += [
        Text(
            f"What order_overrides says of item {item} in store {store} is left out: {problem}. See recommendations.rec_override_problems.",
            style="yellow",
        )
        for item, store, problem in words
    ]
    for count, text in zip(connection.sql(_WARNING_COUNTS).fetchone(), _WARNINGS, strict=True):
        if count:
            notes.append(Text(f"{count:,} {text}", style="yellow"))
    return Group(table, *notes, *_inspections(connection))


def _inspections(connection: duckdb.DuckDBPyConnection) -> list[Text]:
    """What inspections found that somebody should know of; nothing where there are none."""
    lines = []
    judged = connection.sql(
        "select count(*) filter (where is_judged), count(*) filter (where is_unsure) from intermediate.int_inspection_photos"
    ).fetchone()
    if any(judged):
        odd, note = connection.sql(
            "select (select count(*) from marts.rpt_inspection_problems), (select any_value(note) from reports.rpt_vision_model)"
        ).fetchone()
        lines.append(
            f"Inspection photos: {judged[0]:,} judged, {judged[1]:,} wait for a person (marts.rpt_inspection_queue), {odd:,} are odd "
            f"(rpt_inspection_problems).{' ' + note if note else ''}"
        )
    alerts = connection.sql(
        "select group_kind, group_key, finding from marts.rpt_defect_alerts order by corrected_p_value, group_kind, group_key"
    ).fetchall()
    if alerts:
        kind, key, finding = alerts[0]
        more = f", and {len(alerts) - 1:,} more" if len(alerts) > 1 else ""
        lines.append(f"Worse than the rest: {kind} {key}, {finding}{more}. See marts.rpt_defect_alerts.")
    return [Text(line, style="yellow") for line in lines]


def _gaps(connection: duckdb.DuckDBPyConnection) -> list[Text]:
    """One line for each of the source's own files that is absent, one for stock, and one for all else."""
    gaps = connection.sql(
        "select input_name, input_kind, effect from marts.rpt_data_gaps order by input_kind <> 'not told by any file', input_name"
    ).fetchall()
    lines = [f"{name} is absent: {effect}." for name, kind, effect in gaps if kind == "file of the source"]
    lines += [
        f"{effect[:1].upper()}{effect[1:]}." for name, kind, effect in gaps if (name, kind) == ("stock", "not told by any file")
    ]
    others = [name for name, kind, _ in gaps if kind != "file of the source" and name != "stock"]
    if others:
        lines.append(f"Not there: {', '.join(others)}. What that changes, and which tables it leaves empty: marts.rpt_data_gaps.")
    return [Text(line, style="yellow") for line in lines]


def _vendors(connection: duckdb.DuckDBPyConnection) -> Table:
    table = Table(title="From whom", title_justify="left")
    for name, justify in (("vendor", "left"), ("lines", "right"), ("units", "right"), ("USD", "right"), ("lead time", "right")):
        table.add_column(name, justify=justify)
    rows = connection.sql(
        """
        select
            coalesce(vendors.vendor_name, 'no vendor known') as vendor_name, count(*) as lines, sum(order_units) as units,
            sum(order_usd) as usd, count(*) filter (where order_usd is null) as unpriced, any_value(vendors.mean_lead_time_days) as days
        from recommendations.rec_orders as orders
        left join marts.dim_vendor as vendors on orders.vendor_id = vendors.vendor_id
        where order_units > 0
        group by all order by usd desc nulls last, vendor_name
        """
    ).fetchall()
    for vendor, lines, units, usd, _, days in rows[:TOP_VENDORS]:
        table.add_row(escape(vendor), f"{lines:,}", f"{units:,}", _usd(usd), "unknown" if days is None else f"{days:.1f} days")
    if len(rows) > TOP_VENDORS:
        rest = rows[TOP_VENDORS:]
        table.add_row(f"{len(rest)} more vendors", *(f"{sum(r[i] or 0 for r in rest):,.0f}" for i in (1, 2, 3)), "")
    table.add_section()
    unpriced = sum(row[4] for row in rows)
    if unpriced:
        table.caption = f"{unpriced:,} order lines have no known cost and are not in the USD"
    table.add_row("all", *(f"{sum(r[i] or 0 for r in rows):,.0f}" for i in (1, 2, 3)), "", style="bold")
    return table


def _orders(connection: duckdb.DuckDBPyConnection, width: int) -> Table:
    as_of = connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]
    count = connection.sql("select count(*) from recommendations.rec_orders where order_units > 0").fetchone()[0]
    table = Table(
        title=f"What to reorder as of {as_of}: the {min(count, TOP_ORDERS)} largest of {count:,} orders", title_justify="left"
    )
    is_narrow = width < NARROW
    columns = ["item", "name", "store", "vendor", "on hand", "on order", "reorder point", "order", "USD"]
    shown = [name for name in columns if not (is_narrow and name in ("vendor", "reorder point"))]
    for name in shown:
        if name in ("name", "vendor"):
            table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=22 if is_narrow else 28)
        else:
            table.add_column(name, justify="right", min_width=max(map(len, name.split())))
    rows = connection.sql(
        f"""
        select item_id, item_name, location_id, coalesce(vendor_name, 'unknown'), usable_on_hand_units, on_order_units,
            reorder_point_units, order_units, order_usd
        from recommendations.rec_orders as orders
        inner join marts.dim_product as products using (item_id)
        left join marts.dim_vendor as vendors on orders.vendor_id = vendors.vendor_id
        where order_units > 0
        order by order_usd desc nulls last, item_id, location_id limit {TOP_ORDERS}
        """
    ).fetchall()
    for item, name, location, vendor, on_hand, on_order, reorder_point, units, usd in rows:
        numbers = (f"{n:,.0f}" for n in (on_hand, on_order, reorder_point, units))
        cells = (str(item), escape(name), str(location), escape(vendor), *numbers, _usd(usd))
        table.add_row(*(cell for column, cell in zip(columns, cells, strict=True) if column in shown))
    return table


def _targets(connection: duckdb.DuckDBPyConnection, width: int) -> Table:
    as_of = connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]
    count = connection.sql("select count(*) from recommendations.rec_orders where reorder_point_units > 0").fetchone()[0]
    table = Table(
        title=f"Up to which level to fill as of {as_of}: the {min(count, TOP_ORDERS)} largest of {count:,} targets, in units",
        title_justify="left",
    )
    is_narrow = width < NARROW
    for name in ("item", "name", "store", "days", "demand", "safety stock", "target", "sold in 28 days"):
        if name == "name":
            table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=22 if is_narrow else 35)
        else:
            table.add_column(name, justify="right", min_width=max(map(len, name.split())))
    rows = connection.sql(
        f"""
        with largest as (
            from recommendations.rec_orders where reorder_point_units > 0
            order by reorder_point_units desc, item_id, location_id limit {TOP_ORDERS}
        )
        select
            item_id, item_name, location_id, horizon_days, demand_units, safety_stock_units, reorder_point_units,
            coalesce(sum(sales.sold_units) filter (where sales.sale_date > largest.as_of_date - 28), 0)
        from largest
        inner join marts.dim_product using (item_id)
        left join marts.fct_sales_daily as sales using (item_id, location_id)
        group by all order by reorder_point_units desc, item_id, location_id
        """
    ).fetchall()
    for item, name, location, *numbers in rows:
        table.add_row(str(item), escape(name), str(location), *(f"{number:,.0f}" for number in numbers))
    return table


def _usd(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:,.0f}"


def _next_steps(connection: duckdb.DuckDBPyConnection, warehouse: Path, program: str, report: Path | None) -> Group:
    item, location = connection.sql(
        """
        select item_id, location_id from recommendations.rec_orders
        order by order_usd desc nulls last, case when order_units is null then reorder_point_units end desc nulls last, item_id, location_id
        limit 1
        """
    ).fetchone() or ("ITEM", "STORE")
    commands = Table.grid(padding=(0, 2))
    if report and report.exists():
        commands.add_row(_from_here(report), "the report: open it in a browser; it needs no server")
    commands.add_row(f"{program} why {item} {location}", "why this quantity, term by term")
    commands.add_row(f"{program} orders list", "the orders as proposals per vendor: approve and export them")
    commands.add_row(
        f'{program} query "from recommendations.rec_orders"',
        "every order, and every decision not to order",
    )
    commands.add_row(
        f'{program} query "from reports.role_store_manager"', "what a store runs out of, what is stuck; one table per role"
    )
    commands.add_row("make dev", "the graph, its runs and checks, in the browser")
    commands.add_row(_from_here(warehouse), "every table, for any DuckDB client")
    return Group(Text("Next", style="bold"), Padding(commands, (0, 2)))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def print_frame(console: Console, columns: list[str], rows: list[tuple], limit: int) -> None:
    """A result as a table, or as one block per row where it has more columns than fit; cut after `limit` with a word about it."""
    texts = [["" if value is None else str(value) for value in row] for row in rows[:limit]]
    if len(columns) * CHARACTERS_PER_COLUMN <= console.width:
        table = Table(*(escape(name) for name in columns))
        for row in texts:
            table.add_row(*map(escape, row))
        console.print(table)
    else:
        width = max(map(len, columns))
        for row in texts:
            console.rule(style="dim")
            for name, text in zip(columns, row, strict=True):
                console.print(f"{name:>{width}}  {text}", markup=False, highlight=False)
    if len(rows) > limit:
        console.print(f"first {limit} rows; --limit shows more", style="yellow")
