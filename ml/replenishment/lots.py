"""Whether one more pack, or the minimum, is worth ordering now.

Belongs here: the choice between the pack below and the pack above what is wanted. Does not belong here: what is wanted (`search`), rounding
itself and its terms (`orders`, the same as in SQL), the cost of an order (`decide`).

A pack that is sold within a review is rounded to the nearest: what is too much is used next time. A larger one stays, and the question is
whether to order it now or a review later. Now, it sells what would be short until then; later, all of it is held one review less. With a
rate of demand d, holding cost h and margin p, a pack of Q is used up after Q / d periods, and having sold f of it already is worth
f h Q / (2 d) of holding: so it is ordered where f (p + h Q / (2 d)) is more than what holding it until the next order costs. With an empty
shelf that says p d > h Q / 2: the margin of a period pays for the stock that the pack is on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.replenishment.draws import Draws
from ml.replenishment.search import Situation, sold_and_held
from ml.replenishment.supply import Supply

Array = NDArray[np.float64]

_TINY = 1e-9


@dataclass(frozen=True)
class Lots:
    """In what amounts each series can be ordered, (series,): the smallest, and by how much there can be more; 0 for any amount."""

    smallest: Array
    pack: Array


def read_lots(table: pl.DataFrame) -> Lots:
    """From the terms `is_whole_units`, `pack` and `moq`, as `orders` reads them."""
    is_whole = table["is_whole_units"].to_numpy()
    pack, least = (table[name].fill_null(0.0).fill_nan(0.0).to_numpy() for name in ("pack", "moq"))
    pack = np.where(is_whole & (pack < 1), 1.0, np.maximum(pack, 0.0))
    packs = np.ceil(np.divide(least, pack, out=np.zeros_like(least), where=pack > 0))
    return Lots(np.where(pack > 0, np.maximum(packs, 1.0) * pack, np.maximum(least, 0.0)), pack)


def in_lots(now: Situation, supply: Supply, draws: Draws, wanted: Array, rate: Array, unit: Array, lots: Lots) -> Array:
    """(S,) units wanted -> units such that rounding them up to lots gives the order that is worth it.

    `rate` is demand per period, `unit` what it comes in: 1 where it is whole, and so is what is wanted, else 0.
    """
    is_begun = wanted >= lots.smallest
    whole = np.floor(np.divide(wanted, lots.pack, out=np.zeros_like(wanted), where=lots.pack > 0)) * lots.pack
    below = np.where(is_begun, np.where(lots.pack > 0, whole, wanted), 0.0)
    step = np.where(is_begun, lots.pack, lots.smallest)
    takes = wanted - below >= step / 2
    lasting = step > np.maximum(rate * now.review, unit)
    if lasting.any():
        here, own = now.rows(lasting), Supply(supply.hazard[lasting], supply.reliable[lasting])
        base, more = below[lasting], step[lasting]
        sold, held = (
            together - alone
            for together, alone in zip(
                sold_and_held(here, own, draws, base + more), sold_and_held(here, own, draws, base), strict=True
            )
        )
        # what is sold at once was never held, and its part of the pack's half-life on the shelf is saved
        kept = sold * np.maximum(more / np.maximum(rate[lasting], _TINY) / 2 - 1, 0.0)
        takes[lasting] = here.shortage_cost * sold > here.holding_cost * (held - kept)
    # the least that is rounded up to it
    return np.where(takes, np.maximum(wanted, below + np.minimum(step, 1.0)), below)
