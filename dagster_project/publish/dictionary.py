"""docs/tables.md: every published table and column in words, and how the tables hang together.

Belongs here: the page as text. Does not belong here: what a column means (dbt's YAML says it) and what a KPI means (`metrics`).
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster_project.publish.contract import PublishedTable

_INTRODUCTION = """# Tables and columns

What BI, the API and the extracts are given: schema `bi` of the published snapshot. Written from dbt's YAML by
`UPDATE_DOCS=1 pytest tests/architecture/test_tables_page.py`. KPIs that add up are defined once, in [metrics.md](metrics.md).

## How they hang together

Every table that has an `item_id`, a `location_id` or a `vendor_id` points to `dim_product`, `dim_location` or `dim_vendor`; the days of facts point to
`dim_date`. Drawn are the dimensions and the facts; reports, roles and recommendations point the same way.
"""


def draw_dictionary(tables: Sequence[PublishedTable]) -> str:
    """The page in Markdown: a diagram of dimensions and facts, then a section per table, columns in the table's order."""
    return "\n".join([_INTRODUCTION, *_diagram(tables), "", *(line for table in tables for line in _section(table))])


def _diagram(tables: Sequence[PublishedTable]) -> list[str]:
    drawn = [table for table in tables if table.kind in ("dimension", "fact")]
    lines = ["```mermaid", "erDiagram"]
    for table in drawn:
        lines += [f'    {dimension} ||--o{{ {table.name} : "{column}"' for column, (dimension, _) in table.references.items()]
    for table in drawn:
        lines += [f"    {table.name} {{", *(f"        {_plain(column.type)} {column.name}{_mark(table, column.name)}" for column in table.columns), "    }"]  # fmt: skip
    return [*lines, "```"]


def _plain(column_type: str) -> str:
    return column_type.partition("(")[0]


def _mark(table: PublishedTable, column: str) -> str:
    marks = ["PK"] * (column in table.primary_key) + ["FK"] * (column in table.references)
    return f" {', '.join(marks)}" if marks else ""


def _section(table: PublishedTable) -> list[str]:
    return [
        f"## {table.name}",
        "",
        _cell(table.description),
        "",
        f"{table.grain[:1].upper()}{table.grain[1:]}." + (f" Key: {', '.join(f'`{part}`' for part in table.key)}." if table.key else ""),
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{column.name}` | {column.type} | {column.unit} | {_cell(column.description)} |" for column in table.columns),
        "",
    ]  # fmt: skip


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
