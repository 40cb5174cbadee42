"""A real job of two assets and a check, seen through the handler."""

import logging
from collections.abc import Iterator

import dagster as dg
import pytest

from dagster_project.progress import LOGGER_NAME, Progress, ProgressHandler, progress_logger


@dg.asset
def shelves(context: dg.AssetExecutionContext) -> None:
    context.log.debug("for developers")
    context.log.info("counting shelves")


@dg.asset_check(asset=shelves)
def shelves_are_full() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False)


@dg.asset_check(asset=shelves)
def shelves_are_there() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset(deps=[shelves])
def orders() -> None:
    try:
        raise ValueError("no vendor")
    except ValueError as error:
        raise RuntimeError("orders failed") from error


@pytest.fixture
def seen() -> Iterator[list[Progress]]:
    seen: list[Progress] = []
    handler = ProgressHandler(seen.append)
    logging.getLogger(LOGGER_NAME).addHandler(handler)
    yield seen
    logging.getLogger(LOGGER_NAME).removeHandler(handler)


def run(*assets: object) -> dg.ExecuteInProcessResult:
    defs = dg.Definitions(
        assets=[a for a in assets if not isinstance(a, dg.AssetChecksDefinition)],
        asset_checks=[a for a in assets if isinstance(a, dg.AssetChecksDefinition)],
        jobs=[dg.define_asset_job("all", dg.AssetSelection.all())],
        loggers={"progress": progress_logger},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("all").execute_in_process(
            instance=instance, raise_on_error=False, run_config={"loggers": {"progress": {}}}
        )


def test_a_person_sees_steps_assets_messages_failed_checks_and_the_root_of_an_error(seen: list[Progress]) -> None:
    assert not run(shelves, shelves_are_full, shelves_are_there, orders).success
    assert [progress for progress in seen if progress.kind == "asset"] == [Progress("asset", "shelves")]
    assert Progress("step", "shelves") in seen
    assert Progress("message", "counting shelves") in seen
    assert [progress for progress in seen if progress.kind == "check_failed"] == [
        Progress("check_failed", "shelves: shelves_are_full")
    ]
    [error] = [progress for progress in seen if progress.kind == "error"]
    assert error.text == "ValueError: no vendor"
    assert not any("for developers" in progress.text for progress in seen)
