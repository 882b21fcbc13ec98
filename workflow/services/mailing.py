"""The way to the mail server: one connection for many mails, and what an answer means for the next try.

What fails before a recipient is named is the server's fault and holds for everybody; what fails after it is
that address's alone.
"""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.utils import DNS_NAME

LONGEST = 20.0
"""Seconds after which a mail's conversation is cut off, or not begun: a time-out per answer does not bound the whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one mail: sent, refused for good, to be tried later, or the server is down for all.

    `sure`: the server said so itself; else the mail may have arrived, and it goes out again as it was.
    `address`: the address itself was refused, whatever is sent to it.
    """

    outcome: str
    why: str = ""
    sure: bool = True
    address: bool = False


class Post:
    """Sends mails one by one. Only SMTP keeps its connection: the folder of a demo gets a file for each mail."""

    def __init__(self) -> None:
        self._kept: Any = None
        self._over = False

    def send(self, mail: EmailMessage) -> Answer:
        self._over = False
        timer = threading.Timer(LONGEST, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            return self._send(mail)
        finally:
            timer.cancel()

    def _send(self, mail: EmailMessage) -> Answer:
        try:
            backend = self._connected()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return Answer("down", _why(error))
        if self._over:
            self.close()
            return Answer("down", "slow")
        try:
            backend.send_messages([mail])
        except (smtplib.SMTPHeloError, smtplib.SMTPSenderRefused) as error:
            self.close()
            return Answer("down", _why(error))
        except (smtplib.SMTPException, OSError) as error:
            return self._failed(error)
        except ValueError as error:
            return Answer("refused", type(error).__name__)
        return Answer("sent")

    def _connected(self) -> Any:
        """The connection of the mail before, if the server still answers on it; else a new one."""
        if self._kept is not None and _answers(self._kept):
            return self._kept
        self.close()
        backend = get_connection()
        if isinstance(backend, EmailBackend):
            self._kept = backend
            DNS_NAME._fqdn = (
                urlsplit(settings.BASE_URL).hostname or "localhost"
            )  # asking DNS may take longer than a mail
            backend.open()
        return backend

    def _failed(self, error: Exception) -> Answer:
        codes = _codes(error)
        if not codes:
            self.close()
            return Answer("later", _why(error), sure=False)
        if 421 in codes:
            self.close()
        address = isinstance(error, smtplib.SMTPRecipientsRefused)
        return Answer("refused" if min(codes) >= 500 else "later", _why(error), address=address)

    def close(self) -> None:
        if self._kept is not None and self._kept.connection is not None:
            self._kept.connection.close()
        self._kept = None

    def _hang_up(self) -> None:
        self._over = True
        with suppress(OSError, AttributeError):
            self._kept.connection.sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def posting() -> Iterator[Post]:
    """A post that hangs up at the end."""
    post = Post()
    try:
        yield post
    finally:
        post.close()


def _answers(backend: EmailBackend) -> bool:
    try:
        return bool(backend.connection is not None and backend.connection.noop()[0] == 250)
    except (smtplib.SMTPException, OSError):
        return False


def _codes(error: Exception) -> list[int]:
    """The server's own reply codes; none when it said nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    code = getattr(error, "smtp_code", 0)
    return [int(code)] if code and code > 0 else []


def _why(error: Exception) -> str:
    codes = _codes(error)
    return f"smtp {codes[0]}" if codes else type(error).__name__
