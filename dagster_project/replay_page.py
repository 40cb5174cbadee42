"""A replay as a person sees it: tables for the terminal, charts as PNG.

Belongs here: layout of numbers that were computed. Does not belong here: any computing of costs or service.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PARTS = (
    ("holding_cost_usd", "holding", "#1668b3"),
    ("ordering_cost_usd", "ordering", "#b8c0cc"),
    ("lost_margin_usd", "lost margin", "#d1495b"),
)
_DARK, _QUIET, _GRID = "#1f2733", "#6b7482", "#e4e7ec"
_SIZE_INCHES, _DPI = (11.0, 5.6), 150


def chain_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """`policy_replay` added up to one row per policy, in the order of the policies; ratios anew from the sums."""
    sums = pl.col(
        "series", "holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd", "demand_units", "sold_units"
    ).sum()
    more = pl.col("cogs_usd", "cycles", "short_cycles", "average_inventory_usd", "order_lines").sum()
    ends = pl.col("total_cost_at_low_demand_usd", "total_cost_at_high_demand_usd").sum()
    found = rows.group_by("policy", maintain_order=True).agg(
        sums, more, ends, pl.col("weeks").first(), pl.col("first_week_start_date").first()
    )
    return found.with_columns(
        fill_rate=_ratio("sold_units", "demand_units"),
        cycle_service=1 - _ratio("short_cycles", "cycles"),
        turns=_ratio("cogs_usd", "average_inventory_usd") * 365 / (7 * pl.col("weeks")),
    )


def replay_table(rows: pl.DataFrame, compared: pl.DataFrame) -> Table:
    """One line per policy: costs, service, stock, and the difference to the baseline with its interval."""
    chain = chain_rows(rows)
    first, weeks, series = chain.select("first_week_start_date", "weeks", "series").row(0)
    baseline = compared["baseline"][0] if compared.height else "nothing"
    scale, money = _money(chain)
    table = Table(title=f"{weeks} weeks from {first}, {series:,} items in stores; {money}", title_justify="left")
    table.add_column("policy", no_wrap=True)
    for name in (
        "holding",
        "ordering",
        "lost margin",
        "total",
        f"against {baseline}",
        "95 % interval",
        "fill rate",
        "cycle service",
        "stock",
        "turns",
    ):
        table.add_column(name, justify="right")
    of_all = {row["policy"]: row for row in compared.filter(pl.col("segment") == "all").iter_rows(named=True)}
    for row in chain.iter_rows(named=True):
        difference = of_all.get(row["policy"])
        table.add_row(
            row["policy"],
            *(
                f"{row[name] / scale:,.0f}"
                for name in ("holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd")
            ),
            _percent(difference and difference["difference_share"], signed=True),
            _interval(difference),
            _percent(row["fill_rate"]),
            _percent(row["cycle_service"]),
            f"{row['average_inventory_usd'] / scale:,.0f}",
            "" if row["turns"] is None else f"{row['turns']:.1f}",
        )
    return table


def what_if_table(rows: pl.DataFrame) -> Table:
    """One line per value."""
    policy, parameter, series = rows.select("policy", "parameter", "series").row(0)
    scale, money = _money(rows)
    title = f"What if {parameter} ({_meaning(parameter)}) were …: {policy}, {series:,} items in stores; {money}"
    table = Table(title=title, title_justify="left")
    for name in (
        f"{parameter}, {_meaning(parameter)}" if _meaning(parameter).startswith("times") else parameter,
        "holding",
        "ordering",
        "lost margin",
        "total",
        "at low … high demand",
        "fill rate",
        "cycle service",
        "stock",
        "turns",
    ):
        table.add_column(name, justify="right")
    cheapest = rows["total_cost_usd"].min()
    for row in rows.iter_rows(named=True):
        table.add_row(
            f"{row['value']:g}",
            *(
                f"{row[name] / scale:,.0f}"
                for name in ("holding_cost_usd", "ordering_cost_usd", "lost_margin_usd", "total_cost_usd")
            ),
            f"{row['total_cost_at_low_demand_usd'] / scale:,.0f} … {row['total_cost_at_high_demand_usd'] / scale:,.0f}",
            _percent(row["fill_rate"]),
            _percent(row["cycle_service"]),
            f"{row['average_inventory_usd'] / scale:,.0f}",
            "" if row["turns"] is None else f"{row['turns']:.1f}",
            style="bold" if row["total_cost_usd"] == cheapest else "",
        )
    return table


def _meaning(parameter: str) -> str:
    """What the values of a parameter are: some are values, some multiples of today's."""
    from ml.replenishment.replay_tables import PARAMETERS

    return PARAMETERS[parameter][1]


