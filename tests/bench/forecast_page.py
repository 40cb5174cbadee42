"""The page of figures on forecasts.

Belongs here: Markdown from plain numbers. Does not belong here: measuring.
"""

from __future__ import annotations

import os
import platform
from datetime import date
from typing import Any

from demand_sets import REAL
from forecast_losses import CRITICAL, MEASURES
from generated_sections import arima_section, full_section, generated_section, markdown_table
from rivals import OWN_MEDIAN, PLAIN_MEDIAN

from ml.forecasting.models import ENSEMBLE

_SIGNS = {"better": "+", "worse": "−", "open": "·"}
_MEDIANS = (OWN_MEDIAN, PLAIN_MEDIAN)
_CPU_AIM = 60


def markdown(figures: dict[str, Any]) -> str:
    """The whole page, of the parts that were measured."""
    lines = [
        "# Benchmarks of the forecasts",
        "",
        "Every comparison is made in one run on one machine, by `make bench-forecasts`. The champion is what `forecast` and "
        '`forecast_sum` give with `models="auto"`: all models of the pool, weighed and calibrated by a backtest that ends before '
        "the origin.",
        "",
        f"{date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
    ]
    for name in REAL:
        if name in figures:
            lines += _real(figures[name])
    if "generated" in figures:
        lines += generated_section(figures["generated"])
    if "arima" in figures:
        lines += arima_section(figures["arima"])
    if "full" in figures:
        lines += full_section(figures["full"])
    lines += [
        "Repeat: `make bench-forecasts`, with STOCKROOM_REAL_DATA naming the folder of the real files; without it their parts are "
        "skipped.",
        "",
    ]
    return "\n".join(lines)


def _real(part: dict[str, Any]) -> list[str]:
    found = part["origins"]
    first = found[0]
    # a short history does without some models
    rivals = list(dict.fromkeys(name for o in found for name in o["measures"] if name != ENSEMBLE))
    days = ", ".join(o["origin"] for o in found)
    counts = ", ".join(f"{o['series']:,} series of up to {o['periods']} periods" for o in found)
    wholes = ", ".join(f"{o['whole_sums']:,}" for o in found)
    has_all = any(o["whole_sums"] < o["series"] for o in found)
    shown = {m: title for m, title in MEASURES.items() if m != "sum_all" or has_all}
    lines = [
        f"## {first['data'].capitalize()}",
        "",
        f"Origins {days} (newest first): {counts}. Periods count where in stock; sums where the whole horizon was ({wholes} series)"
        + (
            "; the last column counts every series, against sales that stock-outs cut, which favours forecasts that are too low"
            if has_all
            else ""
        )
        + ". WAPE is of the mean. Pinball loss is the mean over 11 levels from 0.05 to 0.95; scaled by the mean absolute step of the "
        "series before the origin, sums by the horizon too. A cell has the three origins; the sign after a rival's "
        "figure says what a paired bootstrap over series (1,000 resamples, 95 %) says of the champion: + better, − worse, · open; – where the history was too short for the model.",
        "",
    ]
    rows = [
        [_label(name), *(" ".join(_cell(o, name, m) for o in found) for m in shown)]
        for name in (ENSEMBLE, *sorted(rivals, key=_order))
    ]
    lines += markdown_table(["forecast", *shown.values()], rows)
    lines += [
        f"{_label(PLAIN_MEDIAN)}: statsforecast's Theta and an ordinary mlforecast + LightGBM (lags, rolling means, date features, what "
        "is known ahead), quantiles from pooled errors of one earlier horizon. "
        f"{_label(OWN_MEDIAN)}: two models of the pool with the engine's calibration, quantiles averaged, most often the harder of the two rivals.",
        "",
        "Where the champion is not clearly better (interval of champion minus rival):",
        "",
    ]
    open_rows = []
    for o in found:
        for m, title in shown.items():
            for name in o["compared"]:
                c = o["compared"][name][m]
                if c["verdict"] != "better":
                    interval = f"{c['low']:+.4f} to {c['high']:+.4f}"
                    open_rows.append([o["origin"], title, _label(name), f"{c['difference']:+.4f}", interval, c["verdict"]])
    count = sum(len(o["compared"]) * len(shown) for o in found)
    lines += (
        markdown_table(["origin", "measure", "rival", "difference", "95 % interval", "champion"], open_rows)
        if open_rows
        else ["nowhere", ""]
    )
    lines += [
        f"That is {len(open_rows)} of {count} comparisons; in the other {count - len(open_rows)} the interval lies below zero.",
        "",
    ]

    lines += [
        "Newsvendor cost per unit sold (missing units at the critical ratio, left-over units at the rest), stock from the quantile of "
        "the sum and from summed quantiles of the periods:",
        "",
    ]
    cost_rows = []
    for o in found:
        for name in (ENSEMBLE, *_MEDIANS, _best(o, rivals, "cost_0.95")):
            own = o["measures"][name]
            cells = [o["origin"], _label(name)]
            for level in CRITICAL:
                good, summed = own[f"cost_{level}"], own[f"summed_{level}"]
                cells += [f"{good:.4f}", f"{summed:.4f}", f"{summed / good - 1:+.0%}" if good else ""]
            cost_rows.append(cells)
    header = ["origin", "forecast"]
    for level in CRITICAL:
        header += [f"at {level}: of the sum", "summed quantiles", "dearer by"]
    lines += markdown_table(header, cost_rows)

    covered = ", ".join(f"{o['measures'][ENSEMBLE]['covered_80']:.0%}" for o in found)
    seconds = ", ".join(f"{o['cpu_s_per_1000']:.0f}" for o in found)
    lines += [
        f"The champion's 80 % interval of the sum held {covered} of what came. The whole choice took {seconds} CPU seconds per 1,000 "
        f"series (aim for weekly series: at most {_CPU_AIM}), every model fitted at three origins and at the end. The doors give what "
        f"is scored here: largest relative difference {part['door_difference']:.1g} on a sample of series.",
        "",
    ]
    return lines


def _label(name: str) -> str:
    return "**champion**" if name == ENSEMBLE else name


def _order(name: str) -> tuple[bool, str]:
    return name in _MEDIANS, name


def _cell(origin: dict[str, Any], name: str, measure: str) -> str:
    if name not in origin["measures"]:
        return "–"
    value = f"{origin['measures'][name][measure]:.4f}"
    return value if name == ENSEMBLE else value + _SIGNS[origin["compared"][name][measure]["verdict"]]


def _best(origin: dict[str, Any], rivals: list[str], measure: str) -> str:
    singles = [name for name in rivals if name not in _MEDIANS and name in origin["measures"]]
    return min(singles, key=lambda name: origin["measures"][name][measure])
