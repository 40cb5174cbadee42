"""A replay as the tables it promises: per class and vendor, differences with intervals, what-if curves.

Belongs here: from results to contract frames, the name of a run, parameters changed for a what-if.
Does not belong here: the replay itself (`replay`), writing tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ml.contracts import POLICY_REPLAY, POLICY_REPLAY_DIFFERENCES, POLICY_WHAT_IF
from ml.replenishment.replay import ACTUAL, differences, replay, summarised
from ml.replenishment.replay_panel import ReplayPanel
from ml.replenishment.rolling import roll

DEFAULT_POLICIES = (
    ACTUAL,
    "eoq_textbook",
    "rs_textbook",
    "rss_textbook",
    "quantile",
    "newsvendor",
    "base_stock_quarterly",
    "just_in_time",
    "least_cost",
)
PARAMETERS: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "service_level": ("quantile", "probability of no stock-out per cycle", (0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)),
    "holding_rate": ("least_cost", "times today's rate", (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)),
    "lead_time": ("least_cost", "times today's lead times", (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)),
    "moq": ("least_cost", "units, where today's minimum is lower", (1.0, 6.0, 12.0, 24.0, 48.0, 96.0)),
}
"""What can be changed: the policy it is tried with unless another is named, what its values mean, and values to try."""

_PACKAGE = Path(__file__).resolve().parents[1]
_CODE = ("contracts/replay.py", "forecasting/distribution.py", "replenishment/least_cost.py", "replenishment/policies.py")


def run_name(panel: ReplayPanel, as_of: date, *settings: object) -> str:
    """First 16 hex digits of a sha256 over data, code and settings: equal inputs have equal names."""
    digest = hashlib.sha256(repr((as_of, panel.first_week, settings)).encode())
    for path in [*(_PACKAGE / name for name in _CODE), *sorted((_PACKAGE / "replenishment").glob("r*.py"))]:
        digest.update(path.name.encode() + path.read_bytes())
    for field in fields(panel):
        value = getattr(panel, field.name)
        if isinstance(value, np.ndarray):
            digest.update(np.ascontiguousarray(value))
    digest.update(panel.keys.write_csv().encode())
    return digest.hexdigest()[:16]


def replay_tables(
    panel: ReplayPanel,
    as_of: date,
    policies: Sequence[str] = (),
    baseline: str = "",
    seed: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `policy_replay` and of `policy_replay_differences`; the baseline is replayed too where it is not among the policies.

    All policies by default, compared with what was really done; where stock was never counted, with the textbook's (R,S).
    """
    is_known = panel.actual is not None
    policies = policies or [name for name in DEFAULT_POLICIES if is_known or name != ACTUAL]
    baseline = baseline or (ACTUAL if is_known else "rs_textbook")
    policies = list(dict.fromkeys([baseline, *policies]))
    results = replay(panel, policies, progress=progress)
    stamp = (pl.lit(run_name(panel, as_of, policies, baseline, seed)).alias("run_id"), pl.lit(as_of).alias("as_of_date"))
    rows = summarised(results, ["abc_class", "vendor_id"], panel.weeks).with_columns(
        *stamp, pl.lit(panel.first_week).alias("first_week_start_date"), pl.lit(panel.weeks, dtype=pl.Int32).alias("weeks")
    )
    compared = POLICY_REPLAY_DIFFERENCES.empty()
    if len(policies) > 1:
        compared = POLICY_REPLAY_DIFFERENCES.conform(differences(results, baseline, seed=seed).with_columns(*stamp))
    return POLICY_REPLAY.conform(rows), compared


def what_if(
    panel: ReplayPanel,
    as_of: date,
    parameter: str,
    values: Sequence[float] = (),
    policy: str = "",
    progress: Callable[[float], None] = lambda share: None,
) -> pl.DataFrame:
    """Rows of `policy_what_if`: the replay of one policy at each value of a parameter, everything else as it is.

    Raises ValueError for a parameter or a value that cannot be.
    """
    if parameter not in PARAMETERS:
        raise ValueError(f"no parameter {parameter}; there are {', '.join(PARAMETERS)}")
    usual_policy, _, usual_values = PARAMETERS[parameter]
    policy, values = policy or usual_policy, sorted(set(values or usual_values))
    if policy == ACTUAL:
        raise ValueError("what was really done cannot be tried with other parameters; name a policy")
    rolling = roll(panel.known, panel.start, panel.group, panel.first)
    rows = []
    for k, value in enumerate(values):
        changed = _changed(panel, parameter, value)
        results = replay(changed, [policy], rolling=rolling, variants=("estimate", "low", "high"))
        rows.append(summarised(results, [], panel.weeks).with_columns(value=pl.lit(float(value))))
        progress((k + 1) / len(values))
    return POLICY_WHAT_IF.conform(
        pl.concat(rows)
        .with_columns(
            pl.lit(run_name(panel, as_of, parameter, tuple(values), policy)).alias("run_id"),
            pl.lit(as_of).alias("as_of_date"),
            pl.lit(parameter).alias("parameter"),
        )
        .select(POLICY_WHAT_IF.schema.keys())
    )


def _changed(panel: ReplayPanel, parameter: str, value: float) -> ReplayPanel:
    if parameter == "service_level":
        if not 0 < value < 1:
            raise ValueError(f"a service level lies between 0 and 1: {value}")
        return panel.with_changes(service_level=np.full_like(panel.service_level, value))
    if not np.isfinite(value) or value < 0:
        raise ValueError(f"{parameter} cannot be {value}")
    if parameter == "holding_rate":
        return panel.with_changes(holding=panel.holding * value)
    if parameter == "lead_time":
        return panel.with_changes(
            lead_days=np.minimum(np.rint(panel.lead_days * value), 181).astype(np.int32),
            lead_mean=(panel.lead_mean * value).astype(np.float32),
            lead_deviation=(panel.lead_deviation * value).astype(np.float32),
        )
    return panel.with_changes(moq=np.maximum(panel.moq, value))
