"""What a brand is beyond the price list: how long it keeps, where it is from, how strong it is.

Belongs here: properties of the goods themselves. Does not belong here: prices, demand (`catalogue`,
`pricing`), what becomes of goods that do not keep (`handling`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from .catalogue import Brands
from .streams import stream
from .words import CATEGORIES

# variety -> days from receipt within which it is at its best, shortest and longest of the brands; others keep for ever
_SHELF_LIFE_DAYS = {
    "Cream Liq": (240, 330),
    "Sake": (240, 300),
    "Rose": (270, 420),
    "Wh Znfdl": (270, 420),
    "Rosado": (270, 420),
    "Moscato": (300, 480),
    "Spumante": (330, 540),
}
_STRENGTH = {"liqueur": (15.0, 35.0), "fortified": (15.0, 20.0), 1: (37.5, 50.0), 2: (10.5, 14.5)}
_COLOURS = {"red": "red", "white": "white", "rose": "rose"}
_COUNTRIES = ("US", "FR", "IT", "ES", "CL", "AU", "PT", "MX")


@dataclass(frozen=True)
class Products:
    """One entry per brand."""

    shelf_life_days: np.ndarray
    """0: it keeps."""
    attributes: np.ndarray
    """Small JSON texts."""


def build_products(brands: Brands, seed: int) -> Products:
    """Properties of the goods; a house has one country."""
    rng, count = stream(seed, "products"), len(brands.number)
    chance = rng.random((2, count))
    ranges = np.array([_SHELF_LIFE_DAYS.get(variety, (0, 0)) for variety in brands.variety.tolist()])
    life = ranges[:, 0] + np.floor(chance[0] * (ranges[:, 1] - ranges[:, 0] + (ranges[:, 1] > 0)))

    houses, house = np.unique(brands.house.astype(str), return_inverse=True)
    country = rng.choice(len(_COUNTRIES), len(houses), p=[0.4, 0.15, 0.12, 0.1, 0.08, 0.07, 0.04, 0.04])[house]
    attributes = []
    for category, share, place in zip(brands.category.tolist(), chance[1].tolist(), country.tolist(), strict=True):
        kind = CATEGORIES[category]
        low, high = _STRENGTH.get(kind.name, _STRENGTH[kind.classification])
        facts = {"abv": round(2 * (low + share * (high - low))) / 2, "country": _COUNTRIES[place]}
        if kind.name in _COLOURS:
            facts["colour"] = _COLOURS[kind.name]
        attributes.append(json.dumps(facts))
    return Products(life.astype(np.int32), np.array(attributes, dtype=object))
