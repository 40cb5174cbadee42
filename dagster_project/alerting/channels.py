"""The ways a message reaches people: a log file, e-mail, a webhook.

Belongs here: one class per way, with its settings as fields. Does not belong here: what is sent to whom, and when it is tried again.

A further way is a class with `SECRETS` and `send`, and a line in CHANNELS: its fields are its settings in the receivers' file; fields named
in SECRETS are given there as `<field>_env`, the environment variable that holds them.
"""

from __future__ import annotations

import json
import os
import smtplib
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from dagster_project.alerting.errors import DeliveryError
from dagster_project.alerting.message import Message, clean


class Channel(Protocol):
    """One way to one receiver."""

    SECRETS: ClassVar[tuple[str, ...]]

    def send(self, message: Message) -> None:
        """Send it, or raise DeliveryError: then it counts as not sent, and is tried again."""


@dataclass(frozen=True)
class LogFile:
    """A line per line of the message at the end of a text file, each with the time."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    path: str

    def send(self, message: Message) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        text = "".join(f"{now} {line}\n" for line in (message.subject, *message.lines) if line)
        try:
            path = Path(self.path).expanduser()
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(f"{self.path} cannot be written: {error}") from None


@dataclass(frozen=True)
class Email:
    """A plain-text mail by SMTP. `security`: starttls, tls or none."""

    SECRETS: ClassVar[tuple[str, ...]] = ("user", "password")
    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    security: str = "starttls"
    timeout_seconds: int = 10
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.security not in ("starttls", "tls", "none"):
            raise ValueError(f"security is {self.security!r}; known are starttls, tls, none")
        if not self.to:
            raise ValueError("to is empty")
        wrong = [address for address in (self.sender, *self.to) if "@" not in parseaddr(address)[1] or clean(address) != address]
        if wrong:
            raise ValueError(f"not an address: {', '.join(map(repr, wrong))}")
        if bool(self.user) != bool(self.password):
            raise ValueError("user_env and password_env are given together or not at all")

    def send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = clean(message.subject)
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{message.message_id}@stockroom>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text + "\n")
        try:
            connect = smtplib.SMTP_SSL if self.security == "tls" else smtplib.SMTP
            with connect(self.host, self.port, timeout=self.timeout_seconds) as server:
                if self.security == "starttls":
                    import ssl

                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"mail by {self.host}:{self.port} failed: {clean(str(error)) or type(error).__name__}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirected POST would arrive elsewhere, without its text."""


@dataclass(frozen=True)
class Webhook:
    """JSON as Slack's incoming webhooks take it, and what imitates them. The address is a secret: who knows it can post."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)
    url: str = field(repr=False)
    timeout_seconds: int = 10

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address in the variable of url_env does not begin with https:// and a host")

    def send(self, message: Message) -> None:
        body = json.dumps({"text": slack_text(message), "mrkdwn": False}).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message.message_id,
            "User-Agent": "stockroom",
        }
        request = urllib.request.Request(self.url, body, headers, method="POST")
        host = urllib.parse.urlsplit(self.url).hostname
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout_seconds) as answer:
                answer.read(1000)
        except urllib.error.HTTPError as error:
            with error:
                raise DeliveryError(f"{host} answered {error.code}", _retry_after(error.headers.get("Retry-After"))) from None
        except (OSError, ValueError) as error:  # URLError is one; http.client's errors of a broken answer are below
            raise DeliveryError(f"{host} does not answer: {clean(str(getattr(error, 'reason', error)))}") from None
        except Exception as error:
            raise DeliveryError(f"{host} answered what is no HTTP: {type(error).__name__}") from None


def slack_text(message: Message) -> str:
    """The text with what Slack and its imitators would take for commands made harmless: links, mentions, marks of format."""
    text = f"{message.subject}\n{message.text}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "@\u200b").replace("](", "]\u200b(")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form the header has."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


CHANNELS: dict[str, type[Any]] = {"log": LogFile, "email": Email, "webhook": Webhook}
