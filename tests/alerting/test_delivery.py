"""Who hears of what and when: once, grouped, again when worse, later where a receiver fails, and nothing lost when the process dies."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar

import pytest

from dagster_project.alerting.delivery import deliver
from dagster_project.alerting.errors import AlertsError, DeliveryError
from dagster_project.alerting.ledger import Ledger, Turn
from dagster_project.alerting.message import Message
from dagster_project.alerting.receivers import Receiver, Receivers

NOW = datetime(2017, 1, 1, 7)


@dataclass
class Kept:
    """A channel that keeps what it is sent; the next messages fail with `errors`."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    messages: list[Message] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.messages.append(message)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def one(channel, **changes: object) -> Receivers:
    return Receivers((Receiver("buyers", channel, **changes),))


def states(outcomes) -> list[str]:
    return [outcome.state for outcome in outcomes]


def told(message: Message) -> list[str]:
    """Names of the alerts in a message, in their order."""
    return [line.split()[-1] for line in message.lines if line.startswith("[")]


def test_one_message_has_what_is_severe_first_then_most_money_and_says_how_many_more(ledger, kept, alert, published) -> None:
    alerts = [
        alert(6, 400, finding_count=9),
        alert(1, 300),
        alert(2, None),
        alert(3, 150, severity="high", kind="rejects"),
        alert(4, 900),
        alert(5, 90, severity="low"),
    ]
    outcomes = deliver(one(kept, lines=3), ledger, published("run1", *alerts), now=NOW)
    assert states(outcomes) == ["sent"]
    (message,) = kept.messages
    assert message.subject == "Stockroom 2016-12-31: 5 alerts (1 high, 4 medium)"
    assert message.lines == (
        "Stockroom, as of 2016-12-31: 5 alerts (1 high, 4 medium).",
        "overstock 4, rejects 1",
        "",
        "[high] rejects, 150 USD: Tea, store 1 HAZELFORD: 20 units more than the policy would ever build up. Next: return them. A0000000003",
        "[medium] overstock, 900 USD: Tea, store 1 HAZELFORD: 20 units more than the policy would ever build up. Next: return them. A0000000004",
        "[medium] overstock, 300 USD: Tea, store 1 HAZELFORD: 20 units more than the policy would ever build up. Next: return them. A0000000001",
        "and 2 more: overstock 2",
        "",
        "All of them: stockroom alerts list. Seen to it: stockroom alerts ack ID. Report: bi.rpt_alerts.",
    )


def test_an_alert_is_sent_once_and_again_when_it_is_worse_new_again_or_old(ledger, kept, alert, published) -> None:
    def at(day: int, run: str, *alerts) -> list[str]:
        before = len(kept.messages)
        deliver(one(kept, remind_after_days=7), ledger, published(run, *alerts), now=NOW + timedelta(days=day))
        return [
            f"{name} {line.partition(']')[0][1:]}"
            for m in kept.messages[before:]
            for name, line in zip(told(m), m.lines[3:], strict=False)
        ]

    first, second = "A0000000001", "A0000000002"
    assert at(0, "run0", alert(1)) == [f"{first} medium"]
    assert at(0, "run0", alert(1)) == [], "the same publication is looked at once"
    assert at(1, "run1", alert(1), alert(2)) == [f"{second} medium"]
    assert at(2, "run2", alert(1, 499), alert(2)) == [], "499 is not twice 250"
    assert at(3, "run3", alert(1, 500), alert(2, severity="high")) == [f"{second} high (worse)", f"{first} medium (worse)"]
    assert at(4, "run4", alert(1, 500), alert(2, severity="medium")) == [], "better is no news"
    assert at(9, "run5", alert(1, 500), alert(2, severity="high")) == [], "six days later"
    assert at(10, "run6", alert(1, 500)) == [f"{first} medium (still)"], "seven days later"
    assert at(11, "run7", alert(2, first_seen_date=date(2017, 1, 12))) == [f"{second} medium"], "it was away and is new"


