"""Days that can be rebuilt, one partition each.

Belongs here: which days there are. Does not belong here: rebuilding one (rebuilding).
The warehouse is one file and holds one day's decision, the newest. A past day is therefore rebuilt in a copy of that file, and only its
recommendations and forecasts come back, stamped with their day: `reports.rpt_order_history` holds all days side by side.
"""

from __future__ import annotations

import dagster as dg

from dagster_project.settings import Settings

DAYS = dg.DailyPartitionsDefinition(start_date=str(Settings.from_env().first_day))
"""From STOCKROOM_FIRST_DAY on. A day before the first sale or count is refused by the run, in words."""
