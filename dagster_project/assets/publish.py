"""Publishing as the last step of a run: what BI reads is made of finished tables only.

Belongs here: that it comes after all it publishes. Does not belong here: what is published, and how.
"""

import dagster as dg

from dagster_project.assets.specs import DAILY
from dagster_project.publish.contract import BI_SCHEMA, published_tables
from dagster_project.settings import Settings
from dagster_project.translator import OWNERS


def build_published_snapshot() -> dg.AssetsDefinition:
    """The snapshot, after every table of the contract."""
    sources = [table.source.split(".") for table in published_tables() if table.source]

    @dg.asset(
        key=[BI_SCHEMA, "published_snapshot"],
        deps=[dg.AssetKey(key) for key in sources],
        group_name="publish",
        owners=OWNERS,
        freshness_policy=DAILY,
        kinds={"duckdb", "parquet"},
        pool="warehouse",
        description="What BI reads: a DuckDB file and Parquet, switched in at once. A run that fails publishes nothing.",
    )
    def published_snapshot() -> dg.MaterializeResult:
        from dagster_project.publish.errors import PublishError
        from dagster_project.publish.snapshot import publish_snapshot

        try:
            snapshot = publish_snapshot(Settings.from_env())
        except PublishError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        return dg.MaterializeResult(
            metadata={
                "run_id": snapshot.run_id,
                "file": str(snapshot.database),
                "tables": snapshot.table_count,
                "dagster/row_count": snapshot.row_count,
            }
        )

    return published_snapshot
