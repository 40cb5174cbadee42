"""Inventory policy: what a target costs and serves, and one item's stock against its reorder point.

Belongs here: targets and their cost. Does not belong here: today's orders.
"""

from __future__ import annotations

from datetime import timedelta

from dagster_project.publish.report.blocks import Column, Figure, Section, Table
from dagster_project.publish.report.charts import Line, Point, line_chart, scatter_chart
from dagster_project.publish.report.formats import joined, plural
from dagster_project.publish.report.reader import Reader, Row

_DAYS, _TARGETS, _NEAR = 182, 10, 5


def policy(read: Reader) -> Section:
    """Curves where they were computed, and the targets of the items most money turns in."""
    top = read.one(
        """
        select item_id, location_id, item_name, location_name from rec_orders
        inner join rpt_inventory_item_location using (item_id, location_id, item_name, location_name)
        order by rpt_inventory_item_location.cogs_usd desc nulls last, item_id, location_id limit 1
        """
    )
    figures = [*_replay(read), *_what_if(read)]
    if top["item_id"] is not None:
        figures += [*_stock(read, top), *_cost_curve(read, top)]
    tables = [*_targets(read), *_policies(read)]
    kinds = read.rows("select policy, count(*) as n from rec_policy_targets group by all order by n desc, policy")
    lead = "; ".join(f"{_words(row['policy'])}: {plural(row['n'], 'item in a store', 'items in stores')}" for row in kinds[:4])
    lead = f"What decides, by policy: {lead}." if lead else ""
    notes = []
    if not read.one("select count(*) as n from rpt_policy_replay")["n"]:
        notes.append("What other policies would have cost is not known yet: `stockroom replay` computes it (minutes).")
    if not tables:
        notes.append("There are no targets yet: they come with a whole run (`stockroom run`).")
    return Section("policy", "Inventory policy", lead, figures=[f for f in figures if f.svg], tables=tables, notes=notes)


def _replay(read: Reader) -> list[Figure]:
    """What was done and what is in use have their name on the chart; the table has all."""
    rows = read.rows("from rpt_policy_replay where level = 'chain' and fill_rate is not null order by cost_rank")
    in_use = read.one("select policy from rec_policy_targets group by policy order by count(*) desc, policy limit 1")["policy"]
    points = [
        Point(
            row["fill_rate"], row["total_cost_usd"], _words(row["policy"]),
            {"actual": "c3", in_use: "c2"}.get(row["policy"], "c1"), row["policy"] in ("actual", in_use),
        )
        for row in rows
    ]  # fmt: skip
    title = "Cost against service, by policy"
    svg = scatter_chart(title, points, "demand met at once", "cost, USD", "share", "usd")
    caption = f"Replay of {rows[0]['weeks']} weeks; lower right is better" if rows else ""
    legend = [("c3", "what was done", ""), ("c2", "in use now", ""), ("c1", "others", "")]
    return [Figure(title, svg, caption, legend, of="rpt_policy_replay.total_cost_usd")] if points else []


def _policies(read: Reader) -> list[Table]:
    rows = read.rows(
        """
        select
            replace(policy, '_', ' '), holding_cost_usd, ordering_cost_usd, lost_margin_usd, total_cost_usd, difference_share, low_share,
            high_share, fill_rate, cycle_service, average_inventory_usd, turns
        from rpt_policy_replay where level = 'chain' order by cost_rank, policy
        """
    )
    of = "rpt_policy_replay."
    columns = [
        Column("Policy", of=of + "policy"),
        Column("Holding", "usd", of + "holding_cost_usd"),
        Column("Ordering", "usd", of + "ordering_cost_usd"),
        Column("Lost margin", "usd", of + "lost_margin_usd"),
        Column("Total", "usd", of + "total_cost_usd"),
        Column("Against actual", "share", of + "difference_share"),
        Column("from", "share", of + "low_share"),
        Column("to", "share", of + "high_share"),
        Column("Met at once", "share", of + "fill_rate"),
        Column("Cycles served", "share", of + "cycle_service"),
        Column("Stock", "usd", of + "average_inventory_usd"),
        Column("Turns", "days", of + "turns", "a year"),
    ]
    note = "Every policy on the same history, deciding by what was known then; `actual` is what was really done."
    return [Table("What each policy would have cost", columns, [list(row.values()) for row in rows], note=note)] if rows else []


def _what_if(read: Reader) -> list[Figure]:
    rows = read.rows("from ml_policy_what_if where parameter = 'service_level' order by policy, value")
    first = [row for row in rows if row["policy"] == rows[0]["policy"]]
    first = [row for row in first if row["fill_rate"] is not None]
    # the others would lie over each other
    named = [first[0], min(first, key=lambda row: row["total_cost_usd"]), first[-1]] if first else []
    points = [
        Point(row["fill_rate"], row["total_cost_usd"], f"target {100 * row['value']:g}%", "c1", row in named) for row in first
    ]
    title = "What another service target would cost"
    svg = scatter_chart(title, points, "demand met at once", "cost, USD", "share", "usd")
    caption = f"Policy {_words(rows[0]['policy'])}, replayed at each cycle service level" if rows else ""
    return [Figure(title, svg, caption, of="ml_policy_what_if.total_cost_usd")] if points else []


