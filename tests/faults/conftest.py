"""Staging of raw files that are not as they should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Stage = Callable[[Path], Path]


@pytest.fixture(scope="session")
def stage(run_dbt, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """`stage(source)`: read the raw files of a folder into a new warehouse and return its path."""

    def stage(source: Path) -> Path:
        warehouse = tmp_path_factory.mktemp("staged") / "stockroom.duckdb"
        run_dbt(
            source,
            warehouse,
            "build",
            "--exclude-resource-type",
            "test",
            "--select",
            "path:seeds",
            "path:models/staging",
            "--exclude",
            "path:models/staging/ml",
        )
        return warehouse

    return stage
