"""What lies between the warehouse and the replay of policies: its features, its tables.

Belongs here: reading what a replay needs, writing what it found. Does not belong here: Dagster, the replay itself, printing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.warehouse_file import ML_SCHEMA, WarehouseFile
from ml import contracts

if TYPE_CHECKING:
    from ml.replenishment.replay_panel import ReplayPanel

Progress = Callable[[float], None]
_FEATURES = (contracts.DEMAND_WEEKLY, contracts.ITEM_LOCATIONS, *contracts.REPLAY_FEATURES)


def read_panel(warehouse: WarehouseFile, weeks: int, sample: int | None, seed: int) -> tuple[ReplayPanel, date]:
    """History as arrays, and the as-of day. Raises ValueError where there is nothing to replay."""
    from ml.replenishment.replay_panel import ReplayFeatures, build_panel

    as_of = warehouse.read("select as_of_date from intermediate.int_as_of").item()
    features = ReplayFeatures(*(warehouse.read(f"from features.{contract.name}") for contract in _FEATURES)).conformed()
    return build_panel(features, as_of, weeks, sample=sample, seed=seed), as_of


def run_replay(
    warehouse: WarehouseFile,
    policies: Sequence[str] = (),
    weeks: int = 52,
    baseline: str = "",
    sample: int | None = None,
    seed: int = 1,
    progress: Progress = lambda share: None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Replay and write `policy_replay` and `policy_replay_differences`; returns both. Raises ValueError for what cannot be replayed."""
    from ml.replenishment.replay_tables import replay_tables

    panel, as_of = read_panel(warehouse, weeks, sample, seed)
    rows, compared = replay_tables(panel, as_of, policies, baseline, seed, progress)
    warehouse.ensure_tables(contracts.REPLAYS)
    warehouse.replace_as_of(as_of, [(contracts.POLICY_REPLAY, rows), (contracts.POLICY_REPLAY_DIFFERENCES, compared)])
    return rows, compared


def run_what_if(
    warehouse: WarehouseFile,
    parameter: str,
    values: Sequence[float] = (),
    policy: str = "",
    weeks: int = 52,
    sample: int | None = None,
    seed: int = 1,
    progress: Progress = lambda share: None,
) -> pl.DataFrame:
    """Replay one policy at each value of a parameter and write `policy_what_if`; curves of other parameters and policies stay."""
    from ml.replenishment.replay_tables import what_if

    panel, as_of = read_panel(warehouse, weeks, sample, seed)
    rows = what_if(panel, as_of, parameter, values, policy, progress)
    warehouse.ensure_tables(contracts.REPLAYS)
    kept = warehouse.read(f"from {ML_SCHEMA}.{contracts.POLICY_WHAT_IF.name} where as_of_date = '{as_of}'").filter(
        ~((pl.col("parameter") == parameter) & pl.col("policy").is_in(rows["policy"].unique().to_list()))
    )
    warehouse.replace_as_of(as_of, [(contracts.POLICY_WHAT_IF, pl.concat([kept, rows]))])
    return rows
