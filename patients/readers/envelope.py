"""One received result, as any reader, form or request hands it over, and what it means.

`interpret` decides everything about an item that can be told without the database: whether it is a value,
of which analyte, in which unit, when it was collected, or why it has to wait for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from patients.rules.catalog import Analyte, Catalog, loinc_valid
from patients.rules.units import Converted, convert
from patients.rules.values import Value, parse_value

STATUSES = {
    "": "final", "final": "final", "f": "final", "v": "final", "b": "final", "u": "final",
    "corrected": "corrected", "c": "corrected", "amended": "amended", "a": "amended",
    "preliminary": "preliminary", "p": "preliminary", "s": "preliminary",
    "registered": "pending", "pending": "pending", "i": "pending", "o": "pending",
    "cancelled": "cancelled", "x": "cancelled", "n": "not-asked",
    "entered-in-error": "entered_in_error", "entered_in_error": "entered_in_error",
    "d": "entered_in_error", "w": "entered_in_error", "r": "unverified",
}  # fmt: skip
WITHOUT_VALUE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "entered_in_error": ("retract", "entered_in_error", ()),
    "cancelled": ("cancelled", "cancelled", ()),
    "not-asked": ("cancelled", "cancelled", ("not-asked",)),
}
FUTURE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultEnvelope:
    """A result as received. Texts are kept word for word; times are instants, or a date where no time is known."""

    analyte: str = ""
    loinc: str = ""
    value: str = ""
    unit: str = ""
    collected: datetime | date | None = None
    reported_at: datetime | None = None
    reference_low: str = ""
    reference_high: str = ""
    assay: str = ""
    lab: str = ""
    status: str = ""
    source: str = ""
    source_id: str = ""
    mrn: str = ""
    family_name: str = ""
    birth_date: date | None = None
    bad_time: bool = False
    where: Mapping[str, object] = field(default_factory=dict)
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreted:
    """The item's disposition with its primary reason and all reasons, and what was understood of it."""

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

    @property
    def reason(self) -> str:
        return self.reasons[0] if self.reasons else ""


def interpret(
    envelope: ResultEnvelope, catalog: Catalog, *, now: datetime, born: date | None = None, decimal: str = "."
) -> Interpreted:
    """What an item means. The order of decisions: retracted, cancelled, status, code, no value, faults."""
    status = STATUSES.get(envelope.status.strip().lower(), "unknown")
    code, code_fault = _code(envelope, catalog)
    analyte = catalog.analytes.get(code)
    if analyte is None:
        return _without_analyte(envelope, status, code_fault)
    if status in WITHOUT_VALUE:
        return _ended(envelope, code, status, _time_faults(envelope, now, born))
    return _with_value(envelope, analyte, status, catalog, now, born, decimal)


def _code(envelope: ResultEnvelope, catalog: Catalog) -> tuple[str, str]:
    """The analyte's code, or "" with the disposition that follows."""
    if envelope.analyte:
        code = envelope.analyte.strip().upper()
        return (code, "") if code in catalog.analytes else ("", "unmapped-code")
    code = catalog.by_loinc.get(envelope.loinc.strip(), "")
    if code:
        return code, ""
    return "", "untracked" if loinc_valid(envelope.loinc.strip()) else "unmapped-code"


def _without_analyte(envelope: ResultEnvelope, status: str, fault: str) -> Interpreted:
    if fault == "untracked":
        return Interpreted(envelope=envelope, disposition="untracked", status=status)
    return Interpreted(envelope=envelope, disposition="quarantine", reasons=(fault,), status=status)


def _ended(envelope: ResultEnvelope, code: str, status: str, faults: list[str]) -> Interpreted:
    """A result that was retracted, cancelled or never asked for: no value is looked at."""
    if faults:
        return Interpreted(
            envelope=envelope, disposition="quarantine", reasons=tuple(faults), analyte=code, status=status
        )
    disposition, ours, reasons = WITHOUT_VALUE[status]
    return Interpreted(envelope=envelope, disposition=disposition, reasons=reasons, analyte=code, status=ours)


def _with_value(
    envelope: ResultEnvelope,
    analyte: Analyte,
    status: str,
    catalog: Catalog,
    now: datetime,
    born: date | None,
    decimal: str,
) -> Interpreted:
    value = parse_value(envelope.value, analyte, decimal=decimal)
    converted = _converted(value, envelope, analyte, catalog)
    reasons = [*_status_fault(status), *filter(None, (value.fault, converted.fault))]
    reasons += _time_faults(envelope, now, born)
    if not reasons and (value.no_value or status == "pending"):
        return Interpreted(envelope=envelope, disposition="pending", analyte=analyte.code, status="pending")
    low, high = (
        _limit(t, converted, analyte, envelope, catalog)
        for t in (envelope.reference_low, envelope.reference_high)
    )
    return Interpreted(
        envelope=envelope,
        disposition="quarantine" if reasons else "result",
        reasons=tuple(dict.fromkeys(reasons)),
        analyte=analyte.code,
        status=status,
        value=value,
        number=converted.number,
        unit=converted.unit,
        factor=converted.factor,
        low=low,
        high=high,
    )


def _converted(value: Value, envelope: ResultEnvelope, analyte: Analyte, catalog: Catalog) -> Converted:
    if value.number is None or value.fault:
        return Converted()
    unit = value.unit or envelope.unit
    if analyte.kind == "titer" and value.titer and not unit:
        unit = analyte.unit
    return convert(analyte, value.number, unit, catalog)


def _status_fault(status: str) -> tuple[str, ...]:
    return {"unverified": ("status-unverified",), "unknown": ("status-unknown",)}.get(status, ())


def _time_faults(envelope: ResultEnvelope, now: datetime, born: date | None) -> list[str]:
    collected = envelope.collected
    if envelope.bad_time or collected is None:
        return ["bad-timestamp"]
    on = collected.date() if isinstance(collected, datetime) else collected
    if born is not None and on < born:
        return ["bad-timestamp"]
    late = collected > now + FUTURE if isinstance(collected, datetime) else on > (now + FUTURE).date()
    return ["future-timestamp"] if late else []


def _limit(
    text: str, converted: Converted, analyte: Analyte, envelope: ResultEnvelope, catalog: Catalog
) -> Decimal | None:
    """A reference limit in the canonical unit; a text that is no plain number stays text only."""
    if converted.number is None:
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return convert(analyte, number, envelope.unit, catalog).number if number.is_finite() else None
