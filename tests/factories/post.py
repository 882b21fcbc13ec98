"""A real SMTP server for tests: keeps an append-only log of what it took, and misbehaves as told."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Letter:
    """One mail as it was taken. `at`: seconds on the monotonic clock."""

    to: str
    raw: bytes
    at: float

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]

    @cached_property
    def id(self) -> str:
        return str(self.mail["Message-ID"])

    @property
    def parts(self) -> dict[str, str]:
        """Text by media type."""
        found = [p for p in self.mail.walk() if not p.is_multipart()]
        return {p.get_content_type(): str(p.get_payload(decode=True), "utf-8") for p in found}

    @property
    def body(self) -> bytes:
        """Everything but the headers that say when and how it travelled."""
        return self.raw.split(b"\r\n\r\n", 1)[1]


@dataclass
class Post:
    """`answers` and `data` are replies by address to RCPT and to the end of DATA; `stalls` are seconds of silence there.

    `hangs_up` names addresses whose mail is taken and the connection then closed without a word; `before` and `after`
    are seconds around taking any mail.
    """

    log: list[Letter] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    stalls: dict[str, float] = field(default_factory=dict)
    hangs_up: set[str] = field(default_factory=set)
    senders: str = "250 OK"
    before: float = 0.0
    after: float = 0.0
    connections: int = 0
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, name: str, answers: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = name
        return answers

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.senders.startswith("250"):
            envelope.mail_from = address
        return self.senders

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.asked.append(address)
        await asyncio.sleep(self.stalls.get(address, 0))
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        to = envelope.rcpt_tos[0]
        answer = self.data.get(to, "250 kept")
        await asyncio.sleep(self.before)
        if answer.startswith("250"):
            self.log.append(Letter(to, envelope.content, time.monotonic()))
        if to in self.hangs_up:
            server.transport.abort()
        await asyncio.sleep(self.after)
        return answer

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.log if letter.to == address]

    def ids(self) -> list[str]:
        return [letter.id for letter in self.log]


@contextmanager
def open_post(settings: Any) -> Iterator[Post]:
    """A server on a free port, and Django's mail pointed at it."""
    post = Post(port=free_port())
    controller = Controller(post, hostname="127.0.0.1", port=post.port, server_hostname="post.example.org")
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", post.port
    try:
        yield post
    finally:
        controller.stop(no_assert=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
