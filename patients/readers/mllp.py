"""MLLP, the framing of HL7 over a connection: a start byte, the message, an end byte and a carriage return."""

from __future__ import annotations

from collections.abc import Iterator

from patients.readers.hl7 import MAX_MESSAGE

START, END, CR = 0x0B, 0x1C, 0x0D
BETWEEN = b"\r\n"


class BadFrame(Exception):
    """What came is no frame: `reason` says why, `data` is what was read of it. Nothing after it can be trusted."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.reason, self.data = reason, data


class Frames:
    """Takes bytes as they come and gives out whole messages. Holds at most `limit` bytes of one."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0

    @property
    def begun(self) -> bool:
        """Whether a part of a message waits for its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with these bytes. Raises BadFrame."""
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> bytes | None:
        """The first whole message, taken out of the buffer; None when there is none yet."""
        self._skip()
        if not self._buffer:
            return None
        end = self._buffer.find(END, self._searched)
        if self._buffer.find(START, self._searched, None if end < 0 else end) >= 0:
            raise BadFrame("start-inside", self._head())
        if (len(self._buffer) if end < 0 else end) > self.limit + 1:
            raise BadFrame("too-large", self._head())
        if end < 0 or end + 1 == len(self._buffer):
            self._searched = len(self._buffer) if end < 0 else end
            return None
        if self._buffer[end + 1] != CR:
            raise BadFrame("bad-end", self._head())
        message = bytes(self._buffer[1:end])
        del self._buffer[: end + 2]
        self._searched = 0
        return message

    def _skip(self) -> None:
        """Line ends between messages mean nothing; anything else must begin with the start byte."""
        if self._searched:
            return
        waste = len(self._buffer) - len(self._buffer.lstrip(BETWEEN))
        del self._buffer[:waste]
        if self._buffer and self._buffer[0] != START:
            raise BadFrame("no-start")
        self._searched = min(1, len(self._buffer))

    def _head(self) -> bytes:
        return bytes(self._buffer[1 : 1 << 16])


def framed(message: bytes) -> bytes:
    """A message in its frame."""
    return bytes((START,)) + message + bytes((END, CR))
