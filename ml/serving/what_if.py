"""What would be ordered with other stock or other terms: the decision on what is posted.

Belongs here: the form of the question, and handing it to `ml.replenishment.decide`. Does not belong here: any decision.
"""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.contracts import ContractError
from ml.serving.answers import serving
from ml.serving.formats import MEDIA_TYPES, accepted, rows_as
from ml.serving.openapi import DECISIONS
from ml.serving.problems import Problem

router = APIRouter(prefix="/v1")
MOST_SERIES = 50
Units = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Periods = Annotated[int, Field(ge=0, le=60)]


class Posted(BaseModel):
    """Nothing is guessed: 1 is not true, "2" is no number, and a name that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenOrder(Posted):
    """An order that has not come yet."""

    ordered_periods_ago: Annotated[int, Field(ge=0, le=1000)]
    expected_in_periods: Annotated[int, Field(ge=-1000, le=1000)] = 0
    quantity: Units


class Receipt(Posted):
    """A delivery that has come: lead times are learned from these."""

    ordered_periods_ago: Annotated[int, Field(ge=1, le=1000)]
    took_periods: Annotated[int, Field(ge=0, le=1000)]
    quantity: Units

    @model_validator(mode="after")
    def came_before_now(self) -> Receipt:
        if self.took_periods >= self.ordered_periods_ago:
            raise ValueError("took_periods: a receipt has come before this period; list what has not come under open_orders")
        return self


class Series(Posted):
    """One item in one place. Costs are per unit, holding per unit and period; a period is whatever the history counts in."""

    unique_id: Annotated[str, Field(min_length=1, max_length=200)]
    history: Annotated[list[Units | None], Field(min_length=1, max_length=520)]
    """Demand of past periods, oldest first, the last one just over; null where it is not known."""
    in_stock: Annotated[list[bool], Field(max_length=520)] | None = None
    on_hand: Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
    on_order: Units = 0.0
    open_orders: Annotated[list[OpenOrder], Field(max_length=100)] = []
    receipts: Annotated[list[Receipt], Field(max_length=200)] = []
    lead_time_periods: Periods
    review_periods: Annotated[int, Field(ge=1, le=60)] = 1
    holding_cost: Units
    shortage_cost: Units
    order_cost: Units | None = None
    moq: Units | None = None
    pack: Annotated[float, Field(ge=0.001, le=1e9, allow_inf_nan=False)] | None = None
    max_stock: Units | None = None
    shelf_life_periods: Units | None = None
    service_level: Annotated[float, Field(gt=0, lt=1)] | None = None
    unmet: Literal["lost", "backordered"] = "lost"
    is_whole_units: bool | None = None

    @model_validator(mode="after")
    def one_flag_per_period(self) -> Series:
        if self.in_stock is not None and len(self.in_stock) != len(self.history):
            raise ValueError(f"in_stock: {len(self.in_stock)} values for {len(self.history)} periods of history")
        return self


class WhatIf(Posted):
    """Stock and terms to decide on; nothing of it is kept."""

    policy: Literal["least_cost", "newsvendor", "quantile", "base_stock", "just_in_time"] = "least_cost"
    series: Annotated[list[Series], Field(min_length=1, max_length=MOST_SERIES)]


EXAMPLE = {
    "series": [
        {
            "unique_id": "tea",
            "history": [12, 9, 14, 11, 10, 13, 8, 12, 15, 11, 9, 12],
            "on_hand": 20,
            "open_orders": [{"ordered_periods_ago": 1, "expected_in_periods": 1, "quantity": 10}],
            "lead_time_periods": 2,
            "holding_cost": 0.05,
            "shortage_cost": 2,
            "pack": 6,
        }
    ]
}
_TERMS = ("lead_time_periods", "review_periods", "holding_cost", "shortage_cost", "order_cost", "moq", "pack", "max_stock")
_MORE_TERMS = ("shelf_life_periods", "service_level")


@router.post("/what-if", tags=["what-if"], **DECISIONS)
async def what_if(request: Request, posted: Annotated[WhatIf, Body(examples=[EXAMPLE])]) -> Response:
    """The order for each series, its terms, which add up to it, and the reason. Equal questions have equal answers."""
    form = accepted(request.headers.get("accept"))
    try:
        decided = await run_sync(decisions, posted, limiter=serving(request).heavy)
    except ContractError as error:
        raise Problem(422, str(error)) from None
    rows = decided.to_arrow(compat_level=pl.CompatLevel.oldest())
    return Response(rows_as(form, rows, {}), media_type=MEDIA_TYPES[form])


def decisions(posted: WhatIf) -> pl.DataFrame:
    """`decide` on the posted series: period 0 is the first of the longest history, so all histories end at the same now."""
    from ml.replenishment import decide
    from ml.replenishment.settings import DecisionSettings

    now = max(len(series.history) for series in posted.series)
    history, state, pipeline, receipts, params = [], [], [], [], []
    for series in posted.series:
        name, begin = series.unique_id, now - len(series.history)
        flags = series.in_stock or [True] * len(series.history)
        history += [(name, begin + i, y, flag) for i, (y, flag) in enumerate(zip(series.history, flags, strict=True))]
        listed = sum(order.quantity for order in series.open_orders)
        state.append((name, now, series.on_hand, max(series.on_order, listed)))
        pipeline += [(name, now - o.ordered_periods_ago, now + o.expected_in_periods, o.quantity) for o in series.open_orders]
        receipts += [
            (name, now - r.ordered_periods_ago, now - r.ordered_periods_ago + r.took_periods, r.quantity) for r in series.receipts
        ]
        params.append((name, *(getattr(series, term) for term in (*_TERMS, *_MORE_TERMS)), series.unmet, series.is_whole_units))

    def frame(rows: list[tuple], **types: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema={"unique_id": pl.String, **types}, orient="row")

    return decide(
        frame(history, ds=pl.Int64, y=pl.Float64, in_stock=pl.Boolean),
        frame(state, now=pl.Int64, on_hand=pl.Float64, on_order=pl.Float64),
        frame(pipeline, ordered_at=pl.Int64, expected_at=pl.Int64, quantity=pl.Float64),
        frame(receipts, ordered_at=pl.Int64, received_at=pl.Int64, quantity=pl.Float64),
        frame(params, **dict.fromkeys((*_TERMS, *_MORE_TERMS), pl.Float64), unmet=pl.String, is_whole_units=pl.Boolean),
        posted.policy,
        DecisionSettings(workers=1),
    )
