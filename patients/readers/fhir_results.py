"""FHIR R4 Observations: one envelope for each; other resources are no items."""

from __future__ import annotations

import json
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
    yield from _parcels(list(fhir.entries(fhir.document(stream.read()))), people or People())


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
    if b"Patient" not in data:
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
    named = people.subject(resource)
    low, high, words = _range(resource, named, collected)
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
        reference_low=low,
        reference_high=high,
        reference_text=words,
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
    return json.dumps(resource, ensure_ascii=False, default=str)


def _codings(concept: Mapping[str, Any]) -> Iterator[Coding]:
    for coding in _maps(concept.get("coding")):
        code = _text(coding.get("code"))
        if code:
            yield Coding(normal_system(_text(coding.get("system")), code), code, _text(coding.get("display")))


def _laboratory(resource: Resource) -> bool:
    return any(c.code == "laboratory" for k in _maps(resource.get("category")) for c in _codings(k))


def _status(resource: Resource, value: _Value) -> str:
    """Our word for the status; a final report that says why there is no value has ended without one."""
    status = _text(resource.get("status"))
    if status not in STATUSES:
        return "unknown"
    reason = {c.code for c in _codings(_map(resource.get("dataAbsentReason")))}
    ended = status in ("final", "amended", "corrected") and value.absent and reason & ENDED
    return "cancelled" if ended else status


def _identity(resource: Resource) -> str:
    """The business identifier, else the server's id; an address inside one document is no identity."""
    for identifier in _maps(resource.get("identifier")):
        if _text(identifier.get("value")):
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


def _range(resource: Resource, named: Named, collected: datetime | date | None) -> tuple[str, str, str]:
    """The one normal range for this person; two that are left are words only: choosing would be a guess."""
    ranges = _maps(resource.get("referenceRange"))
    fit = [r for r in ranges if _kind(r) in ("", "normal") and _fits(r, named, collected)]
    words = "; ".join(filter(None, (_text(r.get("text")) for r in ranges)))
    if len(fit) != 1:
        return "", "", words or "; ".join("{}-{}".format(*_bounds(r)) for r in fit)
    low, high = _bounds(fit[0])
    return low, high, words


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
    number, days = quantity.get("value"), DAYS_A_UNIT.get(_text(quantity.get("code")))
    return number * days if isinstance(number, Decimal) and days is not None else None


def _kind(entry: Mapping[str, Any]) -> str:
    return next((c.code for c in _codings(_map(entry.get("type")))), "")


def _bounds(entry: Mapping[str, Any]) -> tuple[str, str]:
    low, high = (_digits(_map(entry.get(n)).get("value")) for n in ("low", "high"))
    return low or "", high or ""


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
    comparator = _text(quantity.get("comparator"))
    if comparator not in ("", "<", "<=", ">", ">="):
        return _Value(text=f"{comparator}{number}", unit=unit, faults=UNJUDGED)
    return _Value(text=f"{comparator}{number}", unit=unit)


def _unit(quantity: Mapping[str, Any]) -> str:
    code, unit = _text(quantity.get("code")), _text(quantity.get("unit"))
    return code if code and _text(quantity.get("system")) == UCUM else unit or code


def _ratio(value: Any) -> _Value:
    """1:N is a titer; any other ratio is left for a person."""
    above, below = _map(_map(value).get("numerator")), _map(_map(value).get("denominator"))
    one, many = _digits(above.get("value")), _digits(below.get("value"))
    comparator = _text(below.get("comparator")) or _text(above.get("comparator"))
    text = f"{comparator}{one or ''}:{many or ''}"
    if one is None or many is None or Decimal(one) != 1:
        return _Value(text=text, faults=UNJUDGED)
    return _Value(text=text, spoken=f"{comparator}1:{many}")


def _concept(value: Any) -> _Value:
    concept = _map(value)
    codings = list(_codings(concept))
    coded = next((m for m in (coded_meaning(c.system, c.code) for c in codings) if m), "")
    text = _text(concept.get("text")) or next((c.text or c.code for c in codings), "")
    return _Value(text=text, coded=coded, absent=not text)


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
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
