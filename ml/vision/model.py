"""The network: photos in, how surely each is defective (a logit) out.

Belongs here: layers. Does not belong here: training, files, thresholds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a short cut; a stride halves the sides."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.second_norm.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(out)) + self.shortcut(x))


class DefectNet(nn.Module):
    """A compact residual network. Each photo is normalised by its own mean and contrast: exposure tells it nothing.

    A mean over the photo sees what is wrong everywhere, a maximum what is wrong in one small place; the head reads both.
    """

    def __init__(self, channels: int = 1, width: int = 24) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.stages = nn.Sequential(
            ResidualBlock(width, width, 1),
            ResidualBlock(width, 2 * width, 2),
            ResidualBlock(2 * width, 4 * width, 2),
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(8 * width, 1)

    def normalised(self, photos: Tensor) -> Tensor:
        """Photos of any brightness and contrast, as numbers of mean 0 and deviation 1."""
        x = photos.float()
        x = x - x.mean(dim=(1, 2, 3), keepdim=True)
        return x / (x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 4.0)

    def features(self, normalised: Tensor) -> Tensor:
        """(photos, features, height / 16, width / 16)."""
        return self.stages(self.stem(normalised))

    def logits(self, features: Tensor) -> Tensor:
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.head(self.dropout(pooled)).squeeze(1)

    def forward(self, photos: Tensor) -> Tensor:
        """photos: (photos, channels, height, width), 0 to 255. Returns one logit each."""
        return self.logits(self.features(self.normalised(photos)))
