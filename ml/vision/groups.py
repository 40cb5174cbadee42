"""Which photos show the same part: photos of one part never stand on both sides of a split.

Belongs here: near-duplicates under another exposure, and under shifting, mirroring, turning and slight shear; folds by group.
Does not belong here: training, labels of defects beyond dealing them out to folds.

A photo becomes what is peculiar to it: light and contrast are evened out place by place, and each frequency is divided
by how strong it is in all photos, so that what all parts have in common counts little. Two such descriptions are compared
in polar coordinates at every angle, mirrored or not, and in plain coordinates at every shift.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

SIDE = 64
"""Side of the thumbnails that groups are found from."""
SURE = {"turned": 0.7, "shifted": 0.9}
"""Correlation from which two photos show one part, whatever else the photos are; unrelated ones lie near 0.2."""
LEAST = 0.4
"""Correlation below which two photos never count as one part."""
LIKELY, LIKELY_SHARE = 0.1, 0.25
"""A small group joins another where this share of its photos is nearly as much like a photo of the other: so much less."""
LARGEST_SHARE, LARGEST_LEAST = 0.05, 12
"""Below what is sure, photos are grouped as long as no group would hold more of them than this share, or this number."""
_ANGLES, _RADII, _FREQUENCIES = 96, 14, 32
_CANDIDATES = 400
_PAIRS_AT_ONCE = 8192

Groups = NDArray[np.int64]


def find_groups(thumbnails: NDArray[np.uint8]) -> Groups:
    """A number per photo; photos of one part have the same. Thumbnails: (photos, SIDE, SIDE), aspect kept."""
    if len(thumbnails) < 2:
        return np.zeros(len(thumbnails), dtype=np.int64)
    even = _evened(torch.from_numpy(thumbnails).float()[:, None])
    polar, plain = _polar(even), _plain(even)
    with torch.inference_mode():
        turned, turned_alike = _alike(polar, _candidates(polar.abs(), _CANDIDATES), _best_angle)
        shifted, shifted_alike = _alike(plain, _candidates(plain.abs(), _CANDIDATES // 4), _best_shift)
    groups = _grouped(np.arange(len(thumbnails)), turned, turned_alike, SURE["turned"])
    return _grouped(groups, shifted, shifted_alike, SURE["shifted"])


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


def split_by_time(groups: Groups, times: NDArray[np.float64], later_share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the earlier parts, and of the latest ones, at least that share of the photos. A part is as old as its first photo."""
    names, codes = np.unique(groups, return_inverse=True)
    first = np.full(len(names), np.inf)
    np.minimum.at(first, codes, times)
    order = np.argsort(-first, kind="stable")
    photos = np.bincount(codes)[order].cumsum()
    later = order[: int(np.searchsorted(photos, later_share * len(groups))) + 1]
    is_later = np.isin(codes, later)
    return np.flatnonzero(~is_later), np.flatnonzero(is_later)


def _evened(x: Tensor) -> Tensor:
    """Local brightness taken off, local contrast made alike: exposure and light from one side are gone."""
    detail = x - _blurred(x, 4.0)
    contrast = _blurred(detail.square(), 8.0).sqrt()
    return detail / (contrast + 0.3 * detail.std(dim=(1, 2, 3), keepdim=True) + 0.5)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = min(int(3 * sigma), x.shape[-1] - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).float() / sigma).square())
    kernel = kernel / kernel.sum()
    x = functional.conv2d(functional.pad(x, (reach, reach, 0, 0), mode="reflect"), kernel[None, None, None, :])
    return functional.conv2d(functional.pad(x, (0, 0, reach, reach), mode="reflect"), kernel[None, None, :, None])


def _polar(even: Tensor) -> Tensor:
    """(photos, radii, frequencies): spectra around the middle. What is the same at every angle is left out."""
    radius = torch.linspace(0.15, 0.95, _RADII)
    angle = torch.arange(_ANGLES) / _ANGLES * 2 * math.pi
    grid = torch.stack([radius[:, None] * angle.cos(), radius[:, None] * angle.sin()], dim=-1)[None]
    parts = [
        functional.grid_sample(part, grid.expand(len(part), -1, -1, -1), align_corners=False)[:, 0] for part in even.split(512)
    ]
    rings = torch.cat(parts) * radius[None, :, None].sqrt()
    return _whitened(torch.fft.rfft(rings, dim=2)[:, :, 1 : 1 + _FREQUENCIES])


