"""Answers: the same rows in every form, items and their terms, KPIs, entity tags, and errors that say what to do."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from serving.conftest import RUN, opened, switch, write_version
from starlette.testclient import TestClient

from ml.serving.formats import ARROW, CSV, JSON
from ml.serving.settings import ServingSettings
from ml.serving.snapshot import QueryTooSlow, Snapshot

PROBLEM = "application/problem+json"


def as_json(value: Any) -> Any:
    """A value of Arrow as JSON has to say it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and isnan(value):
        return None
    return value.isoformat() if isinstance(value, date | datetime) else value


def as_csv(value: Any) -> str:
    """A value of Arrow as CSV has to say it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "nan" if isnan(value) else repr(int(value) if value == int(value) else value)
    return str(value)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tables/rec_orders?limit=1000",
        "/v1/tables/rec_orders?limit=17&sort=-cover_days",
        "/v1/tables/rec_orders?item_id=99",
        "/v1/recommendations/5",
        "/v1/recommendations/5/2",
        "/v1/recommendations/5/2/why",
        "/v1/forecasts/5/2",
        "/v1/kpis/order_usd?by=vendor_name,as_of_date",
    ],
)
def test_json_csv_and_arrow_hold_the_same_rows(client: TestClient, path: str) -> None:
    answers = {form: client.get(path, headers={"Accept": form}) for form in (JSON, CSV, ARROW)}
    assert {form: answer.status_code for form, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert {form: answer.headers["content-type"].partition(";")[0] for form, answer in answers.items()} == {f: f for f in answers}
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3
    rows = pa.ipc.open_stream(answers[ARROW].content).read_all()
    assert [{name: as_json(value) for name, value in row.items()} for row in rows.to_pylist()] == answers[JSON].json()["data"]
    lines = list(csv.reader(io.StringIO(answers[CSV].text)))
    assert lines[0] == rows.column_names
    assert lines[1:] == [[as_csv(value) for value in row.values()] for row in rows.to_pylist()]
    assert answers[CSV].links == answers[JSON].links == answers[ARROW].links


def test_money_is_exact_in_arrow(client: TestClient, rows_of: Callable) -> None:
    answer = client.get("/v1/recommendations?columns=order_usd&limit=1000", headers={"Accept": ARROW})
    found = pa.ipc.open_stream(answer.content).read_all()["order_usd"]
    assert found.type == pa.decimal128(18, 2)
    assert [(value.as_py(),) for value in found] == rows_of("select order_usd from bi.rec_orders")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("text/*", CSV),
        ("application/*", JSON),
        ("text/html, text/csv;q=0.5, */*;q=0.1", CSV),
        ("application/json;q=0.2, application/vnd.apache.arrow.stream", ARROW),
        ("text/csv;q=0, application/json;q=0.1", JSON),
        ("text/html", None),
        ("application/json;q=nonsense", None),
    ],
)
def test_accept_chooses_the_form(client: TestClient, accept: str, form: str | None) -> None:
    answer = client.get("/v1/recommendations/5/2", headers={"Accept": accept})
    assert answer.status_code == (200 if form else 406)
    assert answer.headers["content-type"].partition(";")[0] == (form or PROBLEM)


def test_an_item_in_a_store_its_terms_and_its_weeks(client: TestClient) -> None:
    """Item 5 in store 2: 5 x 2 % 7 = 3 units at 12.34; the terms 3 + 5, - 6 and 1 add up to 3."""
    answer = client.get("/v1/recommendations/5/2").json()
    assert answer.keys() == {"run_id", "as_of_date", "data", "next"}
    [order] = answer["data"]
    assert (order["item_id"], order["location_id"], order["order_units"], order["order_usd"]) == (5, 2, 3, 37.02)
    assert [row["location_id"] for row in client.get("/v1/recommendations/5").json()["data"]] == [1, 2, 3, 4]
    terms = client.get("/v1/recommendations/5/2/why").json()["data"]
    assert [(row["term"], row["term_units"]) for row in terms] == [("demand", 8), ("on hand", -6), ("packs", 1)]
    assert sum(row["term_units"] for row in terms) == order["order_units"]
    weeks = client.get("/v1/forecasts/5/2").json()["data"]
    assert [row["week_start_date"] for row in weeks] == ["2017-01-01", "2017-01-08", "2017-01-15", "2017-01-22", "2017-01-29"]


def test_every_recommendation_is_found_and_nothing_else(client: TestClient, rows_of: Callable) -> None:
    there = set(rows_of("select item_id, location_id from bi.rec_orders"))
    for item in range(29, 33):
        for location in range(6):
            answer = client.get(f"/v1/recommendations/{item}/{location}")
            assert answer.status_code == (200 if (item, location) in there else 404)
    assert client.get("/v1/recommendations/31").status_code == 404
    assert client.get("/v1/recommendations/0").status_code == 404
    assert client.get("/v1/recommendations/2147483647/2147483647").status_code == 404


def test_kpis_are_ratios_of_sums_over_what_filters_leave(client: TestClient, rows_of: Callable) -> None:
    assert client.get("/v1/kpis/order_usd").json()["data"] == [
        {"order_usd": float(rows_of("select sum(order_usd) from bi.rec_orders")[0][0])}
    ]
    by_class = client.get("/v1/kpis/order_lines?by=abc_class&location_id.in=1,2").json()["data"]
    expected = rows_of(
        "select abc_class, count(*) filter (order_units > 0) from bi.rec_orders where location_id in (1, 2) group by 1 order by 1 nulls last"
    )
    assert [tuple(row.values()) for row in by_class] == expected
    named = {row["name"]: row for row in client.get("/v1/kpis").json()["data"]}
    assert named["order_usd"]["table"] == "rec_orders"
    assert named["order_usd"]["unit"] == "USD"
    assert client.get("/v1/kpis/nothing").status_code == 404
    assert client.get("/v1/kpis/order_usd?by=colour").status_code == 422
    assert client.get("/v1/kpis/order_usd?by=item_id&limit=5").status_code == 422


def test_every_kpi_of_the_contract_is_answered(client: TestClient) -> None:
    names = [row["name"] for row in client.get("/v1/kpis").json()["data"]]
    assert {name: client.get(f"/v1/kpis/{name}").status_code for name in names} == dict.fromkeys(names, 200)
    of_tables = {name for table in client.get("/v1/tables").json()["data"] for name in table["metrics"]}
    assert of_tables == set(names)
    assert len(names) > 20


def test_every_table_of_the_contract_is_served_with_its_columns(client: TestClient) -> None:
    from dagster_project.publish.contract import published_tables

    for table in published_tables():
        answer = client.get(f"/v1/tables/{table.name}?limit=1")
        if table.kind == "run":
            assert answer.status_code == 404, "told by /v1/run and /v1/tables"
            continue
        assert answer.status_code == 200
        described = client.get(f"/v1/tables/{table.name}/columns").json()
        assert [(c["name"], c["type"]) for c in described["data"]] == [(c.name, c.type) for c in table.columns]
        assert (described["kind"], described["grain"]) == (table.kind, table.grain)


def test_alerts_are_served_and_missed_with_a_reason_where_an_older_snapshot_has_none(
    settings: ServingSettings, client: TestClient, tmp_path: Path
) -> None:
    assert client.get("/v1/alerts").json()["data"] == []
    switch(tmp_path, write_version(tmp_path, RUN, "drop table rpt_alerts"))
    with opened(replace(settings, published=tmp_path)) as asked:
        answer = asked.get("/v1/alerts")
    assert (answer.status_code, "no rpt_alerts" in answer.json()["detail"]) == (404, True)


def test_an_answer_known_already_is_not_sent_again(client: TestClient) -> None:
    for path in (
        "/v1/recommendations/5/2",
        "/v1/tables/rec_orders?limit=3",
        "/v1/run",
        "/v1/kpis/order_usd",
        "/v1/recommendations/5/2/why",
    ):
        first = client.get(path)
        assert first.headers["etag"] == f'"{RUN}.json"'
        assert first.headers["stockroom-run"] == RUN
        for known in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
            again = client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
        other_form = client.get(path, headers={"If-None-Match": first.headers["etag"], "Accept": f"{CSV}, {JSON};q=0.1"})
        assert other_form.status_code == (304 if path == "/v1/run" else 200)
    assert client.get("/v1/recommendations/99/1", headers={"If-None-Match": "*"}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/tables/nothing", 404),
        ("GET", "/v1/tables/run_info", 404),
        ("GET", "/v1/tables/Robert'); drop table students", 422),
        ("DELETE", "/v1/recommendations", 405),
        ("POST", "/v1/recommendations/5/2", 405),
        ("GET", "/v1/recommendations/tea/2", 422),
        ("GET", "/v1/recommendations/-1/2", 422),
        ("GET", "/v1/what-if", 405),
    ],
)
def test_errors_are_problems(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json().keys() >= {"type", "title", "status", "detail", "request_id"}
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert status != 405 or answer.headers["allow"]


def test_a_query_reads_the_snapshot_and_nothing_else_and_not_for_ever(snapshot_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("word\nopen sesame\n")
    snapshot = Snapshot((snapshot_folder / "current").resolve(), query_seconds=0.2)
    for statement in (
        f"from '{tmp_path}/secret.csv'",
        f"copy bi.rec_orders to '{tmp_path}/out.csv'",
        "set memory_limit = '1TB'",
        "delete from bi.rec_orders",
    ):
        with pytest.raises(duckdb.Error):
            snapshot.query(statement)
    with pytest.raises(QueryTooSlow):
        snapshot.query("select count(*) from range(10_000_000_000) as a, range(10) as b")
    assert list(tmp_path.iterdir()) == [tmp_path / "secret.csv"]
