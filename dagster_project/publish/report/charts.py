"""Charts as SVG, drawn by hand: they weigh a few kilobytes, load nothing, and take their colours from the page, light or dark.

Belongs here: geometry. Does not belong here: colours (classes c1, c2, … of the page's style sheet), data.

All charts are as wide as a column of the page, so that their letters have the size of the page's on a phone too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from dagster_project.publish.report.formats import UNKNOWN, is_known, with_unit, written

WIDTH, HEIGHT = 400, 216
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 24
_TICK_EVERY, _LABEL_WIDTH = 42, 72  # pixels between ticks; of a label below the axis
_ROW, _BAR = 34, 11
_POINTS_WITH_WORDS = 80  # more points than this have no words of their own

Number = float | None


@dataclass(frozen=True)
class Line:
    """One series; `css` is its colour's class. A step holds its value until the next point."""

    name: str
    values: Sequence[Number]
    css: str = "c1"
    is_dashed: bool = False
    is_step: bool = False


@dataclass(frozen=True)
class Band:
    """From low to high at each point, behind the lines."""

    name: str
    lows: Sequence[Number]
    highs: Sequence[Number]
    css: str = "c1"


@dataclass(frozen=True)
class Bar:
    """A bar with its number; `mark` is a line across it (a target), `low` and `high` its interval."""

    label: str
    value: Number
    css: str = "c1"
    mark: Number = None
    low: Number = None
    high: Number = None
    text: str = ""


