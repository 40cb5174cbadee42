"""One chart in Superset's words.

Belongs here: the parameters of each kind of chart. Does not belong here: what stands on which page, and the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagster_project.publish.dashboards import Chart, Dataset
from dagster_project.publish.metrics import Metric

_VIZ = {
    "number": "big_number_total",
    "line": "echarts_timeseries_line",
    "forecast": "echarts_timeseries_line",
    "bars": "echarts_timeseries_bar",
    "scatter": "echarts_timeseries_scatter",
    "bubble": "bubble_v2",
    "table": "table",
}


def chart_params(chart: Chart, dataset: Dataset, metrics: Mapping[str, Metric]) -> tuple[str, dict[str, Any]]:
    """The kind of chart as Superset calls it, and its parameters."""
    build = {"number": _number, "table": _table, "forecast": _forecast, "bubble": _bubble}.get(chart.kind, _series)
    params = {
        "viz_type": _VIZ[chart.kind],
        "time_range": "No filter",
        "adhoc_filters": [_rows(chart.only)] if chart.only else [],
        **build(chart, dataset, metrics),
        **chart.look,
    }
    return _VIZ[chart.kind], params


def d3_format(number_format: str) -> str:
    """A spreadsheet's format as d3 writes it: `#,##0.00` is `,.2f`, `0.0%` is `.1%`; empty stays empty."""
    if not number_format:
        return ""
    digits = len(number_format.rstrip("%").partition(".")[2])
    kind = "%" if number_format.endswith("%") else "f"
    return f"{',' if ',' in number_format else ''}.{digits}{kind}"


def metric_format(metric: Metric) -> str:
    """Whole dollars: nobody looks at the cents of a sum."""
    return "$,.0f" if metric.unit == "USD" else d3_format(metric.number_format)


def _rows(condition: str) -> dict:
    return {"expressionType": "SQL", "sqlExpression": condition, "clause": "WHERE"}


def _metric(metric: str | Mapping[str, str]) -> str | dict:
    """A metric by its name, or the value of the one row there is."""
    if isinstance(metric, str):
        return metric
    return {
        "expressionType": "SQL",
        "sqlExpression": f"max({metric['value_of']})",
        "label": metric["label"],
        "hasCustomLabel": True,
        "optionName": f"metric_{metric['value_of']}",
    }


def _number(chart: Chart, _: Dataset, metrics: Mapping[str, Metric]) -> dict:
    return {
        "metric": _metric(chart.metrics[0]),
        "subheader": chart.note,
        "y_axis_format": metric_format(metrics[chart.metric_names[0]]),
        "header_font_size": 0.4,
        "subheader_font_size": 0.15,
    }


def _series(chart: Chart, dataset: Dataset, _: Mapping[str, Metric]) -> dict:
    over_time = dataset.column(chart.x).type in ("date", "timestamp")
    is_words = dataset.column(chart.x).type == "varchar"
    params: dict[str, Any] = {
        "x_axis": chart.x,
        "metrics": [_metric(metric) for metric in chart.metrics],
        "groupby": [chart.by] if chart.by else [],
        "row_limit": chart.limit,
        "show_legend": len(chart.metrics) > 1 or bool(chart.by),
        "legendType": "scroll",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "truncate_metric": True,
        "x_axis_title_margin": 0,
        "y_axis_title_margin": 0,
        "xAxisLabelInterval": "auto" if over_time else 0,
        "y_axis_format": "SMART_NUMBER",
        "x_axis_time_format": "%b %Y" if chart.grain else "%Y-%m-%d",
        "tooltipTimeFormat": "%b %Y" if chart.grain else "%Y-%m-%d",
        "markerEnabled": chart.kind == "scatter",
        "markerSize": 6,
    }
    if over_time:
        params |= {"time_grain_sqla": chart.grain or None, "granularity_sqla": chart.x}
    if chart.kind == "scatter" or (not over_time and not is_words):
        params |= {"xAxisForceCategorical": False, "truncateXAxis": True, "x_axis_number_format": "SMART_NUMBER"}
    if chart.kind == "bars" and is_words:
        first = _metric(chart.metrics[0])
        params |= {
            "timeseries_limit_metric": first,
            "order_desc": True,
            "x_axis_sort": first if isinstance(first, str) else first["label"],
            "x_axis_sort_asc": False,
        }
        if chart.look.get("orientation") == "horizontal":
            params["x_axis_sort_asc"] = True  # the largest bar stands at the top
    return params


def _forecast(chart: Chart, dataset: Dataset, metrics: Mapping[str, Metric]) -> dict:
    """Past and forecast in one line with a band: Superset draws it for names that end so."""
    name = metrics[chart.metric_names[0]].label

    def the(column: str, ending: str) -> dict:
        return _metric({"value_of": column, "label": f"{name}{ending}"})

    found = _series(chart, dataset, metrics)
    found["metrics"] = [
        the("sold_units", ""),
        the("mean_units", "__yhat"),
        the("p10_units", "__yhat_lower"),
        the("p90_units", "__yhat_upper"),
    ]
    return found


def _bubble(chart: Chart, _: Dataset, __: Mapping[str, Metric]) -> dict:
    """One dot for each value of the first column, both axes logarithmic: most items are small."""
    x, y = (_metric(metric) for metric in chart.metrics)
    return {
        "entity": chart.columns[0],
        "series": chart.by,
        "x": x,
        "y": y,
        "size": {"expressionType": "SQL", "sqlExpression": "max(1)", "label": "one", "hasCustomLabel": True},
        "max_bubble_size": "5",
        "opacity": 0.6,
        "row_limit": chart.limit,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "logXAxis": True,
        "logYAxis": True,
        "xAxisFormat": "SMART_NUMBER",
        "y_axis_format": "SMART_NUMBER",
        "x_axis_label": x["label"],
        "y_axis_label": y["label"],
        "x_axis_title_margin": 30,
        "y_axis_title_margin": 30,
    }


def _table(chart: Chart, dataset: Dataset, _: Mapping[str, Metric]) -> dict:
    config = {}
    for name in chart.columns:
        column = dataset.column(name)
        if column.is_number:
            written = chart.formats.get(name) or d3_format(column.number_format) or ",.3~f"
            config[name] = {"d3NumberFormat": written, "showCellBars": False}
        elif column.type == "timestamp":
            config[name] = {"d3TimeFormat": "%Y-%m-%d %H:%M"}
    return {
        "query_mode": "raw",
        "all_columns": list(chart.columns),
        "order_by_cols": [json.dumps(part) for part in chart.order],
        "row_limit": chart.limit,
        "page_length": 0,
        "include_search": False,
        "table_timestamp_format": "%Y-%m-%d",
        "column_config": config,
        "show_cell_bars": False,
        "color_pn": False,
    }
