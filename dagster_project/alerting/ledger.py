"""What was sent to whom, and what waits: a small SQLite file beside the warehouse.

Belongs here: keeping it. Does not belong here: what follows from it.

Not in the warehouse, which one process at a time may write and runs do. A receiver's turn is one transaction that is held while it is sent: what
is recorded was sent; a process that dies between sending and recording sends the same message once more and loses none; two that deliver
at once take turns.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from dagster_project.alerting.errors import AlertsError
from dagster_project.alerting.message import Alert, Sent

BUSY_SECONDS = 30
_KEPT_DAYS = 60
_TABLES = """
create table if not exists sent_alerts (
    receiver text, alert_id text, severity_rank integer, at_risk_usd text, first_seen_date text, sent_at text, primary key (receiver, alert_id)
);
create table if not exists sent_notices (receiver text, notice_id text, sent_at text, primary key (receiver, notice_id));
create table if not exists sent_messages (receiver text, message_id text, sent_at text);
create table if not exists notices (notice_id text primary key, text text, noticed_at text);
create table if not exists receivers (
    receiver text primary key, run_id text, as_of_date text, failure_count integer not null default 0, next_attempt_at text, last_error text
);
"""


@dataclass
class Standing:
    """Where a receiver stands: the publication it was told of last, and what went wrong since."""

    run_id: str = ""
    as_of_date: date = date.min
    failure_count: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""


class Turn:
    """One receiver's turn. All times are UTC without a zone."""

    def __init__(self, connection: sqlite3.Connection, receiver: str) -> None:
        self._connection, self._receiver = connection, receiver
        row = connection.execute(
            "select run_id, as_of_date, failure_count, next_attempt_at, last_error from receivers where receiver = ?", [receiver]
        ).fetchone()
        self.standing = Standing()
        if row:
            at = datetime.fromisoformat(row[3]) if row[3] else None
            self.standing = Standing(row[0] or "", date.fromisoformat(row[1]), row[2], at, row[4] or "")

    def sent(self) -> dict[str, Sent]:
        """What the receiver was told of each alert last."""
        rows = self._connection.execute(
            "select alert_id, severity_rank, at_risk_usd, first_seen_date, sent_at from sent_alerts where receiver = ?",
            [self._receiver],
        )
        return {
            alert: Sent(rank, None if usd is None else Decimal(usd), date.fromisoformat(first), datetime.fromisoformat(at))
            for alert, rank, usd, first, at in rows
        }

    def notices(self, since: datetime) -> dict[str, str]:
        """What happened since then that the receiver was not told of, oldest first."""
        return dict(
            self._connection.execute(
                """
                select notice_id, text from notices
                where noticed_at >= ? and notice_id not in (select notice_id from sent_notices where receiver = ?) order by noticed_at, notice_id
                """,
                [since.isoformat(), self._receiver],
            )
        )

    def messages_since(self, moment: datetime) -> int:
        query = "select count(*) from sent_messages where receiver = ? and sent_at > ?"
        return self._connection.execute(query, [self._receiver, moment.isoformat()]).fetchone()[0]

    def record(self, message_id: str, alerts: Sequence[Alert], notices: Sequence[str], now: datetime) -> None:
        """What was just sent."""
        self._connection.execute("insert into sent_messages values (?, ?, ?)", [self._receiver, message_id, now.isoformat()])
        self._connection.executemany(
            "insert or replace into sent_alerts values (?, ?, ?, ?, ?, ?)",
            [
                (
                    self._receiver,
                    a.alert_id,
                    a.rank,
                    None if a.at_risk_usd is None else str(a.at_risk_usd),
                    f"{a.first_seen_date}",
                    now.isoformat(),
                )
                for a in alerts
            ],
        )
        self._connection.executemany(
            "insert or replace into sent_notices values (?, ?, ?)",
            [(self._receiver, notice, now.isoformat()) for notice in notices],
        )

    def stand(self, standing: Standing) -> None:
        at = standing.next_attempt_at.isoformat() if standing.next_attempt_at else None
        self._connection.execute(
            "insert or replace into receivers values (?, ?, ?, ?, ?, ?)",
            [self._receiver, standing.run_id, f"{standing.as_of_date}", standing.failure_count, at, standing.last_error],
        )


class Ledger:
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def turn(self, receiver: str) -> Iterator[Turn]:
        """All that is recorded in it, or nothing. Raises AlertsError where another delivery does not end, or the file cannot be written."""
        with self._writing() as connection:
            yield Turn(connection, receiver)

    def notice(self, notice_id: str, text: str, at: datetime) -> None:
        """Something everybody should hear of once; saying it again changes nothing."""
        with self._writing() as connection:
            connection.execute("insert or ignore into notices values (?, ?, ?)", [notice_id, text, at.isoformat()])

    def standings(self) -> dict[str, Standing]:
        """Where each receiver stands."""
        if not self.path.exists():
            return {}
        with self._writing() as connection:
            names = [name for (name,) in connection.execute("select receiver from receivers")]
            return {name: Turn(connection, name).standing for name in names}

    def forget_old(self, now: datetime) -> None:
        """What no rule asks for any more."""
        old = (now - timedelta(days=_KEPT_DAYS)).isoformat()
        with self._writing() as connection:
            connection.execute("delete from sent_messages where sent_at < ?", [old])
            connection.execute("delete from notices where noticed_at < ?", [old])
            connection.execute("delete from sent_notices where sent_at < ?", [old])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                connection.executescript(_TABLES)
                connection.execute("begin immediate")
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise AlertsError(
                [f"{self.path} cannot be written: {error}"], "Is another delivery at work? Try again when it is done."
            ) from None
        try:
            yield connection
            connection.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("rollback")
            raise
        finally:
            connection.close()
