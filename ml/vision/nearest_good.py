"""The good-only model as a network: what lies at each place of a photo, and how far that is from every good place remembered.

Belongs here: fixed filters, distances. Does not belong here: which photos are remembered, thresholds.

Nothing is trained. A photo is taken apart into octaves, from fine grain to coarse shape. At each place and octave stand the
darkest and the brightest spot, the contrast, and the strength of edges along and across their direction: none of them changes
when the part is turned or mirrored. Octaves are compared apart, since a scratch shows in one of them and would drown among all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

OCTAVES = 4
CELL = 8
"""Pixels along a side of a place; a power of two that the sides of a canvas are multiples of."""
FEATURES = 5
_LEAST = 1e-3


class Octaves(nn.Module):
    """Photos to what lies at each place, octave by octave. Without weights."""

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
        across = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])
        self.register_buffer("blur", (line[:, None] * line[None, :])[None, None], persistent=False)
        self.register_buffer("slopes", torch.stack([across, across.t()])[:, None], persistent=False)

    def forward(self, photos: Tensor) -> list[Tensor]:
        """(photos, channels, height, width), 0 to 255, to one (photos, places, channels x FEATURES) per octave."""
        x = photos.float()
        count, channels = x.shape[:2]
        x = x - x.mean(dim=(1, 2, 3), keepdim=True)
        x = x / (x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 4.0)
        x, found = x.flatten(0, 1)[:, None], []
        for octave in range(OCTAVES):
            cell = CELL >> octave
            low = functional.conv2d(functional.pad(x, (2, 2, 2, 2), mode="replicate"), self.blur)
            band = x - low
            slopes = functional.conv2d(functional.pad(low, (1, 1, 1, 1), mode="replicate"), self.slopes)
            across, along = slopes[:, :1], slopes[:, 1:]
            means = functional.avg_pool2d(torch.cat([band**2, across**2, along**2, across * along], dim=1), cell)
            contrast, of_across, of_along, of_both = means.unbind(dim=1)
            middle, apart = (of_across + of_along) / 2, torch.sqrt(((of_across - of_along) / 2) ** 2 + of_both**2)
            rows = [
                functional.max_pool2d(band, cell)[:, 0],
                functional.max_pool2d(-band, cell)[:, 0],
                torch.log(contrast + _LEAST) / 2,
                torch.log(middle + apart + _LEAST) / 2,
                torch.log((middle - apart).clamp(min=0) + _LEAST) / 2,
            ]
            places = torch.stack(rows, dim=1).flatten(2)
            found.append(places.reshape(count, channels * FEATURES, -1).transpose(1, 2))
            x = low[..., ::2, ::2]
        return found


class NearestGood(nn.Module):
    """Scores a photo by how far, in each octave, its strangest place is from every remembered one.

    `centre` (octaves, features) and `axes` (octaves, features, features) make features of good places uncorrelated and of
    deviation 1; `memory` (octaves, places, features) is in these terms.
    """

    def __init__(self, centre: Tensor, axes: Tensor, memory: Tensor) -> None:
        super().__init__()
        self.octaves = Octaves()
        self.register_buffer("centre", centre)
        self.register_buffer("axes", axes)
        self.register_buffer("memory", memory)

    def distances(self, photos: Tensor) -> Tensor:
        """(photos, octaves, places): square of the distance to the nearest remembered place."""
        found = []
        for octave, features in enumerate(self.octaves(photos)):
            seen, memory = (features - self.centre[octave]) @ self.axes[octave], self.memory[octave]
            # the square of the difference, without what is the same for all of the memory, as one product
            known = torch.cat([-2 * memory, memory.square().sum(dim=1, keepdim=True)], dim=1)
            nearest = (torch.cat([seen, torch.ones_like(seen[:, :, :1])], dim=2) @ known.t()).amin(dim=2)
            found.append((nearest + seen.square().sum(dim=2)).clamp(min=0))
        return torch.stack(found, dim=1)

    def forward(self, photos: Tensor) -> Tensor:
        """photos: (photos, channels, height, width), 0 to 255. Returns the logarithm of the distance over all octaves."""
        return torch.log(self.distances(photos).amax(dim=2).sum(dim=1).clamp(min=1e-6)) / 2
