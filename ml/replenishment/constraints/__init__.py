"""What limits an order: calendars, minimums, money, room, and stock that others have too much of. A module per limit.

Belongs here: pure functions over lines of an order. Does not belong here: the order without limits.
"""

from ml.replenishment.constraints.calendar import next_order_date
from ml.replenishment.constraints.multi_echelon import place_safety_stock
from ml.replenishment.constraints.solve import Constrained, constrain

__all__ = ["Constrained", "constrain", "next_order_date", "place_safety_stock"]
