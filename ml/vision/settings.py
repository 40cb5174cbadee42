"""What a vision model may be told.

Belongs here: every number of the training, the threshold and the reading of photos that somebody could want to change,
with its unit and its reason. Does not belong here: anything learned from photos.
"""

from __future__ import annotations

from dataclasses import dataclass

TRAINING = 2
"""What the same photos and settings are made into: raise it where a change makes another model of them, so that kept ones are made anew."""


@dataclass(frozen=True)
class VisionSettings:
    """Settings of one model, all part of its identity. Raises ValueError when out of range."""

    miss_cost: float = 20.0
    """Cost of a defective part that passes, in any unit; only its ratio to the other two costs counts."""
    false_reject_cost: float = 1.0
    """Cost of a good part that is rejected."""
    review_cost: float = 0.5
    """Cost of a person looking at a photo; where deciding alone is expected to cost more, the verdict is `unsure`."""
    expected_defect_share: float | None = None
    """Share of defective parts in production; None takes the share among the photos trained on, seldom the same."""
    validation_share: float = 0.2
    """Share of the parts kept from training, for early stopping, calibration and the threshold."""
    max_input_pixels: int = 192 * 192
    """Pixels the network sees of a photo, at most; smaller photos are not enlarged beyond their median size."""
    max_photo_pixels: int = 64_000_000
    """Pixels a file may announce; more is refused before it is decoded."""
    width: int = 16
    """Channels of the first stage; the later ones have multiples of it."""
    batch_size: int = 32
    max_steps: int = 2_000
    """Training steps, at most: a small set is seen more often, not for a shorter time."""
    min_steps: int = 600
    """Steps before early stopping may begin."""
    check_steps: int = 50
    """Steps between two looks at the validation photos."""
    patience: int = 10
    """Looks without a better validation loss after which the learning rate falls to its end early."""
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    """Keeps the network from being surer than photos of the same few parts allow."""
    averaged_steps: int = 100
    """Steps over which the weights used are averaged, roughly."""
    feature_neighbours: int = 1
    """Good-only model: neighbours whose mean distance is the score of a patch."""
    memory_patches: int = 2_000
    """Good-only model: patches of good photos that are remembered."""
    threads: int = 0
    """Threads of torch while training; 0 leaves them as they are. With one thread the number of cores changes no weight."""
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("miss_cost", "false_reject_cost"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name)}")
        if self.review_cost < 0:
            raise ValueError(f"review_cost must not be negative, got {self.review_cost}")
        if self.expected_defect_share is not None and not 0 < self.expected_defect_share < 1:
            raise ValueError(f"expected_defect_share must lie between 0 and 1, got {self.expected_defect_share}")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must lie between 0 and 1, got {self.validation_share}")
        if self.max_input_pixels < 32 * 32:
            raise ValueError(f"max_input_pixels must be at least {32 * 32}, got {self.max_input_pixels}")
        for name in ("max_photo_pixels", "width", "batch_size", "max_steps", "check_steps", "patience", "memory_patches"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.weight_decay < 0 or not 0 <= self.label_smoothing < 0.5:
            raise ValueError("learning_rate must be positive, weight_decay not negative, label_smoothing in [0, 0.5)")