def test_receivers_hear_of_their_kinds_severities_and_stores(ledger, alert, published) -> None:
    buyers, store, all_of_it = Kept(), Kept(), Kept()
    receivers = Receivers(
        (
            Receiver("buyers", buyers, kinds=("order spike",)),
            Receiver("store 2", store, stores=(2,), minimum_severity="low"),
            Receiver("all", all_of_it, minimum_severity="high"),
        )
    )
    alerts = [alert(1, kind="order spike", location_id=None), alert(2, location_id=2, severity="low"), alert(3, severity="high")]
    deliver(receivers, ledger, published("run1", *alerts), now=NOW)
    assert [told(m) for channel in (buyers, store, all_of_it) for m in channel.messages] == [
        ["A0000000001"],
        ["A0000000002"],
        ["A0000000003"],
    ]


def test_a_receiver_that_fails_waits_longer_each_time_and_stops_no_other(ledger, kept, alert, published) -> None:
    other = Kept()
    kept.errors += [DeliveryError("no answer"), DeliveryError("no answer"), DeliveryError("busy", 3600)]
    receivers = Receivers((Receiver("first", kept), Receiver("second", other)))
    run = published("run1", alert(1))

    def after(seconds: int) -> list[str]:
        return states(deliver(receivers, ledger, run, now=NOW + timedelta(seconds=seconds)))

    assert after(0) == ["failed", "sent"]
    assert after(59) == ["waiting", "nothing new"]
    assert after(60) == ["failed", "nothing new"]
    assert after(60 + 119) == ["waiting", "nothing new"]
    assert after(60 + 120) == ["failed", "nothing new"], "and the receiver asks for an hour"
    assert after(180 + 3599) == ["waiting", "nothing new"]
    assert ledger.standings()["first"].failure_count == 3
    assert after(180 + 3600) == ["sent", "nothing new"]
    assert ledger.standings()["first"].failure_count == 0
    assert (len(kept.messages), len(other.messages)) == (1, 1)


def test_waiting_never_takes_longer_than_six_hours(ledger, kept, alert, published) -> None:
    kept.errors += [DeliveryError("no answer")] * 40
    now = NOW
    for _ in range(40):
        deliver(one(kept), ledger, published("run1", alert(1)), now=now)
        wait = ledger.standings()["buyers"].next_attempt_at - now
        assert wait <= timedelta(hours=6)
        now += wait
    deliver(one(kept), ledger, published("run1", alert(1)), now=now)
    assert len(kept.messages) == 1


def test_no_more_messages_an_hour_than_wanted_and_none_is_lost(ledger, kept, alert, published) -> None:
    receivers = one(kept, messages_per_hour=2)
    outcomes = [
        deliver(receivers, ledger, published(f"run{n}", *(alert(k) for k in range(n + 1))), now=NOW + timedelta(minutes=n))
        for n in range(4)
    ]
    assert [states(o) for o in outcomes] == [["sent"], ["sent"], ["waiting"], ["waiting"]]
    deliver(receivers, ledger, published("run3", *(alert(k) for k in range(4))), now=NOW + timedelta(minutes=62))
    assert [told(m) for m in kept.messages] == [["A0000000000"], ["A0000000001"], ["A0000000002", "A0000000003"]]


def test_a_process_that_dies_between_sending_and_recording_sends_once_more_and_loses_nothing(
    ledger, kept, alert, published, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = published("run1", alert(1), alert(2))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Turn, "record", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(one(kept), ledger, run, now=NOW)
    kept.errors.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):  # and one that dies before sending sends nothing
        deliver(one(kept), ledger, run, now=NOW)
    for _ in range(3):
        deliver(one(kept), ledger, run, now=NOW)
    assert [told(m) for m in kept.messages] == [["A0000000001", "A0000000002"]] * 2
    assert kept.messages[0] == kept.messages[1], "a receiver that looks can tell: the message has the same name"


def test_what_was_sent_is_kept_before_the_next_message_is_sent(ledger, kept, alert, published) -> None:
    class DiesAtTheSecond(Kept):
        def send(self, message: Message) -> None:
            if len(self.messages) == 1:
                raise KeyboardInterrupt
            super().send(message)

    channel = DiesAtTheSecond()
    failed = [("run0", "The daily run run0 failed", NOW)]
    with pytest.raises(KeyboardInterrupt):
        deliver(one(channel), ledger, published("run1", alert(1)), failed, now=NOW)
    deliver(one(kept), ledger, published("run1", alert(1)), failed, now=NOW)
    assert [m.subject for m in channel.messages] == ["Stockroom: something needs you"]
    assert [told(m) for m in kept.messages] == [["A0000000001"]]


