"""The MLLP listener: each message is kept and its items are given their dispositions before it is answered."""

from __future__ import annotations

import io
import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from patients.ids import new_id
from patients.models import Source
from patients.readers import acks
from patients.readers.mllp import BadFrame, Frames, framed
from workflow.services import imports
from workflow.services.imports import Report

POLL, SEND_WITHIN, RELEASE = 0.5, 30.0, 10.0
WORST = ("AR", "AE", "AA")
Find = Callable[[], tuple[UUID, Source | None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a connection may rest between messages, and seconds a message may take; connections at once."""

    idle: float = 3600.0
    message: float = 60.0
    connections: int = 32


class Receiver:
    """Turns one message into its answers. `find` gives site and source, `warn` says what went wrong."""

    def __init__(self, find: Find, by: str, warn: Callable[[str], None]) -> None:
        self.find, self.by, self.warn = find, by, warn

    def answers(self, data: bytes) -> list[bytes]:
        """The answers in order; what AA or AE says is committed by then. An answer of others is passed over."""
        header = acks.header_of(data) or acks.UNKNOWN
        if header.kind[0] in acks.ANSWERS:
            return []
        return self.told(header, *self._outcome(header, data))

    def told(self, header: acks.Header, code: str, reason: str) -> list[bytes]:
        if code != "AA":
            self.warn(f"message {_name(header)}: {code} {reason}")
        return acks.answers(header, code, reason, at=timezone.now(), number=new_id().hex[:19])

    def _outcome(self, header: acks.Header, data: bytes) -> tuple[str, str]:
        """AA, AE or AR and the reason. Whatever fails before the commit is an AR."""
        if not data.strip():
            return "AR", "unreadable"
        close_old_connections()
        try:
            return _outcome(self._imported(header, data))
        except (OperationalError, InterfaceError):
            connection.close()
            return "AR", acks.RETRY
        except Exception as error:
            self.warn(f"message {_name(header)}: {type(error).__name__}")
            connection.close()
            return "AR", "internal-error"

    def _imported(self, header: acks.Header, data: bytes) -> Report:
        site, source = self.find()
        kept = imports.keep(
            name=f"{_name(header)}.hl7", stream=io.BytesIO(data), site=site, source=source, by=self.by, form="hl7v2"
        )  # fmt: skip
        return imports.run(inbound=kept)


def _outcome(report: Report) -> tuple[str, str]:
    """The answer to a frame: that of its message, the worst one if it holds several."""
    if report.rejected:
        return "AR", next(iter(report.reasons), "unreadable")
    told = sorted(report.messages, key=lambda m: WORST.index(m["ack"]))
    return (told[0]["ack"], told[0]["reason"] or "") if told else ("AR", "unreadable")


def _name(header: acks.Header) -> str:
    """The message's control id in characters that any log and file list can show."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", header.field(10))[:64] or "without-id"


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections and serves each in a thread of its own, until `stop` is called."""

    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], receiver: Receiver, patience: Patience) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.receiver, self.patience = receiver, patience
        self.stopping = threading.Event()
        self.places = threading.BoundedSemaphore(patience.connections)
        super().__init__(address, _Connection)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more connection."""
        free = self.places.acquire(blocking=False)
        if not free:
            self.receiver.warn(
                f"{client_address[0]}: refused, {self.patience.connections} connections are open"
            )
        return free

    def stop(self) -> None:
        """Accepts nothing more; messages that are being stored are finished and answered."""
        self.stopping.set()
        threading.Thread(target=self.shutdown).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        kind = sys.exc_info()[0] or Exception
        self.receiver.warn(f"{client_address[0]}: the connection broke: {kind.__name__}")


class _Connection(socketserver.BaseRequestHandler):
    """One connection: message after message, each answered before the next one is read."""

    server: Listener

    def handle(self) -> None:
        self.frames = Frames()
        self.since = time.monotonic()
        try:
            while not self.server.stopping.is_set() and self._patient() and self._read():
                pass
        except BadFrame as bad:
            self._refuse(bad)
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self._warn("the connection was lost before the answer")
        finally:
            connection.close()
            self.server.places.release()

    def _patient(self) -> bool:
        """Whether there is time left; else what was received of a message is forgotten."""
        patience = self.server.patience
        rested = time.monotonic() - self.since
        if rested > RELEASE:
            connection.close()
        left = (patience.message if self.frames.begun else patience.idle) - rested
        if left <= 0 and self.frames.begun:
            self._warn("half a message came and no more; nothing of it is stored")
        return left > 0

    def _read(self) -> bool:
        """Reads what has come and answers what is complete. False at the end of the connection."""
        self.request.settimeout(POLL)
        try:
            data = self.request.recv(1 << 16)
        except TimeoutError:
            return True
        if not data and self.frames.begun:
            self._warn("the connection ended within a message; nothing of it is stored")
        before = self.frames.begun
        for message in self.frames.feed(data):
            self._send(self.server.receiver.answers(message))
            before = False
        if not before:
            self.since = time.monotonic() if self.frames.begun or data.strip(b"\r\n") else self.since
        return bool(data)

    def _send(self, answers: list[bytes]) -> None:
        self.request.settimeout(SEND_WITHIN)
        self.request.sendall(b"".join(map(framed, answers)))

    def _refuse(self, bad: BadFrame) -> None:
        """A frame that is none ends the connection; one that is too large is answered, to stop its repetition."""
        self._warn(f"what came is no MLLP frame ({bad.reason}); nothing of it is stored")
        header = acks.header_of(bad.data)
        if bad.reason == "too-large" and header is not None:
            self._send(self.server.receiver.told(header, "AR", bad.reason))

    def _warn(self, words: str) -> None:
        self.server.receiver.warn(f"{self.client_address[0]}: {words}")
