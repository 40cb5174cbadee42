"""Delivering: for each receiver what it has not heard of yet, as one message, again later where it fails.

Belongs here: the rules of when something is sent. Does not belong here: words (message), ways (channels), memory (ledger).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from dagster_project.alerting.errors import AlertsError, DeliveryError
from dagster_project.alerting.ledger import Ledger, Standing, Turn
from dagster_project.alerting.message import Alert, Message, alerts_message, notices_message, pending
from dagster_project.alerting.receivers import Receiver, Receivers
from dagster_project.settings import Settings

FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 6 * 3600
NOTICE_DAYS = 7
TURN_SECONDS = 40
"""No further receiver is begun after so long: the sensor's process is asked again within a minute."""


@dataclass(frozen=True)
class Published:
    """The alerts of the newest publication."""

    run_id: str
    as_of_date: date
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one receiver's turn: sent, nothing new, waiting or failed, and the sentence."""

    receiver: str
    state: str
    text: str


def ledger_of(settings: Settings) -> Ledger:
    return Ledger(settings.warehouse.with_name("alert_deliveries.sqlite"))


def read_published(settings: Settings) -> Published | None:
    """Open alerts nobody has seen to; None where nothing is published yet. Raises AlertsError for a publication without alerts."""
    import duckdb

    database = settings.published / "stockroom.duckdb"
    if not database.exists():
        return None
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            run_id, as_of = connection.execute("select run_id, as_of_date from bi.run_info").fetchone()
            rows = connection.execute(
                """
                select
                    alert_id, kind, severity, at_risk_usd, location_id, message, next_step, first_seen_date, finding_count, item_name,
                    'store ' || coalesce(location_name, cast(location_id as varchar)), vendor_name
                from bi.rpt_alerts where is_open and acknowledged_at is null order by alert_rank
                """
            ).fetchall()
    except duckdb.Error as error:
        raise AlertsError([f"{database} cannot be read: {error}"], "Next: stockroom publish") from None
    return Published(run_id, as_of, tuple(Alert(*row[:9], tuple(name for name in row[9:] if name)) for row in rows))


def deliver(
    receivers: Receivers,
    ledger: Ledger,
    published: Published | None,
    notices: Iterable[tuple[str, str, datetime]] = (),
    now: datetime | None = None,
) -> list[Outcome]:
    """Tell every receiver what it has not heard of. A receiver that fails waits and stops no other. Calling it again changes nothing.

    `notices` are id, sentence and moment (UTC) of what everybody should hear of once; `now` is UTC without a zone.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    for notice in notices:
        ledger.notice(*notice)
    if published and receivers.stale_after_days and (now.date() - published.as_of_date).days >= receivers.stale_after_days:
        days = (now.date() - published.as_of_date).days
        text = f"The data ends on {published.as_of_date}, {days} days ago: look whether new files arrive. Orders rest on what was known then."
        ledger.notice(f"stale {published.as_of_date}", text, now)
    outcomes, started = [], time.monotonic()
    for receiver in receivers.receivers:
        if time.monotonic() - started > TURN_SECONDS:
            outcomes.append(Outcome(receiver.name, "waiting", "the others took too long; it comes with the next try"))
            continue
        with ledger.turn(receiver.name) as turn:
            outcomes.append(_take_turn(receiver, turn, published, now))
    ledger.forget_old(now)
    return outcomes


def _take_turn(receiver: Receiver, turn: Turn, published: Published | None, now: datetime) -> Outcome:
    standing = turn.standing
    if standing.next_attempt_at and now < standing.next_attempt_at:
        return Outcome(
            receiver.name, "waiting", f"tried again at {standing.next_attempt_at:%Y-%m-%d %H:%M} UTC: {standing.last_error}"
        )
    said = []
    notices = turn.notices(now - timedelta(days=NOTICE_DAYS)) if receiver.run_failures else {}
    # a past day that is decided for again brings no news
    is_news = published and published.run_id != standing.run_id and published.as_of_date >= standing.as_of_date
    found = pending(published.alerts, turn.sent(), receiver, now) if is_news else []
    try:
        if notices:
            message = notices_message(notices, receiver)
            if not _send(receiver, turn, message, now, [], list(notices)):
                return _waits(receiver)
            said.append(message.subject)
        if found:
            message = alerts_message(found, receiver, published.run_id, published.as_of_date)
            if not _send(receiver, turn, message, now, [alert for alert, _ in found], []):
                return _waits(receiver)
            said.append(message.subject)
    except DeliveryError as error:
        count = standing.failure_count + 1
        wait = min(FIRST_WAIT_SECONDS * 2 ** (count - 1), LONGEST_WAIT_SECONDS) if count < 20 else LONGEST_WAIT_SECONDS
        until = now + timedelta(seconds=min(max(wait, error.retry_after_seconds or 0), 24 * 3600))
        turn.stand(replace(standing, failure_count=count, next_attempt_at=until, last_error=str(error)))
        return Outcome(receiver.name, "failed", f"{error}; tried again at {until:%Y-%m-%d %H:%M} UTC")
    told = (published.run_id, published.as_of_date) if is_news else (standing.run_id, standing.as_of_date)
    turn.stand(Standing(*told))
    return Outcome(receiver.name, "sent", "; ".join(said)) if said else Outcome(receiver.name, "nothing new", "nothing new")


def _send(receiver: Receiver, turn: Turn, message: Message, now: datetime, alerts: list[Alert], notices: list[str]) -> bool:
    """Whether it was sent; not where the hour is full."""
    if turn.messages_since(now - timedelta(hours=1)) >= receiver.messages_per_hour:
        return False
    receiver.channel.send(message)
    turn.record(message.message_id, alerts, notices, now)
    return True


def _waits(receiver: Receiver) -> Outcome:
    return Outcome(receiver.name, "waiting", f"{receiver.messages_per_hour} messages were sent within the hour; nothing is lost")
