"""Walks along the edges between columns, drawn as a tree in the terminal.

Belongs here: up, down, from one column to another. Does not belong here: where edges come from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import polars as pl
from rich.markup import escape
from rich.tree import Tree

from dagster_project.policy_diff.errors import DiffError

Column = tuple[str, str]
_ENDS = {"up": ("child", "parent"), "down": ("parent", "child")}
_COLUMNS_SHOWN = 6


class Lineage:
    """All edges, for walks in both directions."""

    def __init__(self, edges: pl.DataFrame) -> None:
        self._next: dict[str, dict[Column, dict[Column, str]]] = {"up": {}, "down": {}}
        for child, column, parent, name, via in edges.iter_rows():
            self._next["up"].setdefault((child, column), {})[parent, name] = via
            self._next["down"].setdefault((parent, name), {})[child, column] = via
        self.columns: set[Column] = {*self._next["up"], *self._next["down"]}

    def find(self, text: str) -> Column:
        """The column that `table.column` names, with or without the table's schema. Raises DiffError with what comes near."""
        table, _, column = text.rpartition(".")
        wanted = [c for c in self.columns if c[1].lower() == column.lower() and (c[0] == table or c[0].split(".")[-1] == table)]
        if len(wanted) == 1:
            return wanted[0]
        if wanted:
            raise DiffError([f"{text} may be {' or '.join(sorted(f'{t}.{c}' for t, c in wanted))}"], "Name the schema too.")
        same_table = sorted(c for t, c in self.columns if table and (t == table or t.split(".")[-1] == table))
        if same_table:
            raise DiffError([f"{table} has no column {column!r} with a known origin or use"], f"It has: {', '.join(same_table)}")
        raise DiffError(
            [f"no table {table!r}" if table else f"{text!r} names no table"],
            "Write it as rec_orders.order_units or marts.dim_product.item_name.",
        )

    def beside(self, column: Column, direction: str) -> Mapping[Column, str]:
        """Columns one step up or down, each with the kind of step: sql, python or file."""
        return self._next[direction].get(column, {})

    def reached(self, column: Column, direction: str) -> dict[Column, int]:
        """Every column up or down of one, with its distance in steps."""
        steps, open_ = {column: 0}, deque([column])
        while open_:
            one = open_.popleft()
            for other in self.beside(one, direction):
                if other not in steps:
                    steps[other] = steps[one] + 1
                    open_.append(other)
        del steps[column]
        return steps

    def path(self, start: Column, end: Column) -> list[tuple[Column, str]]:
        """A shortest way from `start` down to `end`: each column, with the kind of step that leads to it; empty where there is none."""
        came: dict[Column, tuple[Column, str] | None] = {start: None}
        open_ = deque([start])
        while open_ and end not in came:
            one = open_.popleft()
            for other, via in sorted(self.beside(one, "down").items()):
                if other not in came:
                    came[other] = (one, via)
                    open_.append(other)
        if end not in came:
            return []
        way: list[tuple[Column, str]] = []
        at: Column | None = end
        while at is not None:
            step = came[at]
            way.append((at, step[1] if step else ""))
            at = step[0] if step else None
        return way[::-1]

    def path_through(self, start: Column, end: Column, table: str) -> list[tuple[Column, str]]:
        """A shortest way that passes a column of a table, such as an estimate's; empty where there is none. Raises DiffError."""
        stations = sorted(c for c in self.columns if c[0] == table or c[0].split(".")[-1] == table)
        if not stations:
            raise DiffError([f"no table {table!r}"], "Write it as ml.lead_time_demand.")
        ways = []
        for station in stations:
            first, second = self.path(start, station), self.path(station, end)
            if first and second:
                ways.append(first + second[1:])
        return min(ways, key=lambda way: (len(way), way), default=[])

    def tree(self, column: Column, direction: str, depth: int) -> Tree:
        """Tables up or down of a column, each with the columns that count and once in full; `depth` steps far."""
        arrow = {"up": "made of", "down": "used by"}[direction]
        root = Tree(f"[bold]{escape('.'.join(column))}[/bold], {arrow}")
        self._grow(root, frozenset([column]), direction, depth, set())
        return root

    def _grow(self, branch: Tree, columns: frozenset[Column], direction: str, depth: int, shown: set[Column]) -> None:
        tables: dict[str, dict[Column, str]] = {}
        for column in columns:
            for other, via in self.beside(column, direction).items():
                tables.setdefault(other[0], {})[other] = via
        for table, found in sorted(tables.items()):
            new = frozenset(found) - shown
            shown |= new
            names = sorted(name for _, name in found)
            text = ", ".join(names[:_COLUMNS_SHOWN]) + (
                f" and {len(names) - _COLUMNS_SHOWN} more" if len(names) > _COLUMNS_SHOWN else ""
            )
            by = sorted({via for via in found.values() if via != "sql"})
            label = f"{escape(table)}: [cyan]{escape(text)}[/cyan]" + (f" [magenta]({', '.join(by)})[/magenta]" if by else "")
            goes_on = any(self.beside(one, direction) for one in found)
            if not new and goes_on:
                branch.add(f"{label} [dim](above)[/dim]")
            elif depth == 1 and goes_on:
                branch.add(f"{label} [dim]…[/dim]")
            else:
                self._grow(branch.add(label), new, direction, depth - 1, shown)
