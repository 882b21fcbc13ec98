"""HL7 version 2 as bytes: messages, segments, fields, repetitions, components, and their escapes.

Tolerant of how interfaces really write (any delimiter, any line end, framing bytes, text that runs over a
line), strict about meaning: an unknown escape stays as it is, and nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from patients.readers.envelope import Unreadable

ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")
CHARSETS = {
    "ASCII": "ascii", "US-ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8",
    "UNICODE": "utf-8", "8859": "latin-1", **{f"8859{sep}{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12
    for sep in ("/", "-")}, **{f"ISO-8859-{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12},
    **{f"ISO8859-{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12},
    "WINDOWS-1252": "cp1252", "CP1252": "cp1252",
}  # fmt: skip
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
MAX_MESSAGE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five separators and the escape character; "" where the message has none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    sub: str = "&"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: `fields[0]` is its name and `fields[n]` is field n as written, MSH counted as the standard does."""

    name: str
    fields: tuple[str, ...]
    marks: Delimiters
    number: int
    raw: str

    def field(self, n: int) -> str:
        """Field n as written, escapes and all; "" where there is none, and for a deleted value ("")."""
        text = self.fields[n] if n < len(self.fields) else ""
        return "" if text == '""' else text

    def repetitions(self, n: int) -> list[str]:
        """The repetitions of field n that hold something."""
        parts = self.field(n).split(self.marks.repetition) if self.marks.repetition else [self.field(n)]
        return [p for p in parts if p not in ("", '""')]

    def components(self, n: int, repetition: int = 0) -> list[str]:
        """The components of one repetition of field n, unescaped and trimmed."""
        found = self.repetitions(n)
        return self.split(found[repetition]) if repetition < len(found) else []

    def split(self, text: str) -> list[str]:
        """The components of a field's text, unescaped and trimmed."""
        return [unescape(p, self.marks).strip() for p in text.split(self.marks.component)]

    def component(self, n: int, c: int, repetition: int = 0) -> str:
        """Component c (from 1) of field n, or ""."""
        found = self.components(n, repetition)
        return found[c - 1] if c <= len(found) else ""

    def parts(self, text: str) -> list[str]:
        """Sub-components of a component's text."""
        pieces = text.split(self.marks.sub) if self.marks.sub else [text]
        return [unescape(p, self.marks).strip() for p in pieces]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its segments, the text it was read from, and what was odd about its characters."""

    segments: tuple[Segment, ...]
    text: str
    charset_known: bool

    @property
    def header(self) -> Segment:
        return self.segments[0]


def messages(stream: BinaryIO) -> Iterator[bytes]:
    """The messages of a file, batch or framed stream, as bytes. Raises Unreadable when it holds none."""
    current: list[bytes] = []
    seen = size = 0
    for line in _lines(stream):
        starts = line[:3] == b"MSH"
        if starts or line[:3] in ENVELOPES:
            if current:
                yield b"\r".join(current)
            current, size = [], 0
        if starts or (current and line):
            current.append(line)
            size += len(line)
            seen += starts
        elif line.strip() and not seen and line[:3] not in ENVELOPES:
            raise Unreadable("unknown-format", "is no HL7 version 2: it does not begin with MSH")
        if size > MAX_MESSAGE:
            raise Unreadable("too-large", "holds a message of more than 64 MB")
    if current:
        yield b"\r".join(current)
    if not seen:
        raise Unreadable("unreadable", "holds no message")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines at CR, LF or CR LF, without framing bytes and byte order mark."""
    rest, first = b"", True
    while chunk := stream.read(1 << 16):
        if first:
            chunk, first = _plain(chunk), False
        *lines, rest = re.split(rb"\r\n|\r|\n", rest + chunk)
        if lines and rest == b"" and chunk.endswith(b"\r"):
            last = lines.pop()
            yield from map(_unframed, lines)
            rest = last + b"\r"
            continue
        yield from map(_unframed, lines)
    if rest:
        yield from map(_unframed, re.split(rb"\r\n|\r|\n", rest))


