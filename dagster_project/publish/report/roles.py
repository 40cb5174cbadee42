"""Five mornings: for each role its first number and the first things to do.

Belongs here: the order in which each role reads. Does not belong here: who decides what; the tables role_... do.
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Column, Role, Section, Table, Tile
from dagster_project.publish.report.formats import plural, with_unit
from dagster_project.publish.report.reader import Reader

_FIRST, _STORES, _ALERTS = 8, 100, 10


def roles(read: Reader) -> Section:
    """One card per role, each in a minute."""
    cards = (_store_manager, _customer_support, _procurement, _inventory_analyst, _marketing)
    lead = "Each reads in a minute: first the number, then what to do."
    return Section(
        "roles", "This morning, by role", lead, roles=[card(read) for card in cards], tables=[*_alerts(read), *_stores(read)]
    )


def _alerts(read: Reader) -> list[Table]:
    """What nobody has seen to yet, in the order it should be read."""
    open_alerts = "from rpt_alerts where is_open and acknowledged_at is null"
    rows = read.rows(
        f"""
        select
            severity, kind, concat_ws(', ', item_name, 'store ' || location_name, vendor_name), at_risk_usd, message, next_step,
            first_seen_date, alert_id
        {open_alerts} order by alert_rank limit {_ALERTS}
        """
    )
    columns = [
        Column("Severity", of="rpt_alerts.severity"),
        Column("Alert", of="rpt_alerts.kind"),
        Column("Of"),
        Column("At risk", "usd", "rpt_alerts.at_risk_usd"),
        Column("What is wrong", of="rpt_alerts.message"),
        Column("What to do", of="rpt_alerts.next_step"),
        Column("Since", "date", "rpt_alerts.first_seen_date"),
        Column("Name", of="rpt_alerts.alert_id"),
    ]
    more = read.one(f"select count(*) as n {open_alerts}")["n"] - len(rows)
    note = "Seen to one? `stockroom alerts ack` and its name."
    note = f"{plural(more, 'more alert')} in bi.rpt_alerts. {note}" if more else note
    return [Table("Alerts nobody has seen to", columns, [list(row.values()) for row in rows], note=note)] if rows else []


def _stores(read: Reader) -> list[Table]:
    """One line for each store manager, in the order of the stores."""
    rows = read.rows(
        f"""
        select
            location_name, coalesce(sold_out, 0), coalesce(short, 0), coalesce(at_stake_usd, 0), on_hand_usd, excess_usd,
            inventory_turnover, order_lines, order_usd
        from rpt_inventory_location
        full join (
            select
                location_id, count(*) filter (where concern = 'sold out') as sold_out,
                count(*) filter (where concern like 'runs out%') as short,
                sum(at_stake_usd) filter (where concern = 'sold out' or concern like 'runs out%') as at_stake_usd
            from role_store_manager group by location_id
        ) using (location_id)
        left join (select location_id, sum(overstock_usd) as excess_usd from role_inventory_analyst group by location_id) using (location_id)
        left join (
            select location_id, count(*) filter (where order_units > 0) as order_lines, sum(order_usd) as order_usd
            from rec_orders group by location_id
        ) using (location_id)
        order by location_id limit {_STORES}
        """
    )
    columns = [
        Column("Store", of="rpt_inventory_location.location_name"),
        Column("Sold out", "count", "role_store_manager.concern", "items"),
        Column("Runs out", "count", "role_store_manager.concern", "items"),
        Column("Sales at stake", "usd", "role_store_manager.at_stake_usd"),
        Column("Stock", "usd", "rpt_inventory_location.on_hand_usd"),
        Column("Too much", "usd", "role_inventory_analyst.overstock_usd"),
        Column("Turns", "days", "rpt_inventory_location.inventory_turnover", "a year"),
        Column("Orders today", "count", "rec_orders.order_units", "lines"),
        Column("Orders today", "usd", "rec_orders.order_usd"),
    ]
    note = "The first stores; all are in bi.role_store_manager." if len(rows) == _STORES else ""
    return [Table("Store by store", columns, [list(row.values()) for row in rows], note=note)] if rows else []


def _store_manager(read: Reader) -> Role:
    name, question = "Store manager", "What runs out, what is stuck?"
    kinds = read.rows(
        "select concern, count(*) as items, sum(at_stake_usd) as usd from role_store_manager group by concern order by usd desc nulls last, concern"
    )
    if not kinds:
        return Role(name, question, None, (), None, "Nothing runs out and nothing is stuck, or stock is not known.")
    short = "concern in ('sold out', 'runs out before the next delivery')"
    runs_out = read.one(
        f"select count(*) as items, sum(at_stake_usd) as usd, count(distinct location_id) as stores from role_store_manager where {short}"
    )
    first = Tile(
        "Sales at stake", runs_out["usd"] or 0, "usd", "role_store_manager.at_stake_usd",
        f"{plural(runs_out['items'], 'item')} sold out or running out before the next delivery, in {plural(runs_out['stores'], 'store')}",
        "bad" if runs_out["items"] else "good",
    )  # fmt: skip
    facts = [
        f"{kind['concern'].capitalize()}: {plural(kind['items'], 'item')}, {with_unit(kind['usd'], 'usd')}" for kind in kinds
    ]
    rows = read.rows(
        f"""
        select
            item_name, location_name, case when concern = 'sold out' then concern else 'runs out' end, next_delivery_date, at_stake_usd,
            what_to_do
        from role_store_manager
        where {short} order by at_stake_usd desc nulls last, location_id, item_id limit {_FIRST}
        """
    )
    columns = [
        Column("Item", of="role_store_manager.item_name"),
        Column("Store", of="role_store_manager.location_name"),
        Column("Concern", of="role_store_manager.concern"),
        Column("Next delivery", "date", "role_store_manager.next_delivery_date"),
        Column("At stake", "usd", "role_store_manager.at_stake_usd"),
        Column("What to do", of="role_store_manager.what_to_do"),
    ]
    return Role(name, question, first, facts, _table(f"The {len(rows)} with most at stake", columns, rows))


def _customer_support(read: Reader) -> Role:
    name, question = "Customer support", "What is sold out, when is it back, what else is there?"
    counts = read.one(
        """
        select
            count(*) as items, count(expected_back_date) as dated, count(other_location_id) as elsewhere,
            count(substitute_item_id) as replaced
        from role_customer_support
        """
    )
    if not counts["items"]:
        return Role(name, question, None, (), None, "Nothing that a store sells is sold out, or stock is not known.")
    first = Tile(
        "Sold out", counts["items"], "count", "role_customer_support.status",
        f"{counts['dated']:,} with a day they are expected back", unit="items in stores",
    )  # fmt: skip
    facts = [
        f"Another store has it: {counts['elsewhere']:,}",
        f"Something else can be offered: {counts['replaced']:,}",
    ]
    # what sells most is asked for most
    rows = read.rows(
        f"""
        select
            support.item_name, support.location_name, expected_back_date, latest_back_date, other_location_name, substitute_item_name
        from role_customer_support as support
        left join rpt_inventory_item_location as sold using (item_id, location_id)
        order by sold.revenue_usd desc nulls last, sold.sold_units desc nulls last, support.item_id, support.location_id
        limit {_FIRST}
        """
    )
    columns = [
        Column("Item", of="role_customer_support.item_name"),
        Column("Sold out in", of="role_customer_support.location_name"),
        Column("Expected back", "date", "role_customer_support.expected_back_date"),
        Column("At the latest", "date", "role_customer_support.latest_back_date"),
        Column("Who has it", of="role_customer_support.other_location_name"),
        Column("Offer instead", of="role_customer_support.substitute_item_name"),
    ]
    return Role(name, question, first, facts, _table(f"The {len(rows)} that sold most", columns, rows))


def _procurement(read: Reader) -> Role:
    name, question = "Procurement", "What do we order, from whom, who slips?"
    sums = read.one(
        """
        select
            count(*) as vendors, count(*) filter (where order_line_count > 0) as ordering, sum(order_usd) as usd,
            sum(order_line_count) as lines, sum(unpriced_line_count) as unpriced,
            count(*) filter (where is_below_minimum) as below, count(*) filter (where beyond_experience_line_count > 0) as slipping
        from role_procurement
        """
    )
    if not sums["vendors"]:
        return Role(name, question, None, (), None, "No vendor is known yet.")
    first = Tile(
        "To order today", sums["usd"] or 0, "usd", "role_procurement.order_usd",
        f"{plural(sums['lines'] or 0, 'line')} from {plural(sums['ordering'], 'vendor')}",
    )  # fmt: skip
    facts = [
        f"Vendors with an order below their minimum: {sums['below']:,}",
        f"Vendors with lines open longer than any they ever brought: {sums['slipping']:,}",
    ]
    if sums["unpriced"]:
        facts.append(f"Without a known cost, and not in the USD: {plural(sums['unpriced'], 'line')}")
    rows = read.rows(
        f"""
        select vendor_name, order_line_count, order_usd, sold_out_line_count, p90_lead_time_days, otif_share, what_to_do
        from role_procurement where order_line_count > 0 or beyond_experience_line_count > 0
        order by order_usd desc nulls last, vendor_id limit {_FIRST}
        """
    )
    columns = [
        Column("Vendor", of="role_procurement.vendor_name"),
        Column("Lines", "count", "role_procurement.order_line_count"),
        Column("Order", "usd", "role_procurement.order_usd"),
        Column("Sold-out lines", "count", "role_procurement.sold_out_line_count"),
        Column("Lead time p90", "day_count", "role_procurement.p90_lead_time_days"),
        Column("OTIF", "share", "role_procurement.otif_share"),
        Column("What to do", of="role_procurement.what_to_do"),
    ]
    return Role(name, question, first, facts, _table(f"The {len(rows)} largest", columns, rows))


def _inventory_analyst(read: Reader) -> Role:
    name, question = "Inventory analyst", "Where does the money sit, and how much should not be there?"
    sums = read.one(
        """
        select
            sum(on_hand_usd) as stock, sum(overstock_usd) as over, sum(dead_usd) as dead, sum(slow_usd) as slow,
            sum(age_over_180_usd) as old, sum(holding_cost_usd_per_year) as holding
        from role_inventory_analyst
        """
    )
    if sums["stock"] is None:
        return Role(name, question, None, (), None, "Stock is not known.")
    share = (
        f"{100 * float(sums['over'] or 0) / float(sums['stock']):.0f}% of {with_unit(sums['stock'], 'usd')} in stock"
        if sums["stock"]
        else ""
    )
    first = Tile("More than the policy would keep", sums["over"] or 0, "usd", "role_inventory_analyst.overstock_usd", share)
    facts = [
        f"Dead: {with_unit(sums['dead'], 'usd')}; slow: {with_unit(sums['slow'], 'usd')}",
        f"Older than 180 days: {with_unit(sums['old'], 'usd')}",
        f"Holding all of it costs {with_unit(sums['holding'], 'usd')} a year",
    ]
    rows = read.rows(
        f"""
        select location_name, category, abc_class, on_hand_usd, overstock_usd, dead_usd, days_inventory_outstanding
        from role_inventory_analyst order by overstock_usd desc nulls last, location_id, category, abc_class limit {_FIRST}
        """
    )
    columns = [
        Column("Store", of="role_inventory_analyst.location_name"),
        Column("Category", of="role_inventory_analyst.category"),
        Column("Class", of="role_inventory_analyst.abc_class"),
        Column("Stock", "usd", "role_inventory_analyst.on_hand_usd"),
        Column("Too much", "usd", "role_inventory_analyst.overstock_usd"),
        Column("Dead", "usd", "role_inventory_analyst.dead_usd"),
        Column("DIO", "days", "role_inventory_analyst.days_inventory_outstanding"),
    ]
    return Role(name, question, first, facts, _table("Where most is too much", columns, rows))


def _marketing(read: Reader) -> Role:
    name, question = "Marketing", "Can stock carry the promotion, what is worth a push?"
    kinds = read.rows(
        "select advice, count(*) as items, sum(overstock_usd) as usd, sum(shortfall_units) as short from role_marketing group by advice order by items desc, advice"
    )
    if not kinds:
        return Role(name, question, None, (), None, "Stock is not known: nothing can be said about promotions.")
    short = read.one(
        "select count(*) as items, count(*) filter (where shortfall_units > 0) as short from role_marketing where promotion_id is not null"
    )
    push = read.one("select count(*) as items, sum(overstock_usd) as usd from role_marketing where advice like 'push%'")
    if short["items"]:
        first = Tile(
            "Promoted and short", short["short"], "count", "role_marketing.shortfall_units",
            f"of {plural(short['items'], 'promoted item')}", "bad" if short["short"] else "good", "items",
        )  # fmt: skip
    else:
        first = Tile(
            "Worth a push", push["usd"] or 0, "usd", "role_marketing.overstock_usd",
            f"{plural(push['items'], 'item')} of which more is there than the policy would keep; no promotion runs or is planned",
        )  # fmt: skip
    facts = [f"{kind['advice'].capitalize()}: {plural(kind['items'], 'item')}" for kind in kinds]
    rows = read.rows(
        f"""
        select
            item_name, split_part(advice, ':', 1), usable_on_hand_units, shortfall_units, overstock_usd, list_price_usd, gross_margin_share,
            price_gap_share
        from role_marketing where advice not like 'nothing%'
        order by coalesce(shortfall_units, 0) > 0 desc, overstock_usd desc nulls last, item_id limit {_FIRST}
        """
    )
    columns = [
        Column("Item", of="role_marketing.item_name"),
        Column("Advice", of="role_marketing.advice"),
        Column("In stock", "units", "role_marketing.usable_on_hand_units"),
        Column("Short", "units", "role_marketing.shortfall_units"),
        Column("Too much", "usd", "role_marketing.overstock_usd"),
        Column("Price", "price", "role_marketing.list_price_usd"),
        Column("Margin", "share", "role_marketing.gross_margin_share"),
        Column("Dearer than others", "share", "role_marketing.price_gap_share"),
    ]
    return Role(name, question, first, facts, _table(f"The first {len(rows)}", columns, rows))


def _table(title: str, columns: list[Column], rows: list[dict]) -> Table | None:
    return Table(title, columns, [list(row.values()) for row in rows]) if rows else None
