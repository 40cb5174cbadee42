"""Vendors: who delivers on time and in full, how long it takes, and at which price.

Belongs here: the scorecard. Does not belong here: today's orders from them.
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Column, Figure, Section, Table
from dagster_project.publish.report.charts import Bar, bar_chart
from dagster_project.publish.report.formats import joined, plural, with_unit, written
from dagster_project.publish.report.reader import Reader

_VENDORS, _BARS = 15, 8


def vendors(read: Reader) -> Section:
    """The vendors most money goes to."""
    rows = read.rows(
        f"""
        from rpt_vendor_scorecard where period_type = 'all'
        order by received_usd desc nulls last, vendor_id limit {_VENDORS}
        """
    )
    if not rows:
        return Section(
            "vendors", "Vendors", "", notes=["No vendor has delivered anything yet, or no file of purchases is there."]
        )
    sums = read.one(
        """
        select
            count(*) as vendors, sum(due_line_count) as due, sum(otif_line_count) as on_time, sum(received_usd) as usd,
            sum(purchase_price_variance_usd) as variance, any_value(otif_basis) as basis
        from rpt_vendor_scorecard where period_type = 'all'
        """
    )
    lead = f"{plural(sums['vendors'], 'vendor')}, {with_unit(sums['usd'], 'usd')} received."
    if sums["due"]:
        lead += f" {100 * sums['on_time'] / sums['due']:.1f}% of {sums['due']:,} lines due came on time and in full ({joined(sums['basis'])} dates)."
    if sums["variance"] is not None:
        less = "less" if sums["variance"] < 0 else "more"
        lead += f" Paid {with_unit(abs(sums['variance']), 'usd')} {less} than at standard prices."
    return Section(
        "vendors",
        "Vendors",
        lead,
        figures=[f for f in (_otif(rows), _lead_times(rows), _prices(rows)) if f.svg],
        tables=[_scorecard(rows, sums)],
    )


def _otif(rows: list[dict]) -> Figure:
    bars = [
        Bar(
            joined(row["vendor_name"]),
            row["otif_share"],
            text=f"{written(row['otif_share'], 'share')} of {row['due_line_count']:,}",
        )
        for row in rows[:_BARS]
        if row["otif_share"] is not None
    ]
    title = "On time and in full"
    return Figure(
        title,
        bar_chart(title, bars, "share", top=1.0),
        "Share of the lines due; most money first",
        of="rpt_vendor_scorecard.otif_share",
    )


def _lead_times(rows: list[dict]) -> Figure:
    bars = [
        Bar(
            row["vendor_name"], row["km_p90_lead_time_days"], "c2", mark=row["km_p50_lead_time_days"],
            text=f"half in {written(row['km_p50_lead_time_days'], 'day_count')}, most in {with_unit(row['km_p90_lead_time_days'], 'day_count')}",
        )
        for row in rows[:_BARS]
    ]  # fmt: skip
    title = "Lead time"
    svg = bar_chart(title, bars, "day_count", mark="half within")
    return Figure(title, svg, "Bar: nine of ten units came within; mark: half of them. Open orders are reckoned with.",
        of="rpt_vendor_scorecard.km_p90_lead_time_days")  # fmt: skip


def _prices(rows: list[dict]) -> Figure:
    known = [row for row in rows if row["purchase_price_variance_usd"] is not None]
    largest = sorted(known, key=lambda row: -abs(row["purchase_price_variance_usd"]))[:_BARS]
    bars = [
        Bar(joined(row["vendor_name"]), float(row["purchase_price_variance_usd"]), "c3" if row["purchase_price_variance_usd"] > 0 else "c4",
            text=f"{float(row['purchase_price_variance_usd']):+,.0f} USD")
        for row in largest
    ]  # fmt: skip
    title = "Purchase price variance"
    return Figure(title, bar_chart(title, bars, "usd"), "Paid beyond the standard price; more than zero is unfavourable",
        of="rpt_vendor_scorecard.purchase_price_variance_usd")  # fmt: skip


def _scorecard(rows: list[dict], sums: dict) -> Table:
    of = "rpt_vendor_scorecard."
    columns = [
        Column("Vendor", of=of + "vendor_name"),
        Column("Received", "usd", of + "received_usd"),
        Column("Share", "share", of + "received_spend_share"),
        Column("Lines due", "count", of + "due_line_count"),
        Column("OTIF", "share", of + "otif_share"),
        Column("Open lines overdue", "count", of + "overdue_open_line_count"),
        Column("Lead time, mean", "days", of + "km_mean_lead_time_days"),
        Column("p90", "day_count", of + "km_p90_lead_time_days"),
        Column("Price variance", "usd", of + "purchase_price_variance_usd"),
        Column("Freight", "share", of + "freight_share"),
        Column("Invoices that match", "share", of + "invoice_match_share"),
        Column("Defective", "share", of + "defect_share"),
    ]
    cells = [[row[column.of.removeprefix(of)] for column in columns] for row in rows]
    rest = sums["vendors"] - len(rows)
    note = (
        f"{plural(rest, 'smaller vendor')} {'is' if rest == 1 else 'are'} in the total and in bi.rpt_vendor_scorecard."
        if rest
        else ""
    )
    share = sums["on_time"] / sums["due"] if sums["due"] else None
    total = ["All vendors", sums["usd"], None, sums["due"], share, None, None, None, sums["variance"], None, None, None]
    return Table("Scorecard, most money first", columns, cells, total, note)
