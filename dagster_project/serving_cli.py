"""The command line of the API: `stockroom serve` and `stockroom api-key`.

Belongs here: options, messages, and what a server is told. Does not belong here: requests (`ml.serving`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from dagster_project.settings import Settings
from dagster_project.terminal import errors, fail

if TYPE_CHECKING:
    from ml.serving.settings import Metric, ServingSettings

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on; another than this machine's own needs API keys.")]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65535)]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")]
KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="File of API keys, as `stockroom api-key` writes them (or STOCKROOM_API_KEYS_FILE).")
]
ModelOption = Annotated[Path | None, typer.Option("--vision-model", help="Folder of the photo model; default: the last run's.")]


def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    workers: WorkersOption = 2,
    keys: KeysOption = None,
    vision_model: ModelOption = None,
) -> None:
    """Answer over HTTP from what was published last: recommendations, forecasts, KPIs, every table. Read only."""
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError:
        raise fail(["the API needs more packages"], "Next: pip install 'stockroom[api]'") from None
    settings = serving_settings(Settings.from_env(), keys, vision_model, workers)
    run = _published_run(settings)
    if not settings.keys and not _is_own(host):
        raise fail(
            [f"--host {host}: without API keys everybody there could read all"],
            "Make a key with `stockroom api-key NAME`, keep its line in a file, and name it: --keys FILE",
        )
    with _handed_over(settings):
        _welcome(settings, run, host, port)
        from ml.serving.logs import log_config

        uvicorn.run(
            "ml.serving.app:from_handed_over",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=log_config(),
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=15,
        )


def api_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scopes: Annotated[str, typer.Option("--scopes", help="read, what-if, defects, metrics; with commas between.")] = "read",
    rate: Annotated[str, typer.Option("--rate", help="Requests a minute, as 600/min, or unlimited.")] = "600/min",
) -> None:
    """Make an API key: it is shown once; the line to keep has only its hash."""
    from ml.serving.keys import KeysError, new_key

    try:
        key, line = new_key(name, scopes, rate)
    except KeysError as error:
        raise fail([str(error)]) from None
    errors.print(f"The key of {escape(name)}, shown this once: {key}", soft_wrap=True)
    errors.print("Its line, for the file of --keys or for STOCKROOM_API_KEYS:", soft_wrap=True)
    print(line)


def serving_settings(settings: Settings, keys: Path | None, vision_model: Path | None, workers: int) -> ServingSettings:
    """What the server of this installation is told."""
    from ml.serving.settings import ServingSettings

    return ServingSettings(
        published=settings.published,
        models=vision_model.expanduser().resolve() if vision_model else settings.warehouse.parent / "models",
        keys=_keys(settings, keys),
        workers=workers,
        metrics=served_metrics(),
    )


def served_metrics() -> tuple[Metric, ...]:
    """The KPIs of the semantic models, each as one SQL expression over its table."""
    from dagster_project.publish.metrics import defined_metrics, home, needed, sql
    from ml.serving.settings import Metric

    metrics = defined_metrics()
    return tuple(
        Metric(
            metric.name,
            metric.label,
            metric.description,
            metric.unit,
            home(metric, metrics).table,
            sql(metric, metrics),
            tuple(sorted({column for measure in needed(metric, metrics) for column in measure.columns})),
        )
        for metric in metrics.values()
        if not metric.is_hidden
    )


def _keys(settings: Settings, file: Path | None) -> str:
    """The lines of all keys, checked."""
    from ml.serving.keys import KeysError, read_keys

    named = file or settings.api_keys_file
    text = settings.api_keys
    if named:
        try:
            text = f"{named.expanduser().read_text()}\n{text}"
        except (OSError, UnicodeDecodeError) as error:
            raise fail([f"{named}: the API keys cannot be read: {error}"]) from None
    try:
        known = read_keys(text)
    except KeysError as error:
        raise fail([str(error)]) from None
    if named and not known:
        raise fail([f"{named}: no API key in it"], "Next: stockroom api-key NAME, and put the line it prints there")
    return text if known else ""


def _published_run(settings: ServingSettings) -> dict[str, Any]:
    from ml.serving.snapshot import SnapshotError, Snapshots

    snapshots = Snapshots(settings.published)
    try:
        snapshots.refresh()
        return snapshots.current.run
    except SnapshotError as error:
        raise fail([str(error)]) from None


def _is_own(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _handed_over(settings: ServingSettings) -> Iterator[None]:
    """The settings where worker processes find them, with a folder that they share."""
    import dataclasses

    from ml.serving.settings import HANDED_OVER

    with contextlib.ExitStack() as stack:
        if settings.workers > 1:
            shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stockroom_api_")))
            settings = dataclasses.replace(settings, shared=shared)
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared)  # read when prometheus_client is imported
        os.environ[HANDED_OVER] = settings.to_json()
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker is one of several
        yield


def _welcome(settings: ServingSettings, run: dict[str, Any], host: str, port: int) -> None:
    from ml.serving.keys import read_keys

    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    keys = read_keys(settings.keys)
    errors.print(
        f"Serving run {run['run_id']}, as of {run['as_of_date']}, on {address} with {settings.workers} worker"
        f"{'s' if settings.workers > 1 else ''}; newer runs are taken up as they are published.",
        soft_wrap=True,
    )
    if keys:
        errors.print(f"Keys: {', '.join(sorted(key.name for key in keys.values()))}.", soft_wrap=True)
    else:
        errors.print(
            "No API keys: whoever is on this machine may ask, and nobody else. docs/api.md tells how to make some.",
            soft_wrap=True,
        )
    errors.print(f"Next: curl {address}/v1/tables; the description is {address}/openapi.json", soft_wrap=True)
