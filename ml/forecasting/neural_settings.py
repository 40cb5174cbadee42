"""What a neural fit may be told.

Belongs here: every number of the networks and their training that somebody could want to change, with its reason.
Does not belong here: data, and what torch needs to know of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NeuralSettings:
    """Settings of one fit, all part of its identity. Raises ValueError when out of range."""

    hidden_size: int = 32
    """Width of the encoder and of the decoder."""
    layers: int = 2
    """Layers of the recurrent encoder; dropout acts between them."""
    dropout: float = 0.1
    """Share of activations dropped while training."""
    input_periods: int | None = None
    """Periods of history a forecast reads; None takes what `input_length` says."""
    max_steps: int = 500
    """Training steps at most."""
    check_steps: int = 25
    """Steps between two looks at the validation window."""
    early_stop_patience: int = 5
    """Looks without a better validation loss after which training ends; the best weights are kept."""
    validation_periods: int | None = None
    """Last periods of the history kept for early stopping; None takes the horizon, a quarter of the history at most."""
    last_steps: int = 100
    """Steps after early stopping, at a falling rate, on the whole history: its newest part is not left unlearned."""
    batch_size: int = 128
    """Windows in a training step."""
    predict_batch_size: int = 2048
    """Series forecast together; it bounds the memory."""
    learning_rate: float = 4e-3
    """Highest rate of Adam; it falls to zero along a cosine."""
    train_series: int = 4000
    """Series trained on, drawn evenly over the volumes; the network is global, so it forecasts the others too."""
    newsvendor_weight: float = 1.0
    """Weight of the newsvendor loss beside the pinball loss (multi-task network only)."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute; "auto" takes a GPU where there is one."""
    seed: int = 1
    """Seed of the weights, of the series and of the windows trained on."""

    def __post_init__(self) -> None:
        counts = (
            "hidden_size",
            "layers",
            "max_steps",
            "check_steps",
            "early_stop_patience",
            "batch_size",
            "predict_batch_size",
            "train_series",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("input_periods", "validation_periods"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 or None, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        if self.learning_rate <= 0 or self.newsvendor_weight < 0 or self.last_steps < 0:
            raise ValueError("learning_rate must be positive, newsvendor_weight and last_steps not negative")
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise ValueError(f"accelerator must be auto, cpu or gpu, got {self.accelerator}")

    def input_length(self, periods: int, horizon: int, season: int) -> int:
        """Periods a forecast reads, out of `periods` of history, where the settings leave it open.

        Two horizons, four short seasons or eight periods, whichever is most. A long season (a year of weeks) is read
        as values of a season ago instead, which costs a network far less than walking through all the weeks between.
        """
        wanted = self.input_periods or max(2 * horizon, 4 * season if season <= 2 * horizon else 0, 8)
        return max(1, min(wanted, periods))
