"""neuralforecast's networks as plain modules. Needs torch and neuralforecast: import it inside functions.

Belongs here: which class a name means, with which sizes, and how a window is put before it.
Does not belong here: training, scaling, losses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_windows import Layout, Windows

RECURRENT = ("lstm", "gru")


class LibraryNetwork(nn.Module):
    """A neuralforecast network fed with our windows: `forward(windows)` -> (windows, horizon, outputs).

    A recurrent network of the library, decoding directly, reads its forecast of the first period off the state it had
    a whole horizon earlier. So it walks on through the horizon here, demand blank and known features given, and what
    it says at a period has seen all the history and that period's features.
    """

    def __init__(self, name: str, layout: Layout, outputs: int, settings: NeuralSettings) -> None:
        super().__init__()
        self.walks_on = name in RECURRENT
        self.inputs = layout.input
        self.horizon = layout.horizon
        self.network = _library_network(name, layout, outputs, settings, self.walks_on)

    def forward(self, windows: Windows) -> Tensor:
        past, seen, known = windows.past, windows.seen, windows.known
        if self.walks_on:
            blank = torch.zeros(len(past), self.horizon, device=past.device)
            past, seen = torch.cat([past, blank], dim=1), torch.cat([seen, blank], dim=1)
            known = torch.cat([known, known[:, -self.horizon :]], dim=1)
        batch = {
            "insample_y": past.unsqueeze(-1),
            "insample_mask": torch.ones_like(past).unsqueeze(-1),
            "hist_exog": seen.unsqueeze(-1),
            "futr_exog": known,
            "stat_exog": windows.static,
        }
        return self.network(batch)


def _library_network(name: str, layout: Layout, outputs: int, settings: NeuralSettings, walks_on: bool) -> nn.Module:
    from neuralforecast.losses.pytorch import MAE
    from neuralforecast.models import GRU, LSTM, NHITS, TCN

    loss = MAE()  # never computed: it tells the network how many numbers to put out for a period
    loss.outputsize_multiplier = outputs
    size = settings.hidden_size
    common = {
        "h": layout.horizon,
        "input_size": layout.input + (layout.horizon if walks_on else 0),
        "futr_exog_list": [f"known_{i}" for i in range(layout.known)],
        "hist_exog_list": ["seen"],
        "stat_exog_list": [f"static_{i}" for i in range(layout.static)],
        "loss": loss,
        "random_seed": settings.seed,
    }
    recurrent = {
        "encoder_n_layers": settings.layers,
        "encoder_hidden_size": size,
        "encoder_dropout": settings.dropout if settings.layers > 1 else 0.0,
        "decoder_hidden_size": 2 * size,
        "decoder_layers": 2,
    }
    dilations = [2**i for i in range(max(2, (layout.input - 1).bit_length()))]
    builders = {
        "lstm": lambda: LSTM(**common, **recurrent),
        "gru": lambda: GRU(**common, **recurrent),
        "tcn": lambda: TCN(**common, dilations=dilations, encoder_hidden_size=size, decoder_hidden_size=2 * size),
        "nhits": lambda: NHITS(**common, mlp_units=3 * [[4 * size, 4 * size]], dropout_prob_theta=settings.dropout),
    }
    if name not in builders:
        raise ValueError(f"unknown network {name!r}; there are {sorted(builders)}")
    return builders[name]()
