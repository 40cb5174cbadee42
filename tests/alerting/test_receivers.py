"""The file of receivers: what it may say, and what every mistake in it is answered with."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from dagster_project.alerting.channels import Email, LogFile, Webhook
from dagster_project.alerting.errors import AlertsError
from dagster_project.alerting.message import KINDS
from dagster_project.alerting.receivers import Receiver, Receivers, read_receivers
from dagster_project.settings import DBT_PROJECT_DIR, PROJECT_ROOT

ENV = {"SMTP_USER": "ann", "SMTP_PASSWORD": "hidden", "WEBHOOK": "https://hooks.example/services/hidden"}


def read(tmp_path: Path, text: str) -> Receivers:
    (tmp_path / "alerts.yml").write_text(text)
    return read_receivers(tmp_path / "alerts.yml", ENV)


def test_the_documented_file_is_read(tmp_path: Path) -> None:
    page = (PROJECT_ROOT / "docs" / "alerts.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    env = dict.fromkeys(re.findall(r"_env: (\w+)", text), "https://hooks.example/x")
    (tmp_path / "alerts.yml").write_text(text)
    found = read_receivers(tmp_path / "alerts.yml", env)
    assert {type(receiver.channel) for receiver in found.receivers} == {Email, Webhook, LogFile}


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    text = """
    stale_after_days: 2
    receivers:
      - {name: buyers, type: email, host: mail, sender: a@example.com, to: [b@example.com], user_env: SMTP_USER, password_env: SMTP_PASSWORD}
      - {name: chat, type: webhook, url_env: WEBHOOK, stores: [1, 2], kinds: [low stock], minimum_severity: high, run_failures: false, lines: 5}
      - {name: log, type: log, path: alerts.log}
    """
    mail = Email("mail", "a@example.com", ("b@example.com",), user="ann", password="hidden")
    chat = Receiver("chat", Webhook(ENV["WEBHOOK"]), ("low stock",), "high", (1, 2), 5, run_failures=False)
    assert read(tmp_path, text) == Receivers((Receiver("buyers", mail), chat, Receiver("log", LogFile("alerts.log"))), 2)


def test_no_file_and_an_empty_file_are_no_receivers(tmp_path: Path) -> None:
    assert read_receivers(tmp_path / "nothing.yml") == Receivers()
    assert read(tmp_path, "") == Receivers()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{name: x, type: pigeon}", "receiver x: type is 'pigeon'; known are log, email, webhook"),
        ("{type: log, path: a}", "receiver 1: needs a name"),
        ("{name: x, type: log}", "receiver x: needs path"),
        ("{name: x, type: log, paht: a}", "receiver x: unknown setting 'paht'; known are path, and those of all receivers"),
        ("{name: x, type: log, path: 3}", "receiver x: path is 3, not text"),
        ("{name: x, type: webhook, url: https://a.b/c}", "receiver x: url is a secret and stands in the environment: name its variable as url_env"),
        ("{name: x, type: webhook, url_env: NOT_SET}", "receiver x: the environment variable NOT_SET of url_env is not set"),
        ("{name: x, type: webhook, url_env: SMTP_USER}", "receiver x: the address in the variable of url_env does not begin with https:// and a host"),
        ("{name: x, type: email, host: h, sender: a@b.c, to: b@b.c}", "receiver x: to is 'b@b.c', not a list"),
        ("{name: x, type: email, host: h, sender: nobody, to: [b@b.c]}", "receiver x: not an address: 'nobody'"),
        ('{name: x, type: email, host: h, sender: a@b.c, to: ["b@b.c\\r\\nBcc: d@b.c"]}', "receiver x: not an address: 'b@b.c\\r\\nBcc: d@b.c'"),
        ("{name: x, type: email, host: h, sender: a@b.c, to: [b@b.c], security: some}", "receiver x: security is 'some'; known are starttls, tls, none"),
        ("{name: x, type: email, host: h, sender: a@b.c, to: [b@b.c], user_env: SMTP_USER}", "receiver x: user_env and password_env are given together or not at all"),
        ("{name: x, type: log, path: a, lines: 0}", "receiver x: lines is 0; 1 is the least"),
        ("{name: x, type: log, path: a, lines: many}", "receiver x: lines is 'many', not a whole number"),
        ("{name: x, type: log, path: a, kinds: [overstok]}", "receiver x: kinds has 'overstok'; known are about to run out, "),
        ("{name: x, type: log, path: a, stores: [one]}", "receiver x: stores has 'one', not the number of a store"),
        ("{name: x, type: log, path: a, minimum_severity: huge}", "receiver x: minimum_severity is 'huge'; known are low, medium, high"),
    ],
)  # fmt: skip
def test_every_mistake_says_where_and_what_is_known(tmp_path: Path, entry: str, problem: str) -> None:
    with pytest.raises(AlertsError) as caught:
        read(tmp_path, f"receivers:\n  - {entry}\n")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{tmp_path / 'alerts.yml'}: {problem}")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "not a list of settings"),
        ("receivers: 3", "receivers is not a list of settings"),
        ("reciever: []", "unknown setting 'reciever'; known are stale_after_days, receivers"),
        ("stale_after_days: soon", "stale_after_days is 'soon', not a whole number"),
        ("receivers: [", "cannot be read"),
        ("receivers: [{name: x, type: log, path: a}, {name: x, type: log, path: b}]", "two receivers are named 'x'"),
    ],
)
def test_a_file_of_another_shape_is_a_message(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(AlertsError, match=re.escape(problem)):
        read(tmp_path, text)


def test_the_kinds_are_those_of_the_thresholds() -> None:
    with (DBT_PROJECT_DIR / "seeds" / "alert_thresholds.csv").open(newline="") as lines:
        assert {row["kind"] for row in csv.DictReader(lines)} == set(KINDS)
