"""The command line: `stockroom`.

Belongs here: options, progress and messages. Does not belong here: work; every command calls one function elsewhere.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dagster_project.alerts_cli import alerts_app
from dagster_project.change_cli import change_app
from dagster_project.decisions_cli import decisions_app
from dagster_project.intake import Intake, IntakeError, check_source
from dagster_project.serving_cli import api_key, serve
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.terminal import (
    SourceOption,
    WarehouseOption,
    bar,
    console,
    deciding,
    errors,
    existing_warehouse,
    fail,
    program,
    reading,
    settings_of,
)
from dagster_project.vision_cli import vision_app

# two builds of one parser are installed by dagster-dbt's requirements; nothing a user can act on
warnings.filterwarnings("ignore", message=r"sqlglot\[rs\]")
# Dagster's word to developers: an owner of a sensor
warnings.filterwarnings("ignore", message=r"Parameter `owners` of initializer `SensorDefinition")

app = typer.Typer(
    help="Raw purchases, sales and inventory in; what to reorder, why, and from whom, out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
AsOfOption = Annotated[
    datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day to decide for (default: the last day with a sale).")
]


def _checked_source(settings: Settings) -> Intake:
    from dagster_project.inspecting import settings_problems

    try:
        intake = check_source(settings.source_dir)
    except IntakeError as error:
        raise fail(error.problems, "Nothing was written.") from None
    if problems := settings_problems(settings.source_dir):
        raise fail(problems, "Nothing was written.")
    return intake


@app.command()
def run(source: SourceOption = None, warehouse: WarehouseOption = None, as_of: AsOfOption = None) -> None:
    """Run the job daily_replenishment: from raw files to what to reorder today."""
    from dagster_project.runner import RunFailed, run_daily_replenishment
    from dagster_project.summary import run_summary

    settings = settings_of(source, warehouse, as_of)
    started = time.perf_counter()
    _checked_source(settings)
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=errors, transient=True) as shown:
        task = shown.add_task("starting", total=None)

        def show(done: int, total: int, text: str) -> None:
            shown.update(task, completed=done, total=total, description=escape(text))
            if not errors.is_terminal and text.endswith("…"):
                errors.print(f"[{time.perf_counter() - started:5.1f} s] {escape(text)}")

        try:
            run_daily_replenishment(settings, show)
        except RunFailed as error:
            raise fail(
                error.reasons,
                f"The run stopped. Tables after this point are those of the last good run; {settings.run_log} has the whole log.",
            ) from None
    console.print(run_summary(settings.warehouse, console.width, program(), settings.report))
    console.print(f"Done in {time.perf_counter() - started:.0f} s.")


@app.command()
def rebuild(
    days: Annotated[list[datetime], typer.Argument(formats=["%Y-%m-%d"], help="Past days, YYYY-MM-DD.")],
    source: SourceOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Decide for past days once more and keep that beside today's orders, which stay: reports.rpt_order_history."""
    from dagster_project.rebuilding import RebuildFailed, rebuild_day

    settings = settings_of(source, warehouse)
    existing_warehouse(warehouse)
    for moment in days:
        day = moment.date()
        with errors.status(f"{day}: starting") as status:
            try:
                kept = rebuild_day(settings, day, f"command {day}", lambda line, day=day: status.update(escape(f"{day}: {line}")))
            except RebuildFailed as error:
                raise fail(str(error).splitlines(), "Days rebuilt before this one are kept; nothing else has changed.") from None
        console.print(f"{day}: {kept['order_history']:,} recommendations kept{_beside_those_decided(kept)}.", soft_wrap=True)
    console.print(f'Next: {program()} query "from reports.rpt_order_history where is_rebuilt"', soft_wrap=True)


