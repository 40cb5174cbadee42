"""One item at one store as a picture: what sold, what would have sold, what is expected; in the terminal or as a PNG.

Belongs here: the rows of the picture and how they are drawn. Does not belong here: estimates; every number is a column of SQL.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from rich.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HISTORY_WEEKS = 104
PNG_SIZE_INCHES = (11.0, 5.6)
PNG_DPI = 150

_LEGEND = ("sold", "estimated demand", "week with a stock-out", "expected demand", "10 % to 90 % of a week's demand")
_SOLD, _DEMAND, _FORECAST, _STOCK_OUT, _QUIET = "#b8c0cc", "#3a4454", "#1668b3", "#d1495b", "#6b7482"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character by row (4) and column (2)."""


@dataclass(frozen=True)
class Week:
    start: date
    sold_units: float
    demand_units: float
    """Estimated demand; the sales where nothing was estimated."""
    stock_out_days: int


@dataclass(frozen=True)
class ForecastWeek:
    start: date
    mean_units: float
    p10_units: float
    p90_units: float


@dataclass(frozen=True)
class Picture:
    item_id: int
    item_name: str
    location_id: int
    city: str
    as_of_date: date
    model: str | None
    """None where there is no forecast."""
    history: tuple[Week, ...]
    forecast: tuple[ForecastWeek, ...]

    @property
    def title(self) -> str:
        return f"{self.item_name}, item {self.item_id}, at store {self.location_id} {self.city}".rstrip()

    @property
    def subtitle(self) -> str:
        expected = f"and its forecast for {len(self.forecast)} weeks by {self.model}" if self.forecast else "without a forecast"
        return f"Weekly demand {expected}, as of {self.as_of_date}"

    @property
    def has_estimate(self) -> bool:
        return any(week.demand_units > week.sold_units + 1e-9 for week in self.history)

    @property
    def top_units(self) -> float:
        sold = [max(week.sold_units, week.demand_units) for week in self.history]
        return max([1.0, *sold, *(week.p90_units for week in self.forecast), *(week.mean_units for week in self.forecast)])


def read_picture(warehouse: Path, item_id: int, location_id: int) -> Picture | None:
    """What is known of one item at one store; None where it is not held there."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        held = connection.execute(
            """
            select item_name, size, coalesce(city, ''), (select as_of_date from intermediate.int_as_of)
            from features.ftr_item_locations
            inner join marts.dim_product using (item_id)
            inner join marts.dim_location using (location_id)
            where item_id = ? and location_id = ?
            """,
            [item_id, location_id],
        ).fetchone()
        if held is None:
            return None
        columns = {row[0] for row in connection.execute("describe features.ftr_demand_weekly").fetchall()}
        demand = "coalesce(demand_units, sold_units)" if "demand_units" in columns else "sold_units"
        history = connection.execute(
            f"""
            select week_start_date, sold_units, {demand}, stock_out_days from features.ftr_demand_weekly
            where item_id = ? and location_id = ? order by week_start_date desc limit {HISTORY_WEEKS}
            """,
            [item_id, location_id],
        ).fetchall()
        forecast = connection.execute(
            """
            select model, week_start_date, mean_units, p10_units, p90_units from recommendations.rec_demand_forecast
            where item_id = ? and location_id = ? order by week_start_date
            """,
            [item_id, location_id],
        ).fetchall()
    name, size, city, as_of = held
    return Picture(
        item_id=item_id,
        item_name=f"{name} ({size})" if size else name,
        location_id=location_id,
        city=city,
        as_of_date=as_of,
        model=forecast[0][0] if forecast else None,
        history=tuple(Week(*row) for row in reversed(history)),
        forecast=tuple(ForecastWeek(*row[1:]) for row in forecast),
    )


def write_png(picture: Picture, path: Path) -> None:
    """Draw it with matplotlib; no window is opened."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=PNG_SIZE_INCHES, dpi=PNG_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.065, 0.1, 0.915, 0.68))
    top = picture.top_units * 1.08
    axes.set_ylim(0, top)
    if picture.history:
        _draw_history(axes, picture, top)
    if picture.forecast:
        _draw_forecast(axes, picture, top)
    _furnish(axes, bool(picture.history or picture.forecast))
    figure.text(0.065, 0.945, picture.title, fontsize=15, fontweight="bold", color="#1f2733", va="center")
    figure.text(0.065, 0.895, picture.subtitle, fontsize=10.5, color=_QUIET, va="center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", metadata={"Title": picture.title, "Description": picture.subtitle, "Software": None})


