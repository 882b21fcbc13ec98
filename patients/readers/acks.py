"""Acknowledgements of HL7 version 2: the answer to a message in its own delimiters, version and character set.

The header is copied byte for byte and all words added are ASCII, so no character set need be known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

HEADER = re.compile(rb"(?:\A|[\r\n])(?:\xef\xbb\xbf)?(MSH[^\r\n]{5,65536})")
ANSWERS = frozenset({"ACK", "MCF", "NAK"})
CONDITIONS = {"AL": (True, True), "NE": (False, False), "ER": (False, True), "SU": (True, False)}
ACCEPTED = {"AA": "CA", "AE": "CA", "AR": "CR"}
RETRY = "try-again"
SAID = {
    "patient-unmatched": ("204", "Unknown key identifier", "No patient here has this number with this name or date of"
                          " birth; the results wait at the desk"),
    "patient-ambiguous": ("204", "Unknown key identifier", "More than one patient fits; the results wait at the desk"),
    "source-unknown": ("103", "Table value not found", "No source is set up for this sender; the results wait at the desk"),
    "charset-unknown": ("103", "Table value not found", "The character set in MSH-18 is not known; the results wait at"
                        " the desk"),
    "too-large": ("207", "Application internal error", "The message is larger than 64 MB; nothing was stored"),
    "internal-error": ("207", "Application internal error", "The message could not be read to its end; tell the site"),
    RETRY: ("207", "Application internal error", "Nothing was accepted; send the message again later"),
}  # fmt: skip
OTHER = ("100", "Segment sequence error", "The message could not be read")


@dataclass(frozen=True, slots=True)
class Header:
    """The MSH segment of a message, each byte one character: `fields[n]` is field n as the standard counts."""

    fields: tuple[str, ...]

    def field(self, n: int) -> str:
        return self.fields[n] if n < len(self.fields) else ""

    @property
    def separator(self) -> str:
        return self.fields[1]

    @property
    def component(self) -> str:
        return self.fields[2][:1] or "^"

    @property
    def kind(self) -> tuple[str, str]:
        """Message code and trigger event, such as ("ORU", "R01")."""
        code, _, rest = self.field(9).partition(self.component)
        return code.strip().upper(), rest.partition(self.component)[0]

    @property
    def version(self) -> tuple[int, ...]:
        """(2, 5, 1); (2, 5) when the message names none."""
        found = re.match(r"\d+(?:\.\d+)*", self.field(12).partition(self.component)[0].strip())
        return tuple(int(n) for n in found[0].split(".")[:3]) if found else (2, 5)

    @property
    def enhanced(self) -> bool:
        """Whether MSH-15 and MSH-16 say which answers are wanted."""
        return bool(self.field(15) or self.field(16))


UNKNOWN = Header(("MSH", "|", "^~\\&", *[""] * 8, "P", "2.5"))


def header_of(data: bytes) -> Header | None:
    """The header of the first message in some bytes, or None."""
    found = HEADER.search(data[: 1 << 17])
    if found is None:
        return None
    text = found[1].decode("latin-1")
    return Header(("MSH", text[3], *text[4:].split(text[3])))


def answers(header: Header, code: str, reason: str, *, at: datetime, number: str) -> list[bytes]:
    """The answers that the sender wants to a message with the outcome `code` (AA, AE or AR), in order.

    In original mode it is one; in enhanced mode an accept answer (CA, CE, CR), an application answer, both or
    none. An answer is never answered. `number` makes the answers' own control ids.
    """
    if header.kind[0] in ANSWERS:
        return []
    if not header.enhanced:
        return [_answer(header, code, reason, at, number)]
    accept = "CE" if reason == RETRY else ACCEPTED[code]
    return [
        _answer(header, given, reason if given != "CA" else "", at, f"{number}{n}")
        for n, (field, given, good) in enumerate(((15, accept, accept == "CA"), (16, code, code == "AA")))
        if _wanted(header.field(field), good)
    ]


def _wanted(condition: str, good: bool) -> bool:
    success, error = CONDITIONS.get(condition.strip().upper(), (bool(condition.strip()),) * 2)
    return success if good else error


def _answer(header: Header, code: str, reason: str, at: datetime, number: str) -> bytes:
    lines = [_msh(header, at, number), _msa(header, code, reason)]
    if reason and code not in ("AA", "CA"):
        lines.append(_err(header, reason))
    return ("\r".join(lines) + "\r").encode("latin-1")


def _msh(header: Header, at: datetime, number: str) -> str:
    """Sender and receiver change places; delimiters, processing id, version and character set stay."""
    f = header.field
    trigger = [header.kind[1]] if header.kind[1] else []
    structure = ["ACK"] if trigger and header.version >= (2, 4) else []
    never = "NE" if header.enhanced else ""
    fields = [
        f(2), f(5), f(6), f(3), f(4), at.strftime("%Y%m%d%H%M%S%z"), "", header.component.join(["ACK", *trigger, *structure]),
        number, f(11) or "P", f(12) or "2.5", "", "", never, never, "", f(18),
    ]  # fmt: skip
    return ("MSH" + header.separator + header.separator.join(fields)).rstrip(header.separator)


def _msa(header: Header, code: str, reason: str) -> str:
    parts = ["MSA", code, header.field(10), _plain(header, reason)]
    return header.separator.join(parts).rstrip(header.separator)


def _err(header: Header, reason: str) -> str:
    """Since 2.5 the error has fields of its own; before, it is the fourth component of ERR-1."""
    code, name, words = SAID.get(reason, OTHER)
    told = [code, name, "HL70357"]
    if header.version >= (2, 5):
        coded = header.component.join(_plain(header, t) for t in told)
        parts = ["ERR", "", "", coded, "E", _plain(header, reason), "", "", _plain(header, words)]
        return header.separator.join(parts)
    sub = header.field(2)[3:4] or " "
    parts = ["", "", "", sub.join(_plain(header, t) for t in (*told, reason))]
    return "ERR" + header.separator + header.component.join(parts)


def _plain(header: Header, text: str) -> str:
    """Our own words without any character that this message uses as a delimiter."""
    marks = {header.separator, *header.field(2)}
    return "".join(" " if c in marks else c for c in text)
