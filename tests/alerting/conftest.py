"""What these tests lean on: a real mail server, a real HTTP receiver, and alerts written down by hand.

Belongs here: fixtures of this folder. Does not belong here: expected numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from loopback import free_port

from dagster_project.alerting.channels import Email, Webhook
from dagster_project.alerting.delivery import Published
from dagster_project.alerting.ledger import Ledger
from dagster_project.alerting.message import Alert


@dataclass
class Mailbox:
    """A mail server of this session's own. `mails` is what it took; `answers` are refusals for the next mails."""

    port: int
    mails: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server, session, envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(envelope.content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 taken"

    def channel(self, **changes: object) -> Email:
        settings = {"host": "127.0.0.1", "port": self.port, "sender": "stockroom@example.com", "to": ("buyer@example.com",)}
        return Email(**{**settings, "security": "none", "timeout_seconds": 2, **changes})


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[Mailbox]:
    from aiosmtpd.controller import Controller

    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def mailbox(smtp_server: Mailbox) -> Mailbox:
    for kept in (smtp_server.mails, smtp_server.envelopes, smtp_server.answers):
        kept.clear()
    return smtp_server


@dataclass
class Hook:
    """An HTTP receiver. `bodies` is what it was sent; `answers` are status, headers and seconds to wait, for the next requests."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], float]] = field(default_factory=list)

    def channel(self, **changes: object) -> Webhook:
        return Webhook(**{"url": f"{self.url}/services/secret", "timeout_seconds": 1, **changes})


@pytest.fixture
def hook() -> Iterator[Hook]:
    box, done = Hook(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, wait = box.answers.pop(0) if box.answers else (200, {}, 0)
            box.bodies.append(body)
            box.headers.append(dict(self.headers))
            if wait:
                done.wait(wait)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    box.url = f"http://127.0.0.1:{server.server_port}"
    yield box
    done.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "alert_deliveries.sqlite")


@pytest.fixture
def alert() -> Callable[..., Alert]:
    """`alert(1, usd=250)`: an alert of that number; what is not said is of a usual one."""

    def make(number: int, usd: int | None = 250, **changes: object) -> Alert:
        usual = {
            "alert_id": f"A{number:010X}",
            "kind": "overstock",
            "severity": "medium",
            "at_risk_usd": None if usd is None else Decimal(usd),
            "location_id": 1,
            "message": "20 units more than the policy would ever build up",
            "next_step": "return them",
            "first_seen_date": date(2016, 12, 31),
            "names": ("Tea", "store 1 HAZELFORD"),
        }
        return Alert(**{**usual, **changes})

    return make


@pytest.fixture
def published(alert: Callable[..., Alert]) -> Callable[..., Published]:
    """`published("run1", alert(1), alert(2))`: a publication of the last day of 2016."""

    def make(run_id: str, *alerts: Alert, as_of: date = date(2016, 12, 31)) -> Published:
        return Published(run_id, as_of, alerts)

    return make