def _draw_history(axes: Axes, picture: Picture, top: float) -> None:
    from matplotlib.dates import date2num

    starts = np.array([date2num(week.start) for week in picture.history])
    axes.bar(starts + 3.5, [week.sold_units for week in picture.history], width=5.6, color=_SOLD, label=_LEGEND[0], zorder=2)
    if picture.has_estimate:
        values = [week.demand_units for week in picture.history]
        edges = [*starts, starts[-1] + 7]
        axes.step(edges, [*values, values[-1]], where="post", color=_DEMAND, linewidth=1.3, label=_LEGEND[1], zorder=3)
    out = starts[[week.stock_out_days > 0 for week in picture.history]]
    if out.size:
        below = np.full(out.size, -0.025 * top)
        marks = {"marker": "^", "s": 26, "color": _STOCK_OUT, "linewidth": 0, "clip_on": False, "zorder": 5}
        axes.scatter(out + 3.5, below, label=_LEGEND[2], **marks)
        for start in out:
            axes.axvspan(start, start + 7, color=_STOCK_OUT, alpha=0.07, linewidth=0, zorder=0)


def _draw_forecast(axes: Axes, picture: Picture, top: float) -> None:
    from matplotlib.dates import date2num

    starts = [date2num(week.start) for week in picture.forecast]
    edges = [*starts, starts[-1] + 7]
    # a step needs the value of the last week at its end, too
    weeks = [*picture.forecast, picture.forecast[-1]]
    low, high = [week.p10_units for week in weeks], [week.p90_units for week in weeks]
    axes.step(
        edges, [week.mean_units for week in weeks], where="post", color=_FORECAST, linewidth=2.2, label=_LEGEND[3], zorder=4
    )
    band = {"step": "post", "color": _FORECAST, "alpha": 0.18, "linewidth": 0, "zorder": 1}
    axes.fill_between(edges, low, high, label=_LEGEND[4], **band)
    axes.axvline(edges[0], color=_QUIET, linewidth=1, linestyle=(0, (3, 3)), zorder=3)
    said = f"as of {picture.as_of_date:%d %b %Y} "
    axes.annotate(said, (edges[0], top), ha="right", va="top", fontsize=8.5, color=_QUIET)


