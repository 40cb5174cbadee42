"""docs/bi.md: its Python runs as written. Its links and commands: tests/architecture/test_documents.py."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from small_snapshot import write_snapshot

from dagster_project.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docs" / "bi.md").read_text()


def test_its_python_runs_as_written(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    month = {"period_type": "month", "period_start_date": date(2016, 12, 1), "level": "item", "period_days": 31}
    rows = {
        "rpt_demand_weekly": [{"week_start_date": date(2016, 12, day), "demand_units": day} for day in (11, 18)],
        "rpt_turnover": [month | {"cogs_usd": 620, "average_inventory_usd": 365}],  # 365 x 620 / (365 x 31) = 20 turns a year
        "rec_orders": [{"item_id": 1, "order_units": 5}, {"item_id": 2, "order_units": 0}],
    }
    write_snapshot(tmp_path / "data/warehouse/published/stockroom.duckdb", rows)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"2016-12-01 +│ +20\.0 ", done.stdout)
    assert (tmp_path / "first_chart.png").stat().st_size > 5000
    assert len((tmp_path / "orders.csv").read_text().splitlines()) == 2
