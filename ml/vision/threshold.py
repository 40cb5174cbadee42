"""From a network's score to a decision: calibrated probabilities, the threshold of least expected cost, the unsure band.

Belongs here: calibration, costs, the margin for other days, the distribution kept to see that scores have moved.
Does not belong here: networks, photos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm

from ml.vision.settings import VisionSettings

Array = NDArray[np.float64]
EVERY_SCORE = 1e9
"""No logit reaches it; infinity is not allowed in JSON."""
_MARGIN_PARTS = 5
_NODES, _WEIGHTS = norm.ppf((np.arange(11) + 0.5) / 11), 1 / 11


@dataclass(frozen=True)
class Decision:
    """What is done with a score, and what that was worth on the validation photos.

    Scores and thresholds are logits of the network; `slope` and `offset` turn them into probabilities at the expected
    share of defects.
    """

    slope: float
    offset: float
    threshold: float
    unsure_from: float
    unsure_to: float
    margin: float
    expected_defect_share: float
    precision: float | None
    recall: float | None
    false_reject_share: float
    expected_cost: float
    cost_of_passing_all: float
    cost_of_rejecting_all: float
    unsure_share: float
    good_quantiles: tuple[float, ...]
    defective_quantiles: tuple[float, ...]
    validation_photos: int
    validation_parts: int
    is_calibrated: bool
    look_again_from: float = 0.0
    look_again_to: float = 0.0
    """First-look scores between which a photo is looked at again (`looks`); equal where one look is all."""

    @property
    def close(self) -> tuple[float, float]:
        return self.look_again_from, self.look_again_to

    def probability(self, scores: Array) -> Array:
        return expit(self.slope * np.asarray(scores, dtype=float) + self.offset)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Decision:
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


class Costs(NamedTuple):
    """Expected cost per photo at each of the thresholds, at the expected share of defects."""

    thresholds: Array
    cost: Array
    recall: Array
    false_rejects: Array


def decide(
    scores: Array,
    labels: NDArray[np.bool_],
    groups: NDArray,
    settings: VisionSettings,
    close: tuple[float, float] = (0.0, 0.0),
) -> Decision:
    """Choose from validation scores (logits, higher is worse), whether each is defective, and the part of each.

    Thresholds transfer badly. Costs are therefore those met when all scores move up or down by the margin: as much as
    the scores of good photos differ between parts of the validation photos. The threshold keeps clear of where many
    photos lie.
    """
    share = settings.expected_defect_share or float(np.clip(labels.mean(), 1e-4, 1 - 1e-4))
    margin = _margin(scores, labels, groups)
    costs = cost_curve(scores, labels, settings, share, margin)
    best = costs.cost.min()
    near = np.flatnonzero(costs.cost <= best + 1e-9 + 0.002 * abs(best))
    threshold = float(np.median(costs.thresholds[near[_longest(near)]]))
    slope, offset = _platt(scores, labels, margin, share)
    low, high = _unsure(settings, slope, offset, threshold)
    rejected = scores >= threshold
    recall, false_rejects = _rate(rejected[labels]), _rate(rejected[~labels])
    flagged, passed = share * (recall or 0.0), (1 - share) * (false_rejects or 0.0)
    unsure = (scores >= low) & (scores <= high) & (low < high)
    return Decision(
        slope=slope,
        offset=offset,
        threshold=threshold,
        unsure_from=low,
        unsure_to=high,
        margin=margin,
        expected_defect_share=share,
        precision=flagged / (flagged + passed) if flagged + passed else None,
        recall=recall,
        false_reject_share=false_rejects or 0.0,
        expected_cost=share * (1 - (recall or 0.0)) * settings.miss_cost + passed * settings.false_reject_cost,
        cost_of_passing_all=share * settings.miss_cost,
        cost_of_rejecting_all=(1 - share) * settings.false_reject_cost,
        unsure_share=float(share * (_rate(unsure[labels]) or 0.0) + (1 - share) * (_rate(unsure[~labels]) or 0.0)),
        good_quantiles=_quantiles(scores[~labels]),
        defective_quantiles=_quantiles(scores[labels]),
        validation_photos=len(scores),
        validation_parts=len(np.unique(groups)),
        is_calibrated=True,
        look_again_from=close[0],
        look_again_to=close[1],
    )


def decide_without_defects(scores: Array, groups: NDArray, settings: VisionSettings) -> Decision:
    """Choose where no defect was ever seen: how rare is such a score among good photos?

    A defect is taken to score at least as high as the good photo it is compared with, so the probability is an upper
    bound, not calibrated; recall and precision are unknown.
    """
    share = settings.expected_defect_share or 0.05
    ordered = np.sort(scores)
    tail = 1 - (np.arange(len(ordered)) + 0.5) / len(ordered)
    posterior = logit(np.clip(share / (share + (1 - share) * tail), 1e-6, 1 - 1e-6))
    upper = ordered >= np.median(ordered)  # the upper half: a decision is never taken in the lower
    slope, offset = np.polyfit(ordered[upper], posterior[upper], 1) if np.ptp(ordered[upper]) > 0 else (1.0, 0.0)
    slope = float(max(slope, 1e-3))
    wanted = settings.false_reject_cost / (settings.miss_cost + settings.false_reject_cost)
    margin = _margin(scores, np.zeros(len(scores), dtype=bool), groups)
    # never below what rejects one good photo in twenty: without defects, costs alone would reject far more
    threshold = max(float((logit(wanted) - offset) / slope), float(np.quantile(scores, 0.95))) + margin
    offset = float(logit(wanted) - slope * threshold)
    low, high = _unsure(settings, slope, offset, threshold)
    rejected = _rate(scores >= threshold) or 0.0
    return Decision(
        slope=slope,
        offset=offset,
        threshold=threshold,
        unsure_from=low,
        unsure_to=high,
        margin=margin,
        expected_defect_share=share,
        precision=None,
        recall=None,
        false_reject_share=rejected,
        expected_cost=(1 - share) * rejected * settings.false_reject_cost,
        cost_of_passing_all=share * settings.miss_cost,
        cost_of_rejecting_all=(1 - share) * settings.false_reject_cost,
        unsure_share=float(np.mean((scores >= low) & (scores <= high))) if low < high else 0.0,
        good_quantiles=_quantiles(scores),
        defective_quantiles=(),
        validation_photos=len(scores),
        validation_parts=len(np.unique(groups)),
        is_calibrated=False,
    )


def cost_curve(scores: Array, labels: NDArray[np.bool_], settings: VisionSettings, share: float, margin: float = 0.0) -> Costs:
    """Expected cost per photo at every threshold that matters, were all scores moved by a normal draw of that deviation."""
    bad, good = np.sort(scores[labels]), np.sort(scores[~labels])
    ordered = np.unique(scores)
    span = max(4 * margin, 1e-3)
    between = (ordered[1:] + ordered[:-1]) / 2
    thresholds = np.concatenate([[ordered[0] - span], between, [ordered[-1] + span]])
    if len(thresholds) > 2000:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, 2000).astype(int)]
    moved = thresholds[:, None] - margin * _NODES[None, :] if margin else thresholds[:, None]
    passed = np.searchsorted(bad, moved, side="left").mean(axis=1) / max(len(bad), 1)
    rejected = 1 - np.searchsorted(good, moved, side="left").mean(axis=1) / max(len(good), 1)
    cost = share * passed * settings.miss_cost + (1 - share) * rejected * settings.false_reject_cost
    return Costs(thresholds, cost, 1 - passed, rejected)


def movement(decision: Decision, scores: Array) -> tuple[float, str]:
    """How far new scores lie from those of the validation photos, whatever the share of defects among them is now.

    The statistic is the Kolmogorov-Smirnov distance to the best mixture of good and defective validation scores, over
    the distance that chance alone exceeds once in a hundred times: above 1 the scores have moved.
    """
    scores = np.sort(np.asarray(scores, dtype=float)[np.isfinite(np.asarray(scores, dtype=float))])
    if len(scores) < 20:
        return 0.0, f"{len(scores)} scores are too few to see whether they have moved; 20 are needed."
    good, bad = np.asarray(decision.good_quantiles), np.asarray(decision.defective_quantiles)
    below, upto = np.arange(len(scores)) / len(scores), (np.arange(len(scores)) + 1) / len(scores)
    of_good = _distribution(good, scores)
    of_bad = _distribution(bad, scores) if len(bad) else of_good
    best, best_share = 1.0, 0.0
    for share in np.linspace(0, 1, 101) if len(bad) else (0.0,):
        mixed = (1 - share) * of_good + share * of_bad
        distance = float(np.maximum(np.abs(mixed - below), np.abs(upto - mixed)).max())
        if distance < best - 1e-12:
            best, best_share = distance, float(share)
    # photos of one part are alike: the parts count, not the photos
    limit = 1.63 * np.sqrt(1 / len(scores) + 1 / max(decision.validation_parts, 1))
    statistic = best / float(limit)
    where = "higher" if np.median(scores) > np.median(good) else "lower"
    share_text = f" They look like {best_share:.0%} defective photos." if len(bad) else ""
    if statistic > 1:
        return statistic, (
            f"The scores have moved: they lie {best:.2f} from those the threshold was chosen on, more than the {limit:.2f} that "
            f"chance explains (mostly {where}). Look at the photos, and choose the threshold anew."
        )
    return statistic, f"The scores lie as those the threshold was chosen on (distance {best:.2f}, limit {limit:.2f}).{share_text}"


def _margin(scores: Array, labels: NDArray[np.bool_], groups: NDArray) -> float:
    """Deviation of the mean score of good photos between parts of the validation photos, as one more set would differ."""
    good, of = scores[~labels], groups[~labels]
    names = np.unique(of)
    if len(names) < 2:
        return float(np.std(scores)) * 0.25
    means = np.array([good[of == name].mean() for name in names])
    parts = min(_MARGIN_PARTS, len(names))
    return float(means.std(ddof=1) / np.sqrt(len(names) / parts))


def _platt(scores: Array, labels: NDArray[np.bool_], margin: float, share: float) -> tuple[float, float]:
    """Slope and offset of the probability at this share of defects, learned from scores moved by the margin.

    Targets are drawn in from 0 and 1 (Platt), and both classes weigh alike: the share comes in afterwards.
    """
    bad, good = int(labels.sum()), int((~labels).sum())
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    x = ((scores - centre) / spread)[:, None] + margin / spread * _NODES[None, :]
    target = np.where(labels, (bad + 1) / (bad + 2), 1 / (good + 2))[:, None]
    weight = np.where(labels, 0.5 / max(bad, 1), 0.5 / max(good, 1))[:, None] / len(_NODES)

    def loss(parameters: Array) -> tuple[float, Array]:
        z = parameters[0] * x + parameters[1]
        gap = weight * (expit(z) - target)
        value = (weight * (np.logaddexp(0, z) - target * z)).sum() + 1e-4 * parameters[0] ** 2
        return float(value), np.array([(gap * x).sum() + 2e-4 * parameters[0], gap.sum()])

    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)]).x
    return float(slope / spread), float(offset - slope * centre / spread + logit(share))


def _unsure(settings: VisionSettings, slope: float, offset: float, threshold: float) -> tuple[float, float]:
    """Scores between which a look costs less than deciding; an empty band (from = to) where a look never pays.

    A look that costs nothing always pays: the band holds every score.
    """
    if settings.review_cost == 0:
        return (-EVERY_SCORE, EVERY_SCORE)
    low = settings.review_cost / settings.miss_cost
    high = 1 - settings.review_cost / settings.false_reject_cost
    if not 0 < low < high < 1:
        return (threshold, threshold)
    return (
        min(float((logit(low) - offset) / slope), threshold),
        max(float((logit(high) - offset) / slope), threshold),
    )


def _longest(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the longest run of consecutive numbers."""
    runs = np.split(np.arange(len(found)), np.flatnonzero(np.diff(found) > 1) + 1)
    return max(runs, key=len)


def _rate(flags: NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _quantiles(scores: Array) -> tuple[float, ...]:
    return tuple(float(q) for q in np.quantile(scores, np.linspace(0, 1, 201))) if len(scores) else ()


def _distribution(quantiles: Array, at: Array) -> Array:
    return np.interp(at, quantiles, np.linspace(0, 1, len(quantiles)), left=0.0, right=1.0)
