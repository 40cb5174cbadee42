"""Random numbers, the same for every series and every order quantity that is compared.

Belongs here: drawing them once, evenly spread. Does not belong here: what they stand for in a model.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """N paths of H periods. Uniform: model, family, run, age. Standard normal: scale, state, noise, level, slope."""

    model: Array
    family: Array
    run: Array
    scale: Array
    state: Array
    noise: Array
    level: Array
    slope: Array
    age: Array
    """(orders, N): a column of its own for each order, whichever other orders there are."""

    def chi_square(self, degrees: float | Array) -> Array:
        """Chi-square draws by Wilson and Hilferty's cube, from the `scale` column; broadcast against degrees."""
        width = 2 / (9 * degrees)
        return np.maximum(degrees * (1 - width + self.scale * np.sqrt(width)) ** 3, 0.05 * degrees)


@functools.lru_cache(maxsize=32)
def draw(paths: int, periods: int, orders: int, seed: int) -> Draws:
    """Scrambled Sobol points: `paths` should be a power of two."""
    points = qmc.Sobol(7 + 3 * periods, seed=np.random.default_rng(seed)).random(paths).clip(1e-4, 1 - 1e-4)
    normal = norm.ppf(points)
    blocks = [normal[:, 7 + i * periods : 7 + (i + 1) * periods] for i in range(3)]
    even = (np.arange(paths) + 0.5) / paths
    age = np.stack([np.random.default_rng([seed, order]).permutation(even) for order in range(orders)])
    return Draws(points[:, 0], points[:, 1], points[:, 2], normal[:, 3], normal[:, 4:7], *blocks, age)