def _beside_those_decided(kept: dict[str, int]) -> str:
    if "same_as_decided" not in kept:
        return "; no run decided for that day then"
    if not kept["different_from_decided"]:
        return ", all as they were decided then"
    return f", {kept['same_as_decided']:,} as decided then; {kept['different_from_decided']:,} differ: code, settings or files have changed"


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("data/raw"),
    size: Annotated[str, typer.Option("--size", help="tiny, small, medium or full.")] = "small",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
) -> None:
    """Write synthetic data: the retailer's six files with all their quirks, all optional files, and the truth behind them."""
    from dagster_project.demo import SIZES, generate

    if size not in SIZES:
        raise fail([f"no size {size!r}; choose one of {', '.join(SIZES)}"])
    with bar("simulating") as show:
        summary = generate(size, seed, out, lambda text, share: show(share, text))
    console.print(
        f"Synthetic data, size {size}, seed {seed}, in {out}: {summary.start} to {summary.end}, {summary.stores} stores, "
        f"{summary.item_locations:,} items in stores, {summary.vendors} vendors, {summary.sales_lines:,} sales lines, "
        f"{summary.purchase_lines:,} purchase lines. The truth behind it is in {out}/truth.",
        soft_wrap=True,
    )
    console.print(f"Next: {program()} run --source {out}")


@app.command()
def publish(
    to: Annotated[
        str,
        typer.Option("--to", help="files (DuckDB and Parquet), postgres (STOCKROOM_POSTGRES_URL), tableau, powerbi or superset."),
    ] = "files",
    rls: Annotated[
        bool | None,
        typer.Option("--rls/--no-rls", help="In PostgreSQL: readers see the stores of bi.bi_access only; default: as it is."),
    ] = None,
    without: Annotated[str, typer.Option("--without", help="In PostgreSQL: leave out these tables, with commas between.")] = "",
    warehouse: WarehouseOption = None,
) -> None:
    """Publish the finished tables for BI: as files, which each run does by itself, or what the files hold to PostgreSQL."""
    from dagster_project.publish.errors import PublishError

    if to not in ("files", "postgres", "tableau", "powerbi", "superset"):
        raise fail([f"--to {to}: not known"], "Choose files, postgres, tableau, powerbi or superset.")
    settings = settings_of(warehouse=warehouse)
    started = time.perf_counter()
    with deciding(PublishError):
        if to == "files":
            from dagster_project.publish.snapshot import publish_snapshot

            snapshot = publish_snapshot(settings)
            if snapshot.too_long_for_excel:
                tables = ", ".join(f"{name} ({snapshot.rows[name]:,})" for name in snapshot.too_long_for_excel)
                errors.print(
                    f"[yellow]![/yellow] more rows than an Excel sheet holds: {tables}. In Excel, filter them or take a shorter"
                    " table: docs/bi.md, How much it is",
                    soft_wrap=True,
                )
            text = f"{snapshot.table_count} tables, {snapshot.row_count:,} rows in {snapshot.database} and {snapshot.parquet}."
        elif to == "tableau":
            from dagster_project.publish.tableau import publish_to_tableau

            extracts = publish_to_tableau(settings)
            text = f"{extracts.table_count} extracts and {extracts.source_count} data sources in {extracts.folder}."
        elif to == "powerbi":
            from dagster_project.publish.powerbi import publish_to_powerbi

            project = publish_to_powerbi(settings)
            text = (
                f"{project.table_count} tables, {project.measure_count} measures, {project.page_count} pages in {project.file}."
            )
        elif to == "superset":
            from dagster_project.publish.superset import publish_to_superset

            text = f"{publish_to_superset(settings)}."
        else:
            from dagster_project.publish.to_postgres import publish_to_postgres

            with bar("publishing") as progress:
                left_out = [name.strip() for name in without.split(",") if name.strip()]
                loaded = publish_to_postgres(settings, rls, lambda _, share: progress(share), left_out)
            for notice in loaded.notices:
                errors.print(f"[yellow]![/yellow] {escape(notice)}", soft_wrap=True)
            text = f"{loaded.table_count} tables, {loaded.row_count:,} rows loaded; {loaded.unchanged_count} had not changed."
    console.print(f"{text} Done in {time.perf_counter() - started:.1f} s.", soft_wrap=True)


