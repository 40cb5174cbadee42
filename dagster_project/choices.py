"""What a person chooses when a job is launched, typed, so that the launchpad knows it and refuses what is none.

Belongs here: choices that hold for all steps of a run. Does not belong here: settings of the installation (settings).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, field_validator

from dagster_project.settings import Settings

if TYPE_CHECKING:
    from ml.forecasting import ForecastSettings

BUSY = ("Could not set lock", "Conflicting lock")


class RunChoices(dg.ConfigurableResource):
    """Choices of one run. Each step reads them from the run's configuration, so a run that is tried again has them too."""

    as_of: str = Field("", description="Day to decide for, YYYY-MM-DD; empty: the installation's, or the last day with a sale.")
    models: list[str] = Field(
        [], description="Names of forecasting models to choose among; empty: what the size of the data allows."
    )
    inbox: list[str] = Field([], description="Files to take from the inbox before the run, as the inbox sensor names them.")

    @field_validator("as_of")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        try:
            return date.fromisoformat(text).isoformat() if text else text
        except ValueError:
            raise ValueError(f"as_of {text}: not a day. Write it as YYYY-MM-DD.") from None

    @field_validator("models")
    @classmethod
    def _are_models(cls, names: list[str]) -> list[str]:
        if names:
            from ml.forecasting.models import specs

            specs(names)
        return names

    def settings(self) -> Settings:
        """The installation's settings with this run's day. dbt reads the day from the environment: it is put there."""
        if self.as_of:
            os.environ["STOCKROOM_AS_OF"] = self.as_of
        return Settings.from_env()

    def chosen(self, defaults: ForecastSettings) -> ForecastSettings:
        """Forecast settings with this run's models."""
        return defaults.changed({"models": tuple(self.models)}) if self.models else defaults


@contextmanager
def tried_again(context: Any, wait_seconds: float = 10) -> Iterator[None]:
    """A step that finds the warehouse locked by another program is tried three times more, each time after twice the wait.

    Only what passes by itself is tried again: bad data stays bad.
    """
    try:
        yield
    except Exception as error:
        if not any(word in str(error) for word in BUSY):
            raise
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=wait_seconds * 2**context.retry_number) from error
