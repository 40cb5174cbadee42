"""Past days, a partition each: decided for once more and kept beside the others.

Belongs here: one day per run, its choices and metadata. Does not belong here: rebuilding.
"""

import dagster as dg

from dagster_project.choices import tried_again
from dagster_project.partitions import DAYS
from dagster_project.rebuilding import RebuildFailed, rebuild_day
from dagster_project.run_records import run_tags
from dagster_project.settings import Settings
from dagster_project.translator import OWNERS


@dg.asset(
    key=["history", "rebuilt_orders"],
    deps=[["recommendations", "rec_orders"]],
    partitions_def=DAYS,
    group_name="rebuild",
    owners=OWNERS,
    kinds={"duckdb"},
    pool="warehouse",
    description="What would have been recommended on a past day with what was known then and today's code, in rpt_order_history.",
)
def rebuilt_orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    settings, day = Settings.from_env(), context.partition_time_window.start.date()
    context.instance.add_run_tags(context.run_id, {**run_tags(settings), "stockroom/as_of": str(day)})
    try:
        with tried_again(context):
            kept = rebuild_day(settings, day, context.run_id, context.log.info)
    except RebuildFailed as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(metadata={"dagster/row_count": kept["order_history"], **kept})
