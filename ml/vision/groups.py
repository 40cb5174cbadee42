"""Which photos show the same part: photos of one part never stand on both sides of a split.

Belongs here: near-duplicates under another exposure, and under shifting, mirroring, turning and slight shear; folds by group.
Does not belong here: training, labels of defects beyond dealing them out to folds.

A photo is first seen in a frame of its own, in which its detail lies round about the middle: shift, shear and unequal zoom
are gone, an angle and a mirror are left. It then becomes what is peculiar to it: light and contrast are evened out place by
place, and each frequency is divided by how strong it is in all photos, so that what all parts have in common counts little.
Two such descriptions are compared in polar coordinates at every angle, mirrored or not, and in plain coordinates at every
shift. How alike different parts can be is learned from pairs that are certainly different: one good, one defective.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

SIDE = 96
"""Side of the thumbnails that groups are found from."""
SURE = {"framed": 0.8, "turned": 0.8, "shifted": 0.9}
"""Correlation from which two photos show one part, whatever else the photos are; unrelated ones lie near 0.2."""
LEAST = 0.4
"""Correlation below which two photos never count as one part."""
LIKELY, LIKELY_SHARE = 0.1, 0.25
"""A small group joins another where this share of its photos is nearly as much like a photo of the other: so much less."""
LARGEST_SHARE, LARGEST_LEAST = 0.05, 12
"""Below what is sure, photos are grouped as long as no group would hold more of them than this share, or this number."""
KNOWN_QUANTILE, MEAN_BELOW = 0.95, 0.1
"""Groups are joined where a pair is more alike than most photos are to their nearest of the other label (not all: a few labels
are wrong, and a defect may show on some photos of a part only), and the photos of both are hardly less alike on average."""
_ANGLES, _RADII, _FREQUENCIES = 192, 24, 64
_CANDIDATES, _FEW = 80, 5
FIRST = 0.9
"""Correlation at which joining begins."""
_FRAME_SIDE, _FRAME_TURNS, _FRAME_REACH = 48, 6, 0.6
_PAIRS_AT_ONCE = 8192

Groups = NDArray[np.int64]


def find_groups(thumbnails: NDArray[np.uint8], labels: NDArray[np.bool_] | None = None) -> Groups:
    """A number per photo; photos of one part have the same. Thumbnails: (photos, SIDE, SIDE), aspect kept.

    Labels, where there are any, only tell how alike photos of two different parts can be.
    """
    if len(thumbnails) < 2:
        return np.zeros(len(thumbnails), dtype=np.int64)
    groups = np.arange(len(thumbnails))
    with torch.inference_mode():
        framed, turned, plain = (_whitened(torch.cat(parts)) for parts in zip(*map(_spectra, _batches(thumbnails)), strict=True))
        for spectra, best, sure in (
            (framed, _best_angle, SURE["framed"]),
            (turned, _best_angle, SURE["turned"]),
            (plain, _best_shift, SURE["shifted"]),
        ):
            compare = partial(_alike, spectra, best)
            pairs = _candidates(spectra.abs(), _CANDIDATES)
            alike = compare(pairs)
            # the frame sees all that the middle sees, and more: around the middle only what is sure counts; and shifts alone
            # tell little of parts that are turned, so that there no pair of the other label may be as alike
            if spectra is framed:
                known = _known(pairs, alike, labels, KNOWN_QUANTILE)
            else:
                known = sure if spectra is turned else _known(pairs, alike, labels, 1.0)
            groups = _grouped(groups, pairs, alike, sure, known, compare)
    return groups


def split_groups(groups: Groups, labels: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold per photo: groups stay whole, and each fold gets its share of good and defective photos and parts. Deterministic.

    Groups are dealt from the largest to the smallest, each to the fold that most lacks what it has.
    """
    names, codes = np.unique(groups, return_inverse=True)
    bad = np.bincount(codes, weights=labels.astype(float), minlength=len(names))
    good = np.bincount(codes, weights=(~labels).astype(float), minlength=len(names))
    counts = np.stack([good, bad, good > 0, bad > 0], axis=1).astype(float)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-share[order].max(axis=1), kind="stable")]
    filled, chosen = np.zeros((folds, 4)), np.zeros(len(names), dtype=np.int64)
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


