"""Exact conversion of a reported number to the analyte's canonical unit (UCUM), and its plausible band."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Overflow, localcontext

from patients.rules.catalog import Analyte, Catalog

PLACES = Decimal("0.00000001")
DIGITS = 16


@dataclass(frozen=True, slots=True)
class Converted:
    """The number in the canonical unit with the factor used, or the quarantine reason in `fault`."""

    number: Decimal | None = None
    unit: str = ""
    factor: Decimal | None = None
    fault: str | None = None


def convert(analyte: Analyte, number: Decimal, unit: str, catalog: Catalog) -> Converted:
    """The number in the analyte's canonical unit. Faults: unit-unknown, unit-dimension, implausible.

    A number of more than 16 digits before the point is no measurement of anything and is not carried on.
    """
    text = unit.strip()
    known = _factor(analyte, text)
    if known is None:
        return Converted(fault="unit-dimension" if _known_elsewhere(text, catalog) else "unit-unknown")
    multiply, factor = known
    return _scaled(analyte, number, factor, multiply=multiply)


def convert_by(analyte: Analyte, number: Decimal, factor: Decimal) -> Converted:
    """The number times a factor that a site's code map states. Fault: implausible."""
    return _scaled(analyte, number, factor, multiply=True)


def _scaled(analyte: Analyte, number: Decimal, factor: Decimal, *, multiply: bool) -> Converted:
    with localcontext() as context:
        context.prec, context.traps[Overflow] = 40, False
        result = number * factor if multiply else number / factor
    if result.is_infinite() or result.adjusted() >= DIGITS:
        return Converted(unit=analyte.unit, factor=factor, fault="implausible")
    if result != result.quantize(PLACES):
        result = result.quantize(PLACES).normalize()
    fault = None if _plausible(analyte, result) else "implausible"
    return Converted(result, analyte.unit, factor, fault)


def in_unit(analyte: Analyte, number: Decimal, unit: str) -> Decimal | None:
    """A canonical number in a unit as received, to four digits; None for a unit that the analyte does not know."""
    known = _factor(analyte, unit.strip())
    if known is None:
        return None
    multiply, factor = known
    found = number / factor if multiply else number * factor
    return Context(prec=4).create_decimal(found) if factor != 1 else number


def ucum(unit: str, catalog: Catalog) -> str:
    """A unit as laboratories write it, in UCUM's spelling; an unknown one stays as it is."""
    return catalog.ucum.get(unit.strip(), unit.strip())


def _factor(analyte: Analyte, unit: str) -> tuple[bool, Decimal] | None:
    if not unit:
        return (True, Decimal(1)) if analyte.unit_may_be_empty else None
    return analyte.factors.get(unit) or _folded(analyte, unit)


def _folded(analyte: Analyte, unit: str) -> tuple[bool, Decimal] | None:
    """The unit whatever its case, where that is not ambiguous."""
    found = {factor for known, factor in analyte.factors.items() if known.lower() == unit.lower()}
    return found.pop() if len(found) == 1 else None


def _known_elsewhere(unit: str, catalog: Catalog) -> bool:
    return unit.lower() in {u.lower() for u in catalog.units}


def _plausible(analyte: Analyte, number: Decimal) -> bool:
    return analyte.band is None or analyte.band[0] <= number <= analyte.band[1]
