"""The raw files as assets: checked before anything is written.

Belongs here: whether the files are there and have their columns. Does not belong here: their rows, which staging SQL reads.
"""

import dagster as dg

from dagster_project.intake import check_source, declared_tables
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings
from ml.contracts import OUTPUTS


def build_raw_assets() -> dg.AssetsDefinition:
    """The raw files as declared in dbt's source YAML, checked together in one step."""
    specs = [
        dg.AssetSpec(
            ["raw", table.name], group_name="raw", kinds={"csv"}, description=f"Raw file {' or '.join(table.file_patterns)}."
        )
        for table in declared_tables()
    ]

    @dg.multi_asset(specs=specs, name="raw_files", pool="warehouse")
    def raw_files(warehouse: Warehouse):
        """Check names and headers of the source folder; a missing file or column stops the run here."""
        intake = check_source(Settings.from_env().source_dir)
        warehouse.ensure_tables(OUTPUTS)
        for name, paths in intake.files.items():
            yield dg.MaterializeResult(
                asset_key=["raw", name],
                metadata={
                    "files": [path.name for path in paths],
                    "size_mib": round(sum(path.stat().st_size for path in paths) / 2**20, 1),
                    "absence": intake.absences.get(name, ""),
                },
            )

    return raw_files