@dataclass(frozen=True)
class Point:
    """A point of a scatter; `label` is what it is."""

    x: float
    y: float
    label: str
    css: str = "c1"
    is_named: bool = False


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers, 1, 2 or 5 times a power of ten apart, that hold low and high between them."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def line_chart(
    title: str, labels: Sequence[str], lines: Sequence[Line], kind: str, band: Band | None = None, from_zero: bool = True,
    upright: int | None = None, top: float | None = None, shaded: Sequence[int] = (), at: Sequence[float] = (),
) -> Markup:  # fmt: skip
    """Series over `labels`, which stand below the axis. A line at `upright` ends the past; the places in `shaded` have a ground.

    Places are evenly apart, or `at` these values.
    """
    shown = [v for line in lines for v in line.values if is_known(v)]
    shown += [v for v in (*band.lows, *band.highs) if is_known(v)] if band else []
    if not shown:
        return Markup("")
    ticks = nice_ticks(min(0.0, *shown) if from_zero else min(shown), max(shown))
    if top is not None:
        ticks = [tick for tick in ticks if tick <= top + 1e-9]
    y = _scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)
    along = at or range(len(labels))
    straight = _scale(along[0], along[-1], _LEFT, WIDTH - _RIGHT)

    def x(place: float) -> float:
        return straight(along[int(place)] if at else place)

    parts = [_y_axis(ticks, y, kind), _x_labels(labels, x)]
    parts += [
        f'<rect class="gap" x="{max(x(place - 0.5), _LEFT):.1f}" y="{_TOP}" width="{x(1) - x(0):.1f}" height="{HEIGHT - _BOTTOM - _TOP}"/>'
        for place in shaded
    ]
    if upright is not None:
        parts.append(f'<line class="now" x1="{x(upright):.1f}" x2="{x(upright):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
    if band:
        parts += [
            f'<path class="band {band.css}" d="{_area(piece, x, y)}"/>'
            for piece in _pieces([(low, high) for low, high in zip(band.lows, band.highs, strict=True)])
        ]
    for line in lines:
        dashed = " dash" if line.is_dashed else ""
        for piece in _pieces([(v,) for v in line.values]):
            if len(piece) == 1:
                parts.append(f'<circle class="dot {line.css}" cx="{x(piece[0][0]):.1f}" cy="{y(piece[0][1][0]):.1f}" r="2.5"/>')
            else:
                parts.append(f'<path class="line {line.css}{dashed}" d="{_path(piece, x, y, line.is_step)}"/>')
    if len(labels) <= _POINTS_WITH_WORDS:
        parts += [
            f'<circle class="hit" cx="{x(place):.1f}" cy="{y(value):.1f}" r="6">'
            f"<title>{escape(f'{labels[place]}, {line.name}: {with_unit(value, kind)}')}</title></circle>"
            for line in lines
            for place, value in enumerate(line.values)
            if is_known(value)
        ]
    said = "; ".join(_said(line, labels, kind) for line in lines if any(map(is_known, line.values)))
    return _svg(title, said, HEIGHT, parts)


def bar_chart(title: str, bars: Sequence[Bar], kind: str, top: float | None = None, mark: str = "") -> Markup:
    """Bars that lie, each below its label; their numbers stand at the right. `mark` is what the mark across a bar says."""
    bars = [bar for bar in bars if is_known(bar.value)]
    if not bars:
        return Markup("")
    known = [v for bar in bars for v in (bar.value, bar.mark, bar.high, bar.low) if is_known(v)]
    low, high = min(0.0, *known), top if top is not None else max(0.0, *known)
    x = _scale(low, high if high > low else low + 1, 2, WIDTH - 6)
    parts = []
    for place, bar in enumerate(bars):
        y = place * _ROW
        text = bar.text or with_unit(bar.value, kind)
        begin, end = sorted((x(0), x(bar.value)))
        parts.append(f'<text class="name" x="2" y="{y + 13}">{escape(_cut(bar.label, 56 - len(text)))}</text>')
        parts.append(f'<text class="value" x="{WIDTH - 4}" y="{y + 13}">{escape(text)}</text>')
        parts.append(f'<rect class="rail" x="2" y="{y + 18}" width="{WIDTH - 8}" height="{_BAR}" rx="2"/>')
        words = f"{bar.label}: {text}"
        if is_known(bar.low) and is_known(bar.high):
            words += f", {written(bar.low, kind)} to {written(bar.high, kind)}"
        if is_known(bar.mark):
            words += f", {mark} {written(bar.mark, kind)}"
        parts.append(
            f'<rect class="bar {bar.css}" x="{begin:.1f}" y="{y + 18}" width="{max(end - begin, 1):.1f}" height="{_BAR}" rx="2">'
            f"<title>{escape(words)}</title></rect>"
        )
        if is_known(bar.low) and is_known(bar.high):
            parts.append(f'<line class="whisker" x1="{x(bar.low):.1f}" x2="{x(bar.high):.1f}" y1="{y + 23.5}" y2="{y + 23.5}"/>')
        if is_known(bar.mark):
            parts.append(f'<line class="mark" x1="{x(bar.mark):.1f}" x2="{x(bar.mark):.1f}" y1="{y + 15}" y2="{y + 32}"/>')
    said = "; ".join(f"{bar.label} {bar.text or with_unit(bar.value, kind)}" for bar in bars[:12])
    return _svg(title, said, len(bars) * _ROW + 4, parts)


def scatter_chart(
    title: str, points: Sequence[Point], x_name: str, y_name: str, x_kind: str, y_kind: str, is_equal: bool = False
) -> Markup:
    """Points; `is_equal` gives both axes one scale, of powers of ten, and draws where both are the same."""
    points = [p for p in points if is_known(p.x) and is_known(p.y) and (not is_equal or (p.x > 0 and p.y > 0))]
    if not points:
        return Markup("")
    bottom, height = _BOTTOM + 16, HEIGHT + 40
    xs, ys = [p.x for p in points], [p.y for p in points]
    if is_equal:
        first = math.floor(math.log10(min(*xs, *ys)))
        last = max(math.ceil(math.log10(max(*xs, *ys)) - 1e-9), first + 1)
        x_ticks = y_ticks = [10.0**power for power in range(first, last + 1)]
        place = math.log10
    else:
        x_ticks, y_ticks = nice_ticks(min(xs), max(xs), 4), nice_ticks(min(0.0, *ys), max(ys))
        place = float
    x = _scale(place(x_ticks[0]), place(x_ticks[-1]), _LEFT, WIDTH - _RIGHT - 6)
    y = _scale(place(y_ticks[0]), place(y_ticks[-1]), height - bottom, _TOP + 16)
    parts = [_y_axis(y_ticks, lambda v: y(place(v)), y_kind)]
    for tick in x_ticks:
        parts.append(f'<text class="tick mid" x="{x(place(tick)):.1f}" y="{height - bottom + 15}">{_short(tick, x_kind)}</text>')
    parts.append(f'<text class="tick end" x="{WIDTH - _RIGHT}" y="{height - 4}">{escape(x_name)} →</text>')
    parts.append(f'<text class="tick" x="2" y="{_TOP + 2}">↑ {escape(y_name)}</text>')
    if is_equal:
        a, b = place(x_ticks[0]), place(x_ticks[-1])
        parts.append(f'<line class="line c0 dash" x1="{x(a):.1f}" y1="{y(a):.1f}" x2="{x(b):.1f}" y2="{y(b):.1f}"/>')
    for point in points:
        words = f"{point.label}: {x_name} {with_unit(point.x, x_kind)}, {y_name} {with_unit(point.y, y_kind)}"
        cx, cy = x(place(point.x)), y(place(point.y))
        parts.append(
            f'<circle class="spot {point.css}" cx="{cx:.1f}" cy="{cy:.1f}" r="{5 if point.is_named else 3}">'
            f"<title>{escape(words)}</title></circle>"
        )
        if point.is_named:
            is_left = cx < WIDTH * 0.6
            parts.append(
                f'<text class="tick {"" if is_left else "end"}" x="{cx + (8 if is_left else -8):.1f}" y="{cy - 6:.1f}">'
                f"{escape(_cut(point.label, 24))}</text>"
            )
    said = f"{len(points)} points, {x_name} from {written(min(xs), x_kind)} to {written(max(xs), x_kind)}"
    return _svg(title, f"{said}, {y_name} from {written(min(ys), y_kind)} to {written(max(ys), y_kind)}", height, parts)


# Parts ----------------------------------------------------------------------------------------------------------------------


def _svg(title: str, said: str, height: float, parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(f"{title}. {said}")}">{"".join(parts)}</svg>'
    )


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: begin + (float(value) - low) / span * (end - begin)


