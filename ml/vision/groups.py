"""Which photos show the same part: photos of one part never stand on both sides of a split.

Belongs here: near-duplicates under another exposure, and under mirroring, turning and slight shear; folds by group.
Does not belong here: training, labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ALIKE = 0.95
"""Correlation from which two photos show one part."""

Groups = NDArray[np.int64]


def find_groups(thumbnails: NDArray[np.uint8]) -> Groups:
    """A number per photo; photos of one part have the same. Thumbnails: (photos, side, side)."""
    count, side = len(thumbnails), thumbnails.shape[1]
    flat = _normalised(thumbnails.astype(np.float32).reshape(count, -1))
    pairs: list[NDArray] = []
    for turns in range(4):
        for mirrored in (False, True):
            other = np.rot90(flat.reshape(count, side, side), turns, (1, 2))
            other = (other[:, :, ::-1] if mirrored else other).reshape(count, -1)
            for first in range(0, count, 1024):
                pairs.append(np.argwhere(flat[first : first + 1024] @ other.T > ALIKE) + np.array([first, 0]))
    edges = np.concatenate(pairs)
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def split_groups(groups: Groups, labels: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold per photo: groups stay whole, and each fold gets its share of photos and of defects. Deterministic.

    Groups are dealt from the largest to the smallest, each to the fold that most lacks what it has.
    """
    names, codes = np.unique(groups, return_inverse=True)
    bad = np.bincount(codes, weights=labels.astype(float), minlength=len(names))
    good = np.bincount(codes, weights=(~labels).astype(float), minlength=len(names))
    share = np.stack([good / max(good.sum(), 1), bad / max(bad.sum(), 1)], axis=1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-share[order].max(axis=1), kind="stable")]
    filled, chosen = np.zeros((folds, 2)), np.zeros(len(names), dtype=np.int64)
    for name in order:
        after = filled + share[name]
        worse = (after**2).sum(axis=1) - (filled**2).sum(axis=1)
        chosen[name] = int(np.argmin(worse))
        filled[chosen[name]] += share[name]
    return chosen[codes]


def _normalised(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
