"""What to order: the largest orders with their reasons, the proposals per vendor, and what needs a person.

Belongs here: today's orders and exceptions. Does not belong here: how targets come about (policy).
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Column, Details, Figure, Section, Table
from dagster_project.publish.report.charts import Bar, bar_chart
from dagster_project.publish.report.formats import as_float, joined, plural, with_unit, written
from dagster_project.publish.report.reader import Reader

_ORDERS, _BARS, _PROPOSALS, _EXCEPTIONS = 20, 8, 15, 12


def ordering(read: Reader) -> Section:
    """Largest first; the rest is counted."""
    sums = read.one(
        """
        select count(*) as lines, sum(order_units) as units, sum(order_usd) as usd, count(*) filter (where order_usd is null) as unpriced
        from rec_orders where order_units > 0
        """
    )
    tables, figures = [], []
    if sums["lines"]:
        lead = f"{plural(sums['lines'], 'order line')}, {written(sums['units'], 'count')} units, {with_unit(sums['usd'], 'usd')}."
        tables.append(_orders(read, sums))
        figures += [_by(read, "From whom", "vendor", "no vendor known"), _by(read, "Where to", "location", "no store known")]
    elif read.one("select count(*) as n from rec_orders where reorder_point_units > 0 and order_units is null")["n"]:
        lead = "Stock was never counted: these are levels to fill up to, not orders."
        tables.append(_targets(read))
    else:
        lead = "No orders today."
    tables += _proposals(read)
    figures += _exception_kinds(read)
    tables += _exceptions(read)
    return Section("orders", "What to order", lead, figures=[f for f in figures if f.svg], tables=tables)


def _orders(read: Reader, sums: dict) -> Table:
    rows = read.rows(
        f"""
        select
            item_id, item_name, location_id, location_name, coalesce(vendor_name, 'no vendor known') as vendor_name, usable_on_hand_units,
            on_order_units, reorder_point_units, order_units, order_usd, cover_days, reason
        from rec_orders where order_units > 0
        order by order_usd desc nulls last, order_units desc, item_id, location_id limit {_ORDERS}
        """
    )
    why = _terms(read, [(row["item_id"], row["location_id"]) for row in rows])
    of = "rec_orders."
    columns = [
        Column("Item", of=of + "item_name"),
        Column("Store", of=of + "location_name"),
        Column("Vendor", of=of + "vendor_name"),
        Column("In stock", "units", of + "usable_on_hand_units"),
        Column("On order", "units", of + "on_order_units"),
        Column("Reorder point", "units", of + "reorder_point_units"),
        Column("Order", "units", of + "order_units"),
        Column("Order", "usd", of + "order_usd"),
        Column("Lasts before it", "days", of + "cover_days"),
        Column("Why", of=of + "reason", is_wide=True),
    ]
    cells = [
        [
            row["item_name"], row["location_name"], row["vendor_name"], row["usable_on_hand_units"], row["on_order_units"],
            row["reorder_point_units"], row["order_units"], row["order_usd"], row["cover_days"],
            Details(joined(row["reason"]), [*why.get((row["item_id"], row["location_id"]), []), ("order", f"{row['order_units']:,}")]),
        ]
        for row in rows
    ]  # fmt: skip
    rest = sums["lines"] - len(rows)
    note = f"{rest:,} smaller lines are in the total and in bi.rec_orders." if rest else ""
    if sums["unpriced"]:
        note += f" {sums['unpriced']:,} lines have no known cost and are not in the USD."
    total = ["All lines", None, None, None, None, None, sums["units"], sums["usd"], None, None]
    title = f"The {len(rows)} largest orders" if rest else plural(len(rows), "order")
    return Table(title, columns, cells, total, note.strip())


def _terms(read: Reader, wanted: list[tuple[int, int]]) -> dict[tuple[int, int], list[tuple[str, str]]]:
    """Per item and store, the terms that add up to the order."""
    if not wanted:
        return {}
    pairs = ", ".join(f"({item:d}, {location:d})" for item, location in wanted)
    rows = read.rows(
        f"""
        select item_id, location_id, term, term_units, reason from rec_why
        where (item_id, location_id) in (values {pairs}) order by item_id, location_id, term_number
        """
    )
    found: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for row in rows:
        said = f"{row['term']}: {row['reason']}" if row["reason"] else row["term"]
        found.setdefault((row["item_id"], row["location_id"]), []).append((said, f"{row['term_units']:+,.1f}"))
    return found


def _targets(read: Reader) -> Table:
    rows = read.rows(
        f"""
        select item_name, location_name, horizon_days, demand_units, safety_stock_units, reorder_point_units
        from rec_orders where reorder_point_units > 0 and order_units is null
        order by reorder_point_units desc, item_id, location_id limit {_ORDERS}
        """
    )
    of = "rec_orders."
    columns = [
        Column("Item", of=of + "item_name"),
        Column("Store", of=of + "location_name"),
        Column("Protection interval", "days", of + "horizon_days"),
        Column("Demand", "units", of + "demand_units"),
        Column("Safety stock", "units", of + "safety_stock_units"),
        Column("Fill up to", "units", of + "reorder_point_units"),
    ]
    return Table(f"The {len(rows)} largest targets", columns, [list(row.values()) for row in rows])


def _by(read: Reader, title: str, what: str, unknown: str) -> Figure:
    """Money and lines per vendor or store, the smaller ones together."""
    rows = read.rows(
        f"""
        select coalesce({what}_name, '{unknown}') as name, sum(order_usd) as usd, count(*) as lines
        from rec_orders where order_units > 0 group by {what}_id, {what}_name order by usd desc nulls last, name
        """
    )
    bars = [
        Bar(row["name"], as_float(row["usd"]), text=f"{with_unit(row['usd'], 'usd')}, {plural(row['lines'], 'line')}")
        for row in rows[:_BARS]
    ]
    rest = rows[_BARS:]
    if rest:
        usd, lines = sum(row["usd"] or 0 for row in rest), sum(row["lines"] for row in rest)
        name = f"{len(rest):,} more"
        bars.append(Bar(name, float(usd), "c0", text=f"{with_unit(usd, 'usd')}, {plural(lines, 'line')}"))
    return Figure(title, bar_chart(f"Orders of today: {title.lower()}", bars, "usd"), of="rec_orders.order_usd")


def _proposals(read: Reader) -> list[Table]:
    rows = read.rows(
        f"""
        select
            proposal_id, coalesce(vendor_name, 'no vendor known') as vendor_name, line_count, order_units, goods_usd, minimum_order_usd,
            case when is_minimum_reached then 'yes' when not is_minimum_reached then 'no' end as reached, need_date, expected_receipt_date, state
        from rec_purchase_orders where is_current
        order by goods_usd desc nulls last, proposal_id limit {_PROPOSALS}
        """
    )
    if not rows:
        return []
    count, usd = read.one("select count(*) as n, sum(goods_usd) as usd from rec_purchase_orders where is_current").values()
    of = "rec_purchase_orders."
    columns = [
        Column("Proposal", of=of + "proposal_id"),
        Column("Vendor", of=of + "vendor_name"),
        Column("Lines", "count", of + "line_count"),
        Column("Order", "units", of + "order_units"),
        Column("Goods", "usd", of + "goods_usd"),
        Column("Minimum", "usd", of + "minimum_order_usd"),
        Column("Reached", of=of + "is_minimum_reached"),
        Column("Needed by", "date", of + "need_date"),
        Column("Expected", "date", of + "expected_receipt_date"),
        Column("State", of=of + "state"),
    ]
    total = ["All proposals", None, None, None, usd, None, None, None, None, None]
    note = f"{count - len(rows):,} more are in bi.rec_purchase_orders. " if count > len(rows) else ""
    note += "`stockroom orders` lists, approves and exports them."
    return [Table("Purchase-order proposals", columns, [list(row.values()) for row in rows], total, note)]


def _exception_kinds(read: Reader) -> list[Figure]:
    rows = read.rows(
        """
        select kind, count(*) as n, sum(money_at_risk_usd) as usd, count(*) filter (where severity = 'high') as high
        from rec_exceptions group by kind order by usd desc nulls last, kind
        """
    )
    bars = [
        Bar(
            f"{row['kind']}: {row['n']:,}",
            as_float(row["usd"]) or 0.0,
            "c3",
            text=f"{with_unit(row['usd'], 'usd')}, {row['high']:,} high",
        )
        for row in rows
    ]
    title = "Money at risk, by kind"
    return (
        [Figure(title, bar_chart(title, bars, "usd"), "Kinds overlap: do not add them up", of="rec_exceptions.money_at_risk_usd")]
        if rows
        else []
    )


def _exceptions(read: Reader) -> list[Table]:
    rows = read.rows(
        f"""
        select kind, severity, money_at_risk_usd, coalesce(item_name, vendor_name) as what, location_name, message
        from rec_exceptions order by exception_rank limit {_EXCEPTIONS}
        """
    )
    if not rows:
        return []
    count = read.one("select count(*) as n from rec_exceptions")["n"]
    of = "rec_exceptions."
    columns = [
        Column("Kind", of=of + "kind"),
        Column("Severity", of=of + "severity"),
        Column("At risk", "usd", of + "money_at_risk_usd"),
        Column("What", of=of + "item_name"),
        Column("Store", of=of + "location_name"),
        Column("What is there to do", of=of + "message", is_wide=True),
    ]
    note = f"{count - len(rows):,} more are in bi.rec_exceptions." if count > len(rows) else ""
    return [Table("Exceptions, most money first", columns, [list(row.values()) for row in rows], note=note)]
