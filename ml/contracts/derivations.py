"""Which columns that Python writes may depend on which columns that it reads: the part of column lineage no SQL tells.

Belongs here: the declaration, per step. Does not belong here: how anything is computed, and lineage of SQL.

An edge says that a column may depend on another; where there is none, it does not, and a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ml.contracts.constraints import CONSTRAINTS, ORDER_ECONOMICS
from ml.contracts.features import FEATURES, ITEM_LOCATIONS, LEAD_TIME_DISTRIBUTION
from ml.contracts.forecasts import FORECASTS, LEAD_TIME_DEMAND
from ml.contracts.frame import FrameContract
from ml.contracts.orders import ORDERS, TARGET_ECONOMICS
from ml.contracts.replay import REPLAY_FEATURES, REPLAYS

_PASSED_ON = ("item_id", "location_id", "as_of_date")


@dataclass(frozen=True)
class Derivation:
    """One step: every column it writes may depend on every column it reads, but keys are passed on, and some are known better."""

    step: str
    reads: tuple[FrameContract, ...]
    writes: tuple[FrameContract, ...]
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns promised to the step that it does not look at, by table."""
    narrower: Mapping[tuple[str, str], Sequence[tuple[str, str]]] = field(default_factory=dict)
    """(table, column) written: the only (table, column) it depends on."""

    def read_columns(self) -> list[tuple[str, str]]:
        """(table, column) of all that the step looks at."""
        return [(c.name, name) for c in self.reads for name in c.schema if name not in self.unread.get(c.name, ())]

    def edges(self) -> Iterator[tuple[str, str, str, str]]:
        """Table and column written, table and column read."""
        read = self.read_columns()
        for contract in self.writes:
            for column in contract.schema:
                if known := self.narrower.get((contract.name, column)):
                    parents = known
                elif column in _PASSED_ON:
                    parents = [(table, name) for table, name in read if name == column]
                else:
                    parents = read
                for table, name in parents:
                    yield contract.name, column, table, name


_FORECASTS = Derivation(
    "forecasts",
    FEATURES,
    FORECASTS,
    unread={
        "ftr_demand_weekly": ("demand_low_units", "demand_high_units"),
        "ftr_calendar_weekly": ("quarter", "week_of_year"),
        "ftr_item_locations": ("first_week_start_date", "unit_cost_usd", "cycle_service_level", "fill_rate_level"),
    },
    narrower={
        (LEAD_TIME_DEMAND.name, "horizon_days"): [
            (ITEM_LOCATIONS.name, "vendor_id"),
            (ITEM_LOCATIONS.name, "review_period_days"),
            *((LEAD_TIME_DISTRIBUTION.name, name) for name in LEAD_TIME_DISTRIBUTION.schema),
        ]
    },
)

DERIVATIONS = (
    _FORECASTS,
    Derivation(
        "order targets",
        (TARGET_ECONOMICS,),
        ORDERS,
        narrower={
            (c.name, name): [(TARGET_ECONOMICS.name, name)]
            for c in ORDERS
            for name in ("run_id", "horizon_days")
            if name in c.schema
        },
    ),
    Derivation("order limits", (ORDER_ECONOMICS,), CONSTRAINTS),
    Derivation("replay", (*FEATURES[:1], ITEM_LOCATIONS, *REPLAY_FEATURES), REPLAYS),
)
