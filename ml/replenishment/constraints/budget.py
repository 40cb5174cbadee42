"""Budget: where money is short, every pack competes by what a dollar in it is expected to earn.

Belongs here: the ranking and the cut. Does not belong here: whose budget is how large, which is policy.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ml.replenishment.constraints.adjustments import adjusted
from ml.replenishment.constraints.reward import CENTS_PER_USD, Rewards, pack_steps, ranked, take_while_room

SCOPES = (("total", None), ("vendor", "vendor_id"), ("class", "abc_class"))
"""Names of the columns of each budget and of what is spent of it (`total_budget_usd`, `total_exported_usd`), and whose it is."""


def cut_to_budget(lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards) -> tuple[np.ndarray, pl.DataFrame]:
    """Orders within every budget that holds for them, and what was cut.

    What was exported for the same day is paid already, and what a person ordered is paid first. A line whose cost is not known cannot be counted against a budget and is left out where one
    holds. Packs that earn nothing come last, and are still bought where money is left: they save order lines.
    """
    scopes, limited = _scopes(lines, orders)
    if not scopes:
        return orders, adjusted(lines, np.array([], dtype=int), "budget", [], np.array([]), [])
    free = lines["override_order_units"].is_null().to_numpy()
    priced = (lines["unit_cost_usd"].fill_null(0) > 0).to_numpy()
    wanted = np.where(limited & free & priced, orders, 0)
    steps = ranked(pack_steps(rewards, lines, np.zeros(lines.height), wanted))
    steps = steps.with_columns(taken=pl.Series(take_while_room(steps, "weight", scopes)))
    kept = np.bincount(
        steps["row"].to_numpy(), weights=steps["units"].to_numpy() * steps["taken"].to_numpy(), minlength=lines.height
    )
    lost = np.bincount(
        steps["row"].to_numpy(), weights=steps["reward_usd"].to_numpy() * ~steps["taken"].to_numpy(), minlength=lines.height
    )
    after = np.where(limited & free, kept.astype(np.int64), orders)
    rows = np.flatnonzero(after != orders)
    names = _limits_in_words(lines)
    reasons = [
        f"the budget is short ({names[row]}): other packs earn more per dollar"
        if priced[row]
        else f"its cost is not known, so it cannot be counted against the budget ({names[row]})"
        for row in rows
    ]
    return after, adjusted(lines, rows, "budget", (after - orders)[rows], lost[rows], reasons)


def _scopes(lines: pl.DataFrame, orders: np.ndarray) -> tuple[list[tuple[np.ndarray, dict[int, int]]], np.ndarray]:
    """Every scope as (scope of each row, money left of it in hundredths of a cent), and the rows that any budget holds for."""
    fixed = lines["override_order_units"].is_not_null().to_numpy()
    cost = np.rint(lines["unit_cost_usd"].fill_null(0).to_numpy() * CENTS_PER_USD).astype(np.int64)
    spent = np.where(fixed, orders, 0) * cost
    scopes, limited = [], np.zeros(lines.height, dtype=bool)
    for scope, key in SCOPES:
        column, paid = f"{scope}_budget_usd", lines[f"{scope}_exported_usd"].to_numpy()
        has = lines[column].is_not_null().to_numpy()
        if not has.any():
            continue
        of_row = np.zeros(lines.height, dtype=np.int64)
        if key is not None:
            of_row = lines[key].fill_null(0 if key == "vendor_id" else "").rank("dense").cast(pl.Int64).to_numpy()
        of_row = np.where(has, of_row, -1)
        left = np.maximum(lines[column].fill_null(0).to_numpy() - paid, 0)
        budgets = np.floor(left * CENTS_PER_USD + 1e-6).astype(np.int64)
        room = {
            int(name): max(int(budgets[of_row == name].min()) - int(spent[of_row == name].sum()), 0)
            for name in np.unique(of_row[has])
        }
        scopes.append((of_row, room))
        limited |= has
    return scopes, limited


def _limits_in_words(lines: pl.DataFrame) -> list[str]:
    texts = lines.select(
        pl.concat_str(
            _limit_in_words("total", pl.format("{} USD in all", pl.col("total_budget_usd").round(2))),
            _limit_in_words(
                "vendor", pl.format("{} USD for vendor {}", pl.col("vendor_budget_usd").round(2), pl.col("vendor_id"))
            ),
            _limit_in_words("class", pl.format("{} USD for class {}", pl.col("class_budget_usd").round(2), pl.col("abc_class"))),
            separator=", ",
            ignore_nulls=True,
        )
    )
    return texts.to_series().to_list()


def _limit_in_words(scope: str, limit: pl.Expr) -> pl.Expr:
    spent = pl.col(f"{scope}_exported_usd")
    return pl.when(spent > 0).then(pl.format("{}, {} of it exported already", limit, spent.round(2))).otherwise(limit)
