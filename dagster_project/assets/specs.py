"""The tables that one Python step writes, as assets.

Belongs here: what such assets have in common. Does not belong here: what writes them.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from dagster_project.translator import OWNERS
from dagster_project.warehouse_file import ML_SCHEMA
from ml.contracts import FrameContract

DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))
"""Made anew every day: late from two hours over a day, and stale when a second day is missed."""


def table_specs(
    written: Iterable[FrameContract], reads: Sequence[Sequence[str]], group: str = "ml", kinds: Iterable[str] = ("python",)
) -> list[dg.AssetSpec]:
    """One asset per contract in `written`, each after all the tables in `reads` (schema, name)."""
    return [
        dg.AssetSpec(
            [ML_SCHEMA, contract.name],
            deps=[list(key) for key in reads],
            group_name=group,
            owners=OWNERS,
            kinds=set(kinds),
            description=f"One row per {', '.join(contract.grain)}.",
        )
        for contract in written
    ]
