"""What assets use to reach the outside: the warehouse file.

Belongs here: Dagster's names for it. Does not belong here: what is done with it, which works without Dagster.
"""

from __future__ import annotations

import dagster as dg

from dagster_project.warehouse_file import WarehouseFile


class Warehouse(dg.ConfigurableResource, WarehouseFile):
    """The warehouse file as a resource."""

    path: str
    memory_limit: str = "4GB"
