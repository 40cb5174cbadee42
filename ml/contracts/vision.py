"""What crosses the border around vision: what a model says of each inspection photo, and what the model in use is worth.

Belongs here: columns. Does not belong here: how a photo is judged, which part it shows, and what follows for stock and orders.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import Column, FrameContract

VERDICTS = ("good", "defective", "unsure", "refused")
"""What is said of a photo: the model's decision, a case for a person, or a file that cannot be judged."""

IMAGE_SCORES = FrameContract(
    "image_scores",
    ("photo",),
    (
        Column("photo", pl.String, "Path of the photo inside the folder inspection_photos."),
        Column("photo_hash", pl.String, "SHA-256 of the file; null where it cannot be read.", nullable=True),
        Column("model_version", pl.String, "Model that judged it; null where there is none yet.", nullable=True),
        Column("width_px", pl.Int32, "Width in pixels; null where it cannot be read.", nullable=True),
        Column("height_px", pl.Int32, "Height in pixels; null where it cannot be read.", nullable=True),
        Column(
            "defect_score",
            pl.Float64,
            "The model's own scale of being defective, on which the threshold lies; null where it was not judged.",
            nullable=True,
        ),
        Column(
            "defect_probability",
            pl.Float64,
            "Calibrated probability of being defective; null where it was not judged.",
            nullable=True,
        ),
        Column("threshold", pl.Float64, "Score from which a part is taken for defective.", nullable=True),
        Column("verdict", pl.String, f"What the model says: {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}."),
        Column("reason", pl.String, "The verdict in words: how likely, or why it is unsure or refused.", nullable=True),
        Column("seconds", pl.Float64, "Time the photo took; the one column that differs from run to run.", nullable=True),
    ),
)

VISION_MODELS = FrameContract(
    "vision_models",
    ("model_version",),
    (
        Column("model_version", pl.String, "A hash of photos, labels, settings and code: equal inputs give equal models."),
        Column(
            "model_kind",
            pl.String,
            "classifier, or good-only where no defective photo is known: then what is unlike every good one counts as defective.",
        ),
        Column("trained_photo_count", pl.Int32, "Labelled photos it was given."),
        Column("trained_defective_photo_count", pl.Int32, "Of them, defective."),
        Column(
            "validation_photo_count",
            pl.Int32,
            "Photos kept from training, of other parts, on which the shares below were measured.",
        ),
        Column("threshold", pl.Float64, "Score from which a part is taken for defective."),
        Column("threshold_probability", pl.Float64, "The same as a probability."),
        Column(
            "unsure_from",
            pl.Float64,
            "Lower end of the probabilities that go to a person; null without such a band.",
            nullable=True,
        ),
        Column("unsure_to", pl.Float64, "Upper end of them; null without such a band.", nullable=True),
        Column("precision_share", pl.Float64, "Of the photos called defective, those that are; null without any.", nullable=True),
        Column("recall_share", pl.Float64, "Of the defective photos, those called defective; null without any.", nullable=True),
        Column("false_reject_share", pl.Float64, "Of the good photos, those called defective."),
        Column("review_share", pl.Float64, "Of all photos, those a person is asked about."),
        Column(
            "expected_cost_per_photo", pl.Float64, "Expected cost of one photo at the threshold, in units of the costs below."
        ),
        Column(
            "auroc",
            pl.Float64,
            "Probability that a defective validation photo scores above a good one; null where no defective photo is known.",
            nullable=True,
        ),
        Column(
            "metadata_auroc",
            pl.Float64,
            "The same for a guess from file size, photo size and brightness alone: near auroc the photos give the answer away; null as auroc.",
            nullable=True,
        ),
        Column("cost_of_passing_all", pl.Float64, "The same cost, were every part taken for good: what the model has to beat."),
        Column("cost_of_rejecting_all", pl.Float64, "The same cost, were every part rejected."),
        Column("miss_cost", pl.Float64, "Cost of a defective part that passes."),
        Column("false_reject_cost", pl.Float64, "Cost of a good part that is rejected."),
        Column("review_cost", pl.Float64, "Cost of a person looking at one photo."),
        Column("expected_defect_share", pl.Float64, "Share of defective parts the threshold reckons with."),
        Column(
            "has_moved",
            pl.Boolean,
            "The scores of the photos judged differ from those it was checked on: the threshold may not hold; null where too few.",
            nullable=True,
        ),
        Column("moved_reason", pl.String, "What differs; null where nothing is known to.", nullable=True),
        Column("note", pl.String, "What to know before trusting it; null where nothing.", nullable=True),
    ),
)

VISION = (VISION_MODELS, IMAGE_SCORES)
