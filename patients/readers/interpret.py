"""What a received item means, as far as that can be told without the database.

The order of decisions is the same for every format: retracted, cancelled, status, code, no value yet, whom it
is about, then faults of value, unit and time. The first reason names why an item waits; all are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from patients.readers.envelope import ResultEnvelope
from patients.rules.catalog import Analyte, Catalog
from patients.rules.codemaps import Found, Meaning, SourceRules, analyte_of
from patients.rules.qualitative import meaning as word_meaning
from patients.rules.units import Converted, convert, convert_by
from patients.rules.values import CODED, Value, parse_value, plain_number

STATUSES = {
    "": "final", "final": "final", "f": "final", "v": "final", "b": "final", "u": "promote",
    "promote": "promote", "corrected": "corrected", "c": "corrected", "amended": "amended", "a": "amended",
    "preliminary": "preliminary", "p": "preliminary", "s": "preliminary",
    "registered": "pending", "pending": "pending", "i": "pending", "o": "pending",
    "cancelled": "cancelled", "x": "cancelled", "not-asked": "not-asked", "n": "not-asked",
    "entered-in-error": "entered_in_error", "entered_in_error": "entered_in_error",
    "d": "entered_in_error", "w": "entered_in_error", "unverified": "unverified", "r": "unverified",
}  # fmt: skip
WITHOUT_VALUE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "entered_in_error": ("retract", "entered_in_error", ()),
    "cancelled": ("cancelled", "cancelled", ()),
    "not-asked": ("cancelled", "cancelled", ("not-asked",)),
}
STATUS_FAULTS = {"unverified": "status-unverified", "unknown": "status-unknown"}
POLES = {"negative": "-", "not_detected": "-", "positive": "+", "detected": "+", "equivocal": "?"}
FUTURE = timedelta(hours=24)
ANY = Analyte(
    code="", title="", kind="viral-load", loinc=(), unit="", factors={}, band=None, turnaround_days=None,
    unit_may_be_empty=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreted:
    """The item's disposition with its reasons, the primary one first, and what was understood of it."""

    envelope: ResultEnvelope
    disposition: str
    reasons: tuple[str, ...] = ()
    analyte: str = ""
    status: str = ""
    value: Value | None = None
    number: Decimal | None = None
    unit: str = ""
    factor: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    assay: str = ""
    uln_source: str = ""

    @property
    def reason(self) -> str:
        return self.reasons[0] if self.reasons else ""


def interpret(
    envelope: ResultEnvelope,
    catalog: Catalog,
    *,
    now: datetime,
    rules: SourceRules | None = None,
    born: date | None = None,
    stranger: str = "",
    waived: frozenset[str] = frozenset(),
) -> Interpreted:
    """What an item means. `stranger` is the reason why its patient is not known ("" when known).

    `waived` are reasons that a person has looked at and overruled for this very item.
    """
    source = rules or SourceRules()
    status = STATUSES.get(envelope.status.strip().lower(), "unknown")
    found = _found(envelope, source, catalog)
    if status in WITHOUT_VALUE and not envelope.barred:
        faults = _time_faults(envelope, now, born)
        return _ended(envelope, found, status, (*((stranger,) if stranger else ()), *faults))
    if found.fault == "untracked":
        reasons = ("attachment",) if envelope.attachment else ()
        return Interpreted(envelope=envelope, disposition="untracked", status=status, reasons=reasons)
    item = _judged(envelope, found, status, source, catalog, now, born, stranger)
    return _overruled(item, waived) if waived and item.disposition == "quarantine" else item


def _overruled(item: Interpreted, waived: frozenset[str]) -> Interpreted:
    """The item without the waived reasons; a value of which nothing was understood still waits."""
    left = tuple(r for r in item.reasons if r not in waived)
    understood = item.number is not None or (item.value is not None and item.value.code)
    if left or not understood:
        return replace(item, reasons=left or item.reasons)
    return replace(item, disposition="result", reasons=())


def _found(envelope: ResultEnvelope, rules: SourceRules, catalog: Catalog) -> Found:
    if envelope.analyte:
        code = envelope.analyte.strip().upper()
        return Found(code) if code in catalog.analytes else Found(fault="unmapped-code")
    found = analyte_of(envelope.codings, envelope.unit.strip(), rules, catalog)
    foreign = envelope.attachment or (found.fault and not found.disputed and not envelope.laboratory)
    return Found(fault="untracked") if foreign else found


def _ended(envelope: ResultEnvelope, found: Found, status: str, faults: tuple[str, ...]) -> Interpreted:
    """A result that was retracted, cancelled or never asked for: no value is looked at."""
    disposition, ours, reasons = WITHOUT_VALUE[status]
    return Interpreted(
        envelope=envelope,
        disposition=disposition,
        reasons=(*reasons, *faults),
        analyte=found.analyte,
        status=ours,
        assay=_assay(envelope, found.meaning),
    )


