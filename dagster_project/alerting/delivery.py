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
LONGEST_ASKED_SECONDS = 24 * 3600
"""A receiver that asks for longer is tried after so long."""
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
        outcomes.append(_tell(receiver, ledger, published, now))
    ledger.forget_old(now)
    return outcomes


@dataclass(frozen=True)
class _Told:
    """What one turn tells: a message, or None where there is nothing; what it is of, and where the receiver stands afterwards."""

    message: Message | None
    standing: Standing
    alerts: tuple[Alert, ...] = ()
    notices: tuple[str, ...] = ()


def _tell(receiver: Receiver, ledger: Ledger, published: Published | None, now: datetime) -> Outcome:
    """What happened, then the alerts: a turn each, so that the first is kept before the second is sent."""
    said = []
    for choose in (_notices, _alerts):
        with ledger.turn(receiver.name) as turn:
            outcome = _take_turn(receiver, turn, choose(receiver, turn, published, now), now)
        if outcome.state in ("waiting", "failed"):
            return outcome
        said += [outcome.text] if outcome.state == "sent" else []
    return Outcome(receiver.name, "sent", "; ".join(said)) if said else outcome


def _notices(receiver: Receiver, turn: Turn, published: Published | None, now: datetime) -> _Told:
    found = turn.notices(now - timedelta(days=NOTICE_DAYS)) if receiver.run_failures else {}
    standing = Standing(turn.standing.run_id, turn.standing.as_of_date)
    return _Told(notices_message(found, receiver) if found else None, standing, notices=tuple(found))


def _alerts(receiver: Receiver, turn: Turn, published: Published | None, now: datetime) -> _Told:
    # a past day that is decided for again brings no news
    if not published or published.run_id == turn.standing.run_id or published.as_of_date < turn.standing.as_of_date:
        return _Told(None, Standing(turn.standing.run_id, turn.standing.as_of_date))
    found = pending(published.alerts, turn.sent(), receiver, now)
    message = alerts_message(found, receiver, published.run_id, published.as_of_date) if found else None
    return _Told(message, Standing(published.run_id, published.as_of_date), alerts=tuple(alert for alert, _ in found))


def _take_turn(receiver: Receiver, turn: Turn, told: _Told, now: datetime) -> Outcome:
    standing = turn.standing
    if standing.next_attempt_at and now < standing.next_attempt_at:
        again = f"tried again at {standing.next_attempt_at:%Y-%m-%d %H:%M} UTC: {standing.last_error}"
        return Outcome(receiver.name, "waiting", again)
    if told.message is None:
        # trouble is over when something was sent, not when there is nothing to send
        turn.stand(replace(standing, run_id=told.standing.run_id, as_of_date=told.standing.as_of_date))
        return Outcome(receiver.name, "nothing new", "nothing new")
    if turn.messages_since(now - timedelta(hours=1)) >= receiver.messages_per_hour:
        full = f"{receiver.messages_per_hour} messages were sent within the hour; nothing is lost"
        return Outcome(receiver.name, "waiting", full)
    try:
        receiver.channel.send(told.message)
    except DeliveryError as error:
        count = standing.failure_count + 1
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(count - 1, 20), LONGEST_WAIT_SECONDS)
        until = now + timedelta(seconds=min(max(wait, error.retry_after_seconds or 0), LONGEST_ASKED_SECONDS))
        turn.stand(replace(standing, failure_count=count, next_attempt_at=until, last_error=str(error)))
        return Outcome(receiver.name, "failed", f"{error}; tried again at {until:%Y-%m-%d %H:%M} UTC")
    turn.record(told.message.message_id, told.alerts, told.notices, now)
    turn.stand(told.standing)
    return Outcome(receiver.name, "sent", told.message.subject)