def write_replay_png(rows: pl.DataFrame, path: Path) -> None:
    """Stacked bars of the three costs, one per policy, cheapest on top."""
    chain = chain_rows(rows).sort("total_cost_usd", descending=True)
    figure, axes = _figure()
    axes.set_position((0.16, 0.1, 0.81, 0.7))
    begin = pl.Series([0.0] * chain.height)
    for name, label, colour in _PARTS:
        axes.barh(
            chain["policy"].to_list(),
            chain[name].to_list(),
            left=begin.to_list(),
            color=colour,
            label=label,
            height=0.66,
            zorder=2,
        )
        begin = begin + chain[name]
    top = float(begin.max() or 1)
    for k, (total, service) in enumerate(chain.select("total_cost_usd", "fill_rate").iter_rows()):
        said = f" {total:,.0f}" + (f"  {service:.1%} met" if service is not None else "")
        axes.annotate(said, (total, k), va="center", fontsize=9, color=_QUIET)
    axes.set_xlim(0, top * 1.2)
    _furnish(axes, "x")
    first, weeks, series = chain.select("first_week_start_date", "weeks", "series").row(0)
    _title(
        figure,
        "What each policy would have cost",
        f"USD over {weeks} weeks from {first}, {series:,} items in stores; share of demand met at once",
    )
    _save(figure, path)


def write_what_if_png(rows: pl.DataFrame, path: Path) -> None:
    """Cost against service: the curve through all values of the parameter, and its parts beside it."""
    figure, axes = _figure()
    axes.set_position((0.105, 0.13, 0.37, 0.65))
    right = figure.add_axes((0.6, 0.13, 0.37, 0.65))
    policy, parameter, series = rows.select("policy", "parameter", "series").row(0)
    place = list(range(rows.height))
    begin = pl.Series([0.0] * rows.height)
    for name, label, colour in _PARTS:
        axes.bar(place, rows[name].to_list(), bottom=begin.to_list(), color=colour, label=label, width=0.66, zorder=2)
        begin = begin + rows[name]
    axes.set_xticks(place, [f"{value:g}" for value in rows["value"]])
    axes.set_xlabel(f"{parameter}: {_meaning(parameter)}", color=_QUIET)
    axes.set_ylabel("USD", color=_QUIET)
    _furnish(axes, "y")
    served = rows.filter(pl.col("fill_rate").is_not_null()).sort("fill_rate")
    right.plot(
        [100 * rate for rate in served["fill_rate"]],
        served["total_cost_usd"].to_list(),
        color="#1668b3",
        marker="o",
        linewidth=2,
        zorder=3,
    )
    for rate, cost, value in served.select("fill_rate", "total_cost_usd", "value").iter_rows():
        right.annotate(
            f"{value:g}", (100 * rate, cost), xytext=(-5, -13), textcoords="offset points", ha="right", fontsize=9, color=_QUIET
        )
    right.margins(0.1, 0.2)
    right.set_xlabel("demand met at once, %", color=_QUIET)
    right.set_ylabel("total cost, USD", color=_QUIET)
    _furnish(right, "both", legend=False)
    _title(figure, f"What if {parameter} were …", f"Policy {policy}, {series:,} items in stores, replayed at each value")
    _save(figure, path)


def _figure() -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_axes((0.1, 0.1, 0.85, 0.7))


def _furnish(axes: Axes, grid: str, legend: bool = True) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.grid(axis=grid, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, length=0, labelsize=9.5, pad=6)
    for axis in (axes.xaxis,) if grid == "x" else (axes.yaxis,):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c3c9d2")
    if legend:
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0), "ncols": len(_PARTS), "frameon": False}
        axes.legend(**place, fontsize=9.5, handlelength=1.2, columnspacing=1.6, labelcolor=_DARK)


def _title(figure: Figure, title: str, subtitle: str) -> None:
    figure.text(0.065, 0.945, title, fontsize=15, fontweight="bold", color=_DARK, va="center")
    figure.text(0.065, 0.895, subtitle, fontsize=10.5, color=_QUIET, va="center")


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", metadata={"Software": None})


def _money(rows: pl.DataFrame) -> tuple[float, str]:
    """What amounts are divided by so that they fit a column, and its name."""
    return (1_000, "thousand USD") if (rows["total_cost_usd"].max() or 0) >= 1e6 else (1, "USD")


def _percent(share: float | None, signed: bool = False) -> str:
    return "" if share is None else f"{share:+.1%}" if signed else f"{share:.1%}"


def _interval(difference: dict | None) -> str:
    if difference is None or difference["low_share"] is None:
        return ""
    return f"{100 * difference['low_share']:+.0f} … {100 * difference['high_share']:+.0f}%"


def _ratio(numerator: str, denominator: str) -> pl.Expr:
    return pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator))
