"""HL7 version 2 as bytes: messages, segments, fields, repetitions, components, and their escapes.

Tolerant of how interfaces really write (any delimiter, any line end, framing bytes, text that runs over a
line), strict about meaning: an unknown escape stays as it is, and nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from patients.readers.envelope import Unreadable

ENVELOPES = frozenset({b"FHS", b"BHS", b"BTS", b"FTS"})
BEGINNINGS = ENVELOPES | {b"MSH"}
CHARSETS = {
    "ASCII": "ascii", "US-ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8",
    "UNICODE": "utf-8", "8859": "latin-1", **{f"8859{sep}{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12
    for sep in ("/", "-")}, **{f"ISO-8859-{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12},
    **{f"ISO8859-{n}": f"iso8859-{n}" for n in range(1, 16) if n != 12},
    "WINDOWS-1252": "cp1252", "CP1252": "cp1252",
}  # fmt: skip
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
INDENTED = frozenset({"PID", "ORC", "OBR", "OBX", "NTE", "SPM"})
LINE_END = re.compile(rb"\r\n|[\r\n\x1c]")
ESCAPE = r"{mark}(\.[^{mark}]*|[^{mark}\s]+){mark}"
MAX_MESSAGE, MAX_SEGMENTS = 16 * 1024 * 1024, 50_000
CHUNK = 1 << 16


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
        begins = _begins(line)
        starts = begins and line[:1] == b"M"
        if begins and current:
            yield b"\r".join(current)
            current, size = [], 0
        if starts or (current and line):
            current.append(line)
            size += len(line) + 1
            seen += starts
        elif line.strip() and not seen and not begins:
            raise Unreadable("unknown-format", "is no HL7 version 2: it does not begin with MSH")
        if size > MAX_MESSAGE:
            raise Unreadable("too-large", f"holds a message of more than {MAX_MESSAGE >> 20} MB")
    if current:
        yield b"\r".join(current)
    if not seen:
        raise Unreadable("unreadable", "holds no message")


def _begins(line: bytes) -> bool:
    """Whether a line begins a message or a batch; text that merely begins with the same letters does not."""
    return line[:3] in BEGINNINGS and not line[3:4].isalnum() and not line[3:4].isspace()


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines at CR, LF, CR LF or an end of frame, without framing bytes and byte order marks."""
    held: list[bytes] = []
    size, after_cr = 0, False
    while chunk := stream.read(CHUNK):
        if not held and not size:
            _refuse_utf16(chunk)
        text = chunk[1:] if after_cr and chunk[:1] == b"\n" else chunk
        after_cr = chunk.endswith(b"\r")
        first, *more = LINE_END.split(text)
        held.append(first)
        size += len(first)
        if size > MAX_MESSAGE:
            raise Unreadable("too-large", f"holds a line of more than {MAX_MESSAGE >> 20} MB")
        for line in more:
            yield _bare(b"".join(held))
            held, size = [line], len(line)
    if held:
        yield _bare(b"".join(held))


def _refuse_utf16(chunk: bytes) -> None:
    if chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("unreadable", "is UTF-16; send HL7 as UTF-8 or in an 8-bit character set")


def _bare(line: bytes) -> bytes:
    bare = line.strip(b"\x0b").removeprefix(b"\xef\xbb\xbf").strip(b"\x0b")
    if bare[:1].isspace() and _begins(bare.lstrip()):
        return bare.lstrip()
    return bare


def parse(data: bytes) -> Message:
    """One message. Raises Unreadable when its header cannot be understood."""
    marks = _delimiters(data)
    text, known = _decoded(data, marks)
    lines = list(islice(_whole(text.split("\r"), marks), MAX_SEGMENTS + 1))
    if len(lines) > MAX_SEGMENTS:
        raise Unreadable("too-large", f"has more than {MAX_SEGMENTS:,} segments")
    segments = tuple(_segment(line, marks, number) for number, line in enumerate(lines, start=1))
    if not segments or not segments[0].component(9, 1):
        raise Unreadable("unreadable", "has no message type in MSH-9")
    return Message(segments, text, known)


def _delimiters(data: bytes) -> Delimiters:
    header = data.split(b"\r", 1)[0].decode("latin-1")
    if len(header) < 8:
        raise Unreadable("unreadable", "is cut off inside its header")
    separator = header[3]
    known = header[4:].split(separator, 1)[0][:4]
    all_marks = separator + known
    unusable = any(c.isalnum() or c.isspace() or not c.isascii() or c in '\x00"' for c in all_marks)
    if unusable or len(known) < 2 or len(set(all_marks)) < len(all_marks):
        raise Unreadable("unreadable", "names no usable delimiters in MSH-1 and MSH-2")
    return Delimiters(separator, *known, *("",) * (4 - len(known)))


def _decoded(data: bytes, marks: Delimiters) -> tuple[str, bool]:
    """The text, and whether its character set is one we know. What does not fit, and NUL, become U+FFFD."""
    header = data.split(b"\r", 1)[0].decode("latin-1").split(marks.field)
    names = header[17].split(marks.repetition or "\x00") if len(header) > 17 else []
    name = names[0].strip().strip('"').upper() if names else ""
    codec = CHARSETS.get(name) if name else _guessed(data)
    text = data.decode(codec or "latin-1", errors="replace")
    return text.replace("\x00", "\ufffd"), codec is not None


def _guessed(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _whole(lines: list[str], marks: Delimiters) -> Iterator[str]:
    """Segments as written; a line that begins none continues the text of the one before."""
    held: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        segment = _as_segment(line, marks)
        if segment[:3] == "ADD" and segment[3:4] == marks.field and held:
            held.append(segment[4:])
        elif segment:
            if held:
                yield "".join(held)
            held = [segment]
        elif held:
            held += ("\n", line)
    if held:
        yield "".join(held)


def _as_segment(line: str, marks: Delimiters) -> str:
    """The line if it is a segment, without the indent of a known one; else ""."""
    if not line[0].isspace():
        return line if line[3:4] in ("", marks.field) and SEGMENT.fullmatch(line[:3]) else ""
    bare = line.lstrip()
    return bare if bare[:3] in INDENTED and bare[3:4] == marks.field else ""


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
    return re.sub(ESCAPE.format(mark=re.escape(marks.escape)), lambda m: _meant(m, marks), text)


def _meant(match: re.Match[str], marks: Delimiters) -> str:
    code = match[1].upper()
    plain = {
        "F": marks.field, "S": marks.component, "T": marks.sub or "&", "R": marks.repetition or "~",
        "E": marks.escape, "P": marks.sub or "&", "H": "", "N": "",
    }  # fmt: skip
    if code in plain:
        return plain[code]
    lines = re.fullmatch(r"\.(?:BR|SP\s*([1-9]?))", code)
    if lines:
        return "\n" * int(lines[1] or 1)
    if re.fullmatch(r"X(?:[0-9A-F]{2})+", code):
        return _characters(bytes.fromhex(code[1:]))
    return match[0]


def _characters(data: bytes) -> str:
    return data.decode(_guessed(data), errors="replace").replace("\x00", "\ufffd")
