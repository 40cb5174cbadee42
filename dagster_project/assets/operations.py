"""What a run leaves for those who watch runs: measured after every table it made, before it is published.

Belongs here: that it comes after all it measures. Does not belong here: measuring (recording), and what is unusual (SQL).
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from dagster_project.choices import tried_again
from dagster_project.operation_tables import OPS_SCHEMA, RECORDS
from dagster_project.publish.contract import published_tables
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings
from dagster_project.translator import OWNERS


def build_operations(nodes: dict[str, Any]) -> dg.AssetsDefinition:
    """The records of a run, after every published table that is not itself made of them."""
    made_of_records = _made_of_records(nodes)
    tables = [table.source for table in published_tables() if table.source and table.source not in made_of_records]
    specs = [
        dg.AssetSpec(
            [OPS_SCHEMA, contract.name],
            deps=[table.split(".") for table in tables],
            group_name="operations",
            owners=OWNERS,
            kinds={"python"},
            description=f"Kept over all runs. One row per {', '.join(contract.grain)}.",
        )
        for contract in RECORDS
    ]

    @dg.multi_asset(specs=specs, name="operations", pool="warehouse")
    def operations(context: dg.AssetExecutionContext, warehouse: Warehouse):
        """Freshness, rows, columns, forecasts and orders of this run; and how earlier runs ended."""
        from dagster_project.intake import check_source
        from dagster_project.recording import record_run
        from dagster_project.run_records import AS_OF_TAG, keep_records

        settings = Settings.from_env()
        with tried_again(context):
            written = record_run(warehouse, context.run_id, check_source(settings.source_dir), str(settings.source_dir), tables)
        as_of_date = warehouse.read("select as_of_date from intermediate.int_as_of").item()
        context.instance.add_run_tags(context.run_id, {AS_OF_TAG: str(as_of_date)})
        keep_records(context.instance, settings)
        for spec in specs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"rows_of_this_run": written.get(spec.key.path[-1], 0)})

    return operations


def _made_of_records(nodes: dict[str, Any]) -> Sequence[str]:
    """Models that read schema `ops`, themselves or through others, as schema.table."""
    todo = [name for name, source in nodes["sources"].items() if source["source_name"] == OPS_SCHEMA]
    found: set[str] = set()
    while todo:
        for child in nodes["child_map"].get(todo.pop(), ()):
            if child.startswith("model.") and child not in found:
                found.add(child)
                todo.append(child)
    return [f"{nodes['nodes'][name]['schema']}.{nodes['nodes'][name]['name']}" for name in sorted(found)]