def _batches(thumbnails: NDArray[np.uint8]) -> Iterator[Tensor]:
    for first in range(0, len(thumbnails), 256):
        yield torch.from_numpy(thumbnails[first : first + 256]).float()[:, None]


def _spectra(photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(photos, radii, frequencies) in each photo's frame, the same around its middle, and (photos, rows, columns) of the photo."""
    even = _evened(photos)
    return _polar(even, _frames(photos)), _polar(even, torch.eye(2, 3).repeat(len(photos), 1, 1)), _plain(even)


def _frames(photos: Tensor) -> Tensor:
    """(photos, 2, 3): where a photo's detail lies, as a shift and a shape without size or angle; by turns, as the middle moves."""
    small = functional.interpolate(photos, (_FRAME_SIDE, _FRAME_SIDE), mode="area")
    detail = (small - _blurred(small, 1.0)).abs()
    at = (torch.arange(_FRAME_SIDE) + 0.5) / _FRAME_SIDE * 2 - 1
    places = torch.stack(torch.meshgrid(at, at, indexing="xy")).flatten(1)
    distance = places.square().sum(dim=0)
    window = torch.exp(-0.5 * distance / _FRAME_REACH**2) * (distance < 1)
    frames = torch.eye(2, 3).repeat(len(photos), 1, 1)
    for _ in range(_FRAME_TURNS):
        seen = functional.grid_sample(
            detail, functional.affine_grid(frames, list(detail.shape), align_corners=False), align_corners=False
        )
        weight = seen.flatten(1) * window
        weight = weight / (weight.sum(dim=1, keepdim=True) + 1e-9)
        middle = weight @ places.t()
        apart = places[None] - middle[:, :, None]
        spread, axes = torch.linalg.eigh(torch.einsum("nk,nik,njk->nij", weight, apart, apart) + 1e-6 * torch.eye(2))
        shape = (spread / spread.prod(dim=1, keepdim=True).sqrt()).clamp(0.5, 2).sqrt()
        linear, moved = frames[:, :, :2], frames[:, :, 2] + (frames[:, :, :2] @ middle[:, :, None])[:, :, 0]
        frames = torch.cat([linear @ axes @ torch.diag_embed(shape) @ axes.mT, moved.clamp(-0.3, 0.3)[:, :, None]], dim=2)
    return frames


def _polar(even: Tensor, frames: Tensor) -> Tensor:
    """Spectra around the middle. What is the same at every angle is left out."""
    radius = torch.linspace(0.12, 0.95, _RADII)
    angle = torch.arange(_ANGLES) / _ANGLES * 2 * math.pi
    circle = torch.stack([radius[:, None] * angle.cos(), radius[:, None] * angle.sin()]).flatten(1)
    grid = (frames[:, :, :2] @ circle + frames[:, :, 2:]).mT.reshape(len(even), _RADII, _ANGLES, 2)
    rings = functional.grid_sample(even, grid, padding_mode="reflection", align_corners=False)[:, 0]
    return torch.fft.rfft(rings, dim=2)[:, :, 1 : 1 + _FREQUENCIES]


def _plain(even: Tensor) -> Tensor:
    """Spectra of the thumbnail at a third of its side."""
    side = even.shape[-1] // 3
    spectrum = torch.fft.rfft2(functional.avg_pool2d(even, 3)[:, 0])
    spectrum[:, 0, 0] = 0
    return spectrum[:, :, : side // 2]


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


def _alike(spectra: Tensor, best, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [
        best(*(spectra[torch.from_numpy(pairs[first : first + _PAIRS_AT_ONCE, side])] for side in (0, 1)))
        for first in range(0, len(pairs), _PAIRS_AT_ONCE)
    ]
    return torch.cat(parts).numpy() if parts else np.zeros(0, dtype=np.float32)


def _known(pairs: NDArray[np.int64], alike: NDArray[np.float32], labels: NDArray[np.bool_] | None, quantile: float) -> float:
    """Correlation that this share of photos does not reach with any of the other label. LEAST where no labels tell."""
    if labels is None or labels.all() or not labels.any():
        return LEAST
    nearest = np.zeros(len(labels), dtype=np.float32)
    different = labels[pairs[:, 0]] != labels[pairs[:, 1]]
    for side in (0, 1):
        np.maximum.at(nearest, pairs[different, side], alike[different])
    return max(LEAST, float(np.quantile(nearest, quantile)))


def _grouped(groups: Groups, pairs: NDArray[np.int64], alike: NDArray[np.float32], sure: float, known: float, compare) -> Groups:
    """Join groups, from the most alike down, as long as their photos are alike on average and do not all run together.

    Parts of one design are alike, and how much is seen only from all photos. Two parts in one group cost a little
    of what could be learned; one part in two groups would make every figure too good. On average, because among
    hundreds of photos of two parts some are always alike.
    """
    largest = max(LARGEST_SHARE * len(groups), LARGEST_LEAST, np.bincount(groups).max())
    sure = max(sure, known)
    joined, lowest = groups, sure
    for least in np.arange(max(FIRST, sure), known - 1e-9, -0.025):
        tried = _joined(joined, pairs[alike >= least], least, compare)
        too_large = np.bincount(tried) > largest
        if least < sure - 1e-9 and too_large.any():
            if known == LEAST:  # nothing says how alike different parts are: no further down
                break
            tried = np.where(too_large[tried], joined + len(groups), tried)
        joined, lowest = np.unique(tried, return_inverse=True)[1].astype(np.int64), least
    return _with_strays(joined, pairs[alike >= max(lowest - LIKELY, known)])


def _joined(groups: Groups, pairs: NDArray[np.int64], least: float, compare) -> Groups:
    """Connect groups that one of these pairs connects, where a few photos of each, drawn evenly, are nearly as alike on average."""
    linked = np.unique(np.sort(groups[pairs], axis=1), axis=0)
    linked = linked[linked[:, 0] != linked[:, 1]]
    if not len(linked):
        return groups
    order, size = np.argsort(groups, kind="stable"), np.bincount(groups)
    first = np.cumsum(size) - size
    few = order[first[:, None] + (np.arange(_FEW)[None, :] * size[:, None]) // _FEW]
    one, other = (np.repeat(few[linked[:, 0]], _FEW, axis=1), np.tile(few[linked[:, 1]], (1, _FEW)))
    both, where = np.unique(np.stack([one.ravel(), other.ravel()], axis=1), axis=0, return_inverse=True)
    mean = compare(both)[where.reshape(-1)].reshape(len(linked), -1).mean(axis=1)
    return _connected(linked[mean >= least - MEAN_BELOW], len(size))[groups]


def _with_strays(groups: Groups, pairs: NDArray[np.int64]) -> Groups:
    """A small group joins the one that these pairs connect most of its photos with: strongly sheared photos come home so."""
    across = groups[pairs[:, 0]] != groups[pairs[:, 1]]
    both = np.concatenate([pairs[across], pairs[across][:, ::-1]])
    members = np.unique(np.stack([both[:, 0], groups[both[:, 1]]], axis=1), axis=0)
    links, counts = np.unique(np.stack([groups[members[:, 0]], members[:, 1]], axis=1), axis=0, return_counts=True)
    size = np.bincount(groups)
    is_home = (counts >= LIKELY_SHARE * size[links[:, 0]]) & (size[links[:, 0]] <= LARGEST_LEAST)
    links, counts = links[is_home], counts[is_home]
    best = np.lexsort((links[:, 1], -size[links[:, 1]], -counts, links[:, 0]))
    _, first = np.unique(links[best, 0], return_index=True)
    return _connected(links[best][first], len(size))[groups]


def _connected(edges: NDArray[np.int64], count: int) -> Groups:
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