def _stock(read: Reader, top: Row) -> list[Figure]:
    """Stock of each day: the table holds a row until the next one."""
    as_of = read.one("select as_of_date from run_info")["as_of_date"]
    rows = read.rows(
        """
        select inventory_date, closing_units from fct_inventory_daily
        where item_id = ? and location_id = ? and inventory_date + valid_days > ?::date - ? order by inventory_date
        """,
        top["item_id"], top["location_id"], as_of, _DAYS,
    )  # fmt: skip
    if not rows:
        return []
    events = {row["inventory_date"]: row["closing_units"] for row in rows}
    days = [as_of - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)]
    stock, held = [], next((row["closing_units"] for row in rows if row["inventory_date"] <= days[0]), None)
    for day in days:
        held = events.get(day, held)
        stock.append(None if held is None else float(held))
    order = read.one(
        "select reorder_point_units, order_up_to_units, economic_order_units, demand_units, horizon_days from rec_orders where item_id = ? and location_id = ?",
        top["item_id"], top["location_id"],
    )  # fmt: skip
    lines = [Line("stock", stock, is_step=True)]
    if order["reorder_point_units"] is not None:
        lines.append(Line("reorder point of today", [float(order["reorder_point_units"])] * len(days), "c3", is_dashed=True))
    legend = [
        ("c1", "stock", "fct_inventory_daily.closing_units"),
        ("c3", "reorder point of today", "rec_orders.reorder_point_units"),
    ][: len(lines)]
    title = f"Stock of {joined(top['item_name'], top['location_name'])}"
    caption = "Units at the end of each day. The reorder point is compared with stock plus what is on order."
    if order["economic_order_units"]:
        caption += f" Economic order: {order['economic_order_units']:,.0f} units."
    svg = line_chart(title, [f"{day}" for day in days], lines, "units")
    return [Figure(title, svg, caption, legend)]


def _cost_curve(read: Reader, top: Row) -> list[Figure]:
    rows = read.rows(
        """
        select target_units, holding_cost_usd, shortage_cost_usd, ordering_cost_usd from ml_order_cost_curves
        where item_id = ? and location_id = ? order by point_number
        """,
        top["item_id"], top["location_id"],
    )  # fmt: skip
    totals = [sum(row[f"{part}_cost_usd"] for part in ("holding", "shortage", "ordering")) for row in rows]
    rows = [row for row, total in zip(rows, totals, strict=True) if total <= _NEAR * min(totals)]  # where the choice is
    columns = (
        ("holding_cost_usd", "holding", "c1"),
        ("shortage_cost_usd", "lost margin", "c3"),
        ("ordering_cost_usd", "ordering", "c4"),
    )
    lines = [Line(said, [row[name] for row in rows], css) for name, said, css in columns]
    lines.append(Line("all three", [sum(row[name] for name, *_ in columns) for row in rows], "c0", is_dashed=True))
    title = f"What a target costs: {joined(top['item_name'])}"
    svg = line_chart(
        title, [f"{row['target_units']:,.0f}" for row in rows], lines, "usd", at=[row["target_units"] for row in rows]
    )
    caption = f"Expected USD a year, by the units an order fills up to; store {joined(top['location_name'])}"
    return (
        [
            Figure(
                title,
                svg,
                caption,
                [*[(css, said, f"ml_order_cost_curves.{name}") for name, said, css in columns], ("c0", "all three", "")],
            )
        ]
        if rows
        else []
    )


def _targets(read: Reader) -> list[Table]:
    rows = read.rows(
        f"""
        select
            orders.item_name, orders.location_name, orders.abc_class, replace(orders.policy, '_', ' ') as policy, orders.cycle_service_level,
            orders.horizon_days, orders.demand_units, orders.safety_stock_units, orders.reorder_point_units, orders.economic_order_units
        from rec_orders as orders
        left join rpt_inventory_item_location as sold using (item_id, location_id)
        order by sold.cogs_usd desc nulls last, orders.reorder_point_units desc, orders.item_id, orders.location_id limit {_TARGETS}
        """
    )
    of = "rec_orders."
    columns = [
        Column("Item", of=of + "item_name"),
        Column("Store", of=of + "location_name"),
        Column("Class", of=of + "abc_class"),
        Column("Policy", of=of + "policy"),
        Column("Service target", "share", of + "cycle_service_level"),
        Column("Protection interval", "days", of + "horizon_days"),
        Column("Demand in it", "units", of + "demand_units"),
        Column("Safety stock", "units", of + "safety_stock_units"),
        Column("Reorder point", "units", of + "reorder_point_units"),
        Column("Economic order", "units", of + "economic_order_units"),
    ]
    return [Table("Targets of the items most money turns in", columns, [list(row.values()) for row in rows])] if rows else []


def _words(name: str) -> str:
    return name.replace("_", " ")
