"""Reference ranges of a FHIR Observation: the one that is for this person, or words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from patients.readers.documents import Resource
from patients.readers.envelope import Named
from patients.readers.fhir_elements import codings_of, digits, kinds_of, mapped, maps, trimmed, unit_of

SEXES = {
    "M": "male",
    "male": "male",
    "248153007": "male",
    "F": "female",
    "female": "female",
    "248152002": "female",
}
DAYS_A_UNIT = {"a": Decimal("365.25"), "mo": Decimal("30.4375"), "wk": Decimal(7), "d": Decimal(1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits as written ("" where there is none), their unit ("" that of the value), and the range in words."""

    low: str = ""
    high: str = ""
    unit: str = ""
    words: str = ""


def range_of(resource: Resource, named: Named, collected: datetime | date | None) -> Limits:
    """The one normal range for this person; two that are left are words only: choosing would be a guess."""
    ranges = maps(resource.get("referenceRange"))
    fit = [r for r in ranges if kinds_of(r) <= {"normal"} and _fits(r, named, collected)]
    words = "; ".join(_told(r) for r in ranges)
    if len(fit) != 1 or fit[0].get("modifierExtension"):
        return Limits(words=words)
    low, high = mapped(fit[0].get("low")), mapped(fit[0].get("high"))
    units = {unit_of(limit) for limit in (low, high) if unit_of(limit)}
    if len(units) > 1:
        return Limits(words=words)
    return Limits(low=_limit(low), high=_limit(high), unit="".join(units), words=words)


def _told(entry: Mapping[str, Any]) -> str:
    """A range in words: its own, else its limits."""
    low, high = mapped(entry.get("low")), mapped(entry.get("high"))
    return (
        trimmed(entry.get("text")) or f"{_limit(low)}-{_limit(high)} {unit_of(high) or unit_of(low)}".strip()
    )


def _limit(quantity: Mapping[str, Any]) -> str:
    return digits(quantity.get("value")) or ""


def _fits(entry: Mapping[str, Any], named: Named, collected: datetime | date | None) -> bool:
    """Whether a range is for a person of this sex and age, as far as both are known."""
    told = {SEXES[c.code] for a in maps(entry.get("appliesTo")) for c in codings_of(a) if c.code in SEXES}
    if told and named.sex and named.sex not in told:
        return False
    if "age" not in entry or named.birth_date is None or collected is None:
        return True
    on = collected.date() if isinstance(collected, datetime) else collected
    days = Decimal((on - named.birth_date).days)
    low, high = (_age(mapped(entry["age"]).get(n)) for n in ("low", "high"))
    return (low is None or days >= low) and (high is None or days <= high)


def _age(value: Any) -> Decimal | None:
    quantity = mapped(value)
    number, days = digits(quantity.get("value")), DAYS_A_UNIT.get(trimmed(quantity.get("code")))
    return Decimal(number) * days if number is not None and days is not None else None
