"""A second look: what is neither clearly good nor clearly defective is scored again mirrored and turned.

Belongs here: which photos are looked at again, and the mean over the looks. Does not belong here: what a look is made of.

The mean over several looks finds more defects at the same share of false rejects than one look does. It costs as many
times as much; spent on the photos that are close, it costs little.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CLEAR_SHARE = 0.65
"""Share of the validation photos of each class that one look decides clearly enough."""

Scores = NDArray[np.float64]
Score = Callable[[NDArray[np.uint8]], Scores]


def close_scores(first: Scores, labels: NDArray[np.bool_]) -> tuple[float, float]:
    """First-look scores between which photos are looked at again."""
    high_good, low_bad = float(np.quantile(first[~labels], CLEAR_SHARE)), float(np.quantile(first[labels], 1 - CLEAR_SHARE))
    return min(high_good, low_bad), max(high_good, low_bad)


def looked(score: Score, pixels: NDArray[np.uint8], between: tuple[float, float]) -> Scores:
    """Scores of photos (n, channels, height, width): one look, and the mean over all views for those that are close."""
    scores = score(pixels)
    again = np.flatnonzero((scores >= between[0]) & (scores <= between[1])) if between[0] < between[1] else []
    if len(again):
        shown = views(pixels[again])
        scores[again] = (scores[again] + sum(score(np.ascontiguousarray(view)) for view in shown)) / (len(shown) + 1)
    return scores


def views(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The photos mirrored and turned, by right angles too where they are square: seven or three views."""
    found = [pixels[..., ::-1], pixels[..., ::-1, :], pixels[..., ::-1, ::-1]]
    if pixels.shape[-1] == pixels.shape[-2]:
        found += [view.swapaxes(-1, -2) for view in (pixels, *found)]
    return found
