"""What a source's own codes mean at a site, and which of an item's codes decides the analyte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from patients.rules.catalog import Catalog, loinc_valid

LOINC = "http://loinc.org"
LOINC_NAMES = frozenset(
    {"ln", "loinc", "2.16.840.1.113883.6.1", "urn:oid:2.16.840.1.113883.6.1", LOINC, LOINC + "/"}
)
UNTRACKED = "UNTRACKED"


class Coded(Protocol):
    @property
    def system(self) -> str: ...
    @property
    def code(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One row of a code map: the analyte (or UNTRACKED), the factor to its unit, the assay, how to read values.

    `value_rule` "cutoff:1.0" reads a number as positive from 1.0 on and negative below.
    """

    analyte: str
    factor: Decimal | None = None
    assay: str = ""
    value_rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """How a source writes: its code map by (system, code, unit), decimal sign, zone, upper limits, numbers."""

    meanings: Mapping[tuple[str, str, str], Meaning] = field(default_factory=dict)
    decimal: str = "."
    timezone: str = "UTC"
    iso_times: bool = False
    default_uln: Mapping[str, str] = field(default_factory=dict)
    mrn_authorities: frozenset[str] = frozenset()

    def meaning(self, coded: Coded, unit: str) -> Meaning | None:
        """The row for this very unit, else the one for any unit."""
        return self.meanings.get((coded.system, coded.code, unit)) or self.meanings.get(
            (coded.system, coded.code, "")
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The analyte of an item, or `fault`: untracked or unmapped-code (`disputed`: its codes disagree)."""

    analyte: str = ""
    meaning: Meaning | None = None
    fault: str = ""
    disputed: bool = False


def normal_system(system: str, code: str) -> str:
    """The name of a code system: LOINC by one name, but only for a code of LOINC's form and check digit.

    >>> normal_system("LN", "1742-6"), normal_system("LN", "TSH")
    ('http://loinc.org', 'LN')
    """
    name = system.strip()
    return LOINC if name.lower() in LOINC_NAMES and loinc_valid(code.strip()) else name


def analyte_of(codings: Iterable[Coded], unit: str, rules: SourceRules, catalog: Catalog) -> Found:
    """Which analyte the codes name: the site's map first, then LOINC. Codes that disagree are unmapped."""
    told = list(codings)
    found = [f for f in (_one(c, unit, rules, catalog) for c in told) if f is not None]
    analytes = {f.analyte for f in found if f.analyte != UNTRACKED}
    if len(analytes) > 1:
        return Found(fault="unmapped-code", disputed=True)
    if analytes:
        return next(f for f in found if f.analyte != UNTRACKED)
    known = found or any(c.system == LOINC and loinc_valid(c.code) for c in told)
    return Found(fault="untracked" if known else "unmapped-code")


def _one(coded: Coded, unit: str, rules: SourceRules, catalog: Catalog) -> Found | None:
    meaning = rules.meaning(coded, unit)
    if meaning is not None and (meaning.analyte == UNTRACKED or meaning.analyte in catalog.analytes):
        return Found(meaning.analyte, meaning)
    if coded.system == LOINC and coded.code in catalog.by_loinc:
        return Found(catalog.by_loinc[coded.code])
    return None
