"""What people entered in PostgreSQL since the last run, taken in before the first table is built.

Belongs here: bringing what PostgreSQL holds and the commands that act on it together. Does not belong here: either of them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dagster as dg

from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile


def take_entries(settings: Settings, warehouse: WarehouseFile) -> dict[str, int]:
    """What people entered in PostgreSQL, where one is set; refusals are told in its table input.refused."""
    if not settings.postgres_url:
        return {}
    from dagster_project.orders import OrdersError, approve
    from dagster_project.publish.errors import PublishError
    from dagster_project.publish.people import Refused
    from dagster_project.publish.people import take_entries as take

    def approve_one(path: Path, proposal: str, moment: datetime) -> None:
        try:
            approve(path, [proposal], "stockroom", moment)
        except OrdersError as error:
            raise Refused("; ".join(error.problems)) from None

    try:
        taken = take(settings, warehouse, approve_one)
    except PublishError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return taken.taken if taken else {}
