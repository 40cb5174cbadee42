"""`decide` plays a few of the real games: far better than a textbook policy, and never better than one who knows the future.

The games are not part of the project: STOCKROOM_REAL_DATA names the folder that holds them; without it these tests are skipped.
`make bench-orders` plays all of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dagster_project.settings import PROJECT_ROOT

REAL_DATA = os.environ.get("STOCKROOM_REAL_DATA")  # read before the tests' own environment hides it
GAMES = "replenishment_games_dev.parquet"
SAMPLE = slice(None, None, 9)  # 60 of 540: every kind of delivery, profit and pattern


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT_ROOT / "tests" / "bench")
        import games

        yield games
        for name in ("games", "demand_sets"):
            sys.modules.pop(name, None)


def two_games(bench: ModuleType, lead_time: list[float]) -> object:
    """Demand of 2, 4 and 3 at a profit of 3 and holding 1."""
    one = np.array([3.0])
    return bench.Games(
        ids=np.array(["A"]),
        seen=np.array([[3.0, 3.0]]),
        demand=np.array([[2.0, 4.0, 3.0]]),
        lead_time=np.array([lead_time]),
        promised=np.array([1]),
        profit=one,
        holding_cost=np.array([1.0]),
        kind=np.array(["4"]),
        pattern=np.array(["steady"]),
    )


def test_the_rules_by_hand(bench: ModuleType) -> None:
    """Orders of 5 each, which come after one period, never, and at once: arrivals 0, 5, 5; sold 0, 4, 3; left 0, 1, 3."""
    games = two_games(bench, [1.0, np.inf, 0.0])
    ages = []

    def five(view) -> np.ndarray:
        ages.append(view.arrived_at_age[0].tolist())
        return np.array([5.0])

    # (3 x 7 - 4) / (3 x 9)
    assert bench.play(games, five).score[0] == pytest.approx(17 / 27)
    assert ages == [[], [-1], [1, -1]]


def test_the_clairvoyant_by_hand(bench: ModuleType) -> None:
    """Arrivals in the second and third period: nothing is there for the first, the others are met on the day."""
    assert bench.clairvoyant(two_games(bench, [1.0, np.inf, 0.0]))[0] == pytest.approx(3 * 7 / 27)
    # only the first order comes, in the second period: what the third one needs waits a period and earns 2 a unit
    assert bench.clairvoyant(two_games(bench, [1.0, np.inf, np.inf]))[0] == pytest.approx((3 * 4 + 2 * 3) / 27)


@pytest.mark.skipif(
    not (REAL_DATA and (Path(REAL_DATA) / GAMES).is_file()), reason=f"STOCKROOM_REAL_DATA does not name a folder with {GAMES}"
)
def test_a_sample_of_the_games(bench: ModuleType) -> None:
    games = bench.read_games(Path(REAL_DATA) / GAMES).some(np.arange(540)[SAMPLE])
    own, other, best = (
        bench.play(games, bench.least_cost).score,
        bench.play(games, bench.capped_base_stock).score,
        bench.clairvoyant(games),
    )
    assert own.mean() > 0.64
    assert own.mean() > other.mean() + 0.12
    assert (own <= best + 1e-9).all()
    for kind, least in (("0", 0.65), ("4", 0.5), ("stochastic", 0.4)):
        assert own[games.kind == kind].mean() > least
