"""The report as the last asset: a page made of what was just published.

Belongs here: that it comes after the snapshot. Does not belong here: what is on the page.
"""

import dagster as dg

from dagster_project.assets.specs import DAILY
from dagster_project.publish.contract import BI_SCHEMA
from dagster_project.settings import Settings
from dagster_project.translator import OWNERS


@dg.asset(
    key=[BI_SCHEMA, "report"],
    deps=[[BI_SCHEMA, "published_snapshot"]],
    group_name="publish",
    owners=OWNERS,
    freshness_policy=DAILY,
    kinds={"html"},
    pool="warehouse",
    description="One page for five roles that opens in any browser, without a server or a network.",
)
def report() -> dg.MaterializeResult:
    from dagster_project.publish.errors import PublishError
    from dagster_project.publish.report.page import write_report

    try:
        written = write_report(Settings.from_env())
    except PublishError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(metadata={"file": dg.MetadataValue.path(written.path), "bytes": written.bytes})
