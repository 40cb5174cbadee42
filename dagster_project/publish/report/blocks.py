"""What a page is made of: sections of tiles, figures, tables and notes.

Belongs here: the parts, as data. Does not belong here: where their numbers come from, and how they look.

`of` names the published column a number is: `table.column`. The page takes its definition from the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from dagster_project.publish.report.formats import NUMERIC, UNITS, Value, written


@dataclass(frozen=True)
class Tile:
    """One number with its unit. `note` is the sentence below it; `tone` good, bad or empty."""

    label: str
    value: Value
    kind: str
    of: str
    note: str = ""
    tone: str = ""
    unit: str = ""

    @property
    def text(self) -> str:
        return written(self.value, self.kind)

    @property
    def unit_text(self) -> str:
        return self.unit or UNITS.get(self.kind, "")


@dataclass(frozen=True)
class Figure:
    """A chart. `legend` is per colour its class, what it stands for and its column; `of` the column where there is one line only."""

    title: str
    svg: Markup
    caption: str = ""
    legend: Sequence[tuple[str, str, str]] = ()
    of: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table; `unit` stands behind its label where the kind does not say it."""

    label: str
    kind: str = "text"
    of: str = ""
    unit: str = ""
    is_wide: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind in NUMERIC

    @property
    def unit_text(self) -> str:
        return self.unit or UNITS.get(self.kind, "")


@dataclass(frozen=True)
class Details:
    """A cell that opens: what is seen, and rows of term and number behind it."""

    text: str
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows of values, one per column; `total` is a last row, `note` a sentence below (what was cut off, what is not in it)."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value | Details]]
    total: Sequence[Value] | None = None
    note: str = ""


@dataclass(frozen=True)
class Role:
    """One person's morning: the question, the number that answers it, what else to know, and the first things to do."""

    name: str
    question: str
    first: Tile | None
    facts: Sequence[str]
    table: Table | None
    empty: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page. `lead` says in a sentence what it comes to."""

    anchor: str
    title: str
    lead: str = ""
    tiles: Sequence[Tile] = ()
    roles: Sequence[Role] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = field(default_factory=tuple)
