"""FHIR R4 Observations: one envelope for each; other resources are no items."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

from patients.readers import documents
from patients.readers.documents import Entry, Resource
from patients.readers.envelope import Parcel, ResultEnvelope, Unreadable
from patients.readers.fhir import People
from patients.readers.fhir_elements import codings_of, kinds_of, mapped, maps, raw_of, trimmed
from patients.readers.fhir_ranges import range_of
from patients.readers.fhir_values import FhirValue, value_of
from patients.readers.moments import BadTime, fhir_moment

STATUSES = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error"}
)
ENDED = frozenset({"not-performed", "not-applicable", "asked-declined", "not-permitted", "unsupported"})
TIMES = ("effectiveDateTime", "effectiveInstant")
RUN = 1000
ORDERS = frozenset({"PLAC", "FILL", "ACSN", "PGN"})


def read(stream: BinaryIO, people: People | None = None) -> Iterator[Parcel]:
    """One JSON document. `people` are Patients of other files of the same delivery."""
    data, known = stream.read(documents.MAX_DOCUMENT + 1), people or People()
    for entry in documents.streamed(data):
        known.add(entry)
    items = (_item(e, known) for e in documents.streamed(data) if _tells_a_result(e))
    while run := tuple(islice(items, RUN)):
        yield Parcel(items=run)


def read_lines(stream: BinaryIO, people: People | None = None) -> Iterator[Parcel]:
    """One document a line. A Patient may stand in any line: the file is read twice, so it must be seekable.

    A line that is no document is one rejected item; the others are read.
    """
    start, known = stream.tell(), people or People()
    learn(stream, known, lines=True)
    stream.seek(start)
    run: list[ResultEnvelope] = []
    for number, data in documents.lines(stream):
        try:
            run += [
                _item(e, known)
                for e in documents.entries(documents.document(data), number)
                if _tells_a_result(e)
            ]
        except Unreadable as error:
            yield Parcel(reason=error.reason, rejected=True, warnings=(f"line {number} {error}",))
        if len(run) >= RUN:
            yield Parcel(items=tuple(run))
            run = []
    if run:
        yield Parcel(items=tuple(run))


def learn(stream: BinaryIO, people: People, *, lines: bool) -> None:
    """Remembers the Patients of a file; what cannot be read is left for the reading itself to say."""
    if not lines:
        _learn(documents.streamed(stream.read(documents.MAX_DOCUMENT + 1)), people)
        return
    for _, data in documents.lines(stream):
        if b'"Patient"' in data:
            _learn(_entries(data), people)


def _entries(data: bytes) -> Iterator[Entry]:
    yield from documents.entries(documents.document(data))


def _learn(entries: Iterator[Entry], people: People) -> None:
    try:
        for entry in entries:
            people.add(entry)
    except Unreadable:
        return


def _tells_a_result(entry: Entry) -> bool:
    return entry.resource.get("resourceType") == "Observation"


def _item(entry: Entry, people: People) -> ResultEnvelope:
    resource = entry.resource
    value = value_of(resource)
    collected, bad = _collected(resource)
    named = people.subject(resource, entry.full_url)
    limits = range_of(resource, named, collected)
    code = mapped(resource.get("code"))
    codings = tuple(codings_of(code))
    return ResultEnvelope(
        codings=codings,
        code_text=trimmed(code.get("text")) or next((c.text for c in codings if c.text), ""),
        value=value.text,
        spoken=value.spoken,
        coded=value.coded,
        span=value.span,
        unit=value.unit,
        collected=collected,
        bad_time=bad,
        reported_at=_instant(resource.get("issued")),
        decimal=".",
        reference_low=limits.low,
        reference_high=limits.high,
        reference_unit=limits.unit,
        reference_text=limits.words,
        flag=next((c.code for i in maps(resource.get("interpretation")) for c in codings_of(i)), ""),
        method=trimmed(mapped(resource.get("method")).get("text")),
        lab=next((trimmed(p.get("display")) for p in maps(resource.get("performer"))), ""),
        note="\n".join(trimmed(n.get("text")) for n in maps(resource.get("note"))),
        status=_status(resource, value),
        source_id=_identity(resource),
        named=named,
        laboratory=_laboratory(resource) and not (value.absent and bool(resource.get("component"))),
        barred=("modifier-extension",) if resource.get("modifierExtension") else (),
        faults=value.faults,
        where=entry.where,
        raw=raw_of(resource),
    )


def _laboratory(resource: Resource) -> bool:
    """Whether it is said to come from a laboratory; where nothing is said, it may."""
    told = [c.code for k in maps(resource.get("category")) for c in codings_of(k)]
    return not told or "laboratory" in told or "LAB" in told


def _status(resource: Resource, value: FhirValue) -> str:
    """Our word for the status; a final report that says why there is no value has ended without one."""
    status = trimmed(resource.get("status"))
    if status not in STATUSES:
        return "unknown"
    reason = {c.code for c in codings_of(mapped(resource.get("dataAbsentReason")))}
    ended = status in ("final", "amended", "corrected") and value.absent and reason & ENDED
    return "cancelled" if ended else status


def _identity(resource: Resource) -> str:
    """The business identifier, else the server's id; an address inside one document is no identity.

    The number of an order, which all its results share, is none either.
    """
    for identifier in maps(resource.get("identifier")):
        if trimmed(identifier.get("value")) and not kinds_of(identifier) & ORDERS:
            return f"{trimmed(identifier.get('system'))}|{trimmed(identifier['value'])}"
    return f"Observation/{resource['id']}" if trimmed(resource.get("id")) else ""


def _collected(resource: Resource) -> tuple[Any, bool]:
    if "effectiveTiming" in resource:
        return None, True
    told = next((resource[n] for n in TIMES if n in resource), None)
    if told is None:
        told = mapped(resource.get("effectivePeriod")).get("start")
    try:
        moment = fhir_moment(told)
    except BadTime:
        return None, True
    return moment, moment is None


def _instant(text: Any) -> datetime | None:
    try:
        moment = fhir_moment(text)
    except BadTime:
        return None
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None