def _judged(
    envelope: ResultEnvelope,
    found: Found,
    status: str,
    rules: SourceRules,
    catalog: Catalog,
    now: datetime,
    born: date | None,
    stranger: str,
) -> Interpreted:
    first = [*envelope.barred, *filter(None, (STATUS_FAULTS.get(status), found.fault))]
    analyte = catalog.analytes.get(found.analyte)
    read = _read(envelope, analyte, found.meaning, rules, catalog) if analyte else _spoken(envelope, rules)
    rest = [*filter(None, (stranger,)), *envelope.faults, *read.faults, *_time_faults(envelope, now, born)]
    item = Interpreted(
        envelope=envelope,
        disposition="result",
        analyte=found.analyte,
        status="final" if status == "promote" else status,
        value=read.value,
        number=read.number,
        unit=read.unit,
        factor=read.factor,
        low=read.low,
        high=read.high,
        assay=_assay(envelope, found.meaning),
        uln_source=read.uln_source,
    )
    if not first and (status == "pending" or read.no_value):
        waits = status == "promote"
        return replace(
            item, disposition="promote" if waits else "pending", status=item.status if waits else "pending"
        )
    reasons = tuple(dict.fromkeys([*first, *rest]))
    return replace(item, disposition="quarantine" if reasons else "result", reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The value in the analyte's terms, with its limits, and what is wrong with it."""

    value: Value | None = None
    number: Decimal | None = None
    unit: str = ""
    factor: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    uln_source: str = ""
    faults: tuple[str, ...] = ()
    no_value: bool = False


def _spoken(envelope: ResultEnvelope, rules: SourceRules) -> _Read:
    """The value of a code that means nothing yet, as far as its text tells."""
    value = _value(envelope, ANY, None, rules)
    return _Read(value=replace(value, fault=None), no_value=value.no_value)


def _read(
    envelope: ResultEnvelope, analyte: Analyte, meaning: Meaning | None, rules: SourceRules, catalog: Catalog
) -> _Read:
    value = _value(envelope, analyte, meaning, rules)
    if value.no_value:
        return _Read(value=value, no_value=True)
    converted = _converted(value, envelope, analyte, meaning, catalog)
    low, high = _limits(value, converted, envelope, analyte, meaning, rules, catalog)
    high, uln_source = _upper(high, converted, analyte, rules)
    return _Read(
        value=value,
        number=converted.number,
        unit=converted.unit,
        factor=converted.factor,
        low=low,
        high=high,
        uln_source=uln_source,
        faults=tuple(filter(None, (value.fault, converted.fault))),
    )


def _value(envelope: ResultEnvelope, analyte: Analyte, meaning: Meaning | None, rules: SourceRules) -> Value:
    if envelope.faults:
        return Value(text=envelope.value)
    text = envelope.value if envelope.spoken is None else envelope.spoken
    if envelope.coded in CODED[analyte.kind]:
        if POLES.get(word_meaning(text) or "") not in (None, POLES.get(envelope.coded)):
            return Value(text=envelope.value, fault="value-unparseable")
        return Value(text=envelope.value, code=envelope.coded)
    rule = meaning.value_rule if meaning else ""
    decimal = envelope.decimal or rules.decimal
    return replace(parse_value(text, analyte, decimal=decimal, rule=rule), text=envelope.value)


def _converted(
    value: Value, envelope: ResultEnvelope, analyte: Analyte, meaning: Meaning | None, catalog: Catalog
) -> Converted:
    if value.number is None or value.code or value.fault:
        return Converted()
    unit = value.unit or envelope.unit
    found = _in_canonical(value.number, unit, analyte, meaning, catalog, titer=value.titer)
    if value.unit and envelope.unit and value.unit != envelope.unit:
        other = _in_canonical(value.number, envelope.unit, analyte, meaning, catalog, titer=value.titer)
        if other.number != found.number:
            return replace(found, fault=other.fault or "unit-dimension")
    return found


def _in_canonical(
    number: Decimal,
    unit: str,
    analyte: Analyte,
    meaning: Meaning | None,
    catalog: Catalog,
    *,
    titer: bool = False,
) -> Converted:
    if meaning is not None and meaning.factor is not None:
        return convert_by(analyte, number, meaning.factor)
    if analyte.kind == "titer" and titer and not unit:
        unit = analyte.unit
    return convert(analyte, number, unit, catalog)


def _limits(
    value: Value,
    converted: Converted,
    envelope: ResultEnvelope,
    analyte: Analyte,
    meaning: Meaning | None,
    rules: SourceRules,
    catalog: Catalog,
) -> tuple[Decimal | None, Decimal | None]:
    """The reference limits in the canonical unit; prose, a reversed range, an upper limit of 0 are none."""
    if converted.number is None:
        return None, None
    unit = envelope.reference_unit or value.unit or envelope.unit
    decimal = envelope.decimal or rules.decimal
    found = []
    for text in (envelope.reference_low, envelope.reference_high):
        number = plain_number(text, decimal)
        limit = _in_canonical(number, unit, analyte, meaning, catalog) if number is not None else Converted()
        found.append(limit.number if limit.fault is None else None)
    low, high = found
    reversed_ = low is not None and high is not None and low > high
    return (None, None) if reversed_ else (low, high if high is None or high > 0 else None)


def _upper(
    high: Decimal | None, converted: Converted, analyte: Analyte, rules: SourceRules
) -> tuple[Decimal | None, str]:
    """The upper limit: the result's own, else the source's default (in the canonical unit), flagged."""
    if high is not None:
        return high, "result"
    default = rules.default_uln.get(analyte.code)
    if default is None or converted.number is None:
        return None, ""
    return Decimal(default), "default"


def _assay(envelope: ResultEnvelope, meaning: Meaning | None) -> str:
    return envelope.assay or (meaning.assay if meaning else "")


def _time_faults(envelope: ResultEnvelope, now: datetime, born: date | None) -> list[str]:
    collected = envelope.collected
    if envelope.bad_time or collected is None:
        return ["bad-timestamp"]
    on = collected.date() if isinstance(collected, datetime) else collected
    if born is not None and on < born:
        return ["bad-timestamp"]
    late = collected > now + FUTURE if isinstance(collected, datetime) else on > (now + FUTURE).date()
    return ["future-timestamp"] if late else []
