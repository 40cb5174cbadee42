"""Independent random streams, one per purpose and key.

Belongs here: how a seed becomes generators. Does not belong here: any use of them.
A stream depends on its name and keys alone, so one part may draw more without moving another,
and stores may be simulated in any order.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """The generator for one purpose (and, say, one store) under one seed."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(purpose.encode()), *keys]))
