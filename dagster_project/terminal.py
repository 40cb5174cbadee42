"""What every command of the command line has in common: where it prints, how it fails, which options and files it takes.

Belongs here: the consoles, bars, failures and options that several commands share. Does not belong here: a command.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dagster_project.settings import Settings

# a pipe has no width of its own; 80 columns would cut what matters
console = Console() if Console().is_terminal else Console(width=130)
errors = Console(stderr=True)

SourceOption = Annotated[Path | None, typer.Option("--source", help="Folder with the raw files (default: data/raw).")]
WarehouseOption = Annotated[
    Path | None, typer.Option("--warehouse", help="DuckDB file to use (default: data/warehouse/stockroom.duckdb).")
]


def settings_of(source: Path | None = None, warehouse: Path | None = None, as_of: datetime | None = None) -> Settings:
    """The installation's settings, with what a command was told instead."""
    told = {"source_dir": source, "warehouse": warehouse, "as_of": as_of.date() if as_of else None}
    return Settings.from_env().changed(**{name: value for name, value in told.items() if value})


def program() -> str:
    """How to call this program from where the reader stands: by name where PATH finds it, else by its path."""
    own = Path(sys.executable).with_name("stockroom")
    if shutil.which("stockroom") == str(own):
        return "stockroom"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def fail(problems: list[str], next_step: str = "") -> typer.Exit:
    """Says what is wrong and what to do; to be raised."""
    for problem in problems:
        errors.print(f"[red]✗[/red] {escape(problem)}", soft_wrap=True)
    if next_step:
        errors.print(escape(next_step), soft_wrap=True)
    return typer.Exit(1)


def existing_warehouse(warehouse: Path | None) -> Path:
    """The file to read. Fails where no run has made one."""
    path = settings_of(warehouse=warehouse).warehouse
    if not path.exists():
        raise fail([f"{path}: no warehouse yet"], f"Next: {program()} run")
    return path


@contextlib.contextmanager
def reading(warehouse: Path | None) -> Iterator[Path]:
    """The warehouse for reading; what DuckDB says of it or of a query becomes a message."""
    import duckdb

    path = existing_warehouse(warehouse)
    try:
        yield path
    except duckdb.IOException as error:
        raise fail([f"{path} cannot be read: {error}"], "Is a run at work, or is it another kind of file?") from None
    except duckdb.CatalogException as error:
        raise fail([str(error)], f"Tables are missing? Run the job to its end: {program()} run") from None
    except duckdb.Error as error:
        raise fail([str(error)]) from None


@contextlib.contextmanager
def deciding(error_type: type[Exception]) -> Iterator[None]:
    """What cannot be decided becomes a message with the next step; the error has `problems` and `next_step`."""
    try:
        yield
    except error_type as error:
        raise fail(error.problems, error.next_step) from None  # type: ignore[attr-defined]


@contextlib.contextmanager
def refusing(*error_types: type[Exception]) -> Iterator[None]:
    """What cannot be done is a message, never a traceback."""
    try:
        yield
    except error_types as error:
        raise fail([str(error)]) from None


@contextlib.contextmanager
def bar(text: str) -> Iterator[Callable[..., None]]:
    """A bar on stderr; gives what sets its share and, where it changes, its text."""
    columns = (SpinnerColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=errors, transient=True) as shown:
        task = shown.add_task(escape(text), total=1.0)
        yield lambda share, words=text: shown.update(task, completed=share, description=escape(words))
