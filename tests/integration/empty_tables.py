"""Tables that are empty although no input is missing.

Belongs here: their names, for the tests that hold every other empty table to a gap in the data. Does not belong here: those tests.
"""

LISTS = frozenset(
    f"recommendations.rec_{name}" for name in ("exceptions", "purchase_orders", "purchase_order_lines", "transfers")
) | {"reports.ops_order_spikes"}
"""What needs a person, what to send to vendors, what to move between stores, what was ordered: empty where there is nothing to do."""

WORRIES = frozenset({"marts.rpt_defect_alerts", "marts.rpt_inspection_problems", "recommendations.rec_override_problems"})
"""Vendors and lots worse than the rest, photos that could not be used, words nobody can follow: empty where all is well."""

FILLED_LATER = frozenset({"reports.ops_schema_changes", "reports.rpt_forecast_accuracy", "reports.rpt_policy_replay"})
"""From the second as-of day on, as forecasts meet what was sold since; by a replay; as columns change."""
