"""Invented names: brands, towns, vendors.

Belongs here: word parts and how they combine. Does not belong here: which brand gets which
price, vendor or demand. No name is taken from a real list; a likeness would be chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


_HEADS = _words(
    "Ald Bram Cald Dun Elder Fenn Gar Hazel Iver Jas Kest Lorn Mar Nether Oak Pell Quill Rusk Sel Tarn "
    "Ulv Vern Wick Yarrow Zell Brack Corv Dray Esk Fal Grim Holl Isen Kel Lath Mire Nor Orm Pend Rav"
)
_TAILS = _words(
    "holt mere wick ford dale combe stead worth by ness fell shaw garth croft bourne thorpe ley den "
    "mont vale ridge brook gate haven moor stone well hurst"
)
_HOUSE_PREFIXES = ("", "", "", "", "", "", "Old ", "Casa ", "Ch ", "Villa ", "Dom ", "Capt ")
_REGIONS = ("Northvale", "Sierrino", "Valdor", "Ostara Vly", "Cal Norte", "Monfero", "Res", "Old Vines")
_FLAVOURS = ("Cherry", "Citron", "Peach", "Vanilla", "Honey", "Apple", "Pineapple", "Spiced", "Silver")
_FIRMS = _words(
    "BEVERAGE CO,WINES LLC,IMPORTS INC,SPIRITS GROUP,DISTILLING CO,WINE & SPIRITS,VINTNERS LLC,"
    "CELLARS INC,TRADING CO,BRANDS CORP,SELECTIONS LTD,ESTATES",
    ",",
)
VENDOR_NAME_WIDTH = 27
"""The width the retailer's old system pads most vendor names to."""


@dataclass(frozen=True)
class Category:
    """A kind of drink: what it is called, what it costs, when it sells."""

    name: str
    classification: int
    """1 spirits, 2 wine: the retailer's own coding."""
    share: float
    """Share of the brands."""
    price_usd: float
    """Median shelf price of 750 mL."""
    peak_day_of_year: int
    amplitude: float
    """Size of the yearly wave, on the log scale."""
    christmas_lift: float
    """Extra demand in the best days of December, as a multiple of normal."""
    varieties: tuple[str, ...]
    has_flavours: bool = False


CATEGORIES: tuple[Category, ...] = (
    Category("vodka", 1, 0.09, 17.0, 190, 0.10, 0.6, ("Vodka", "Vodka 80 Proof", "Potato Vodka"), True),
    Category("whiskey", 1, 0.10, 27.0, 10, 0.16, 1.0, ("Bourbon", "Rye", "Single Malt", "Blnd Whsky")),
    Category("rum", 1, 0.05, 17.0, 195, 0.22, 0.5, ("Rum", "Dark Rum", "White Rum"), True),
    Category("gin", 1, 0.03, 22.0, 190, 0.25, 0.5, ("Dry Gin", "Gin", "Barrel Gin")),
    Category("tequila", 1, 0.04, 31.0, 150, 0.28, 0.3, ("Tequila Blanco", "Tequila Repo", "Tequila Anejo")),
    Category("liqueur", 1, 0.06, 21.0, 350, 0.20, 1.4, ("Liqueur", "Cream Liq", "Schnapps"), True),
    Category("red", 2, 0.29, 14.0, 5, 0.15, 0.8, ("Cab Svgn", "Merlot", "Pnt Nr", "Malbec", "Znfdl", "Syrah")),
    Category("white", 2, 0.20, 13.0, 195, 0.16, 0.5, ("Chard", "Svgn Bl", "Pnt Gr", "Rsl", "Albarino")),
    Category("rose", 2, 0.04, 12.0, 185, 0.55, 0.1, ("Rose", "Wh Znfdl", "Rosado")),
    Category("sparkling", 2, 0.06, 16.0, 350, 0.20, 2.6, ("Brut", "Extra Dry", "Spumante", "Moscato")),
    Category("fortified", 2, 0.04, 15.0, 355, 0.25, 0.9, ("Ruby Port", "Tawny Port", "Sherry", "Sake")),
)


def place_words(count: int, rng: np.random.Generator) -> list[str]:
    """`count` different place-like words, capitalised."""
    heads, tails = len(_HEADS), len(_TAILS)
    picks = rng.permutation(heads * tails)[:count]
    return [_HEADS[pick // tails] + _TAILS[pick % tails] for pick in picks.tolist()]


def town_names(stores: int, rng: np.random.Generator) -> list[str]:
    """A town per store, upper case; some towns have two stores, one has a blank and an apostrophe."""
    towns = [word.upper() for word in place_words(max(2, round(stores * 0.85)), rng)]
    towns[1] = "WREN'S REST"
    return [towns[pick] for pick in (np.arange(stores) % len(towns)).tolist()]


def vendor_names(vendors: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """First and second spelling per vendor: only the first two vendors have a different second one.

    Most names are padded with blanks on the right, one holds a comma: readers must cope with both.
    """
    words = [word.upper() for word in place_words(vendors, rng)]
    firms = [_FIRMS[pick] for pick in rng.integers(len(_FIRMS), size=vendors).tolist()]
    first = [f"{word} {firm}"[:VENDOR_NAME_WIDTH] for word, firm in zip(words, firms, strict=True)]
    first[0], first[1] = f"{words[0]} WINE & SPIRITS", f"{words[1]} BRANDS INC"
    first[-1] = f"{words[-1].title()} Estates, Inc."
    second = [f"{words[0]} GLADE W&S", f"{words[1]} BRANDS LLC", *first[2:]]
    # One vendor in eight comes unpadded, as in the real files; never the two with two spellings.
    width = [0 if i > 1 and i % 8 == 2 else VENDOR_NAME_WIDTH for i in range(vendors)]
    return (
        [name.ljust(w) for name, w in zip(first, width, strict=True)],
        [name.ljust(w) for name, w in zip(second, width, strict=True)],
    )


def brand_names(category: np.ndarray, rng: np.random.Generator) -> tuple[list[str], list[str], list[str]]:
    """Per brand its description (30 characters at most), and the house and the variety that are in it.

    A description is a house, a variety and sometimes a flavour or a region; several brands share a house.
    """
    count = len(category)
    houses = place_words(min(len(_HEADS) * len(_TAILS), max(8, count // 6)), rng)
    house = rng.integers(len(houses), size=count).tolist()
    prefix = rng.integers(len(_HOUSE_PREFIXES), size=count).tolist()
    pick, extra = rng.integers(1 << 16, size=(2, count)).tolist()
    has_extra = (rng.random(count) < 0.6).tolist()
    names, makers, varieties = [], [], []
    for i, c in enumerate(category.tolist()):
        kind = CATEGORIES[c]
        makers.append(_HOUSE_PREFIXES[prefix[house[i] % count]] + houses[house[i]])
        varieties.append(kind.varieties[pick[i] % len(kind.varieties)])
        parts = [makers[i]]
        if has_extra[i] and kind.has_flavours:
            parts.append(_FLAVOURS[extra[i] % len(_FLAVOURS)])
        parts.append(varieties[i])
        if has_extra[i] and kind.classification == 2:
            parts.append(_REGIONS[extra[i] % len(_REGIONS)])
        names.append(" ".join(parts)[:30].rstrip())
    return names, makers, varieties
