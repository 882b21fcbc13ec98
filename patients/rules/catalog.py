"""The analyte and factor-product catalogues as plain values, parsed with every fault reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

KINDS = ("quantity", "titer", "qualitative", "viral-load", "imaging")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyte:
    """What is measured. `factors` turn an accepted unit into the canonical `unit`: (multiply?, number).

    `band` is the plausible range in the canonical unit; outside it a value waits for a person.
    """

    code: str
    title: str
    kind: str
    loinc: tuple[str, ...]
    unit: str
    factors: Mapping[str, tuple[bool, Decimal]]
    band: tuple[Decimal, Decimal] | None
    turnaround_days: int | None
    unit_may_be_empty: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """All analytes by code; `by_loinc` finds them by LOINC; `units` are all units any of them knows.

    `ucum` spells a unit as laboratories write it in UCUM; what is not in it is UCUM already. A value typed by a
    person that is `jump` times the last one, or that part of it, is asked about.
    """

    version: str
    analytes: Mapping[str, Analyte]
    by_loinc: Mapping[str, str]
    units: frozenset[str]
    ucum: Mapping[str, str]
    jump: Decimal


@dataclass(frozen=True, slots=True)
class FactorProduct:
    """A concentrate: HCPCS code, class, and the days in which it contaminates an activity measurement."""

    code: str
    hcpcs: str
    kind: str
    washout_days: int


@dataclass(frozen=True, slots=True)
class FactorProducts:
    version: str
    products: Mapping[str, FactorProduct]
    unknown_washout_days: int

    def washout(self, product: str) -> int:
        """Days after a dose of `product` (any case) during which an activity is contaminated."""
        found = self.products.get(product.strip().upper())
        return found.washout_days if found else self.unknown_washout_days


def parse_catalog(data: Mapping[str, Any]) -> tuple[Catalog, list[str]]:
    """The analyte catalogue and every fault of its file, each as "key: message"."""
    faults: list[str] = []
    analytes = {code: _analyte(code, row, faults) for code, row in data.get("analytes", {}).items()}
    by_loinc: dict[str, str] = {}
    for analyte in analytes.values():
        for code in analyte.loinc:
            if not loinc_valid(code):
                faults.append(f"analytes.{analyte.code}.loinc: {code} fails its check digit")
            if code in by_loinc:
                faults.append(f"analytes.{analyte.code}.loinc: {code} is also that of {by_loinc[code]}")
            by_loinc[code] = analyte.code
    units = frozenset(u for a in analytes.values() for u in a.factors)
    ucum = data.get("ucum", {})
    _sourced("ucum", ucum, faults)
    jump = _number("entry", data.get("entry", {}), "jump", faults)
    return (
        Catalog(str(data.get("version", "")), analytes, by_loinc, units, ucum.get("units", {}), jump),
        faults,
    )


def parse_products(data: Mapping[str, Any]) -> tuple[FactorProducts, list[str]]:
    """The factor products and every fault of their file."""
    faults: list[str] = []
    products = {
        code: FactorProduct(
            code,
            row.get("hcpcs", ""),
            row.get("class", ""),
            _days(f"products.{code}", row, "washout_days", faults) or 0,
        )
        for code, row in data.get("products", {}).items()
    }
    unknown = _days("unknown", data.get("unknown", {}), "washout_days", faults) or 0
    return FactorProducts(str(data.get("version", "")), products, unknown), faults


def _analyte(code: str, row: Mapping[str, Any], faults: list[str]) -> Analyte:
    key = f"analytes.{code}"
    if row.get("kind") not in KINDS:
        faults.append(f"{key}.kind: must be one of {', '.join(KINDS)}")
    return Analyte(
        code=code,
        title=row.get("title", code),
        kind=row.get("kind", "quantity"),
        loinc=tuple(row.get("loinc", ())),
        unit=row.get("unit", ""),
        factors=_factors(key, row.get("factors", {}), faults),
        band=_band(key, row.get("band"), faults),
        turnaround_days=_days(key, row, "turnaround_days", faults),
        unit_may_be_empty=bool(row.get("unit_may_be_empty", False)),
    )


def _factors(key: str, table: Mapping[str, Any], faults: list[str]) -> dict[str, tuple[bool, Decimal]]:
    if table:
        _sourced(f"{key}.factors", table, faults)
    found: dict[str, tuple[bool, Decimal]] = {}
    for unit, text in table.get("units", {}).items():
        number = _decimal(f"{key}.factors.{unit}", text.removeprefix("/"), faults)
        if number:
            found[unit] = (not text.startswith("/"), number)
    return found


def _band(key: str, band: Mapping[str, Any] | None, faults: list[str]) -> tuple[Decimal, Decimal] | None:
    if band is None:
        return None
    _sourced(f"{key}.band", band, faults)
    low = _decimal(f"{key}.band.low", band.get("low", ""), faults)
    high = _decimal(f"{key}.band.high", band.get("high", ""), faults)
    if low is None or high is None:
        return None
    if low >= high:
        faults.append(f"{key}.band: is empty")
    return low, high


def _number(key: str, row: Mapping[str, Any], name: str, faults: list[str]) -> Decimal:
    """A number above 1 with its source; 1 with a fault when it is none."""
    entry = row.get(name)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("value"), int) or entry["value"] <= 1:
        faults.append(f"{key}.{name}: needs a whole number above 1, with source and certainty")
        return Decimal(1)
    _sourced(f"{key}.{name}", entry, faults)
    return Decimal(entry["value"])


def _days(key: str, row: Mapping[str, Any], name: str, faults: list[str]) -> int | None:
    entry = row.get(name)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("value"), int) or entry["value"] < 0:
        faults.append(f"{key}.{name}: needs a whole number of days, with source and certainty")
        return None
    _sourced(f"{key}.{name}", entry, faults)
    return int(entry["value"])


def _sourced(key: str, table: Mapping[str, Any], faults: list[str]) -> None:
    for name in ("source", "certainty"):
        if not table.get(name):
            faults.append(f"{key}: has no {name}")


def _decimal(key: str, text: str, faults: list[str]) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        faults.append(f"{key}: “{text}” is no number")
        return None


def loinc_valid(code: str) -> bool:
    """Whether a LOINC code has the right form and check digit (modulus 10).

    >>> loinc_valid("1742-6"), loinc_valid("1742-5")
    (True, False)
    """
    digits, dash, check = code.partition("-")
    if not (dash and code.isascii() and digits.isdigit() and len(check) == 1 and check.isdigit()):
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)