@app.command()
def report(warehouse: WarehouseOption = None) -> None:
    """Write the report anew: one page that opens in any browser. Every run does."""
    from dagster_project.publish.errors import PublishError
    from dagster_project.publish.report.page import write_report

    with deciding(PublishError):
        page = write_report(settings_of(warehouse=warehouse))
    console.print(f"{page.path}, {page.bytes / 1000:,.0f} kB", soft_wrap=True)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="SQL of DuckDB, read only.")],
    warehouse: WarehouseOption = None,
    limit: Annotated[int, typer.Option("--limit", help="Rows shown.")] = 40,
) -> None:
    """Ask the warehouse a question in SQL."""
    import duckdb

    from dagster_project.summary import print_frame

    with reading(warehouse) as path, duckdb.connect(str(path), read_only=True) as connection:
        result = connection.execute(sql)
        if result is None or result.description is None:
            raise fail(["the query is empty"], f'For example: {program()} query "from marts.dim_vendor"')
        columns, rows = [column[0] for column in result.description], result.fetchmany(limit + 1)
    print_frame(console, columns, rows, limit)


@app.command()
def status(
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs shown.")] = 5, warehouse: WarehouseOption = None
) -> None:
    """Where things stand: the last runs, how fresh the files are, what was refused, which alerts are open."""
    import duckdb

    from dagster_project.status import status_page

    settings = settings_of(warehouse=warehouse)
    try:
        console.print(status_page(settings, runs, program()))
    except duckdb.Error as error:
        raise fail([f"{settings.published} cannot be read: {error}"], f"Publish it again: {program()} publish") from None


@app.command()
def doctor(source: SourceOption = None, warehouse: WarehouseOption = None) -> None:
    """Is everything there that a run needs? Python, packages, files, disk, memory, rights, databases; and how to repair each."""
    from dagster_project.doctor import examine

    marks = {"good": "[green]✓[/green]", "odd": "[yellow]![/yellow]", "bad": "[red]✗[/red]"}
    states = []
    for finding in examine(settings_of(source, warehouse)):
        states.append(finding.state)
        console.print(f"{marks[finding.state]} {finding.about}: {escape(finding.text)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"    Repair: {escape(finding.remedy)}", soft_wrap=True)
    if "bad" in states:
        raise fail([f"{states.count('bad')} of {len(states)} checks say that a run would fail."])
    console.print(f"A run can start: {program()} run")


@app.command()
def dev(port: Annotated[int, typer.Option("--port", help="Port of the web page.")] = 3000) -> None:
    """Open Dagster: the graph, its runs and checks, in the browser."""
    from dagster_project.build import ensure_manifest
    from dagster_project.home import prepare_home

    settings = Settings.from_env()
    prepare_home(settings)
    ensure_manifest(settings)
    dagster = Path(sys.executable).with_name("dagster")
    os.environ.update(settings.to_env())
    os.chdir(PROJECT_ROOT)  # where pyproject.toml says what to load
    os.execv(dagster, [str(dagster), "dev", "--port", str(port)])


@app.command()
def dashboard(port: Annotated[int, typer.Option("--port", help="Port of the web page.")] = 8088) -> None:
    """Open the dashboards in the browser: Superset over what is published, on this machine only (`make dashboard`)."""
    from dagster_project.publish.errors import PublishError
    from dagster_project.publish.superset import publish_to_superset, serve_command

    settings = Settings.from_env()
    with deciding(PublishError):
        command = serve_command(settings, port)
        console.print(f"{publish_to_superset(settings)}.", soft_wrap=True)
    os.execv(command[0], command)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dbt(context: typer.Context, source: SourceOption = None, warehouse: WarehouseOption = None) -> None:
    """Run dbt with this installation's paths, from any folder: stockroom dbt build --select dim_product."""
    from dagster_project.build import invoke_dbt
    from dagster_project.intake import country_of
    from dagster_project.settings import LEAN_DBT
    from dagster_project.warehouse_file import WarehouseFile

    settings = settings_of(source, warehouse)
    os.environ.update(settings.to_env())
    if {"build", "run", "seed", "snapshot"} & set(context.args):
        os.environ.update({name: value for name, value in LEAN_DBT.items() if name not in os.environ})
        intake = _checked_source(settings)
        WarehouseFile(str(settings.warehouse)).prepare(settings.country or country_of(intake.adapter))
    result = invoke_dbt(context.args)
    raise typer.Exit(0 if result.success else 1)


app.add_typer(decisions_app)
app.add_typer(alerts_app, name="alerts")
app.add_typer(vision_app, name="vision")
app.add_typer(change_app)
app.command()(serve)
app.command()(api_key)

if __name__ == "__main__":
    app()
