"""Pages of a table: together they are the table, whatever is sorted by, filtered and shown, and nothing else can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ml.serving.query import OPERATORS, RESERVED, ROW, Cursor, page
from ml.serving.snapshot import ServedColumn, ServedTable

TABLE = ServedTable(
    "things",
    "data",
    "",
    "",
    0,
    tuple(ServedColumn(n, t, "", "", "") for n, t in (("a", "integer"), ("b", "double"), ("c", "varchar"))),
)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from([0.5, float("nan"), float("-inf"), 1.0]),
        st.none() | st.sampled_from(["", "x", "Ä", "x'; drop table bi.things --"]),
    ),
    max_size=12,
)
SORTS = st.lists(st.sampled_from(["a", "-a", "b", "-b", "c", "-c"]), max_size=3).map(",".join)


def all_pages(connection: duckdb.DuckDBPyConnection, limit: int, sort: str, asked: list[tuple[str, str]]) -> list[tuple]:
    found, cursor = [], None
    while True:
        statement = page(TABLE, asked, limit, sort, "", cursor)
        result = connection.execute(statement.sql, statement.parameters)
        assert result.description[-1][0] == ROW
        rows = result.fetchall()
        found += [row[:-1] for row in rows[:limit]]
        if len(rows) <= limit:
            return found
        cursor = Cursor.read(Cursor("run", rows[limit - 1][-1], statement.mark).text())


@pytest.fixture(scope="module")
def things() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema bi")
        yield connection


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, limit=st.integers(1, 5), sort=SORTS, only=st.none() | st.integers(0, 2))
def test_all_pages_are_the_whole_table_once_in_order(
    things: duckdb.DuckDBPyConnection, rows: list[tuple], limit: int, sort: str, only: int | None
) -> None:
    a, b, c = ([row[place] for row in rows] for place in range(3))
    things.execute(
        "create or replace table bi.things as select unnest(?::integer[]) as a, unnest(?::double[]) as b, unnest(?::varchar[]) as c",
        [a, b, c],
    )
    by = [f"{part.removeprefix('-')} {'desc' if part[0] == '-' else 'asc'} nulls last" for part in sort.split(",") if part]
    where = "" if only is None else f"where a = {only}"
    whole = things.sql(f"select * from bi.things {where} order by {', '.join([*by, 'rowid'])}").fetchall()
    found = all_pages(things, limit, sort, [] if only is None else [("a", str(only))])
    assert [str(row) for row in found] == [str(row) for row in whole]  # as text: no NaN equals another


@pytest.mark.parametrize(
    "question",
    [
        "limit=7",
        "limit=50&sort=vendor_name",
        "limit=11&sort=-order_usd,abc_class",
        "limit=13&sort=cover_days&columns=item_id,location_id",
        "limit=9&order_units.gt=0&abc_class.in=A,B&sort=abc_class",
        "limit=100&vendor_name.is=null",
    ],
)
def test_links_lead_through_the_table(client: TestClient, rows_of: Callable, question: str) -> None:
    found, url = [], f"/v1/recommendations?{question}"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        content = answer.json()
        found += [(row["item_id"], row["location_id"]) for row in content["data"]]
        url = answer.links["next"]["url"] if content["next"] else ""
        assert bool(content["next"]) == ("next" in answer.links)
    where = (
        "order_units > 0 and abc_class in ('A', 'B')"
        if "order_units" in question
        else "vendor_name is null"
        if "is=" in question
        else "true"
    )
    assert sorted(found) == sorted(rows_of(f"select item_id, location_id from bi.rec_orders where {where}"))
    assert len(set(found)) == len(found) > 0


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ("item_id=3", "item_id = 3"),
        ("item_id.ne=3", "item_id <> 3"),
        ("order_usd.gte=37.02", "order_usd >= 37.02"),
        ("order_usd.lt=37.02", "order_usd < 37.02"),
        ("cover_days.lte=2", "cover_days <= 2"),
        ("as_of_date.gt=2016-12-30", "as_of_date > date '2016-12-30'"),
        ("item_id.in=3,4,99", "item_id in (3, 4)"),
        ("vendor_name.contains=CO%22%201", "vendor_name like '%CO\" 1%'"),
        ("vendor_name.is=not_null", "vendor_name is not null"),
        ("item_name.contains=tea%2029&location_id=1", "item_id = 29 and location_id = 1"),
    ],
)
def test_filters_mean_what_they_say(client: TestClient, rows_of: Callable, condition: str, sql: str) -> None:
    found = client.get(f"/v1/recommendations?limit=1000&columns=item_id,location_id&{condition}").json()["data"]
    expected = rows_of(f"select item_id, location_id from bi.rec_orders where {sql} order by rowid")
    assert [tuple(row.values()) for row in found] == expected
    assert expected


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("colour=red", "no such column"),
        ("item_id.near=3", "no such operator"),
        ("item_id=three", "not a whole number"),
        ("item_id=99999999999999999999", "not a whole number"),
        ("order_usd=NaN", "not a number"),
        ("as_of_date=31.12.2016", "not a date"),
        ("item_id.in=1,,2", "not a whole number"),
        ("vendor_name.is=empty", "null or not_null"),
        ("item_id.contains=1", "only text contains"),
        ("sort=order_usd;drop table", "no such column"),
        ("sort=rowid", "no such column"),
        ("columns=item_id,1", "no such column"),
        ("columns=(select 1)", "no such column"),
        ("cursor=abc", "not one of ours"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=many", "limit"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(client: TestClient, question: str, says: str) -> None:
    answer = client.get(f"/v1/tables/rec_orders?{question}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


@given(st.text(max_size=30), st.sampled_from(sorted(OPERATORS.keys() - {"is"})))
@settings(max_examples=80, deadline=None)
def test_no_text_of_a_user_is_in_the_sql(text: str, operator: str) -> None:
    """The statement is the same whatever is looked for; only the number of values counts."""
    plain = "x" + ",x" * text.count(",")
    statement, other = (page(TABLE, [(f"c.{operator}", value)], 10) for value in (text, plain))
    assert statement.sql == other.sql
    assert statement.parameters == [*(text.split(",") if operator == "in" else [text]), 11]


def test_a_cursor_belongs_to_its_question(client: TestClient) -> None:
    cursor = client.get("/v1/recommendations?limit=5&sort=order_usd").json()["next"]
    for other in ("sort=-order_usd", "sort=order_usd&item_id.gt=2"):
        answer = client.get(f"/v1/recommendations?limit=5&{other}&cursor={cursor}")
        assert (answer.status_code, "another question" in answer.json()["detail"]) == (422, True)
    gone = Cursor("20150101T000000_ffffffff", 3, "x").text()
    assert client.get(f"/v1/recommendations?cursor={gone}").status_code == 410
    outside = Cursor("../../20150101", 3, "x").text()
    assert client.get(f"/v1/recommendations?cursor={outside}").status_code == 410


def test_no_published_column_is_called_like_a_parameter() -> None:
    from dagster_project.publish.contract import published_tables

    names = {column.name for table in published_tables() for column in table.columns}
    assert names & set(RESERVED) == set()
    assert [name for name in names if "." in name] == []