def test_two_that_deliver_at_once_take_turns(ledger: Ledger, kept, alert, published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.alerting.ledger.BUSY_SECONDS", 0.1)

    class Second(Kept):
        def send(self, message: Message) -> None:
            with pytest.raises(AlertsError, match="Is another delivery at work"):
                deliver(one(kept), ledger, published("run1", alert(1)), now=NOW)
            super().send(message)

    second = Second()
    deliver(one(second), ledger, published("run1", alert(1)), now=NOW)
    deliver(one(kept), ledger, published("run1", alert(1)), now=NOW)
    assert (len(second.messages), len(kept.messages)) == (1, 0)


def test_a_past_day_brings_no_news(ledger, kept, alert, published) -> None:
    deliver(one(kept), ledger, published("run1", alert(1)), now=NOW)
    past = published("run2", alert(2), as_of=date(2016, 6, 30))
    assert states(deliver(one(kept), ledger, past, now=NOW)) == ["nothing new"]
    deliver(one(kept), ledger, published("run3", alert(1), alert(3)), now=NOW)
    assert [told(m) for m in kept.messages] == [["A0000000001"], ["A0000000003"]]


def test_a_run_that_failed_is_told_once_to_who_wants_to_know(ledger, kept) -> None:
    stores = Kept()
    receivers = Receivers((Receiver("it", kept), Receiver("store", stores, run_failures=False)))
    failed = [(f"run{n}", f"The daily run run{n} failed\nBcc: x", NOW) for n in range(2)]
    for _ in range(2):
        deliver(receivers, ledger, None, failed, now=NOW)
    (message,) = kept.messages
    assert message.subject == "Stockroom: 2 things need you"
    assert message.lines == ("The daily run run0 failed Bcc: x", "The daily run run1 failed Bcc: x")
    assert stores.messages == []
    late = Kept()
    deliver(Receivers((Receiver("late", late),)), ledger, None, now=NOW + timedelta(days=8))
    assert late.messages == [], "what happened long ago is no news to a new receiver"


def test_old_data_is_told_of_once_per_day_of_data(ledger, kept, published) -> None:
    receivers = Receivers(one(kept).receivers, stale_after_days=3)
    for day in (2, 3, 4):
        deliver(receivers, ledger, published(f"run{day}"), now=datetime(2016, 12, 31, 7) + timedelta(days=day))
    (message,) = kept.messages
    assert message.lines[0].startswith("The data ends on 2016-12-31, 3 days ago")


def test_a_ledger_that_is_no_ledger_is_a_message(ledger: Ledger, kept, alert, published) -> None:
    ledger.path.write_text("not a database, " * 100)
    with pytest.raises(AlertsError, match="cannot be written: file is not a database"):
        deliver(one(kept), ledger, published("run1", alert(1)), now=NOW)
    assert kept.messages == []


def test_real_servers_that_fail_and_recover(ledger, mailbox, hook, alert, published) -> None:
    """Mail is refused once, the webhook is busy for two minutes; both get the alert once, in the end."""
    mailbox.answers.append("451 later")
    hook.answers.append((429, {"Retry-After": "120"}, 0))
    receivers = Receivers((Receiver("mail", mailbox.channel()), Receiver("chat", hook.channel())))
    run = published("run1", alert(1, message="20 units\r\nBcc: <!channel>"))
    expected = [
        (0, ["failed", "failed"]),
        (60, ["sent", "waiting"]),
        (120, ["nothing new", "sent"]),
        (180, ["nothing new", "nothing new"]),
    ]
    for seconds, state in expected:
        assert states(deliver(receivers, ledger, run, now=NOW + timedelta(seconds=seconds))) == state
    assert len(mailbox.mails) == 1
    assert b"A0000000001" in mailbox.mails[0].replace(b"=\r\n", b"")
    assert [b"&lt;!channel&gt;" in body for body in hook.bodies] == [True, True], "refused and then taken"


def test_the_ledger_keeps_what_was_sent_and_forgets_what_nobody_asks_for(ledger, kept, alert, published) -> None:
    deliver(one(kept), ledger, published("run1", alert(1)), [("r", "failed", NOW)], now=NOW)
    deliver(one(kept), ledger, published("run2", alert(1)), now=NOW + timedelta(days=61))
    with sqlite3.connect(ledger.path) as connection:
        counts = [
            connection.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("sent_alerts", "notices", "sent_notices")
        ]
    assert counts == [1, 0, 0]