def _plain(chunk: bytes) -> bytes:
    if chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("unreadable", "is UTF-16; send HL7 as UTF-8 or in an 8-bit character set")
    return chunk.removeprefix(b"\xef\xbb\xbf")


def _unframed(line: bytes) -> bytes:
    return line.strip(b"\x0b\x1c")


def parse(data: bytes) -> Message:
    """One message. Raises Unreadable when its header cannot be understood."""
    marks = _delimiters(data)
    text, known = _decoded(data, marks)
    segments: list[Segment] = []
    for line in text.split("\r"):
        _append(segments, line, marks)
    if not segments[0].component(9, 1):
        raise Unreadable("unreadable", "has no message type in MSH-9")
    return Message(tuple(segments), text, known)


def _delimiters(data: bytes) -> Delimiters:
    header = data.split(b"\r", 1)[0].decode("latin-1")
    if len(header) < 8:
        raise Unreadable("unreadable", "is cut off inside its header")
    separator = header[3]
    marks = header[4:].split(separator, 1)[0]
    known = marks[:4]
    if (
        separator.isalnum()
        or separator.isspace()
        or len(known) < 2
        or len(set(separator + known)) <= len(known)
    ):
        raise Unreadable("unreadable", "names no usable delimiters in MSH-1 and MSH-2")
    known = known.ljust(4, "\x00")
    return Delimiters(separator, *("" if c == "\x00" else c for c in known))


def _decoded(data: bytes, marks: Delimiters) -> tuple[str, bool]:
    """The text, and whether its character set is one we know. Bytes that do not fit become U+FFFD."""
    header = data.split(b"\r", 1)[0].decode("latin-1").split(marks.field)
    names = header[17].split(marks.repetition or "\x00") if len(header) > 17 else []
    name = names[0].strip().upper() if names else ""
    if name:
        codec = CHARSETS.get(name)
        return data.decode(codec or "latin-1", errors="replace"), codec is not None
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), True


def _append(segments: list[Segment], line: str, marks: Delimiters) -> None:
    """Adds a segment; a line that is none continues the text of the one before."""
    name = line[:3]
    if not line.strip():
        return
    if name == "ADD" and segments and line[3:4] == marks.field:
        segments[-1] = _segment(segments[-1].raw + line[4:], marks, segments[-1].number)
    elif SEGMENT.fullmatch(name) and (len(line) == 3 or line[3] == marks.field):
        segments.append(_segment(line, marks, len(segments) + 1))
    elif segments:
        segments[-1] = _segment(f"{segments[-1].raw}\n{line}", marks, segments[-1].number)


def _segment(line: str, marks: Delimiters, number: int) -> Segment:
    fields = line.split(marks.field)
    if fields[0] == "MSH":
        fields = ["MSH", marks.field, *fields[1:]]
    return Segment(fields[0], tuple(fields), marks, number, line)


def unescape(text: str, marks: Delimiters) -> str:
    r"""The text with its escapes resolved: \F\ \S\ \T\ \R\ \E\ \P\ \Xhh\ \.br\; unknown ones stay.

    >>> unescape("a\\T\\b\\.br\\c\\Zq\\", Delimiters())
    'a&b\nc\\Zq\\'
    """
    if not marks.escape or marks.escape not in text:
        return text
    mark = re.escape(marks.escape)
    return re.sub(f"{mark}([^{mark}]*){mark}", lambda m: _meant(m, marks), text)


def _meant(match: re.Match[str], marks: Delimiters) -> str:
    code = match[1].upper()
    plain = {
        "F": marks.field, "S": marks.component, "T": marks.sub or "&", "R": marks.repetition,
        "E": marks.escape, "P": marks.sub or "&", ".BR": "\n", ".SP": "\n", "H": "", "N": "",
    }  # fmt: skip
    if code in plain:
        return plain[code]
    if re.fullmatch(r"X(?:[0-9A-F]{2})+", code):
        return bytes.fromhex(code[1:]).decode("latin-1")
    return match[0]
