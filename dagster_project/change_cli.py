"""The command line of changing the SQL: `stockroom diff`, `stockroom env`, `stockroom lineage`.

Belongs here: options, progress and messages. Does not belong here: work; every command calls a function elsewhere.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dagster_project.settings import Settings
from dagster_project.terminal import WarehouseOption, console, deciding, errors, fail, settings_of

change_app = typer.Typer()
env_app = typer.Typer(help="Isolated copies of what you changed, over the warehouse's data.", no_args_is_help=True)
change_app.add_typer(env_app, name="env")

GATE = 3
"""Exit code where a change goes beyond a limit; 1 is for what failed."""

BaseOption = Annotated[str, typer.Option("--base", help="Branch, tag or commit to compare the working tree with.")]
ForecastsOption = Annotated[
    bool, typer.Option("--with-forecasts", help="Make forecasts again where their input differs; as long as in a run.")
]


@change_app.command()
def diff(
    base: BaseOption = "HEAD",
    markdown: Annotated[Path | None, typer.Option("--markdown", help="File to write it to too, for a pull request.")] = None,
    max_order_change_pct: Annotated[
        float | None,
        typer.Option(
            "--max-order-change-pct", min=0, help="Fail where changes of orders, up or down, exceed this share of their value."
        ),
    ] = None,
    max_cost_increase_usd: Annotated[
        float | None, typer.Option("--max-cost-increase-usd", help="Fail where expected cost a year rises by more.")
    ] = None,
    sample: Annotated[int, typer.Option("--replay", min=0, help="Items in stores to replay on history; 0: none.")] = 300,
    with_forecasts: ForecastsOption = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Show what the working tree's SQL and policy do to orders and money, compared with a git revision.

    Exit code 3 where a limit is exceeded, so that CI can hold on to it.
    """
    from dagster_project.policy_diff.compare import compare, exceeded
    from dagster_project.policy_diff.page import as_markdown, as_rich

    started = time.perf_counter()
    with _reporting(), _progress() as say:
        found = compare(settings_of(warehouse=warehouse), base, sample=sample, with_forecasts=with_forecasts, say=say)
    if found is None:
        console.print(f"Nothing changed: the SQL, macros, seeds and settings of the working tree are those of {base}.")
    else:
        console.print(as_rich(found))
    if markdown:
        _write(markdown, f"Nothing changed, compared with {base}.\n" if found is None else as_markdown(found))
    console.print(f"Done in {time.perf_counter() - started:.0f} s.")
    beyond = exceeded(found, max_order_change_pct, max_cost_increase_usd) if found else []
    if beyond:
        fail(beyond)
        raise typer.Exit(GATE)


@change_app.command()
def lineage(
    column: Annotated[str, typer.Argument(help="Table and column, such as rec_orders.order_units.")],
    origin: Annotated[
        str, typer.Option("--from", help="Show the way from this column instead, such as retailer.sales.SalesQuantity.")
    ] = "",
    through: Annotated[
        str, typer.Option("--through", help="With --from: the way that passes this table, such as ml.lead_time_demand.")
    ] = "",
    up: Annotated[bool, typer.Option("--up/--no-up", help="What it is made of.")] = True,
    down: Annotated[bool, typer.Option("--down/--no-down", help="What is made of it.")] = True,
    depth: Annotated[int, typer.Option("--depth", min=1, help="Steps shown.")] = 3,
) -> None:
    """Draw where a column comes from, down to the raw files and through the estimates of Python, and where it goes."""
    import os

    from dagster_project.lineage.edges import default_folder, lineage_table
    from dagster_project.lineage.tree import Lineage

    os.environ.update(Settings.from_env().to_env())
    with _reporting(), _progress() as say:
        edges, path = lineage_table(default_folder(), say)
        known = Lineage(edges)
        target = known.find(column)
        source = known.find(origin) if origin else None
        way = (known.path_through(source, target, through) if through else known.path(source, target)) if source else []
    if source:
        if not way:
            console.print(f"{'.'.join(target)} is not made of {'.'.join(source)}.", markup=False)
        for k, ((table, name), via) in enumerate(way):
            console.print(f"{'  ' * k}{f'{via}: ' if via else ''}{table}.{name}", markup=False, highlight=False)
    else:
        for direction, wanted in (("up", up), ("down", down)):
            if wanted:
                console.print(known.tree(target, direction, depth))
                far = known.reached(target, direction)
                console.print(f"{len(far):,} columns of {len({table for table, _ in far}):,} tables in all.", highlight=False)
    console.print(f"Every edge: {path}", markup=False, highlight=False, soft_wrap=True)


