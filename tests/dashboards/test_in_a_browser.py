"""Every dashboard in a real browser: no error, rows in every chart, a click that filters, the new snapshot at the next look.

Screenshots stay in build/dashboards.
"""

from __future__ import annotations

import re
import shutil
import socket
import stat
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest

from dagster_project.publish.contract import published_tables
from dagster_project.publish.dashboards import read_dashboards
from dagster_project.publish.metrics import defined_metrics
from dagster_project.settings import PROJECT_ROOT

PAGES = {page.name: page for page in read_dashboards(published_tables(), defined_metrics()).pages}
SHOTS = PROJECT_ROOT / "build" / "dashboards"
ERRORS = ".ant-alert-error, [data-test='error-alert'], [data-test='chart-error'], .error-boundary"


def charts_of(browser, name: str) -> dict[int, str]:
    """Titles of the page's charts by Superset's number."""
    return {chart["id"]: chart["slice_name"] for chart in browser.fetch(f"/api/v1/dashboard/{name}/charts")["result"]}


def open_page(browser, name: str) -> dict[str, dict]:
    """The last answer for each chart of a page, by its title."""
    browser.answers()
    browser.driver.get(f"{browser.server.url}/superset/dashboard/{name}/")
    titles = charts_of(browser, name)
    got: dict[str, dict] = {}

    def all_answered() -> bool:
        for address, answer in browser.answers():
            number = re.search(r'"slice_id":(\d+)', unquote(address))
            if number:
                got[titles[int(number[1])]] = answer
        return set(got) == set(titles.values()) and not browser.find(".loading, [data-test='loading-indicator']")

    browser.wait(all_answered)
    return got


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_rows_in_every_chart_and_no_error(browser, name: str) -> None:
    page = PAGES[name]
    answers = open_page(browser, name)
    assert set(answers) == {chart.title for chart in page.charts}
    faults = {title: answer for title, answer in answers.items() if "result" not in answer or answer["result"][0]["error"]}
    assert faults == {}
    rows = {title: answer["result"][0]["rowcount"] for title, answer in answers.items()}
    empty = {chart.title: chart.may_be_empty for chart in page.charts if not rows[chart.title]}
    filled_by_the_fixture = ("after stockroom replay", "after stockroom what-if --parameter service_level")
    assert {title: reason for title, reason in empty.items() if not reason or reason in filled_by_the_fixture} == {}
    assert [box.text for box in browser.find(ERRORS)] == []
    assert browser.strangers() == []
    SHOTS.mkdir(parents=True, exist_ok=True)
    browser.driver.save_screenshot(str(SHOTS / f"{name}.png"))


def test_a_click_on_an_order_shows_its_reasons(browser) -> None:
    answers = open_page(browser, "what_to_order")
    orders = next(a for title, a in answers.items() if title.startswith("Orders of today"))["result"][0]["data"]
    number = next(n for n, title in charts_of(browser, "what_to_order").items() if title.startswith("Why"))
    line = orders[0]["order_line"]
    next(cell for cell in browser.find("td") if cell.text == line).click()
    reasons = browser.wait(
        lambda: [a for address, a in browser.answers() if f'"slice_id":{number}' in unquote(address)], seconds=30
    )[-1]["result"][0]["data"]
    assert {row["order_line"] for row in reasons} == {line}
    assert sum(float(row["term_units"]) for row in reasons) == pytest.approx(float(orders[0]["order_units"]), abs=0.01)


def test_sql_reads_the_snapshot_and_nothing_else(browser) -> None:
    database = browser.fetch("/api/v1/database/")["result"][0]["id"]

    def ask(sql: str) -> dict:
        body = {
            "database_id": database,
            "sql": sql,
            "client_id": f"t{abs(hash(sql)) % 10**9}",
            "runAsync": False,
            "queryLimit": 10,
        }
        return browser.fetch("/api/v1/sqllab/execute/", body)

    assert ask("select count(*) as n from bi.rec_orders")["data"][0]["n"] > 0
    for refused in (
        "create table bi.mine (a int)",
        "delete from bi.rec_orders",
        "select * from read_text('/etc/hostname')",
        "copy bi.rec_orders to '/tmp/orders.csv'",
    ):
        assert "errors" in ask(refused), refused


def test_the_next_snapshot_is_seen_without_a_restart(browser, server) -> None:
    published = server.settings.published
    old, new = (published / "current").resolve(), published / "versions" / "99991231T000000_next"
    shutil.copytree(old, new)
    with duckdb.connect(str(new / "stockroom.duckdb")) as connection:
        connection.execute("update bi.run_info set run_id = 'the next one'")
    pointer = published / ".new_current"
    pointer.symlink_to(Path("versions") / new.name)
    pointer.replace(published / "current")
    shown = open_page(browser, "data_health")["This publication"]["result"][0]["data"]
    assert shown[0]["run_id"] == "the next one"


def test_what_the_page_sends_before_the_log_in_does_not_undo_it(server) -> None:
    with urllib.request.urlopen(f"{server.url}/login/", timeout=30) as page:
        anonymous = page.headers["Set-Cookie"].partition(";")[0]
    events = urllib.request.Request(f"{server.url}/superset/log/?explode=events", b"events=[]", {"Cookie": anonymous})
    with urllib.request.urlopen(events, timeout=30) as answer:
        assert (answer.status, answer.headers["Set-Cookie"]) == (204, None)


def test_nobody_else_gets_in(server) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/api/v1/dashboard/", timeout=10)
    assert refused.value.code == 401
    port = int(server.url.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; says by which address this machine would be seen
        address = probe.getsockname()[0]
    if not address.startswith("127."):
        with socket.socket() as attempt:
            assert attempt.connect_ex((address, port)) != 0
    for name in ("secret_key", "admin_password"):
        assert stat.S_IMODE((server.settings.superset_home / name).stat().st_mode) == 0o600
