"""FHIR R4 Observations: one envelope for each; other resources are no items."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from patients.readers import fhir
from patients.readers.envelope import Coding, Named, Parcel, ResultEnvelope, Unreadable
from patients.readers.fhir import Entry, People, Resource
from patients.readers.moments import BadTime, fhir_moment
from patients.rules.codemaps import normal_system
from patients.rules.qualitative import coded_meaning

UCUM = "http://unitsofmeasure.org"
STATUSES = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error"}
)
ENDED = frozenset({"not-performed", "not-applicable", "asked-declined", "not-permitted", "unsupported"})
TIMES = ("effectiveDateTime", "effectiveInstant")
RUN = 1000
MAX_DIGITS = 40
COMPARATORS = ("<", "<=", ">", ">=")
ORDERS = frozenset({"PLAC", "FILL", "ACSN", "PGN"})
NUMBER = re.compile(r'"\\u0000([^"\\]*)\\u0000"')
SEXES = {
    "M": "male",
    "male": "male",
    "248153007": "male",
    "F": "female",
    "female": "female",
    "248152002": "female",
}
DAYS_A_UNIT = {"a": Decimal("365.25"), "mo": Decimal("30.4375"), "wk": Decimal(7), "d": Decimal(1)}


def read(stream: BinaryIO, people: People | None = None) -> Iterator[Parcel]:
    """One JSON document. `people` are Patients of other files of the same delivery."""
    data = stream.read(fhir.MAX_DOCUMENT + 1)
    yield from _parcels(list(fhir.entries(fhir.document(data))), people or People())


def read_lines(stream: BinaryIO, people: People | None = None) -> Iterator[Parcel]:
    """One document a line. A Patient may stand in any line: the file is read twice, so it must be seekable.

    A line that is no document is one rejected item; the others are read.
    """
    start, known = stream.tell(), people or People()
    for _, data in fhir.lines(stream):
        _learn(data, known)
    stream.seek(start)
    run: list[Entry] = []
    for number, data in fhir.lines(stream):
        try:
            run += fhir.entries(fhir.document(data), number)
        except Unreadable as error:
            yield Parcel(reason=error.reason, rejected=True, warnings=(f"line {number} {error}",))
        if len(run) >= RUN:
            yield from _parcels(run, known)
            run = []
    yield from _parcels(run, known)


def learn(stream: BinaryIO, people: People, *, lines: bool) -> None:
    """Remembers the Patients of a file; what cannot be read is left for the reading itself to say."""
    for _, data in fhir.lines(stream) if lines else [(0, stream.read(fhir.MAX_DOCUMENT + 1))]:
        _learn(data, people)


def _learn(data: bytes, people: People) -> None:
    if b'"Patient"' not in data:
        return
    try:
        for entry in fhir.entries(fhir.document(data)):
            people.add(entry)
    except Unreadable:
        return


def _parcels(run: Sequence[Entry], people: People) -> Iterator[Parcel]:
    for entry in run:
        people.add(entry)
    items = tuple(_item(e, people) for e in run if e.resource.get("resourceType") == "Observation")
    if items:
        yield Parcel(items=items)


def _item(entry: Entry, people: People) -> ResultEnvelope:
    resource = entry.resource
    value = _value(resource)
    collected, bad = _collected(resource)
    named = people.subject(resource, entry.full_url)
    limits = _range(resource, named, collected)
    code = _map(resource.get("code"))
    codings = tuple(_codings(code))
    return ResultEnvelope(
        codings=codings,
        code_text=_text(code.get("text")) or next((c.text for c in codings if c.text), ""),
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
        flag=next((c.code for i in _maps(resource.get("interpretation")) for c in _codings(i)), ""),
        method=_text(_map(resource.get("method")).get("text")),
        lab=next((_text(p.get("display")) for p in _maps(resource.get("performer"))), ""),
        note="\n".join(_text(n.get("text")) for n in _maps(resource.get("note"))),
        status=_status(resource, value),
        source_id=_identity(resource),
        named=named,
        laboratory=_laboratory(resource) and not (value.absent and bool(resource.get("component"))),
        barred=("modifier-extension",) if resource.get("modifierExtension") else (),
        faults=value.faults,
        where=entry.where,
        raw=_raw(resource),
    )


def _raw(resource: Resource) -> str:
    """The resource as JSON, its numbers as they came."""
    return NUMBER.sub(r"\1", _json(resource))


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=lambda number: f"\x00{number}\x00")
    except RecursionError as error:
        raise Unreadable("unreadable", "is nested too deeply") from error


def _codings(concept: Mapping[str, Any]) -> Iterator[Coding]:
    for coding in _maps(concept.get("coding")):
        code = _text(coding.get("code"))
        if code:
            yield Coding(normal_system(_text(coding.get("system")), code), code, _text(coding.get("display")))


def _laboratory(resource: Resource) -> bool:
    """Whether it is said to come from a laboratory; where nothing is said, it may."""
    told = [c.code for k in _maps(resource.get("category")) for c in _codings(k)]
    return not told or "laboratory" in told or "LAB" in told


def _status(resource: Resource, value: _Value) -> str:
    """Our word for the status; a final report that says why there is no value has ended without one."""
    status = _text(resource.get("status"))
    if status not in STATUSES:
        return "unknown"
    reason = {c.code for c in _codings(_map(resource.get("dataAbsentReason")))}
    ended = status in ("final", "amended", "corrected") and value.absent and reason & ENDED
    return "cancelled" if ended else status


def _identity(resource: Resource) -> str:
    """The business identifier, else the server's id; an address inside one document is no identity.

    The number of an order, which all its results share, is none either.
    """
    for identifier in _maps(resource.get("identifier")):
        if _text(identifier.get("value")) and not _kinds(identifier) & ORDERS:
            return f"{_text(identifier.get('system'))}|{_text(identifier['value'])}"
    return f"Observation/{resource['id']}" if _text(resource.get("id")) else ""


def _collected(resource: Resource) -> tuple[Any, bool]:
    if "effectiveTiming" in resource:
        return None, True
    told = next((resource[n] for n in TIMES if n in resource), None)
    if told is None:
        told = _map(resource.get("effectivePeriod")).get("start")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    low: str = ""
    high: str = ""
    unit: str = ""
    words: str = ""


def _range(resource: Resource, named: Named, collected: datetime | date | None) -> _Limits:
    """The one normal range for this person; two that are left are words only: choosing would be a guess."""
    ranges = _maps(resource.get("referenceRange"))
    fit = [r for r in ranges if _kinds(r) <= {"normal"} and _fits(r, named, collected)]
    words = "; ".join(_told(r) for r in ranges)
    if len(fit) != 1 or fit[0].get("modifierExtension"):
        return _Limits(words=words)
    low, high = _map(fit[0].get("low")), _map(fit[0].get("high"))
    units = {_unit(limit) for limit in (low, high) if _unit(limit)}
    if len(units) > 1:
        return _Limits(words=words)
    return _Limits(low=_limit(low), high=_limit(high), unit="".join(units), words=words)


def _told(entry: Mapping[str, Any]) -> str:
    """A range in words: its own, else its limits."""
    low, high = _map(entry.get("low")), _map(entry.get("high"))
    return _text(entry.get("text")) or f"{_limit(low)}-{_limit(high)} {_unit(high) or _unit(low)}".strip()


def _limit(quantity: Mapping[str, Any]) -> str:
    return _digits(quantity.get("value")) or ""


def _fits(entry: Mapping[str, Any], named: Named, collected: datetime | date | None) -> bool:
    """Whether a range is for a person of this sex and age, as far as both are known."""
    told = {SEXES[c.code] for a in _maps(entry.get("appliesTo")) for c in _codings(a) if c.code in SEXES}
    if told and named.sex and named.sex not in told:
        return False
    if "age" not in entry or named.birth_date is None or collected is None:
        return True
    on = collected.date() if isinstance(collected, datetime) else collected
    days = Decimal((on - named.birth_date).days)
    low, high = (_age(_map(entry["age"]).get(n)) for n in ("low", "high"))
    return (low is None or days >= low) and (high is None or days <= high)


def _age(value: Any) -> Decimal | None:
    quantity = _map(value)
    number, days = _digits(quantity.get("value")), DAYS_A_UNIT.get(_text(quantity.get("code")))
    return Decimal(number) * days if number is not None and days is not None else None


def _kinds(entry: Mapping[str, Any]) -> set[str]:
    return {c.code for c in _codings(_map(entry.get("type")))}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """value[x]: as received, in the common grammar, its unit, and what is wrong with it."""

    text: str = ""
    spoken: str | None = None
    coded: str = ""
    unit: str = ""
    span: tuple[str, str] | None = None
    faults: tuple[str, ...] = ()
    absent: bool = False


UNJUDGED = ("value-unparseable",)
PURE = {"", "1", "{titer}", "titer"}


def _value(resource: Resource) -> _Value:
    told = [n for n in resource if n.startswith("value") and resource[n] is not None]
    if not told:
        return _Value(absent=True)
    read = READERS.get(told[0]) if len(told) == 1 else None
    if read is None:
        return _Value(text="; ".join(_shown(resource[n]) for n in told), faults=UNJUDGED)
    return read(resource[told[0]])


def _quantity(value: Any) -> _Value:
    quantity = _map(value)
    number, unit = _digits(quantity.get("value")), _unit(quantity)
    if "value" not in quantity:
        return _Value(unit=unit, absent=True)
    if number is None:
        return _Value(text=_shown(quantity["value"]), unit=unit, faults=UNJUDGED)
    comparator = _comparator(quantity)
    faults = () if comparator in ("", *COMPARATORS) else UNJUDGED
    return _Value(text=f"{comparator}{number}", unit=unit, faults=faults)


def _comparator(quantity: Mapping[str, Any]) -> str:
    """The comparator as told, "" only where none is."""
    told = quantity.get("comparator")
    return "" if told is None else _shown(told).strip() or "?"


def _unit(quantity: Mapping[str, Any]) -> str:
    code, unit = _text(quantity.get("code")), _text(quantity.get("unit"))
    return code if code and _text(quantity.get("system")) == UCUM else unit or code


def _ratio(value: Any) -> _Value:
    """1:N is a titer; any other ratio is left for a person."""
    above, below = _map(_map(value).get("numerator")), _map(_map(value).get("denominator"))
    one, many = _digits(above.get("value")), _digits(below.get("value"))
    comparators = {c for c in (_comparator(above), _comparator(below)) if c}
    comparator = "".join(sorted(comparators))
    text = f"{comparator}{one or ''}:{many or ''}"
    titer = one is not None and many is not None and Decimal(one) == 1 and comparator in ("", *COMPARATORS)
    if not titer or {_unit(above), _unit(below)} - PURE:
        return _Value(text=text, faults=UNJUDGED)
    return _Value(text=text, spoken=f"{comparator}1:{many}")


def _concept(value: Any) -> _Value:
    concept = _map(value)
    codings = list(_codings(concept))
    meanings = {m for m in (coded_meaning(c.system, c.code) for c in codings) if m}
    text = _text(concept.get("text")) or next((c.text or c.code for c in codings), "")
    if len(meanings) > 1:
        return _Value(text=text, faults=UNJUDGED)
    return _Value(text=text, coded="".join(meanings), absent=not text)


def _string(value: Any) -> _Value:
    return _Value(text=value) if isinstance(value, str) else _Value(text=_shown(value), faults=UNJUDGED)


def _integer(value: Any) -> _Value:
    number = _digits(value)
    if number is None or Decimal(number) != int(Decimal(number)):
        return _Value(text=_shown(value), faults=UNJUDGED)
    return _Value(text=number)


def _span(value: Any) -> _Value:
    low, high = _map(_map(value).get("low")), _map(_map(value).get("high"))
    ends = _digits(low.get("value")) or "", _digits(high.get("value")) or ""
    return _Value(text="-".join(ends), unit=_unit(low) or _unit(high), span=ends, faults=UNJUDGED)


READERS = {
    "valueQuantity": _quantity, "valueRatio": _ratio, "valueCodeableConcept": _concept, "valueString": _string,
    "valueInteger": _integer, "valueRange": _span,
}  # fmt: skip


def _digits(value: Any) -> str | None:
    """The number as written; None for anything that is no JSON number, or beyond any measurement."""
    sane = isinstance(value, Decimal) and abs(value.adjusted()) < MAX_DIGITS
    return format(value, "f") if sane else None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else NUMBER.sub(r"\1", _json(value))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
