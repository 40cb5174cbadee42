"""The part of the page that is about generated demand.

Belongs here: Markdown from plain numbers. Does not belong here: measuring, real demand (`forecast_page`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecast_losses import MEASURES

from ml.forecasting.models import ENSEMBLE

_LEFT_OUT = (
    "Not scored: item-stores that were not in the range on all days of the four weeks. The choice was made for all item-stores of the "
    "warehouse together."
)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """One table."""
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(row) + " |" for row in rows), ""]


def generated_section(found: list[dict[str, Any]]) -> list[str]:
    """Against the generator's own quantiles."""
    lines = [
        "## Against the truth of generated demand",
        "",
        "Medium synthetic data (seed 7), class A, the sum of four weeks after the as-of day, from a warehouse that knows nothing "
        "later. The generator's own quantiles come from 2,000 draws of its true distribution: true daily rates with season, trend, "
        "price and promotion, negative binomial, stores' moods. `expected` is the ratio of mean pinball losses over that distribution "
        "(2,000 other draws), free of the luck of one draw; `came` the ratio on what happened. `attainable` is the expected ratio of somebody who knows the "
        "generator's season, trend, prices and spread and learns each series' level from its history. Bias is of the mean against the "
        "true mean. Aim: at most 1.10.",
        "",
    ]
    rows = []
    for o in found:
        singles = {name: r for name, r in o["ratios"].items() if name != ENSEMBLE}
        best = min(singles, key=lambda name: singles[name]["expected"])
        own = o["ratios"][ENSEMBLE]
        cells = {
            "as of": o["as_of"],
            "series scored": f"{o['scored']:,} of {o['class_a']:,}",
            "mean units": f"{o['mean_units']:.1f}",
            "expected": f"{own['expected']:.3f}",
            "came": f"{own['came']:.3f}",
            "best single model, expected": f"{best} {singles[best]['expected']:.3f}",
            "attainable": f"{o['attainable']:.3f}",
            "bias": f"{o['bias']:+.1%}",
            "80 % interval held": f"{o['covered_80']:.0%}",
            "CPU s per 1,000": f"{o['cpu_s_per_1000']:.0f}",
            "met": "yes" if own["expected"] <= 1.1 else "no",
        }
        rows.append(list(cells.values()))
    header = list(cells) if found else []
    return [*lines, *markdown_table(header, rows), _LEFT_OUT, ""]


def arima_section(o: dict[str, Any]) -> list[str]:
    """Computing and error against AutoARIMA, on a sample of medium data."""
    own, other = o["measures"][ENSEMBLE], o["measures"]["auto_arima"]
    ratio = o["arima_s_per_series"] / o["choice_s_per_series"]
    lines = [
        "## Against AutoARIMA on every series, medium data",
        "",
        f"Medium synthetic data as of {o['as_of']}, four weeks ahead, true demand. The choice for {o['chosen_for']:,} weekly "
        f"series at once; AutoARIMA (without a season, one fit) timed on {o['timed']} of them and extrapolated; both scored on {o['scored']:,}, "
        "AutoARIMA's quantiles by the engine's calibration. Boosting and the network cost much the same for 1,000 series as for many more, "
        f"so the ratio grows with the number of series. Peak memory of the choice {o['peak_mib']:,.0f} MiB.",
        "",
    ]
    rows = [["CPU ms per series", f"{o['choice_s_per_series'] * 1e3:.0f}", f"{o['arima_s_per_series'] * 1e3:.0f}",
             f"{ratio:.1f} × less (aim 20 ×: {'met' if ratio >= 20 else 'not met'})"]]  # fmt: skip
    for m in ("wape", "period", "sum", "sum_units"):
        c = o["compared"][m]
        rows.append(
            [
                MEASURES[m],
                f"{own[m]:.4f}",
                f"{other[m]:.4f}",
                f"{c['difference']:+.4f} ({c['low']:+.4f} to {c['high']:+.4f}): {c['verdict']}",
            ]
        )
    return lines + markdown_table(["", "champion", "AutoARIMA", "champion against it"], rows)


def full_section(o: dict[str, Any]) -> list[str]:
    """The whole step at full size."""
    own, other = o["measures"][ENSEMBLE], o["measures"]["auto_arima"]
    ratio = o["arima_s_per_series"] / o["step_s_per_series"]
    lines = [
        "## The whole step at full size",
        "",
        f"Full synthetic data (seed 7) as of {o['as_of']}: {o['series']:,} item-stores, {o['periods']} weeks, one thread, everything from the "
        f"feature frames to the output frames. {o['cpu_s']:,.0f} CPU seconds, {o['wall_s']:,.0f} s by the clock (aim 360), peak memory "
        f"{o['peak_mib'] / 1024:.1f} GiB (aim 8 GB). AutoARIMA, one fit with its own 80 % interval, was run on {o['sample']:,} random series with "
        "8 weeks of history or more and a sale; both are held against true demand in the four weeks after. Pinball at 0.1, 0.5 and 0.9.",
        "",
    ]
    rows = [["CPU ms per series", f"{o['step_s_per_series'] * 1e3:.2f}", f"{o['arima_s_per_series'] * 1e3:.1f}",
             f"{ratio:.1f} × less (aim 20 ×: {'met' if ratio >= 20 else 'not met'})"]]  # fmt: skip
    names = {
        "wape": "WAPE of a week",
        "period": "scaled pinball of a week",
        "period_units": "pinball of a week per unit asked for",
    }
    for m, name in names.items():
        c = o["compared"][m]
        verdict = f"{c['difference']:+.4f} ({c['low']:+.4f} to {c['high']:+.4f}): {c['verdict']}"
        rows.append([name, f"{own[m]:.4f}", f"{other[m]:.4f}", verdict])
    return lines + markdown_table(["", "champion", "AutoARIMA", "champion against it"], rows)
