"""Quality of what comes in: defect rates, who is worse than the rest, photos that wait for a person, the model that judges them.

Belongs here: inspections. Does not belong here: what orders make of them.
"""

from __future__ import annotations

from dagster_project.publish.report.blocks import Column, Figure, Section, Table, Tile
from dagster_project.publish.report.charts import Bar, Line, bar_chart, line_chart
from dagster_project.publish.report.formats import joined, plural, with_unit, written
from dagster_project.publish.report.reader import Reader

_BARS, _PHOTOS = 8, 10


def quality(read: Reader) -> Section:
    """From inspections; a word where there are none."""
    title = "Quality"
    if read.has("rpt_defect_rates"):
        whole = read.one("from rpt_defect_rates where group_kind = 'all' and period_type = 'all'")
        if whole["inspected_units"]:
            return _from_rates(read, title, whole)
    else:
        rows = _from_scorecard(read)
        if rows:
            return Section("quality", title, "What vendors' inspections found.", figures=rows)
    return Section(
        "quality", title, "", notes=["No inspections yet: inspections.csv or a folder of photos brings defect rates here."]
    )


def _from_rates(read: Reader, title: str, whole: dict) -> Section:
    worse = read.rows(
        "select group_kind, group_key from rpt_defect_rates where period_type = 'recent' and is_significantly_worse order by all"
    )
    lead = f"{written(whole['defective_units'], 'count')} of {written(whole['inspected_units'], 'count')} units judged were defective. "
    lead += (
        f"Worse than the rest, beyond chance: {plural(len(worse), 'vendor, item or lot', 'vendors, items or lots')}."
        if worse
        else "Nobody is worse than the rest beyond chance."
    )
    note = f"{written(whole['defect_share_low'], 'share')} to {written(whole['defect_share_high'], 'share')}"
    tiles = [Tile("Defect rate", whole["defect_share"], "share", "rpt_defect_rates.defect_share", note)]
    tables = []
    if read.has("rpt_inspection_queue"):
        waiting = read.one("select count(*) as n, sum(usd_at_stake) as usd from rpt_inspection_queue")
        note = f"{with_unit(waiting['usd'], 'usd')} at stake"
        tiles.append(
            Tile(
                "Photos to look at",
                waiting["n"],
                "count",
                "rpt_inspection_queue.queue_position",
                note if waiting["n"] else "",
                unit="photos",
            )
        )
        tables += _queue(read, waiting["n"])
    tiles += _model(read)
    figures = [*_months(read), *_by_vendor(read)]
    return Section("quality", title, lead, tiles, figures=[f for f in figures if f.svg], tables=tables)


def _model(read: Reader) -> list[Tile]:
    if not read.has("rpt_vision_model"):
        return []
    model = read.one("from rpt_vision_model order by photo_count desc, model_version limit 1")
    if model["recall_share"] is None:
        return []
    note = f"precision {written(model['precision_share'], 'share')}, on {written(model['validation_photo_count'], 'count')} photos kept from training"
    return [
        Tile(
            "Defects the model finds",
            model["recall_share"],
            "share",
            "rpt_vision_model.recall_share",
            note,
            "bad" if model["has_moved"] else "",
        )
    ]


def _months(read: Reader) -> list[Figure]:
    rows = read.rows("from rpt_defect_rates where group_kind = 'all' and period_type = 'month' order by period_start_date")
    title = "Defect rate per month"
    svg = line_chart(
        title,
        [f"{row['period_start_date']:%Y-%m}" for row in rows],
        [Line("defective", [row["defect_share"] for row in rows], "c3")],
        "share",
    )
    return [Figure(title, svg, "Share of the units judged", of="rpt_defect_rates.defect_share")]


def _by_vendor(read: Reader) -> list[Figure]:
    rows = read.rows(
        f"""
        select coalesce(vendor_name, group_key) as name, defect_share, defect_share_low, defect_share_high, inspected_units, is_significantly_worse
        from rpt_defect_rates where group_kind = 'vendor' and period_type = 'all' and inspected_units > 0
        order by shrunk_defect_share desc nulls last, group_key limit {_BARS}
        """
    )
    bars = [
        Bar(row["name"], row["defect_share"], "c3" if row["is_significantly_worse"] else "c1", low=row["defect_share_low"],
            high=row["defect_share_high"], text=f"{written(row['defect_share'], 'share')} of {row['inspected_units']:,}")
        for row in rows
    ]  # fmt: skip
    title = "Defect rate by vendor"
    return [
        Figure(
            title,
            bar_chart(title, bars, "share"),
            "Worst first, small samples drawn to all; the line is the interval",
            of="rpt_defect_rates.defect_share",
        )
    ]


def _from_scorecard(read: Reader) -> list[Figure]:
    rows = read.rows(
        f"""
        select vendor_name, defect_share, defect_share_low, defect_share_high, inspected_units from rpt_vendor_scorecard
        where period_type = 'all' and inspected_units > 0 order by shrunk_defect_share desc nulls last, vendor_id limit {_BARS}
        """
    )
    bars = [
        Bar(joined(row["vendor_name"]), row["defect_share"], low=row["defect_share_low"], high=row["defect_share_high"],
            text=f"{written(row['defect_share'], 'share')} of {row['inspected_units']:,}")
        for row in rows
    ]  # fmt: skip
    title = "Defect rate by vendor"
    caption = "Worst first, small samples drawn to all; the line is the interval"
    return [Figure(title, bar_chart(title, bars, "share"), caption, of="rpt_vendor_scorecard.defect_share")] if bars else []


def _queue(read: Reader, count: int) -> list[Table]:
    rows = read.rows(
        f"select photo, item_name, inspected_date, defect_probability, units_at_stake, usd_at_stake, what_to_do from rpt_inspection_queue order by queue_position limit {_PHOTOS}"
    )
    of = "rpt_inspection_queue."
    columns = [
        Column("Photo", of=of + "photo"),
        Column("Item", of=of + "item_name"),
        Column("Inspected", "date", of + "inspected_date"),
        Column("Probability", "share", of + "defect_probability"),
        Column("At stake", "units", of + "units_at_stake"),
        Column("At stake", "usd", of + "usd_at_stake"),
        Column("What to do", of=of + "what_to_do", is_wide=True),
    ]
    note = f"{count - len(rows):,} more are in bi.rpt_inspection_queue." if count > len(rows) else ""
    return [Table("Photos that wait for a person", columns, [list(row.values()) for row in rows], note=note)] if rows else []
