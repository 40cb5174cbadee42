"""The same part, photographed otherwise: turned, mirrored, sheared, nearer, brighter, noisier.

Belongs here: random changes of a batch that leave a defect a defect. Does not belong here: what is done when scoring.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

MAX_TURN_DEGREES = 15.0
MAX_SHEAR = 0.08
MAX_ZOOM = 0.12
MAX_SHIFT = 0.06
EXACT_SHARE = 0.3
LIGHTS, MAX_LIGHT = 4, 0.25


def augmented(photos: Tensor, generator: Generator) -> Tensor:
    """Photos (n, channels, height, width) of 0 to 255 as floats, each changed at random."""
    return photometric(geometric(photos.float(), generator), generator)


def geometric(photos: Tensor, generator: Generator) -> Tensor:
    """Mirrored, turned (by right angles too where the photo is square), sheared, zoomed, shifted; one sampling for all."""
    count, _, height, width = photos.shape
    draw = torch.rand(count, 9, generator=generator).to(photos.device)
    # some stay on their own pixels, as all do when scored: sampling between pixels takes sharpness away
    draw[:, [1, 3, 4, 5, 6, 7]] = torch.where(draw[:, 8:] < EXACT_SHARE, 0.5, draw[:, [1, 3, 4, 5, 6, 7]])
    quarter = (draw[:, 0] * 4).floor() if height == width else (draw[:, 0] * 2).floor() * 2
    angle = quarter * (math.pi / 2) + (draw[:, 1] * 2 - 1) * math.radians(MAX_TURN_DEGREES)
    mirror = torch.where(draw[:, 2] < 0.5, -1.0, 1.0)
    shear = (draw[:, 3] * 2 - 1) * MAX_SHEAR
    zoom = torch.exp((draw[:, 4] * 2 - 1) * MAX_ZOOM)
    stretch = torch.exp((draw[:, 5] * 2 - 1) * MAX_ZOOM / 2)
    cosine, sine, aspect = torch.cos(angle), torch.sin(angle), width / height
    theta = torch.empty(count, 2, 3, device=photos.device)
    theta[:, 0, 0] = cosine * zoom * stretch * mirror
    theta[:, 0, 1] = (shear * cosine - sine) * zoom / stretch / aspect
    theta[:, 1, 0] = sine * zoom * stretch * aspect * mirror
    theta[:, 1, 1] = (shear * sine + cosine) * zoom / stretch
    theta[:, :, 2] = (draw[:, 6:8] * 2 - 1) * MAX_SHIFT
    grid = functional.affine_grid(theta, list(photos.shape), align_corners=False)
    return functional.grid_sample(photos, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def photometric(photos: Tensor, generator: Generator) -> Tensor:
    """Other light, exposure and sensor: gamma, a field of light, blur or grain. The network evens out the rest."""
    count, _, height, width = photos.shape
    draw = torch.rand(count, 6, generator=generator).to(photos.device)[:, :, None, None, None]
    low, high = photos.amin(dim=(1, 2, 3), keepdim=True), photos.amax(dim=(1, 2, 3), keepdim=True)
    spread = (high - low).clamp(min=1.0)
    shown = ((photos - low) / spread).clamp(0, 1).pow(torch.exp((draw[:, 0] * 2 - 1) * 0.35)) * spread + low
    # light that falls otherwise: brighter here, darker there, without any edge
    light = torch.randn(count, 1, LIGHTS, LIGHTS, generator=generator).to(photos.device) * (MAX_LIGHT * draw[:, 1])
    shown = shown * torch.exp(functional.interpolate(light, (height, width), mode="bicubic", align_corners=True))
    softer = functional.avg_pool2d(shown, 3, 1, 1, count_include_pad=False)
    # from a softer to a sharper photo, so that sharpness (of a camera, of a compression) says nothing
    shown = softer + (shown - softer) * (0.5 + draw[:, 3])
    grain = torch.randn(photos.shape, generator=generator).to(photos.device)
    contrast = shown.std(dim=(1, 2, 3), keepdim=True)
    return shown + grain * contrast * 0.06 * draw[:, 4]
