"""The pages of the Power BI report, as PBIR: one JSON file per page and visual.

Belongs here: what stands on which page, and how Power BI writes it. Does not belong here: measures and tables (powerbi_model).

A page is rows of visuals; a row's visuals share its width by their weights. A field is `Measure` (by its label) or `table.column`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster_project.publish.contract import PublishedTable
from dagster_project.publish.metrics import Metric
from dagster_project.publish.powerbi_model import METRICS_TABLE

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report"
_WIDTH, _HEIGHT, _GAP, _TITLE = 1280, 720, 12, 44


@dataclass(frozen=True)
class Visual:
    """`roles` are fields by the names Power BI has for the wells of this kind of visual; `keep` lets rows through."""

    kind: str
    title: str
    roles: Mapping[str, Sequence[str]]
    keep: tuple[str, str, object] | None = None  # field, operator (= or >), value
    weight: int = 1


@dataclass(frozen=True)
class Page:
    """`rows`: height in parts, and the visuals from left to right."""

    name: str
    title: str
    rows: Sequence[tuple[int, Sequence[Visual]]]


def _cards(*labels: str) -> tuple[int, list[Visual]]:
    return 2, [Visual("card", label, {"Values": [label]}) for label in labels]


def _slicers(*fields: tuple[str, str]) -> tuple[int, list[Visual]]:
    return 1, [Visual("slicer", title, {"Values": [field]}) for title, field in fields]


def _table(title: str, fields: Sequence[str], keep: tuple[str, str, object] | None = None, weight: int = 1) -> Visual:
    return Visual("tableEx", title, {"Values": fields}, keep, weight)


def _line(title: str, category: str, *measures: str) -> Visual:
    return Visual("lineChart", title, {"Category": [category], "Y": measures})


def _bars(title: str, category: str, *measures: str) -> Visual:
    return Visual("clusteredBarChart", title, {"Category": [category], "Y": measures})


_MONTH = "dim_date.month_start_date"
_WEEK = "dim_date.iso_week_start_date"

PAGES = (
    Page("overview", "Overview", [
        _cards("Order value", "Stock value", "Fill rate", "Revenue", "Gross margin share", "Inventory turnover"),
        (4, [_line("Revenue by month, USD", _MONTH, "Revenue"), _line("Promise and delivery by month", _MONTH, "Fill rate", "Ready rate")]),
        (4, [_line("Average inventory by month, USD", _MONTH, "Average inventory"), _bars("Stock value by class, USD", "dim_product.abc_class", "Stock value", "Dead stock", "Overstock")]),
    ]),
    Page("what_to_order", "What to order", [
        _slicers(("Store", "dim_location.location_name"), ("Vendor", "dim_vendor.vendor_name"), ("Class", "dim_product.abc_class")),
        _cards("Order value", "Lines to order", "Units to order"),
        (6, [
            _table("Orders of today", ["dim_product.item_name", "dim_location.location_name", "rec_orders.vendor_name",
                   "rec_orders.usable_on_hand_units", "rec_orders.on_order_units", "rec_orders.reorder_point_units", "rec_orders.order_units",
                   "rec_orders.order_usd", "rec_orders.reason"], ("rec_orders.order_units", ">", 0), weight=5),
            _table("Why: click a line of the orders", ["rec_why.term_number", "rec_why.term", "rec_why.term_units"], weight=2),
        ]),
    ]),
    Page("forecasts", "Forecasts", [
        _slicers(("Item", "dim_product.item_name"), ("Store", "dim_location.location_name")),
        (4, [_line("Sold, wanted and expected units by week", "rpt_demand_weekly.week_start_date", "Units sold in the week", "Demand of the week", "Demand planned for the week")]),
        (4, [
            _table("Models in the backtest", ["ml_model_metrics.model", "ml_model_metrics.series", "ml_model_metrics.wape", "ml_model_metrics.bias_units",
                   "ml_model_metrics.mase", "ml_model_metrics.coverage_80", "ml_model_metrics.decision_cost_usd"], ("ml_model_metrics.segment", "=", "all")),
            _bars("Forecasts of earlier days: WAPE and bias", "rpt_forecast_accuracy.model", "Forecast WAPE", "Forecast bias"),
        ]),
    ]),
    Page("inventory_policy", "Inventory policy", [
        _cards("Average inventory", "Days of inventory outstanding", "Holding cost", "Dead stock", "Overstock"),
        (4, [
            _line("Average inventory by month, USD", _MONTH, "Average inventory"),
            Visual("scatterChart", "Cost against service (stockroom what-if)", {"Category": ["ml_policy_what_if.value"], "X": ["ml_policy_what_if.fill_rate"],
                   "Y": ["ml_policy_what_if.total_cost_usd"]}),
        ]),
        (4, [
            _table("Policy per item and store", ["dim_product.item_name", "dim_location.location_name", "rec_policy_targets.policy", "rec_policy_targets.cycle_service_level",
                   "rec_policy_targets.reorder_units", "rec_policy_targets.target_units", "rec_policy_targets.policy_reason"], weight=3),
            _table("EOQ and position", ["dim_product.item_name", "dim_location.location_name", "rec_orders.economic_order_units",
                   "rec_orders.reorder_point_units", "rec_orders.inventory_position_units"], weight=2),
        ]),
    ]),
    Page("vendors", "Vendors", [
        _cards("OTIF", "Lead time", "Purchases", "Purchase price variance", "Invoice match"),
        (4, [_bars("OTIF by vendor", "dim_vendor.vendor_name", "OTIF"), _line("OTIF by month", _MONTH, "OTIF")]),
        (4, [_table("Scorecard of the whole period", ["rpt_vendor_scorecard.vendor_name", "rpt_vendor_scorecard.ordered_usd", "rpt_vendor_scorecard.otif_share",
                    "rpt_vendor_scorecard.km_mean_lead_time_days", "rpt_vendor_scorecard.km_p90_lead_time_days", "rpt_vendor_scorecard.overdue_open_line_count",
                    "rpt_vendor_scorecard.purchase_price_variance_usd", "rpt_vendor_scorecard.shrunk_defect_share"], ("rpt_vendor_scorecard.period_type", "=", "all"))]),
    ]),
    Page("quality", "Quality", [
        _cards("Defect share", "Units inspected", "Units defective", "Shrinkage", "Shrinkage share"),
        (4, [_bars("Defect share by vendor", "dim_vendor.vendor_name", "Defect share"), _line("Defect share by month", _MONTH, "Defect share")]),
        (4, [
            _table("Defects per vendor, with the interval", ["rpt_vendor_scorecard.vendor_name", "rpt_vendor_scorecard.inspected_units", "rpt_vendor_scorecard.defective_units",
                   "rpt_vendor_scorecard.defect_share", "rpt_vendor_scorecard.defect_share_low", "rpt_vendor_scorecard.defect_share_high",
                   "rpt_vendor_scorecard.shrunk_defect_share"], ("rpt_vendor_scorecard.period_type", "=", "all")),
            _table("Significantly worse than the rest", ["rpt_defect_alerts.group_kind", "rpt_defect_alerts.vendor_name", "rpt_defect_alerts.item_name", "rpt_defect_alerts.lot_id",
                   "rpt_defect_alerts.inspected_units", "rpt_defect_alerts.defect_share", "rpt_defect_alerts.rest_defect_share", "rpt_defect_alerts.finding"]),
            _table("Photos to look at first", ["rpt_inspection_queue.queue_position", "rpt_inspection_queue.photo", "rpt_inspection_queue.defect_probability",
                   "rpt_inspection_queue.vendor_name", "rpt_inspection_queue.item_name", "rpt_inspection_queue.usd_at_stake"]),
        ]),
    ]),
    Page("data_health", "Data health", [
        (2, [_table("This publication", ["run_info.as_of_date", "run_info.published_at", "run_info.newest_file_at", "run_info.lines_read", "run_info.lines_rejected", "run_info.row_count", "run_info.is_synthetic"])]),
        (4, [_table("Sources", ["run_sources.adapter", "run_sources.file_kind", "run_sources.file_count", "run_sources.newest_file_at", "run_sources.lines_read", "run_sources.lines_rejected"]),
             _table("What is missing, and what that changes", ["rpt_data_gaps.input_name", "rpt_data_gaps.effect", "rpt_data_gaps.remedy"])]),
        (4, [_table("Refused lines", ["rejects.source_file", "rejects.line_number", "rejects.column_name", "rejects.raw_value", "rejects.reason"]),
             _table("Drift", ["ml_forecast_drift.kind", "ml_forecast_drift.name", "ml_forecast_drift.statistic", "ml_forecast_drift.threshold", "ml_forecast_drift.is_drifting"])]),
    ]),
)  # fmt: skip


def report_files(
    tables: Sequence[PublishedTable], metrics: Mapping[str, Metric], pages: Sequence[Page] = PAGES
) -> dict[str, str]:
    """The files of the folder `definition`, by their path. Raises ValueError where a page names a field that is not there."""
    missing = unknown_fields(tables, metrics, pages)
    if missing:
        raise ValueError("\n".join(missing))
    names = [page.name for page in pages]
    content: dict[str, dict] = {
        "version.json": {"$schema": f"{_SCHEMAS}/definition/versionMetadata/1.0.0/schema.json", "version": "2.0.0"},
        "report.json": {
            "$schema": f"{_SCHEMAS}/definition/report/3.0.0/schema.json",
            "themeCollection": {},
            "settings": {"useStylableVisualContainerHeader": True, "exportDataMode": "AllowSummarized"},
        },
        "pages/pages.json": {
            "$schema": f"{_SCHEMAS}/definition/pagesMetadata/1.0.0/schema.json",
            "pageOrder": names,
            "activePageName": names[0],
        },
    }
    for page in pages:
        content[f"pages/{page.name}/page.json"] = {
            "$schema": f"{_SCHEMAS}/definition/page/2.0.0/schema.json",
            "name": page.name,
            "displayName": page.title,
            "displayOption": "FitToPage",
            "height": _HEIGHT,
            "width": _WIDTH,
        }
        for visual in _placed(page, tables):
            content[f"pages/{page.name}/visuals/{visual['name']}/visual.json"] = visual
    return {path: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for path, value in content.items()}


def unknown_fields(tables: Sequence[PublishedTable], metrics: Mapping[str, Metric], pages: Sequence[Page] = PAGES) -> list[str]:
    """What pages show that is not there, one line each."""
    there = {f"{table.name}.{column.name}" for table in tables for column in table.columns} | {
        metric.label for metric in metrics.values()
    }
    return [
        f"Power BI page {page.title}, {visual.title}: {field} is not there"
        for page in pages
        for _, visuals in page.rows
        for visual in visuals
        for field in [*[f for fields in visual.roles.values() for f in fields], *([visual.keep[0]] if visual.keep else [])]
        if field not in there
    ]


def _placed(page: Page, tables: Sequence[PublishedTable]) -> list[dict]:
    """The visuals of a page with their places; the heading first."""
    types = {f"{table.name}.{column.name}": column for table in tables for column in table.columns}
    found = []
    parts = sum(height for height, _ in page.rows)
    unit = (_HEIGHT - _GAP * (len(page.rows) + 1)) / parts
    top = float(_GAP)
    for row, (height, visuals) in enumerate(page.rows):
        weights = sum(visual.weight for visual in visuals)
        width = (_WIDTH - _GAP * (len(visuals) + 1)) / weights
        left = float(_GAP)
        for place, visual in enumerate(visuals):
            name = f"{page.name}_{row}_{place}"
            position = {
                "x": round(left),
                "y": round(top),
                "z": len(found),
                "height": int(height * unit),
                "width": int(visual.weight * width),
                "tabOrder": len(found),
            }
            found.append(_visual(name, visual, position, types))
            left += visual.weight * width + _GAP
        top += height * unit + _GAP
    return found


def _visual(name: str, visual: Visual, position: dict, columns: Mapping) -> dict:
    roles = {
        role: {"projections": [_projection(field, role, visual.kind, columns) for field in fields]}
        for role, fields in visual.roles.items()
    }
    content = {
        "$schema": f"{_SCHEMAS}/definition/visualContainer/2.0.0/schema.json",
        "name": name,
        "position": position,
        "visual": {
            "visualType": visual.kind,
            "query": {"queryState": roles},
            "visualContainerObjects": {
                "title": [{"properties": {"show": _literal(True), "text": _literal(visual.title)}}],
            },
            "drillFilterOtherVisuals": True,
        },
    }
    if visual.keep:
        content["filterConfig"] = {"filters": [_filter(f"{name}_rows", *visual.keep)]}
    return content


def _field(field: str) -> dict:
    table, dot, column = field.partition(".")
    kind, table, name = ("Column", table, column) if dot else ("Measure", METRICS_TABLE, field)
    return {kind: {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def _projection(field: str, role: str, kind: str, columns: Mapping) -> dict:
    table, dot, name = field.partition(".")
    if not dot:
        return {"field": _field(field), "queryRef": f"{METRICS_TABLE}.{field}", "nativeQueryRef": field}
    if kind == "scatterChart" and role in ("X", "Y"):
        return {
            "field": {"Aggregation": {"Expression": _field(field), "Function": 0}},
            "queryRef": f"Sum({field})",
            "nativeQueryRef": f"Sum of {name}",
        }
    return {"field": _field(field), "queryRef": f"{table}.{name}", "nativeQueryRef": name}


def _literal(value: object) -> dict:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else _text(value)
    return {"expr": {"Literal": {"Value": text}}}


def _text(value: object) -> str:
    """A literal as Power BI writes it: text in single quotes, whole numbers with L."""
    return f"{value}L" if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _filter(name: str, field: str, operator: str, value: object) -> dict:
    table, _, column = field.partition(".")
    there = {"Column": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": column}}
    literal = {"Literal": {"Value": _text(value)}}
    if operator == "=":
        condition = {"In": {"Expressions": [there], "Values": [[literal]]}}
    else:
        condition = {"Comparison": {"ComparisonKind": 1, "Left": there, "Right": literal}}
    return {
        "name": name,
        "field": _field(field),
        "type": "Categorical" if operator == "=" else "Advanced",
        "filter": {"Version": 2, "From": [{"Name": "t", "Entity": table, "Type": 0}], "Where": [{"Condition": condition}]},
    }
