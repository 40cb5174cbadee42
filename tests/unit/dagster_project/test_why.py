"""What `stockroom why` says of one order: its policy, the service that made it, and the words of whoever decided otherwise."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from dagster_project.summary import why

PERSON = "a person (buyer) orders it so: PELLDALE takes orders from 1,000.00 USD"


def said_of(folder: Path, policy: str, reason: str = "position below the reorder point") -> str:
    """What is said of an order of 12 units of item 1 in store 2, class C, 85 % cycle service, 97 % fill rate."""
    warehouse = folder / "stockroom.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("recommendations", "marts"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            """
            create table recommendations.rec_orders as select
                1 as item_id, 2 as location_id, 3 as vendor_id, 'C' as abc_class, 12 as order_units, 20.0 as reorder_point_units,
                date '2016-12-31' as as_of_date, ? as reason, 'ensemble' as model, ? as policy, 0.85 as cycle_service_level,
                20.1 as horizon_days
            """,
            [reason, policy],
        )
        connection.execute(
            "create table recommendations.rec_policy_targets as select 1 as item_id, 2 as location_id, 0.97 as fill_rate_level"
        )
        connection.execute(
            "create table recommendations.rec_why as select 1 as item_id, 2 as location_id, 1 as term_number, 'demand' as term, 12.0 as term_units"
        )
        connection.execute("create table marts.dim_product as select 1 as item_id, 'Rum' as item_name, '1L' as size")
        connection.execute("create table marts.dim_location as select 2 as location_id, 'NORSHAW' as city")
        connection.execute("create table marts.dim_vendor as select 3 as vendor_id, 'PELLDALE' as vendor_name")
    console = Console(width=500)
    with console.capture() as captured:
        console.print(why(warehouse, 1, 2))
    return captured.get()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("quantile", "class C, policy quantile, cycle service level 85.0%, protection interval"),
        ("fill_rate", "class C, policy fill_rate, fill rate 97.0%, protection interval"),
        ("least_cost", "class C, policy least_cost, protection interval"),
        ("newsvendor", "class C, policy newsvendor, protection interval"),
        ("just_in_time", "class C, policy just_in_time, protection interval"),
    ],
)
def test_the_policy_is_named_and_a_level_only_where_it_made_the_order(policy: str, words: str, tmp_path: Path) -> None:
    assert words in said_of(tmp_path, policy)


def test_only_the_first_letter_of_a_reason_is_raised(tmp_path: Path) -> None:
    assert f"\nA{PERSON[1:]}. Forecast by" in said_of(tmp_path, "quantile", PERSON)
