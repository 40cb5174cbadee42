"""docs/tables.md is what the YAML says. After a change that is meant: UPDATE_DOCS=1 pytest tests/architecture/test_tables_page.py"""

from __future__ import annotations

import os

from dagster_project.publish.contract import PublishedColumn, PublishedTable, published_tables
from dagster_project.publish.dictionary import draw_dictionary
from dagster_project.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tables.md"


def test_the_page_says_what_the_yaml_says() -> None:
    drawn = draw_dictionary(published_tables())
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(drawn)
    assert PAGE.read_text() == drawn, "write it anew: UPDATE_DOCS=1 pytest tests/architecture/test_tables_page.py"


def test_a_table_is_drawn_with_its_keys_and_where_they_lead() -> None:
    stores = PublishedTable(
        "dim_location", "marts.dim_location", "dimension", "Where?", "one row per store", ("location_id",),
        (PublishedColumn("location_id", "integer", "Store."),), {},
    )  # fmt: skip
    sales = PublishedTable(
        "fct_sales", "marts.fct_sales", "fact", "What was sold?", "one row per sale", (),
        (PublishedColumn("location_id", "integer", "Store."), PublishedColumn("revenue_usd", "decimal(18, 2)", "a | b", "USD")),
        {"location_id": ("dim_location", "location_id")},
    )  # fmt: skip
    lines = draw_dictionary([stores, sales]).splitlines()
    assert '    dim_location ||--o{ fct_sales : "location_id"' in lines
    assert "        integer location_id PK" in lines
    assert "        integer location_id FK" in lines
    assert "        decimal revenue_usd" in lines
    assert "| `revenue_usd` | decimal(18, 2) | USD | a \\| b |" in lines
