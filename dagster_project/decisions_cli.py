"""The command line of what a run found: `stockroom why`, `forecast`, `orders`, and what other settings would have found.

Belongs here: options, progress and messages. Does not belong here: work; every command calls one function elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dagster_project.terminal import WarehouseOption, bar, console, deciding, errors, fail, program, reading, refusing

decisions_app = typer.Typer()
orders_app = typer.Typer(help="Purchase-order proposals: list them, approve them, export them to files.", no_args_is_help=True)
decisions_app.add_typer(orders_app, name="orders")


@decisions_app.command()
def why(
    item: Annotated[int, typer.Argument(help="Item number.")],
    location: Annotated[int, typer.Argument(help="Store number.")],
    warehouse: WarehouseOption = None,
) -> None:
    """Explain one order, or why there is none: term by term, adding up to the quantity."""
    from dagster_project import summary

    with reading(warehouse) as path:
        explained = summary.why(path, item, location)
    if explained is None:
        raise fail(
            [f"item {item} is not held at store {location}"],
            f'{program()} query "from recommendations.rec_orders" lists what is.',
        )
    console.print(explained)


@decisions_app.command()
def forecast(
    item: Annotated[int, typer.Argument(help="Item number.")],
    location: Annotated[int, typer.Argument(help="Store number.")],
    png: Annotated[Path | None, typer.Option("--png", help="File to draw it into, instead of the terminal.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Show one item at one store: what sold, where stock was out, what is expected and how surely."""
    from dagster_project import picture

    with reading(warehouse) as path:
        found = picture.read_picture(path, item, location)
    if found is None:
        raise fail(
            [f"item {item} is not held at store {location}"],
            f'{program()} query "from features.ftr_item_locations" lists what is.',
        )
    if png is None:
        console.print(picture.as_text(found, console.width))
        return
    try:
        picture.write_png(found, png)
    except OSError as error:
        raise fail([f"{png} cannot be written: {error}"], "Choose another file: --png FILE") from None
    console.print(f"{found.title}. {found.subtitle}. Drawn in {png}.", soft_wrap=True)


@decisions_app.command()
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
        reading(warehouse) as path,
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
        console.print(f"  STOCKROOM_FORECAST_SETTINGS={out} {program()} run", markup=False)
    else:
        console.print(f"Nothing beat today's settings (loss {result.score_before:.4f}). The trials are in {out}.")


ProposalsArgument = Annotated[list[str] | None, typer.Argument(help="Names of proposals, as `orders list` shows them.")]


@orders_app.command("list")
def orders_list(
    everything: Annotated[bool, typer.Option("--all", help="Those of past days too.")] = False, warehouse: WarehouseOption = None
) -> None:
    """Show the proposals: one per vendor and day of delivery, with their states."""
    from dagster_project import orders

    with reading(warehouse) as path:
        console.print(orders.list_proposals(path, everything, program()))


@orders_app.command("approve")
def orders_approve(
    proposals: ProposalsArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="Every proposal of today.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Approve proposals: their lines stay as they are from now on."""
    from dagster_project import orders

    with reading(warehouse) as path, deciding(orders.OrdersError):
        names = orders.current_ids(path, "proposed") if everything else proposals
        outcomes = orders.approve(path, _some(names, everything, "orders list"), program())
    for outcome in outcomes:
        console.print(f"{outcome.proposal_id} {outcome.text}", soft_wrap=True)
    console.print(f"Next: {program()} orders export {' '.join(o.proposal_id for o in outcomes[:3])} --out FOLDER", soft_wrap=True)


@orders_app.command("export")
def orders_export(
    proposals: ProposalsArgument = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write one CSV file per proposal into.")] = Path("orders"),
    everything: Annotated[bool, typer.Option("--all", help="Every approved proposal of today.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Write approved proposals into files; from then on they count as on order."""
    from dagster_project import orders

    with reading(warehouse) as path, deciding(orders.OrdersError):
        names = orders.current_ids(path, "approved") if everything else proposals
        outcomes = orders.export(path, _some(names, everything, "orders approve --all"), out, program())
    for outcome in outcomes:
        console.print(f"{outcome.proposal_id} {outcome.text}: {outcome.path}", soft_wrap=True)
    console.print(
        "Next: send the files to the vendors. The next run counts them as on order until the purchase file shows them.",
        soft_wrap=True,
    )


def _some(names: list[str] | None, everything: bool, before: str) -> list[str]:
    if names:
        return names
    raise fail(
        ["there is none today" if everything else "no proposal is named"], f"See first: {program()} {before}, or name proposals."
    )


WHAT_IF_PARAMETERS = (
    "service_level (probability of no stock-out per cycle), holding_rate (times today's rate), lead_time (times today's lead times) "
    "or moq (units, where today's minimum is lower)."
)
"""What replay_tables.PARAMETERS says, held to it by a test: help must not wait for numpy to load."""


@decisions_app.command()
def replay(
    policies: Annotated[
        str, typer.Option("--policies", help="Names, with commas between; default: all. A name that is none of them lists them.")
    ] = "",
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
    with reading(warehouse) as path, bar("replaying") as progress, refusing(ValueError):
        rows, compared = replaying.run_replay(WarehouseFile(str(path)), names, weeks, baseline, sample, seed, progress)
    console.print(replay_page.replay_table(rows, compared))
    console.print(f'Per class and vendor: {program()} query "from reports.rpt_policy_replay"', soft_wrap=True)
    _draw(png, lambda file: replay_page.write_replay_png(rows, file))


@decisions_app.command()
def what_if(
    parameter: Annotated[str, typer.Option("--parameter", help=WHAT_IF_PARAMETERS)],
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
        raise fail([f"--values {values}: not numbers"], "For example: --values 0.8,0.9,0.95") from None
    with reading(warehouse) as path, bar("replaying") as progress, refusing(ValueError):
        file = WarehouseFile(str(path))
        rows = replaying.run_what_if(file, parameter, tried, policy, weeks, sample, progress=progress)
    console.print(replay_page.what_if_table(rows))
    _draw(png, lambda file: replay_page.write_what_if_png(rows, file))


def _draw(png: Path | None, write: Callable[[Path], None]) -> None:
    if png is None:
        return
    try:
        write(png)
    except OSError as error:
        raise fail([f"{png} cannot be written: {error}"], "Choose another file: --png FILE") from None
    console.print(f"Drawn in {png}.", soft_wrap=True)
