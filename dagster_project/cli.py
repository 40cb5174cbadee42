"""The command line: `stockroom`.

Belongs here: options, progress and messages. Does not belong here: work; every command calls one function elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dagster_project.alerts_cli import alerts_app
from dagster_project.change_cli import change_app
from dagster_project.intake import Intake, IntakeError, check_source
from dagster_project.serving_cli import api_key, serve
from dagster_project.settings import PROJECT_ROOT, Settings
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
orders_app = typer.Typer(help="Purchase-order proposals: list them, approve them, export them to files.", no_args_is_help=True)
app.add_typer(orders_app, name="orders")
app.add_typer(alerts_app, name="alerts")
app.add_typer(vision_app, name="vision")
app.command()(serve)
app.command()(api_key)
app.add_typer(change_app)
# a pipe has no width of its own; 80 columns would cut what matters
console = Console() if Console().is_terminal else Console(width=130)
errors = Console(stderr=True)

SourceOption = Annotated[Path | None, typer.Option("--source", help="Folder with the raw files (default: data/raw).")]
WarehouseOption = Annotated[
    Path | None, typer.Option("--warehouse", help="DuckDB file to write (default: data/warehouse/stockroom.duckdb).")
]
AsOfOption = Annotated[
    datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day to decide for (default: the last day with a sale).")
]


def _settings(source: Path | None, warehouse: Path | None, as_of: datetime | None = None) -> Settings:
    settings = Settings.from_env()
    changes: dict = {}
    if source:
        changes["source_dir"] = source
    if warehouse:
        changes["warehouse"] = warehouse
    if as_of:
        changes["as_of"] = as_of.date()
    return settings.changed(**changes)


def _checked_source(settings: Settings) -> Intake:
    from dagster_project.inspecting import settings_problems

    try:
        intake = check_source(settings.source_dir)
    except IntakeError as error:
        raise _fail(error.problems, "Nothing was written.") from None
    if problems := settings_problems(settings.source_dir):
        raise _fail(problems, "Nothing was written.")
    return intake


def _fail(lines: list[str], next_step: str = "") -> typer.Exit:
    for line in lines:
        errors.print(f"[red]✗[/red] {escape(line)}", soft_wrap=True)
    if next_step:
        errors.print(escape(next_step), soft_wrap=True)
    return typer.Exit(1)


@app.command()
def run(source: SourceOption = None, warehouse: WarehouseOption = None, as_of: AsOfOption = None) -> None:
    """Run the job daily_replenishment: from raw files to what to reorder today."""
    from dagster_project.runner import RunFailed, run_daily_replenishment
    from dagster_project.summary import run_summary

    settings = _settings(source, warehouse, as_of)
    started = time.perf_counter()
    _checked_source(settings)
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(text))
            if not errors.is_terminal and text.endswith("…"):
                errors.print(f"[{time.perf_counter() - started:5.1f} s] {escape(text)}")

        try:
            run_daily_replenishment(settings, show)
        except RunFailed as error:
            raise _fail(
                error.reasons,
                f"The run stopped. Tables after this point are those of the last good run; {settings.run_log} has the whole log.",
            ) from None
    console.print(run_summary(settings.warehouse, console.width, _program(), settings.report))
    console.print(f"Done in {time.perf_counter() - started:.0f} s.")


@app.command()
def rebuild(
    days: Annotated[list[datetime], typer.Argument(formats=["%Y-%m-%d"], help="Past days, YYYY-MM-DD.")],
    source: SourceOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Decide for past days once more and keep that beside today's orders, which stay: reports.rpt_order_history."""
    from dagster_project.rebuilding import RebuildFailed, rebuild_day

    settings = _settings(source, warehouse)
    _existing_warehouse(warehouse)
    for moment in days:
        day = moment.date()
        with errors.status(f"{day}: starting") as status:
            try:
                kept = rebuild_day(settings, day, f"command {day}", lambda line, day=day: status.update(escape(f"{day}: {line}")))
            except RebuildFailed as error:
                raise _fail(str(error).splitlines(), "Days rebuilt before this one are kept; nothing else has changed.") from None
        console.print(f"{day}: {kept['order_history']:,} recommendations kept{_beside_those_decided(kept)}.", soft_wrap=True)
    console.print(f'Next: {_program()} query "from reports.rpt_order_history where is_rebuilt"', soft_wrap=True)


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
        raise _fail([f"no size {size!r}; choose one of {', '.join(SIZES)}"])
    with Progress(
        SpinnerColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=errors, transient=True
    ) as bar:
        task = bar.add_task("simulating", total=1.0)
        summary = generate(size, seed, out, lambda text, share: bar.update(task, completed=share, description=text))
    console.print(
        f"Synthetic data, size {size}, seed {seed}, in {out}: {summary.start} to {summary.end}, {summary.stores} stores, "
        f"{summary.item_locations:,} items in stores, {summary.vendors} vendors, {summary.sales_lines:,} sales lines, "
        f"{summary.purchase_lines:,} purchase lines. The truth behind it is in {out}/truth.",
        soft_wrap=True,
    )
    console.print(f"Next: {_program()} run --source {out}")


