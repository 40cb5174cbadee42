"""Ways to people, each against a real server: what arrives, and what a failure says."""

from __future__ import annotations

import json
import socket
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from loopback import free_port

from dagster_project.alerting.channels import Email, LogFile, Webhook
from dagster_project.alerting.errors import DeliveryError
from dagster_project.alerting.message import Message, clean

MESSAGE = Message(
    "0123abcd", "Stockroom 2016-12-31: 1 alert (1 high)", ("[high] overstock, 1,200 USD: Tea.", "", "All of them: …")
)


def test_a_mail_arrives_with_its_words_and_a_name_that_stays_the_same(mailbox) -> None:
    mailbox.channel(to=("buyer@example.com", "Ann <ann@example.com>")).send(MESSAGE)
    mailbox.channel().send(MESSAGE)
    first, second = (message_from_bytes(mail, policy=policy.default) for mail in mailbox.mails)
    assert first["Subject"] == MESSAGE.subject
    assert first.get_content().splitlines() == list(MESSAGE.lines)
    assert mailbox.envelopes[0] == ("stockroom@example.com", ["buyer@example.com", "ann@example.com"])
    assert first["Message-ID"] == second["Message-ID"] == "<0123abcd@stockroom>"
    assert first["Auto-Submitted"] == "auto-generated"


def test_a_name_cannot_add_a_header_or_a_receiver_to_a_mail(mailbox) -> None:
    hostile = "Tea\r\nBcc: all@example.com\r\n\r\n.\r\nMAIL FROM:<x@example.com>"
    mailbox.channel().send(Message("1", f"about {hostile}", (clean(hostile), ".", "\r\n.\r\nQUIT")))
    ((_, receivers),) = mailbox.envelopes
    assert receivers == ["buyer@example.com"]
    mail = message_from_bytes(mailbox.mails[0], policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "about Tea  Bcc: all@example.com    .  MAIL FROM:<x@example.com>"
    assert "Bcc: all@example.com" in mail.get_content()


def test_a_mail_server_that_refuses_is_a_reason(mailbox) -> None:
    mailbox.answers.append("451 come back later")
    with pytest.raises(DeliveryError, match=rf"mail by 127\.0\.0\.1:{mailbox.port} failed: .*451.*come back later"):
        mailbox.channel().send(MESSAGE)
    with pytest.raises(DeliveryError, match="Connection refused"):
        mailbox.channel(port=free_port()).send(MESSAGE)
    with pytest.raises(DeliveryError, match="STARTTLS"):  # never unencrypted where encryption was asked for
        mailbox.channel(security="starttls").send(MESSAGE)
    with pytest.raises(DeliveryError, match=r"SMTP AUTH"):
        mailbox.channel(user="ann", password="hidden").send(MESSAGE)
    assert mailbox.mails == []


def test_a_mail_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        channel = Email("127.0.0.1", "a@example.com", ("b@example.com",), silent.getsockname()[1], "none", timeout_seconds=1)
        with pytest.raises(DeliveryError, match="timed out"):
            channel.send(MESSAGE)


def test_a_webhook_gets_json_that_slack_takes_for_text_only(hook) -> None:
    hostile = "Tea <!channel> & <https://evil.example|pay here> @here [pay](https://evil.example) *bold*"
    hook.channel().send(Message("0123abcd", "Stockroom", (hostile,)))
    body = json.loads(hook.bodies[0])
    assert body["mrkdwn"] is False
    assert "<" not in body["text"]
    assert ">" not in body["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|pay here&gt;" in body["text"]
    assert "@here" not in body["text"]
    assert "](" not in body["text"]
    assert hook.headers[0]["Idempotency-Key"] == "0123abcd"
    assert hook.headers[0]["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (500, {}, None),
        (404, {}, None),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, None),
        (429, {"Retry-After": "1200"}, 1200),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        (503, {"Retry-After": "soon"}, None),
    ],
)
def test_what_a_webhook_answers_is_a_reason_without_its_address(hook, status: int, headers: dict, retry_after) -> None:
    hook.answers.append((status, headers, 0))
    with pytest.raises(DeliveryError, match=rf"127\.0\.0\.1 answered {status}$") as caught:
        hook.channel().send(MESSAGE)
    assert caught.value.retry_after_seconds == retry_after
    assert "secret" not in str(caught.value)
    assert len(hook.bodies) == 1


def test_a_webhook_that_does_not_answer_is_given_up(hook) -> None:
    hook.answers.append((200, {}, 30))
    with pytest.raises(DeliveryError, match="does not answer: timed out"):
        hook.channel().send(MESSAGE)
    with pytest.raises(DeliveryError, match="Connection refused"):
        Webhook(f"http://127.0.0.1:{free_port()}/secret").send(MESSAGE)


def test_a_log_file_grows_by_a_line_per_line(tmp_path: Path) -> None:
    channel = LogFile(str(tmp_path / "new" / "alerts.log"))
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    lines = (tmp_path / "new" / "alerts.log").read_text().splitlines()
    assert [line.partition("Z ")[2] for line in lines[:3]] == [MESSAGE.subject, MESSAGE.lines[0], MESSAGE.lines[2]]
    assert len(lines) == 6
    with pytest.raises(DeliveryError, match="cannot be written"):
        LogFile(str(tmp_path)).send(MESSAGE)


def test_secrets_stand_in_no_text_of_a_channel() -> None:
    texts = [repr(Webhook("https://hooks.example/secret")), repr(Email("h", "a@b.c", ("a@b.c",), user="ann", password="secret"))]
    assert [text for text in texts if "secret" in text] == []
