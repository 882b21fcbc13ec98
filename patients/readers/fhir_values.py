"""value[x] of a FHIR Observation: the words, the number, and what forbids to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from patients.readers.documents import Resource
from patients.readers.fhir_elements import codings_of, digits, mapped, shown, trimmed, unit_of
from patients.rules.qualitative import coded_meaning

COMPARATORS = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirValue:
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


def value_of(resource: Resource) -> FhirValue:
    """The one value of an Observation; two of them, and kinds that are no measurement, are left for a person."""
    told = [n for n in resource if n.startswith("value") and resource[n] is not None]
    if not told:
        return FhirValue(absent=True)
    read = READERS.get(told[0]) if len(told) == 1 else None
    if read is None:
        return FhirValue(text="; ".join(shown(resource[n]) for n in told), faults=UNJUDGED)
    return read(resource[told[0]])


def _quantity(value: Any) -> FhirValue:
    quantity = mapped(value)
    number, unit = digits(quantity.get("value")), unit_of(quantity)
    if "value" not in quantity:
        return FhirValue(unit=unit, absent=True)
    if number is None:
        return FhirValue(text=shown(quantity["value"]), unit=unit, faults=UNJUDGED)
    comparator = _comparator(quantity)
    faults = () if comparator in ("", *COMPARATORS) else UNJUDGED
    return FhirValue(text=f"{comparator}{number}", unit=unit, faults=faults)


def _comparator(quantity: Mapping[str, Any]) -> str:
    """The comparator as told, "" only where none is."""
    told = quantity.get("comparator")
    return "" if told is None else shown(told).strip() or "?"


def _ratio(value: Any) -> FhirValue:
    """1:N is a titer; any other ratio is left for a person."""
    above, below = mapped(mapped(value).get("numerator")), mapped(mapped(value).get("denominator"))
    one, many = digits(above.get("value")), digits(below.get("value"))
    comparators = {c for c in (_comparator(above), _comparator(below)) if c}
    comparator = "".join(sorted(comparators))
    text = f"{comparator}{one or ''}:{many or ''}"
    titer = one is not None and many is not None and Decimal(one) == 1 and comparator in ("", *COMPARATORS)
    if not titer or {unit_of(above), unit_of(below)} - PURE:
        return FhirValue(text=text, faults=UNJUDGED)
    return FhirValue(text=text, spoken=f"{comparator}1:{many}")


def _concept(value: Any) -> FhirValue:
    concept = mapped(value)
    codings = list(codings_of(concept))
    meanings = {m for m in (coded_meaning(c.system, c.code) for c in codings) if m}
    text = trimmed(concept.get("text")) or next((c.text or c.code for c in codings), "")
    if len(meanings) > 1:
        return FhirValue(text=text, faults=UNJUDGED)
    return FhirValue(text=text, coded="".join(meanings), absent=not text)


def _string(value: Any) -> FhirValue:
    return FhirValue(text=value) if isinstance(value, str) else FhirValue(text=shown(value), faults=UNJUDGED)


def _integer(value: Any) -> FhirValue:
    number = digits(value)
    if number is None or Decimal(number) != int(Decimal(number)):
        return FhirValue(text=shown(value), faults=UNJUDGED)
    return FhirValue(text=number)


def _span(value: Any) -> FhirValue:
    low, high = mapped(mapped(value).get("low")), mapped(mapped(value).get("high"))
    ends = digits(low.get("value")) or "", digits(high.get("value")) or ""
    return FhirValue(text="-".join(ends), unit=unit_of(low) or unit_of(high), span=ends, faults=UNJUDGED)


READERS = {
    "valueQuantity": _quantity, "valueRatio": _ratio, "valueCodeableConcept": _concept, "valueString": _string,
    "valueInteger": _integer, "valueRange": _span,
}  # fmt: skip
