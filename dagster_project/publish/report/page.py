"""The page: all sections, rendered into one file that needs nothing else, and switched in at once.

Belongs here: putting the parts together, and writing. Does not belong here: queries, charts.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from markupsafe import Markup, escape

from dagster_project.publish.errors import PublishError
from dagster_project.publish.report.blocks import Section
from dagster_project.publish.report.forecasts import forecasts
from dagster_project.publish.report.formats import is_known, written
from dagster_project.publish.report.health import health
from dagster_project.publish.report.ordering import ordering
from dagster_project.publish.report.overview import overview
from dagster_project.publish.report.policy import policy
from dagster_project.publish.report.quality import quality
from dagster_project.publish.report.reader import Reader
from dagster_project.publish.report.roles import roles
from dagster_project.publish.report.vendors import vendors
from dagster_project.settings import Settings

_SECTIONS = (overview, roles, ordering, forecasts, policy, vendors, quality, health)
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """The page that was written."""

    path: Path
    bytes: int


def write_report(settings: Settings) -> Report:
    """Write the page of the published snapshot. Raises PublishError; then the page of before is whole."""
    database = settings.published / "stockroom.duckdb"
    if not database.exists():
        raise PublishError([f"{database}: nothing is published yet"], "Next: stockroom run")
    try:
        with Reader(database) as read:
            content = render(read).encode()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise PublishError(
            [str(error)], "What is published is of another version of the project. Next: stockroom publish"
        ) from None
    except duckdb.Error as error:
        raise PublishError([f"{database} cannot be read: {error}"], "Next: stockroom publish") from None
    path = settings.report
    new = path.with_name(f".new_{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise PublishError(
            [f"{path} cannot be written: {error}"], "Make room or allow writing there. Then: stockroom report"
        ) from None
    return Report(path, len(content))


def render(read: Reader) -> str:
    """The page as text: the same snapshot gives the same bytes."""
    import jinja2  # comes with dbt

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(written=written, commands=_commands, raw=lambda value: value if is_known(value) else "")
    environment.globals.update(definition=read.definition, anchor=_anchor)
    sections = [make(read) for make in _SECTIONS]
    definitions = [(of, read.definition(of)) for of in sorted(set(_named(sections))) if read.definition(of)]
    return environment.get_template("page.html.j2").render(
        info=read.one("from run_info"),
        sections=sections,
        definitions=definitions,
        style=(_HERE / "page.css").read_text(),
        script=(_HERE / "page.js").read_text(),
    )


def _commands(text: str) -> Markup:
    """What stands between back-ticks is a command."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _anchor(of: str) -> str:
    return "def-" + of.replace(".", "-")


def _named(sections: Iterable[Section]) -> Iterable[str]:
    """Every column whose meaning the page owes."""
    for section in sections:
        yield from (tile.of for tile in section.tiles)
        yield from (role.first.of for role in section.roles if role.first)
        yield from (of for figure in section.figures for of in (figure.of, *(of for *_, of in figure.legend)) if of)
        tables = [*section.tables, *(role.table for role in section.roles if role.table)]
        yield from (column.of for table in tables for column in table.columns if column.of)
