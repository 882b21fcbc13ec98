"""Which format a file has, by its content, whatever its name; and the reader for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from patients.readers import documents, fhir_results, hl7_results, sheet, table
from patients.readers.envelope import Parcel, Unreadable
from patients.readers.fhir import People
from patients.readers.hl7_results import BySender
from patients.readers.rows import Mapped
from patients.rules.codemaps import SourceRules

FORMATS = ("hl7v2", "fhir", "ndjson", "csv", "xlsx")
HEAD = 64 * 1024
MAGIC = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\x1f\x8b")
LETTERS = b"\xef\xbb\xbf\x0b\r\n \t"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What readers may know beside the bytes: the source's rules, its column map, Patients of other files.

    `by_sender` gives the rules where no source is named and each message's sender tells it.
    """

    rules: SourceRules
    mapping: Mapped
    people: People | None = None
    by_sender: BySender | None = None


def parcels(stream: BinaryIO, form: str, delivery: Delivery) -> Iterator[Parcel]:
    """The parcels of a file in one of FORMATS. Raises Unreadable when the file as a whole cannot be read."""
    if form == "hl7v2":
        return hl7_results.read(stream, delivery.rules, delivery.by_sender)
    if form == "fhir":
        return fhir_results.read(stream, delivery.people)
    if form == "ndjson":
        return fhir_results.read_lines(stream, delivery.people)
    if form == "xlsx":
        return sheet.read(stream, delivery.mapping, delivery.rules.decimal)
    return table.read(stream, delivery.mapping)


def sniffed(stream: BinaryIO) -> str:
    """One of FORMATS. Raises Unreadable: unreadable for an empty file, else unknown-format or encrypted."""
    start = stream.tell()
    head = stream.read(HEAD)
    stream.seek(start)
    bare = head.lstrip(LETTERS)
    if not bare:
        raise Unreadable("unreadable", "is empty")
    if bare[:3] in (b"MSH", b"FHS", b"BHS"):
        return "hl7v2"
    if head.startswith((b"PK\x03\x04", sheet.OLE)):
        return "xlsx"
    if bare[:1] == b"{":
        return "ndjson" if _many_documents(stream, start) else "fhir"
    if bare[:1] in (b"[", b"<") or _binary(head):
        raise Unreadable(
            "unknown-format", "is in no format that is read: HL7 v2, FHIR JSON, NDJSON, CSV or XLSX"
        )
    return "csv"


def _binary(head: bytes) -> bool:
    """Whether bytes are no text in any character set a table comes in."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = sum(1 for b in head if 0 < b < 9 or 13 < b < 32)
    return controls > len(head) // 50 or head.startswith(MAGIC)


def _many_documents(stream: BinaryIO, start: int) -> bool:
    """Whether it holds a resource on each line; one of the first lines may be broken."""
    try:
        first = list(islice(documents.lines(stream), 3))
        return len(first) > 1 and first[0][1].strip() != b"{" and any(map(_resource, first))
    except Unreadable:
        return False
    finally:
        stream.seek(start)


def _resource(line: tuple[int, bytes]) -> bool:
    try:
        return next(documents.entries(documents.document(line[1])), None) is not None
    except Unreadable:
        return False