NameArgument = Annotated[str, typer.Argument(help="Name of the environment.")]


@env_app.command("create")
def env_create(
    name: NameArgument, base: BaseOption = "HEAD", with_forecasts: ForecastsOption = False, warehouse: WarehouseOption = None
) -> None:
    """Build what the working tree changed since a revision, over the warehouse's data; again where it is there already."""
    from dagster_project.policy_diff import environments

    started = time.perf_counter()
    with _reporting(), _progress() as say:
        made = environments.create(settings_of(warehouse=warehouse), name, base, with_forecasts=with_forecasts, say=say)
    console.print(
        f"{made.built} models, seeds and snapshots built in {made.file} ({made.bytes / 2**20:.1f} MiB) in "
        f"{time.perf_counter() - started:.0f} s; all others are views of the warehouse, which stays as it is.",
        soft_wrap=True,
    )
    for line in made.stale:
        errors.print(
            f"[yellow]![/yellow] not made again, although their input differs: {escape(line)} (--with-forecasts)", soft_wrap=True
        )
    console.print(f'Next: stockroom env query {made.name} "from recommendations.rec_orders"', markup=False)


@env_app.command("list")
def env_list(warehouse: WarehouseOption = None) -> None:
    """Show the environments there are."""
    from rich.table import Table

    from dagster_project.policy_diff import environments

    found = environments.environments(settings_of(warehouse=warehouse))
    if not found:
        console.print("No environments. Make one: stockroom env create NAME")
        return
    table = Table()
    for column in ("name", "made at", "changed since", "built", "MiB"):
        table.add_column(column, justify="right" if column in ("built", "MiB") else "left")
    for one in found:
        table.add_row(one.name, f"{one.made_at:%Y-%m-%d %H:%M}", one.base, str(one.built), f"{one.bytes / 2**20:.1f}")
    console.print(table)


@env_app.command("query")
def env_query(
    name: NameArgument,
    sql: Annotated[str, typer.Argument(help="SQL of DuckDB, read only.")],
    warehouse: WarehouseOption = None,
    limit: Annotated[int, typer.Option("--limit", help="Rows shown.")] = 40,
) -> None:
    """Ask an environment a question in SQL: its own tables where it has them, else the warehouse's."""
    from dagster_project.policy_diff import environments
    from dagster_project.summary import print_frame

    with _reporting():
        columns, rows = environments.ask(settings_of(warehouse=warehouse), name, sql, limit)
    print_frame(console, columns, rows, limit)


@env_app.command("drop")
def env_drop(name: NameArgument, warehouse: WarehouseOption = None) -> None:
    """Delete an environment; the warehouse stays as it is."""
    from dagster_project.policy_diff import environments

    with _reporting():
        dropped = environments.drop(settings_of(warehouse=warehouse), name)
    console.print(f"{dropped.name} dropped ({dropped.bytes / 2**20:.1f} MiB).")


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being done, in a line of its own with the seconds so far; in a terminal the last one, turning."""
    started = time.perf_counter()
    if errors.is_terminal:
        with errors.status("starting") as status:
            yield lambda text: status.update(f"[{time.perf_counter() - started:4.0f} s] {escape(text)} …")
    else:
        yield lambda text: errors.print(f"\\[{time.perf_counter() - started:5.1f} s] {escape(text)} …", soft_wrap=True)


@contextlib.contextmanager
def _reporting() -> Iterator[None]:
    """What cannot be done becomes a message with the next step."""
    from dagster_project.policy_diff.errors import DiffError

    with deciding(DiffError):
        yield


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise fail([f"{path} cannot be written: {error}"]) from None
    console.print(f"Written to {path}.", soft_wrap=True)
