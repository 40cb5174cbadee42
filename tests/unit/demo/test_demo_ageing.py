"""How old the stock is: an explicit queue, first in, first out, over the files and the unseen losses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date

import polars as pl

KEY = ["item_id", "location_id"]


def queues(demo) -> Iterator[tuple[tuple[int, int], date | None, str, int, deque]]:
    """Key, day, kind, units and the queue before them, movement by movement, and once more (kind "end") at the end.

    The queue holds [receipt date, units], oldest first. Of one day: receipts, sales, losses, finds, staff's clearing.
    """
    losses = demo.truth("shrinkage").with_columns(pl.col("units").cast(pl.Int64))
    adjustments = demo.adjustments()
    parts = (
        (demo.opening().with_columns(date=pl.lit(demo.summary.start)), "opening", 1),
        (demo.receipts(), "receipt", 1),
        (demo.sales(), "sale", -1),
        (losses, "loss", -1),
        (adjustments.filter(pl.col("units") > 0), "found", 1),
        (adjustments.filter(pl.col("units") < 0, pl.col("reason") != "expired"), "recorded", 1),
        (adjustments.filter(reason="expired"), "expired", 1),
    )
    moves = pl.concat(
        part.select(*KEY, "date", pl.lit(i).alias("turn"), pl.lit(kind).alias("kind"), pl.col("units") * sign)
        for i, (part, kind, sign) in enumerate(parts)
    )
    for key, own in moves.sort("date", "turn").group_by(KEY, maintain_order=True):
        queue: deque = deque()
        for day, kind, units in own.select("date", "kind", "units").iter_rows():
            yield key, day, kind, units, queue
            if units > 0:
                queue.append([day, units])
            while units < 0:
                taken = min(-units, queue[0][1])
                queue[0][1] -= taken
                units += taken
                if not queue[0][1]:
                    queue.popleft()
        yield key, None, "end", 0, queue


def test_ageing_is_what_a_queue_leaves(demo):
    left: dict[tuple[int, int, date], int] = {}
    for (item, place), _, kind, _, queue in queues(demo):
        for received, units in queue if kind == "end" else ():
            left[item, place, received] = left.get((item, place, received), 0) + units
    ageing = demo.truth("ageing")
    assert ageing["receipt_date"].min() == demo.summary.start
    assert {row[:3]: row[3] for row in ageing.select(*KEY, "receipt_date", "units").iter_rows()} == left


def test_ageing_adds_up_to_the_closing_stock(demo):
    stock = demo.truth("ageing").group_by(KEY).agg(pl.col("units").sum().cast(pl.Int64).alias("layers"))
    both = stock.join(demo.closing().filter(pl.col("units") > 0), on=KEY, how="full", coalesce=True)
    assert both.filter(pl.col("layers").ne_missing(pl.col("units"))).height == 0


def test_what_is_written_off_as_expired_is_past_its_date(small):
    life = dict(small.optional("products").drop_nulls("shelf_life_days").select("item_id", "shelf_life_days").iter_rows())
    written_off = 0
    for (item, _), day, kind, units, queue in queues(small):
        if kind == "expired":
            past = sum(left for received, left in queue if (day - received).days > life[item])
            assert past == -units
            written_off += past
    assert written_off > 0


def test_little_of_what_does_not_keep_is_past_its_date_at_the_end(small):
    life = small.optional("products").drop_nulls("shelf_life_days").select(pl.col("item_id").cast(pl.Int32), "shelf_life_days")
    age = (pl.lit(small.summary.end) - pl.col("receipt_date")).dt.total_days()
    left = small.truth("ageing").join(life, on="item_id").with_columns(is_past=age > pl.col("shelf_life_days"))
    past = left.filter("is_past")["units"].sum() / left["units"].sum()
    assert 0 < past < 0.05
