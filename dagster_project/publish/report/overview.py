"""Overview: what today comes to, and how the months went.

Belongs here: the first numbers of the page. Does not belong here: lists to work through.
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Figure, Section, Tile
from dagster_project.publish.report.charts import Line, line_chart
from dagster_project.publish.report.formats import as_float, plural, with_unit, written
from dagster_project.publish.report.reader import Reader, Row

_WEEKS = 53


def overview(read: Reader) -> Section:
    """Eight numbers and three charts."""
    orders = read.one(
        """
        select
            count(*) as decisions, count(order_units) as decided, count(*) filter (where order_units > 0) as lines,
            sum(order_usd) as usd, count(*) filter (where order_units > 0 and order_usd is null) as unpriced,
            count(distinct vendor_id) filter (where order_units > 0) as vendors,
            count(*) filter (where reorder_point_units > 0) as targets
        from rec_orders
        """
    )
    sold_out = read.one("select count(*) as items from role_customer_support")["items"]
    service = read.one("from rpt_service where level = 'chain' and period_type = 'whole period'")
    turnover = read.one(
        "from rpt_turnover where level = 'chain' and period_type = 'rolling_12_months' order by period_end_date desc limit 1"
    )
    excess = read.one(
        "select sum(overstock_usd) as over, sum(dead_usd) as dead, sum(on_hand_usd) as stock from role_inventory_analyst"
    )
    exceptions = read.one("select count(*) as n, count(*) filter (where severity = 'high') as high from rec_exceptions")
    tiles = [*_today(orders, sold_out), *_service(service), *_stock(turnover, excess)]
    if exceptions["n"]:
        note = f"{exceptions['high']:,} of high severity"
        tiles.append(Tile("Exceptions", exceptions["n"], "count", "rec_exceptions.exception_rank", note, unit="to look at"))
    figures = (_sales(read), _promise(read), _months(read))
    return Section("overview", "Overview", _lead(orders, sold_out), tiles, figures=[f for f in figures if f and f.svg])


def _lead(orders: Row, sold_out: int) -> str:
    if not orders["decisions"]:
        return "Nothing has been decided yet: no orders in this run."
    if not orders["decided"]:
        return f"Stock was never counted: {plural(orders['targets'], 'level')} to fill up to stand in for orders."
    if not orders["lines"]:
        return (
            f"Nothing to order today: {plural(orders['decisions'], 'item in stores', 'items in stores')} reach the next chance."
        )
    return (
        f"{plural(orders['lines'], 'line')} to order today from {plural(orders['vendors'], 'vendor')} for "
        f"{with_unit(orders['usd'], 'usd')}; {sold_out:,} of {plural(orders['decisions'], 'item in a store', 'items in stores')} "
        f"{'is' if sold_out == 1 else 'are'} sold out."
    )


def _today(orders: Row, sold_out: int) -> list[Tile]:
    if not orders["decisions"]:
        return []
    if not orders["decided"]:
        return [
            Tile(
                "To fill up",
                orders["targets"],
                "count",
                "rec_orders.reorder_point_units",
                "stock was never counted",
                unit="levels",
            )
        ]
    note = f"{plural(orders['lines'], 'line')}, {plural(orders['vendors'], 'vendor')}"
    if orders["unpriced"]:
        note += f"; {orders['unpriced']:,} without a known cost not in it"
    share = f"{100 * sold_out / orders['decisions']:.1f}% of {orders['decisions']:,} items in stores"
    return [
        Tile("Orders today", orders["usd"] or 0, "usd", "rec_orders.order_usd", note),
        Tile(
            "Sold out now",
            sold_out,
            "count",
            "role_customer_support.status",
            share,
            "bad" if sold_out else "good",
            "items in stores",
        ),
    ]


def _service(service: Row) -> list[Tile]:
    tiles = []
    promised, delivered = service["cycle_service_level_target"], service["cycle_service_level_achieved"]
    if delivered is not None:
        tone = "" if promised is None else "good" if delivered >= promised else "bad"
        note = f"promised {written(promised, 'share')} of cycles; {written(service['fill_rate'], 'share')} of demand met at once"
        tiles.append(Tile("Service delivered", delivered, "share", "rpt_service.cycle_service_level_achieved", note, tone))
    lost, low, high = (service[f"lost_sales_revenue{end}_usd"] for end in ("", "_low", "_high"))
    kind, of = "usd", "rpt_service.lost_sales_revenue_usd"
    if lost is None:
        lost, low, high = (service[f"lost_sales_units{end}"] for end in ("", "_low", "_high"))
        kind, of = "units", "rpt_service.lost_sales_units"
    if lost is not None:
        note = f"estimated, {written(low, kind)} to {written(high, kind)}; since {written(service['period_start_date'], 'date')}"
        tiles.append(Tile("Lost sales", lost, kind, of, note))
    return tiles


def _stock(turnover: Row, excess: Row) -> list[Tile]:
    tiles = []
    if turnover["on_hand_usd"] is not None:
        note = f"at cost, {written(turnover['on_hand_units'], 'count')} units"
        tiles.append(Tile("Stock value", turnover["on_hand_usd"], "usd", "rpt_turnover.on_hand_usd", note))
        note = f"{with_unit(turnover['days_inventory_outstanding'], 'days')} of inventory (DIO); last 12 months"
        tiles.append(
            Tile("Turnover", turnover["inventory_turnover"], "days", "rpt_turnover.inventory_turnover", note, unit="turns a year")
        )
    if excess["stock"]:
        note = (
            f"{100 * float(excess['over'] or 0) / float(excess['stock']):.0f}% of stock; dead: {with_unit(excess['dead'], 'usd')}"
        )
        tiles.append(Tile("Too much", excess["over"], "usd", "role_inventory_analyst.overstock_usd", note))
    return tiles


def _sales(read: Reader) -> Figure | None:
    weeks = read.rows(
        f"""
        from (
            select period_start_date, revenue_usd, sold_units from rpt_sales_trends
            where period_type = 'iso_week' and level = 'chain' and is_complete order by period_start_date desc limit {_WEEKS}
        ) order by period_start_date
        """
    )
    if not weeks:
        return None
    name, kind = ("revenue_usd", "usd") if any(week["revenue_usd"] is not None for week in weeks) else ("sold_units", "units")
    values = [as_float(week[name]) for week in weeks]
    labels = [f"{week['period_start_date']}" for week in weeks]
    svg = line_chart("Sales per week", labels, [Line("sales", values)], kind)
    return Figure(
        f"Sales per week, {'USD' if kind == 'usd' else 'units'}",
        svg,
        "Complete weeks, by their Monday",
        of=f"rpt_sales_trends.{name}",
    )


def _promise(read: Reader) -> Figure | None:
    months = read.rows("from rpt_service where level = 'chain' and period_type = 'month' order by period_start_date")
    columns = (
        ("cycle_service_level_target", "promised", "c0", True),
        ("cycle_service_level_achieved", "cycles without a stock-out", "c1", False),
        ("fill_rate", "demand met at once", "c2", False),
    )
    lines = [Line(said, [as_float(month[name]) for month in months], css, dashed) for name, said, css, dashed in columns]
    labels = [f"{month['period_start_date']:%Y-%m}" for month in months]
    svg = line_chart("Service promised and delivered", labels, lines, "share", from_zero=False, top=1.0)
    return Figure(
        "Service by month",
        svg,
        "The axis does not begin at zero",
        [(css, said, f"rpt_service.{name}") for name, said, css, _ in columns],
    )


def _months(read: Reader) -> Figure | None:
    months = read.rows("from rpt_inventory_month order by month_start_date")
    columns = (("on_hand_usd", "at the end of the month", "c1"), ("average_inventory_usd", "average of its days", "c2"))
    lines = [Line(said, [as_float(month[name]) for month in months], css) for name, said, css in columns]
    labels = [f"{month['month_start_date']:%Y-%m}" for month in months]
    return Figure(
        "Stock value, USD at cost",
        line_chart("Stock value", labels, lines, "usd"),
        "",
        [(css, said, f"rpt_inventory_month.{name}") for name, said, css in columns],
    )
