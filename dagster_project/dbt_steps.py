"""dbt inside this process: started once, and its project read once, however many steps of a run call it.

Belongs here: calling dbt from Dagster and passing on what it says. Does not belong here: SQL, and what runs when.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from dagster_project import build

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


class DbtFailed(Exception):
    """dbt did not finish; the message is what it said."""


class Dbt(dg.ConfigurableResource):
    """dbt as a resource. A program per step, as `DbtCliResource` starts it, takes longer to start than most steps to run."""

    def build(
        self,
        context: dg.AssetExecutionContext,
        manifest: Mapping[str, Any],
        translator: DagsterDbtTranslator,
        arguments: Sequence[str] = (),
    ) -> Iterator[Any]:
        """`dbt build` of what Dagster asks for in this step; yields its events as dbt reports them. Raises DbtFailed."""
        selection, indirect = get_subset_selection_for_context(context, manifest, None, None, None, translator, None)
        command = ["build", *build.QUICK, *arguments, *selection, *(["--indirect-selection", indirect] if indirect else [])]
        for event in _events(command):
            yield from DbtCoreCliEventMessage(event, {}).to_default_asset_events(manifest, translator, context)


def _events(command: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What dbt reports while it is at work in a thread of its own. Raises DbtFailed at the end where it did not succeed."""
    from dbt_common.events.functions import msg_to_dict

    project = _project(Path(os.environ["STOCKROOM_WAREHOUSE"]).stem, build.MANIFEST.stat().st_mtime_ns)
    said: queue.SimpleQueue[Any] = queue.SimpleQueue()
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(build.invoke_dbt(command, manifest=project, callbacks=[said.put]))
        finally:
            said.put(None)

    # a daemon: who stops the run does not wait for dbt, whose work so far is whole tables
    threading.Thread(target=work, name="dbt", daemon=True).start()
    errors = []
    while (event := said.get()) is not None:
        if event.info.level == "error":
            errors.append(event.info.msg.strip())
        print(f"{event.info.ts.ToDatetime():%H:%M:%S}  {event.info.msg}")  # for who looks into a step's output
        yield msg_to_dict(event)
    if not (outcome and outcome[0].success):
        raise DbtFailed("\n".join(errors) or str(outcome[0].exception if outcome else "dbt broke off; see the log"))


@functools.cache
def _project(database: str, changed_ns: int) -> Manifest:
    """The project as dbt reads it, once per process while it does not change."""
    if project := build.read_project(database):
        return project
    result = build.invoke_dbt(["parse", "--target-path", str(build.MANIFEST.parent), *build.QUICK])
    if not result.success:
        raise DbtFailed(str(result.exception))
    return result.result