def _furnish(axes: Axes, has_weeks: bool) -> None:
    """Axes, grid and legend."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.margins(x=0.01)
    axes.set_ylabel("units a week", color=_QUIET, fontsize=10)
    if has_weeks:
        locator = AutoDateLocator(minticks=4, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no week of history yet", transform=axes.transAxes, ha="center", fontsize=12, color=_QUIET)
    axes.grid(axis="y", color="#e4e7ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, length=0, labelsize=9.5, pad=6)
    axes.tick_params(axis="x", pad=14)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c3c9d2")
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        order = sorted(range(len(labels)), key=lambda i: _LEGEND.index(labels[i]))
        place = {"loc": "lower left", "bbox_to_anchor": (-0.008, 1.005), "ncols": len(_LEGEND), "frameon": False}
        text = {"fontsize": 9.5, "handlelength": 1.5, "columnspacing": 1.6, "labelcolor": _DEMAND}
        axes.legend([handles[i] for i in order], [labels[i] for i in order], **place, **text)


def as_text(picture: Picture, width: int = 100, height: int = 16) -> Text:
    """The same picture in characters, `width` columns wide, with `height` rows of plot."""
    margin = len(f"{picture.top_units:,.0f}") + 1
    columns = max(width - margin - 2, 20)
    weeks = [week.start for week in picture.history] + [week.start for week in picture.forecast]
    canvas = _Canvas(columns, height, len(weeks), picture.top_units)
    begin = len(picture.history)
    canvas.band([(begin + i, week.p10_units, week.p90_units) for i, week in enumerate(picture.forecast)], "blue")
    if picture.has_estimate:
        canvas.line([(i, week.demand_units) for i, week in enumerate(picture.history)], "yellow")
    canvas.line([(i, week.sold_units) for i, week in enumerate(picture.history)], "white")
    canvas.line([(begin + i, week.mean_units) for i, week in enumerate(picture.forecast)], "bright_cyan")

    text = Text(no_wrap=True, overflow="crop")
    text.append(picture.title + "\n", style="bold")
    text.append(picture.subtitle + ", units a week\n\n", style="dim")
    labelled = {0: picture.top_units, height // 2: picture.top_units * (1 - (height // 2 + 0.5) / height), height - 1: 0.0}
    for row in range(height):
        label = f"{labelled[row]:,.0f}" if row in labelled else ""
        text.append(f"{label:>{margin}} {'┤' if label else '│'}", style="dim")
        for character, style in canvas.row(row):
            text.append(character, style=style)
        text.append("\n")
    marks = [" "] * columns
    for i, week in enumerate(picture.history):
        if week.stock_out_days > 0:
            marks[canvas.column(i)] = "▲"
    text.append(f"{'':>{margin}} └{'─' * columns}\n", style="dim")
    if "▲" in marks:
        text.append(f"{'':>{margin + 2}}{''.join(marks).rstrip()}\n", style="red")
    text.append(f"{'':>{margin + 2}}{_month_labels(weeks, canvas)}\n", style="dim")
    text.append(" " * (margin + 2))
    legend = [("──", "white", "sold")]
    legend += [("──", "yellow", "estimated demand")] if picture.has_estimate else []
    legend += [("──", "bright_cyan", "expected demand"), ("░░", "blue", "10 % to 90 %")] if picture.forecast else []
    legend += [("▲", "red", "week with a stock-out")] if "▲" in marks else []
    for sign, style, name in legend:
        text.append(sign, style=style).append(f" {name}   ")
    return text


def _month_labels(weeks: list[date], canvas: _Canvas) -> str:
    line, free = "", 0
    for i, week in enumerate(weeks):
        label = f"{week:%b %Y}"
        is_first = i == 0 or weeks[i - 1].month != week.month
        at = canvas.column(i)
        if is_first and at >= free and at + len(label) <= canvas.columns:
            line = f"{line:<{at}}{label}"
            free = at + len(label) + 4
    return line


class _Canvas:
    """A grid of braille characters over `weeks` weeks and units from 0 to `top`; each cell has the colour drawn last."""

    def __init__(self, columns: int, rows: int, weeks: int, top: float) -> None:
        self.columns, self.rows, self.top = columns, rows, top
        self._scale = (columns * 2 - 1) / max(weeks - 1, 1)
        self._bits = [[0] * columns for _ in range(rows)]
        self._style = [["" for _ in range(columns)] for _ in range(rows)]
        self._shade = [[""] * columns for _ in range(rows)]

    def column(self, week: int) -> int:
        return min(int(week * self._scale) // 2, self.columns - 1)

    def row(self, row: int) -> list[tuple[str, str]]:
        cells = zip(self._bits[row], self._style[row], self._shade[row], strict=True)
        return [(chr(_BRAILLE + bits), style) if bits else ("░", shade) if shade else (" ", "") for bits, style, shade in cells]

    def line(self, points: list[tuple[int, float]], style: str) -> None:
        dots = [(week * self._scale, self._height(units)) for week, units in points]
        for x, y in dots[:1]:
            self._dot(round(x), round(y), style)
        for (x, y), (next_x, next_y) in itertools.pairwise(dots):
            steps = max(math.ceil(max(abs(next_x - x), abs(next_y - y))), 1)
            for step in range(steps + 1):
                share = step / steps
                self._dot(round(x + share * (next_x - x)), round(y + share * (next_y - y)), style)

    def band(self, points: list[tuple[int, float, float]], style: str) -> None:
        for week, low, high in points:
            for column in range(self.column(week), self.column(week + 1) if week != points[-1][0] else self.column(week) + 1):
                for row in range(round(self._height(high)) // 4, round(self._height(low)) // 4 + 1):
                    self._shade[row][column] = style

    def _height(self, units: float) -> float:
        return (1 - min(max(units / self.top, 0.0), 1.0)) * (self.rows * 4 - 1)

    def _dot(self, x: int, y: int, style: str) -> None:
        column, row = min(x // 2, self.columns - 1), min(y // 4, self.rows - 1)
        self._bits[row][column] |= _DOTS[y % 4][x % 2]
        self._style[row][column] = style
