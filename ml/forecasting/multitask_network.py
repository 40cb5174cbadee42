"""A network of our own with two tasks: demand of each period, and how much to stock for the whole horizon.

Belongs here: the layers and the two losses, mathematics only. Needs torch: import it inside functions.
Does not belong here: training, scaling, costs in money.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_training import DemandHead, weighted_mean
from ml.forecasting.neural_windows import Layout, Windows

RATIO_KNOTS = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
"""Log odds of the critical ratio at which a stock level is put out (0.018 to 0.993); in between it is linear."""
RATIO_NOISE = 1.0
"""Deviation by which the log odds vary in training, so that the level is learned around each series' ratio too."""


class MultiTaskNetwork(nn.Module):
    """Shared encoder and decoder, two heads: `forward(windows)` -> (windows, horizon, levels), (windows, knots).

    The encoder reads the past and walks on through the horizon with demand blank and known features given; both heads
    read the states of the horizon. The stock head's values rise over the knots by construction, so a higher shortage
    cost never asks for less stock.
    """

    def __init__(self, layout: Layout, outputs: int, settings: NeuralSettings) -> None:
        super().__init__()
        size, self.horizon = settings.hidden_size, layout.horizon
        between = settings.dropout if settings.layers > 1 else 0.0
        features = 2 + layout.known + layout.static
        self.encoder = nn.LSTM(features, size, settings.layers, dropout=between, batch_first=True)
        self.demand = nn.Sequential(nn.Linear(size + layout.known, 2 * size), nn.ReLU(), nn.Linear(2 * size, outputs))
        read = 2 * size + layout.static
        self.stock = nn.Sequential(nn.Linear(read, 2 * size), nn.ReLU(), nn.Linear(2 * size, len(RATIO_KNOTS)))

    def forward(self, windows: Windows) -> tuple[Tensor, Tensor]:
        blank = torch.zeros(len(windows.past), self.horizon, device=windows.past.device)
        demand = torch.cat([windows.past, blank], dim=1)
        seen = torch.cat([windows.seen, blank], dim=1)
        static = windows.static.unsqueeze(1).expand(-1, demand.shape[1], -1)
        states, _ = self.encoder(torch.cat([demand.unsqueeze(-1), seen.unsqueeze(-1), windows.known, static], dim=-1))
        ahead = states[:, -self.horizon :]
        quantiles = self.demand(torch.cat([ahead, windows.known[:, -self.horizon :]], dim=-1))
        steps = self.stock(torch.cat([ahead.mean(dim=1), ahead[:, -1], windows.static], dim=-1))
        levels = torch.cat([steps[:, :1], nn.functional.softplus(steps[:, 1:])], dim=1).cumsum(dim=1)
        return quantiles, levels


def stock_at(levels: Tensor, critical_ratio: Tensor) -> Tensor:
    """Stock at each window's critical ratio, (windows,), in units over scale and period; straight between the knots."""
    knots = torch.tensor(RATIO_KNOTS, device=levels.device)
    odds = torch.logit(critical_ratio, eps=1e-6).clamp(knots[0], knots[-1])
    upper = torch.searchsorted(knots, odds).clamp(1, len(RATIO_KNOTS) - 1)
    share = (odds - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    below = levels.gather(1, (upper - 1).unsqueeze(1)).squeeze(1)
    above = levels.gather(1, upper.unsqueeze(1)).squeeze(1)
    return below + share * (above - below)


def joint_loss(
    output: tuple[Tensor, Tensor], windows: Windows, critical_ratio: Tensor, head: DemandHead, weight: float, training: bool
) -> Tensor:
    """Pinball loss of the periods plus `weight` times the newsvendor loss of the sum.

    Newsvendor: shortage_cost (D - S)+ + holding_cost (S - D)+ over the sum of the two costs, per period and scale;
    with r = shortage_cost / (shortage_cost + holding_cost) that is max(r (D - S), (r - 1)(D - S)). It counts for
    windows whose whole horizon is known. Training varies r; validation takes it as it is.
    """
    quantiles, levels = output
    ratio = critical_ratio
    if training:
        ratio = torch.sigmoid(torch.logit(ratio, eps=1e-6) + RATIO_NOISE * torch.randn(ratio.shape).to(ratio.device))
    gap = windows.target.mean(dim=1) - stock_at(levels, ratio)
    newsvendor = torch.maximum(ratio * gap, (ratio - 1) * gap).unsqueeze(1)
    whole = windows.counts.min(dim=1, keepdim=True).values
    return head.loss(quantiles, windows) + weight * weighted_mean(newsvendor, whole, windows.scale)
