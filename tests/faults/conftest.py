"""Staging of raw files that are not as they should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Stage = Callable[[Path], Path]


@pytest.fixture(scope="session")
def stage(run_dbt, tiny_source: Path, made_once, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """`stage(source)`: read the raw files of a folder into a new warehouse and return its path."""

    seeded = made_once("seeded", lambda folder: run_dbt(tiny_source, folder / "stockroom.duckdb", "seed"))

    def stage(source: Path) -> Path:
        warehouse = tmp_path_factory.mktemp("staged") / "stockroom.duckdb"
        shutil.copyfile(seeded / warehouse.name, warehouse)
        run_dbt(source, warehouse, "run", "--select", "path:models/staging", "--exclude", "path:models/staging/ml")
        return warehouse

    return stage
