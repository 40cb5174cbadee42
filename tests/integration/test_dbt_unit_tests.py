"""dbt's own unit tests: the formulas of the models, with numbers worked by hand in the YAML beside them."""

from __future__ import annotations

import shutil
from pathlib import Path


def test_every_unit_test_of_the_models_passes(run_dbt, built_warehouse: Path, tiny_source: Path, tmp_path: Path):
    # a copy: unit tests need the models' tables to exist, and build what has none yet
    warehouse = tmp_path / "stockroom.duckdb"
    shutil.copy(built_warehouse, warehouse)
    run_dbt(
        tiny_source, warehouse, "run", "--select", "path:models/recommendations", "path:models/reports", "path:models/staging/ml"
    )
    result = run_dbt(tiny_source, warehouse, "test", "--select", "test_type:unit")
    assert len(result.result.results) >= 16
