"""Which alerts a receiver hears of, and the words.

Belongs here: pure functions from alerts and what was sent before to a message. Does not belong here: sending, and keeping what was sent.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_project.alerting.receivers import Receiver

KINDS = (
    "about to run out", "low stock", "overstock", "lead-time slip", "vendor slip", "high defect rate", "forecast break", "forecast drift",
    "phantom stock", "order spike", "rejects", "stale data", "missing data",
)  # fmt: skip
SEVERITIES = ("low", "medium", "high")
WORSE_RATIO = 2
"""Money at risk times this is worse, even where the severity is as before."""
_LONGEST = 300


@dataclass(frozen=True)
class Alert:
    """An open alert nobody has seen to, as it was published."""

    alert_id: str
    kind: str
    severity: str
    at_risk_usd: Decimal | None
    location_id: int | None
    message: str
    next_step: str
    first_seen_date: date
    finding_count: int = 1
    names: tuple[str, ...] = ()  # item, store and vendor, those there are

    @property
    def rank(self) -> int:
        return SEVERITIES.index(self.severity)


@dataclass(frozen=True)
class Sent:
    """What a receiver was told of an alert last."""

    rank: int
    at_risk_usd: Decimal | None
    first_seen_date: date
    sent_at: datetime


@dataclass(frozen=True)
class Message:
    """What a channel sends. `message_id` is the same when the same is sent again; `lines` are plain text without control characters."""

    message_id: str
    subject: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def pending(alerts: Sequence[Alert], sent: Mapping[str, Sent], receiver: Receiver, now: datetime) -> list[tuple[Alert, str]]:
    """What `receiver` has to hear of, most severe first, then most money, small ones put together last; each with why: new,
    worse or still."""
    found = [
        (alert, why)
        for alert in alerts
        if receiver.wants(alert) and (why := _why(alert, sent.get(alert.alert_id), receiver, now))
    ]
    return sorted(
        found,
        key=lambda pair: (-pair[0].rank, pair[0].finding_count > 1, -(pair[0].at_risk_usd or 0), pair[0].kind, pair[0].alert_id),
    )


def _why(alert: Alert, before: Sent | None, receiver: Receiver, now: datetime) -> str:
    if before is None or alert.first_seen_date > before.first_seen_date:
        return "new"
    if alert.rank > before.rank or (
        alert.at_risk_usd is not None and before.at_risk_usd and alert.at_risk_usd >= WORSE_RATIO * before.at_risk_usd
    ):
        return "worse"
    return "still" if now - before.sent_at >= timedelta(days=receiver.remind_after_days) else ""


def alerts_message(found: Sequence[tuple[Alert, str]], receiver: Receiver, run_id: str, as_of: date) -> Message:
    """One message of all that is pending: how many of each kind, then at most `receiver.lines` of them, most money first."""
    counts = Counter(alert.severity for alert, _ in found)
    shares = ", ".join(f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES) if counts[severity])
    total = f"{len(found)} alert{'s' if len(found) > 1 else ''}"
    shown, rest = found[: receiver.lines], found[receiver.lines :]
    lines = [f"Stockroom, as of {as_of}: {total} ({shares}).", _kinds(found), "", *(_line(alert, why) for alert, why in shown)]
    if rest:
        lines += [f"and {len(rest)} more: {_kinds(rest)}"]
    lines += ["", "All of them: stockroom alerts list. Seen to it: stockroom alerts ack ID. Report: bi.rpt_alerts."]
    told = [f"{alert.alert_id} {alert.severity} {why}" for alert, why in found]
    return Message(_name(receiver.name, run_id, *told), f"Stockroom {as_of}: {total} ({shares})", tuple(map(clean, lines)))


def notices_message(notices: Mapping[str, str], receiver: Receiver) -> Message:
    """One message of runs that failed or data that is old: id and sentence of each."""
    texts = list(notices.values())
    lines = texts[: receiver.lines]
    if len(texts) > receiver.lines:
        lines.append(f"and {len(texts) - receiver.lines} more")
    subject = "Stockroom: something needs you" if len(texts) == 1 else f"Stockroom: {len(texts)} things need you"
    return Message(_name(receiver.name, *notices), subject, tuple(map(clean, lines)))


def clean(text: str) -> str:
    """One line without control characters, marks that turn the direction of writing, or an end out of sight."""
    shown = "".join(" " if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") else character for character in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _kinds(found: Sequence[tuple[Alert, str]]) -> str:
    counts = Counter(alert.kind for alert, _ in found)
    return ", ".join(f"{kind} {count}" for kind, count in counts.most_common())


def _line(alert: Alert, why: str) -> str:
    money = "money unknown" if alert.at_risk_usd is None else f"{alert.at_risk_usd:,.0f} USD"
    again = "" if why == "new" else f" ({why})"
    about = f" {', '.join(alert.names)}:" if alert.names else ""
    return f"[{alert.severity}{again}] {alert.kind}, {money}:{about} {alert.message}. Next: {alert.next_step}. {alert.alert_id}"


def _name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