def _plain(even: Tensor) -> Tensor:
    """(photos, rows, columns): spectra of the thumbnail at half its side."""
    side = even.shape[-1] // 2
    spectrum = torch.fft.rfft2(functional.avg_pool2d(even, 2)[:, 0])
    spectrum[:, 0, 0] = 0
    return _whitened(spectrum[:, :, : side // 2])


def _whitened(spectra: Tensor) -> Tensor:
    power = spectra.abs().square().mean(dim=0)
    spectra = spectra / (power + 0.1 * power.mean() + 1e-9).sqrt()
    return spectra / (spectra.abs().square().sum(dim=(1, 2), keepdim=True).sqrt() + 1e-9)


def _best_angle(one: Tensor, other: Tensor) -> Tensor:
    """Correlation at the best angle, mirrored or not."""
    best = torch.zeros(len(one))
    for mate in (other.conj(), other):  # the spectrum of a mirrored ring is the conjugate
        product = functional.pad(torch.view_as_real((one * mate).sum(dim=1)), (0, 0, 1, _ANGLES // 2 - _FREQUENCIES))
        at_angles = torch.fft.irfft(torch.view_as_complex(product), n=_ANGLES, dim=1) * (_ANGLES / 2)
        best = torch.maximum(best, at_angles.amax(dim=1))
    return best


def _best_shift(one: Tensor, other: Tensor) -> Tensor:
    """Correlation at the best shift."""
    product = one * other.conj()
    rows, columns = product.shape[1], product.shape[2]
    product = torch.cat([product, torch.zeros(len(product), rows, 1, dtype=product.dtype)], dim=2)
    spread = torch.ones(columns + 1)
    spread[0] = 0.5  # the column of frequency 0 stands once in the spectrum, all others twice
    at_shifts = torch.fft.irfft2(product * spread, s=(rows, columns * 2)) * (rows * columns)
    return at_shifts.amax(dim=(1, 2))


def _candidates(strengths: Tensor, count: int) -> NDArray[np.int64]:
    """Pairs worth comparing: how strong each frequency is does not change with angle, mirror or shift."""
    flat = strengths.flatten(1)
    if len(flat) <= count + 1:
        return np.argwhere(np.triu(np.ones((len(flat), len(flat)), dtype=bool), 1))
    flat = flat - flat.mean(dim=0)
    flat = flat / (flat.norm(dim=1, keepdim=True) + 1e-9)
    codes = []
    for first in range(0, len(flat), 1024):
        rows = torch.arange(first, min(first + 1024, len(flat)))
        alike = flat[rows] @ flat.t()
        alike[torch.arange(len(rows)), rows] = -2
        near = alike.topk(count, dim=1).indices
        low, high = torch.minimum(rows[:, None], near), torch.maximum(rows[:, None], near)
        codes.append((low * len(flat) + high).flatten())
    pairs = torch.cat(codes).unique()
    return torch.stack([pairs // len(flat), pairs % len(flat)], dim=1).numpy()


def _alike(spectra: Tensor, pairs: NDArray[np.int64], compare) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    parts = [
        compare(
            spectra[torch.from_numpy(pairs[first : first + _PAIRS_AT_ONCE, 0])],
            spectra[torch.from_numpy(pairs[first : first + _PAIRS_AT_ONCE, 1])],
        )
        for first in range(0, len(pairs), _PAIRS_AT_ONCE)
    ]
    return pairs, torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)


def _grouped(groups: Groups, pairs: NDArray[np.int64], alike: NDArray[np.float32], sure: float) -> Groups:
    """Join the groups of pairs that are alike: down to the lowest correlation at which photos do not yet all run together.

    Parts of one design are alike, and how much is seen only from all photos. Two parts in one group cost a little
    of what could be learned; one part in two groups would make every figure too good.
    """
    largest = max(LARGEST_SHARE * len(groups), LARGEST_LEAST, np.bincount(groups).max())
    joined, lowest = groups, sure
    for least in np.arange(sure, LEAST - 1e-9, -0.025):
        edges = pairs[alike >= least]
        tried = _connected(groups[edges], groups.max() + 1)[groups]
        if np.bincount(tried).max() > largest and (least < sure - 1e-9 or sure > SURE["turned"]):
            break
        joined, lowest = tried, least
    return _with_strays(joined, pairs[alike >= max(lowest - LIKELY, LEAST)])


def _with_strays(groups: Groups, pairs: NDArray[np.int64]) -> Groups:
    """Small groups join the group that these pairs connect many of their photos with: strongly sheared photos come home so."""
    across = pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]]
    both = np.concatenate([across, across[:, ::-1]])
    members = np.unique(np.stack([both[:, 0], groups[both[:, 1]]], axis=1), axis=0)
    links, counts = np.unique(np.stack([groups[members[:, 0]], members[:, 1]], axis=1), axis=0, return_counts=True)
    size = np.bincount(groups)
    is_home = (counts >= LIKELY_SHARE * size[links[:, 0]]) & (size[links[:, 0]] <= LARGEST_LEAST)
    return _connected(links[is_home], len(size))[groups]


def _connected(edges: NDArray[np.int64], count: int) -> Groups:
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