def _y_axis(ticks: Sequence[float], y: Callable[[float], float], kind: str) -> str:
    lines = [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text class="tick end" x="{_LEFT - 5}" y="{y(tick) + 4:.1f}">{_short(tick, kind)}</text>'
        for tick in ticks
    ]
    return "".join(lines)


def _short(value: float, kind: str) -> str:
    """A tick: 1.5k, 2M, 90%."""
    if kind == "share":
        return f"{100 * value:g}%"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _x_labels(labels: Sequence[str], x: Callable[[float], float]) -> str:
    """As many labels as there is room for, evenly apart; the first stands at the left edge, the last at the right."""
    count = min(len(labels), max(2, (WIDTH - _LEFT - _RIGHT) // _LABEL_WIDTH))
    last = len(labels) - 1
    step = max(1, -(-last // max(count - 1, 1)))
    places = [*range(0, last - step // 2, step), last]
    said = []
    for place in places:
        where = "" if place == 0 and len(labels) > 1 else "end" if place == last and len(labels) > 1 else "mid"
        said.append(f'<text class="tick {where}" x="{x(place):.1f}" y="{HEIGHT - 7}">{escape(labels[place])}</text>')
    return "".join(said)


def _pieces(values: Sequence[tuple[Number, ...]]) -> list[list[tuple[int, tuple[float, ...]]]]:
    """Runs of places at which all is known: a gap stays a gap."""
    pieces: list[list[tuple[int, tuple[float, ...]]]] = [[]]
    for place, numbers in enumerate(values):
        if all(map(is_known, numbers)):
            pieces[-1].append((place, tuple(float(number) for number in numbers)))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _path(piece: list, x: Callable, y: Callable, is_step: bool) -> str:
    steps = [f"M{x(piece[0][0]):.1f},{y(piece[0][1][0]):.1f}"]
    for place, (value,) in piece[1:]:
        steps.append(f"H{x(place):.1f}V{y(value):.1f}" if is_step else f"L{x(place):.1f},{y(value):.1f}")
    return "".join(steps)


def _area(piece: list, x: Callable, y: Callable) -> str:
    there = [f"{x(place):.1f},{y(high):.1f}" for place, (_, high) in piece]
    back = [f"{x(place):.1f},{y(low):.1f}" for place, (low, _) in reversed(piece)]
    return f"M{'L'.join([*there, *back])}Z"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(length - 1, 1)].rstrip() + "…"


def _said(line: Line, labels: Sequence[str], kind: str) -> str:
    """A line in words: where it begins, where it ends, and its extremes."""
    known = [(labels[place], value) for place, value in enumerate(line.values) if is_known(value)]
    low, high = min(known, key=lambda pair: pair[1]), max(known, key=lambda pair: pair[1])
    first, last = known[0], known[-1]
    return (
        f"{line.name or UNKNOWN}: {with_unit(first[1], kind)} ({first[0]}) to {with_unit(last[1], kind)} ({last[0]}), "
        f"lowest {written(low[1], kind)} ({low[0]}), highest {written(high[1], kind)} ({high[0]})"
    )
