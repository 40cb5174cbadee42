"""Thresholds by cost, on scores small enough to work out by hand; seeing that scores have moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.vision.evaluate import decided_well, measures, recall_at
from ml.vision.settings import VisionSettings
from ml.vision.threshold import Decision, cost_curve, decide, decide_without_defects, movement

SETTINGS = VisionSettings(miss_cost=10, false_reject_cost=1, review_cost=0.1, expected_defect_share=0.1)


def scores_of(good: float, bad: float, count: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal scores around two means, ten photos of each part."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2 == 1
    return np.where(labels, bad, good) + random.normal(0, 1, count), labels, (np.arange(count) // 20) * 2 + labels


def test_the_cost_of_every_threshold_is_worked_out() -> None:
    """Good 0, 1, 2, 3; defective 2.5, 4. At 2.75: half of the defects pass, a quarter of the good is rejected:
    0.1 x 0.5 x 10 + 0.9 x 0.25 x 1 = 0.725. At 2.25: no defect passes, a quarter is rejected: 0.225."""
    scores, labels = np.array([0, 1, 2, 3, 2.5, 4]), np.array([False] * 4 + [True] * 2)
    costs = cost_curve(scores, labels, SETTINGS, share=0.1)
    assert costs.cost[np.argmin(np.abs(costs.thresholds - 2.75))] == pytest.approx(0.725)
    assert costs.cost[np.argmin(np.abs(costs.thresholds - 2.25))] == pytest.approx(0.225)
    assert costs.cost[0] == pytest.approx(0.9)  # everything rejected
    assert costs.cost[-1] == pytest.approx(1.0)  # everything passed
    assert costs.cost.min() == pytest.approx(0.225)


def test_dearer_misses_lower_the_threshold() -> None:
    scores, labels, groups = scores_of(-1, 1)
    dear, cheap = (decide(scores, labels, groups, replace(SETTINGS, miss_cost=cost)).threshold for cost in (50, 2))
    assert dear < cheap


def test_rarer_defects_raise_the_threshold_and_lower_the_probability() -> None:
    scores, labels, groups = scores_of(-1, 1)
    rare, common = (decide(scores, labels, groups, replace(SETTINGS, expected_defect_share=share)) for share in (0.01, 0.5))
    assert rare.threshold > common.threshold
    assert rare.probability(np.array([0.0]))[0] < common.probability(np.array([0.0]))[0]


def test_probabilities_are_calibrated() -> None:
    """Two normals at -1 and 1 with deviation 1: the true log-odds are 2 x score at equal shares."""
    scores, labels, groups = scores_of(-1, 1, count=8000)
    decision = decide(scores, labels, groups, replace(SETTINGS, expected_defect_share=0.5))
    assert decision.slope == pytest.approx(2.0, rel=0.1)
    assert decision.offset == pytest.approx(0.0, abs=0.1)


def test_the_threshold_of_separate_scores_lies_in_the_gap() -> None:
    scores = np.concatenate([np.linspace(-5, -3, 40), np.linspace(3, 5, 40)])
    decision = decide(scores, scores > 0, np.arange(80) // 4, SETTINGS)
    assert -2.5 < decision.threshold < 2.9
    assert (decision.recall, decision.precision, decision.false_reject_share) == (1.0, 1.0, 0.0)


def test_parts_that_differ_widen_the_margin() -> None:
    random = np.random.default_rng(1)
    labels, groups = np.arange(400) % 2 == 1, np.arange(400) // 20
    alike = np.where(labels, 2.0, -2.0) + random.normal(0, 0.2, 400)
    apart = alike + random.normal(0, 1, 20)[groups]
    margins = [decide(scores, labels, groups, SETTINGS).margin for scores in (alike, apart)]
    assert margins[1] > 3 * margins[0]


def test_who_is_unsure_costs_less_than_deciding() -> None:
    scores, labels, groups = scores_of(-1, 1)
    decision = decide(scores, labels, groups, SETTINGS)
    assert decision.unsure_from < decision.threshold < decision.unsure_to
    low, high = decision.probability(np.array([decision.unsure_from, decision.unsure_to]))
    assert low == pytest.approx(SETTINGS.review_cost / SETTINGS.miss_cost)
    assert high == pytest.approx(1 - SETTINGS.review_cost / SETTINGS.false_reject_cost)


def test_a_look_that_never_pays_is_never_asked_for() -> None:
    scores, labels, groups = scores_of(-1, 1)
    decision = decide(scores, labels, groups, replace(SETTINGS, review_cost=5.0))
    assert decision.unsure_from == decision.unsure_to
    assert decision.unsure_share == 0


def test_a_look_that_costs_nothing_is_always_asked_for() -> None:
    scores, labels, groups = scores_of(-1, 1)
    decision = decide(scores, labels, groups, replace(SETTINGS, review_cost=0.0))
    assert decision.unsure_from < scores.min() < scores.max() < decision.unsure_to
    assert decision.unsure_share == pytest.approx(1.0)


def test_a_decision_survives_json() -> None:
    decision = decide(*scores_of(-1, 1), SETTINGS)
    assert Decision.from_json(decision.as_json()) == decision


def test_scores_like_those_of_the_validation_have_not_moved_whatever_the_share() -> None:
    decision = decide(*scores_of(-2, 2), SETTINGS)
    new, labels, _ = scores_of(-2, 2, count=600, seed=9)
    for keep in (labels | True, ~labels, labels):
        assert movement(decision, new[keep])[0] < 1


def test_scores_that_moved_are_told() -> None:
    scores, labels, _ = scores_of(-2, 2, count=2000)
    decision = decide(scores, labels, np.arange(2000), SETTINGS)
    new, _, _ = scores_of(-2, 2, count=600, seed=9)
    statistic, sentence = movement(decision, new + 1.5)
    assert statistic > 1
    assert "have moved" in sentence


def test_few_scores_say_nothing() -> None:
    statistic, sentence = movement(decide(*scores_of(-2, 2), SETTINGS), np.full(5, 99.0))
    assert statistic == 0
    assert "too few" in sentence


def test_without_defects_few_good_parts_are_rejected() -> None:
    scores = np.random.default_rng(1).normal(0, 1, 500)
    decision = decide_without_defects(scores, np.arange(500) // 5, SETTINGS)
    assert decision.false_reject_share <= 0.05
    assert decision.recall is None
    assert not decision.is_calibrated
    assert decision.probability(np.array([5.0]))[0] > decision.probability(np.array([0.0]))[0]


def test_recall_at_a_share_of_false_rejects_is_worked_out() -> None:
    """Good 0 to 99; at 5 % five good photos (95 to 99) may be rejected, so defects above 94 are found: 2 of 4."""
    scores = np.concatenate([np.arange(100), [94, 94.5, 50, 200]]).astype(float)
    labels = np.arange(104) >= 100
    assert recall_at(scores, labels, 0.05) == 0.5
    assert recall_at(scores, labels, 0.01) == 0.25


def test_measures_of_one_class_are_unknown() -> None:
    assert np.isnan(measures(np.arange(4.0), np.zeros(4, dtype=bool))["auroc"])


def test_what_a_threshold_was_worth_is_worked_out() -> None:
    """Recall 1/2, false rejects 1/4, share 0.1: 0.1 x 0.5 x 10 + 0.9 x 0.25 = 0.725."""
    decision = replace(decide(*scores_of(-1, 1), SETTINGS), threshold=2.75, unsure_from=2.75, unsure_to=2.75)
    labels = np.array([False] * 4 + [True] * 2)
    got = decided_well(decision, np.array([0, 1, 2, 3, 2.5, 4.0]), labels, SETTINGS)
    assert got["cost"] == pytest.approx(0.725)
    assert got["cost_with_looks"] == pytest.approx(0.725)
    assert (got["recall"], got["false_rejects"]) == (0.5, 0.25)