@app.command()
def why(
    item: Annotated[int, typer.Argument(help="Item number.")],
    location: Annotated[int, typer.Argument(help="Store number.")],
    warehouse: WarehouseOption = None,
) -> None:
    """Explain one order, or why there is none: term by term, adding up to the quantity."""
    from dagster_project import summary

    with _reading(warehouse) as path:
        explained = summary.why(path, item, location)
    if explained is None:
        raise _fail(
            [f"item {item} is not held at store {location}"],
            f'{_program()} query "from recommendations.rec_orders" lists what is.',
        )
    console.print(explained)


@app.command()
def forecast(
    item: Annotated[int, typer.Argument(help="Item number.")],
    location: Annotated[int, typer.Argument(help="Store number.")],
    png: Annotated[Path | None, typer.Option("--png", help="File to draw it into, instead of the terminal.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Show one item at one store: what sold, where stock was out, what is expected and how surely."""
    from dagster_project import picture

    with _reading(warehouse) as path:
        found = picture.read_picture(path, item, location)
    if found is None:
        raise _fail(
            [f"item {item} is not held at store {location}"],
            f'{_program()} query "from features.ftr_item_locations" lists what is.',
        )
    if png is None:
        console.print(picture.as_text(found, console.width))
        return
    try:
        picture.write_png(found, png)
    except OSError as error:
        raise _fail([f"{png} cannot be written: {error}"], "Choose another file: --png FILE") from None
    console.print(f"{found.title}. {found.subtitle}. Drawn in {png}.", soft_wrap=True)


@app.command()
def tune(
    out: Annotated[Path, typer.Option("--out", help="File the result is written to, for review.")] = Path(
        "forecast_settings.json"
    ),
    trials: Annotated[int, typer.Option("--trials", min=1, help="Settings tried, today's among them.")] = 20,
    series: Annotated[
        int, typer.Option("--series", min=50, help="Item-stores tried on; a seeded sample where there are more.")
    ] = 1_000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same search.")] = 1,
    warehouse: WarehouseOption = None,
) -> None:
    """Search better settings for the forecast by its own backtest; nothing changes until somebody uses the file."""
    from dagster_project import forecasting
    from dagster_project.warehouse_file import WarehouseFile

    with (
        _reading(warehouse) as path,
        Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=errors) as shown,
    ):
        task = shown.add_task("today's settings", total=trials)
        result = forecasting.search(
            WarehouseFile(str(path)),
            trials,
            seed,
            series,
            lambda done, all_, best: shown.update(task, completed=done, description=f"best loss {best:.4f}"),
        )
    forecasting.write_result(result, out)
    if result.is_better:
        console.print(
            f"Loss {result.score_before:.4f} -> {result.score_after:.4f}. Written to {out}: review it, then use it with"
        )
        console.print(f"  STOCKROOM_FORECAST_SETTINGS={out} {_program()} run", markup=False)
    else:
        console.print(f"Nothing beat today's settings (loss {result.score_before:.4f}). The trials are in {out}.")


ProposalsArgument = Annotated[list[str] | None, typer.Argument(help="Names of proposals, as `orders list` shows them.")]


@orders_app.command("list")
def orders_list(
    everything: Annotated[bool, typer.Option("--all", help="Those of past days too.")] = False, warehouse: WarehouseOption = None
) -> None:
    """Show the proposals: one per vendor and day of delivery, with their states."""
    from dagster_project import orders

    with _reading(warehouse) as path:
        console.print(orders.list_proposals(path, everything, _program()))


@orders_app.command("approve")
def orders_approve(
    proposals: ProposalsArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="Every proposal of today.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Approve proposals: their lines stay as they are from now on."""
    from dagster_project import orders

    with _reading(warehouse) as path, _deciding(orders.OrdersError):
        names = orders.current_ids(path, "proposed") if everything else proposals
        outcomes = orders.approve(path, _some(names, everything, "orders list"), _program())
    for outcome in outcomes:
        console.print(f"{outcome.proposal_id} {outcome.text}", soft_wrap=True)
    console.print(
        f"Next: {_program()} orders export {' '.join(o.proposal_id for o in outcomes[:3])} --out FOLDER", soft_wrap=True
    )


@orders_app.command("export")
def orders_export(
    proposals: ProposalsArgument = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write one CSV file per proposal into.")] = Path("orders"),
    everything: Annotated[bool, typer.Option("--all", help="Every approved proposal of today.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Write approved proposals into files; from then on they count as on order."""
    from dagster_project import orders

    with _reading(warehouse) as path, _deciding(orders.OrdersError):
        names = orders.current_ids(path, "approved") if everything else proposals
        outcomes = orders.export(path, _some(names, everything, "orders approve --all"), out, _program())
    for outcome in outcomes:
        console.print(f"{outcome.proposal_id} {outcome.text}: {outcome.path}", soft_wrap=True)
    console.print(
        "Next: send the files to the vendors. The next run counts them as on order until the purchase file shows them.",
        soft_wrap=True,
    )


def _some(names: list[str] | None, everything: bool, before: str) -> list[str]:
    if names:
        return names
    raise _fail(
        ["there is none today" if everything else "no proposal is named"], f"See first: {_program()} {before}, or name proposals."
    )


@app.command()
def replay(
    policies: Annotated[str, typer.Option("--policies", help="Names, with commas between; default: all.")] = "",
    weeks: Annotated[int, typer.Option("--weeks", min=1, help="The last weeks of history are replayed.")] = 52,
    baseline: Annotated[
        str, typer.Option("--baseline", help="What the others are compared with; default: actual, what was really done.")
    ] = "",
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="So many item-stores, chosen by a hash; default: all.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same result.")] = 1,
    png: Annotated[Path | None, typer.Option("--png", help="File to draw the costs into.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """What would other ways of ordering have cost, beside what was really done? Writes ml.policy_replay."""
    from dagster_project import replay_page, replaying
    from dagster_project.warehouse_file import WarehouseFile

    names = [name.strip() for name in policies.split(",") if name.strip()]
    with _reading(warehouse) as path, _bar("replaying") as progress, _refusing():
        rows, compared = replaying.run_replay(WarehouseFile(str(path)), names, weeks, baseline, sample, seed, progress)
    console.print(replay_page.replay_table(rows, compared))
    console.print(f'Per class and vendor: {_program()} query "from reports.rpt_policy_replay"', soft_wrap=True)
    _draw(png, lambda file: replay_page.write_replay_png(rows, file))


@app.command()
def what_if(
    parameter: Annotated[str, typer.Option("--parameter", help="service_level, holding_rate, lead_time or moq.")],
    values: Annotated[str, typer.Option("--values", help="Values to try, with commas between; default: a usual range.")] = "",
    policy: Annotated[str, typer.Option("--policy", help="Policy to try them with; default: the one the parameter is for.")] = "",
    weeks: Annotated[int, typer.Option("--weeks", min=1, help="The last weeks of history are replayed.")] = 52,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="So many item-stores; default: all.")] = None,
    png: Annotated[Path | None, typer.Option("--png", help="File to draw the curve into.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """The curve of cost against service when a parameter changes: replays at each value. Writes ml.policy_what_if."""
    from dagster_project import replay_page, replaying
    from dagster_project.warehouse_file import WarehouseFile

    try:
        tried = [float(value) for value in values.split(",") if value.strip()]
    except ValueError:
        raise _fail([f"--values {values}: not numbers"], "For example: --values 0.8,0.9,0.95") from None
    with _reading(warehouse) as path, _bar("replaying") as progress, _refusing():
        file = WarehouseFile(str(path))
        rows = replaying.run_what_if(file, parameter, tried, policy, weeks, sample, progress=progress)
    console.print(replay_page.what_if_table(rows))
    _draw(png, lambda file: replay_page.write_what_if_png(rows, file))


@contextlib.contextmanager
def _bar(text: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr; gives what sets its share."""
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=errors, transient=True
    ) as shown:
        task = shown.add_task(text, total=1.0)
        yield lambda share: shown.update(task, completed=share)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be done is a message."""
    try:
        yield
    except ValueError as error:
        raise _fail([str(error)]) from None


def _draw(png: Path | None, write: Callable[[Path], None]) -> None:
    if png is None:
        return
    try:
        write(png)
    except OSError as error:
        raise _fail([f"{png} cannot be written: {error}"], "Choose another file: --png FILE") from None
    console.print(f"Drawn in {png}.", soft_wrap=True)


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
        raise _fail([f"--to {to}: not known"], "Choose files, postgres, tableau, powerbi or superset.")
    settings = _settings(None, warehouse)
    started = time.perf_counter()
    with _deciding(PublishError):
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

            with _bar("publishing") as progress:
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

    with _deciding(PublishError):
        page = write_report(_settings(None, warehouse))
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

    with _reading(warehouse) as path, duckdb.connect(str(path), read_only=True) as connection:
        result = connection.execute(sql)
        if result is None or result.description is None:
            raise _fail(["the query is empty"], f'For example: {_program()} query "from marts.dim_vendor"')
        columns, rows = [column[0] for column in result.description], result.fetchmany(limit + 1)
    print_frame(console, columns, rows, limit)


@app.command()
def status(
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs shown.")] = 5, warehouse: WarehouseOption = None
) -> None:
    """Where things stand: the last runs, how fresh the files are, what was refused, which alerts are open."""
    import duckdb

    from dagster_project.status import status_page

    settings = _settings(None, warehouse)
    try:
        console.print(status_page(settings, runs, _program()))
    except duckdb.Error as error:
        raise _fail([f"{settings.published} cannot be read: {error}"], f"Publish it again: {_program()} publish") from None


@app.command()
def doctor(source: SourceOption = None, warehouse: WarehouseOption = None) -> None:
    """Is everything there that a run needs? Python, packages, files, disk, memory, rights, databases; and how to repair each."""
    from dagster_project.doctor import examine

    marks = {"good": "[green]✓[/green]", "odd": "[yellow]![/yellow]", "bad": "[red]✗[/red]"}
    states = []
    for finding in examine(_settings(source, warehouse)):
        states.append(finding.state)
        console.print(f"{marks[finding.state]} {finding.about}: {escape(finding.text)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"    Repair: {escape(finding.remedy)}", soft_wrap=True)
    if "bad" in states:
        raise _fail([f"{states.count('bad')} of {len(states)} checks say that a run would fail."])
    console.print(f"A run can start: {_program()} run")


@app.command()
def dev(port: Annotated[int, typer.Option("--port", help="Port of the web page.")] = 3000) -> None:
    """Open Dagster: the graph, its runs and checks, in the browser."""
    from dagster_project.build import ensure_manifest
    from dagster_project.runner import prepare_home

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
    with _deciding(PublishError):
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

    settings = _settings(source, warehouse)
    os.environ.update(settings.to_env())
    if {"build", "run", "seed", "snapshot"} & set(context.args):
        os.environ.update({name: value for name, value in LEAN_DBT.items() if name not in os.environ})
        intake = _checked_source(settings)
        WarehouseFile(str(settings.warehouse)).prepare(settings.country or country_of(intake.adapter))
    result = invoke_dbt(context.args)
    raise typer.Exit(0 if result.success else 1)


def _program() -> str:
    """How to call this program from where the reader stands: by name where PATH finds it, else by its path."""
    own = Path(sys.executable).with_name("stockroom")
    if shutil.which("stockroom") == str(own):
        return "stockroom"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


@contextlib.contextmanager
def _reading(warehouse: Path | None) -> Iterator[Path]:
    """The warehouse for reading; what DuckDB says of it or of a query becomes a message."""
    import duckdb

    path = _existing_warehouse(warehouse)
    try:
        yield path
    except duckdb.IOException as error:
        raise _fail([f"{path} cannot be read: {error}"], "Is a run at work, or is it another kind of file?") from None
    except duckdb.CatalogException as error:
        raise _fail([str(error)], f"Tables are missing? Run the job to its end: {_program()} run") from None
    except duckdb.Error as error:
        raise _fail([str(error)]) from None


@contextlib.contextmanager
def _deciding(error_type: type[Exception]) -> Iterator[None]:
    """What cannot be decided becomes a message with the next step."""
    try:
        yield
    except error_type as error:
        raise _fail(error.problems, error.next_step) from None


def _existing_warehouse(warehouse: Path | None) -> Path:
    path = _settings(None, warehouse).warehouse
    if not path.exists():
        raise _fail([f"{path}: no warehouse yet"], f"Next: {_program()} run")
    return path


if __name__ == "__main__":
    app()
