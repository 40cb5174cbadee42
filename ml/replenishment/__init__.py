"""Replenishment: how much to order now, and what that rests on.

Belongs here: the decision as a pure function (`decide`), the demand and supply it foresees, the search for the cheapest order;
textbook formulas and the replay of policies against history.
Does not belong here: tables, files and orchestration; and the forecasts of the warehouse, which `ml.forecasting` makes.
"""

from ml.replenishment.decide import decide
from ml.replenishment.settings import DecisionSettings

__all__ = ["DecisionSettings", "decide"]
