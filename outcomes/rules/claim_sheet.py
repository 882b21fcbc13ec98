"""The claim sheet as Daymark would fill it, field by field, from the infusion or (before it) from the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from outcomes.rules.claim import PLACE, Case, Line, listed, ndc_digits, plain
from outcomes.rules.codes import Code

UNKNOWN = "Not recorded yet."
HOUR = 60


def sheet(case: Case) -> tuple[Line, ...]:
    """Every field: form heads, service lines (drug, first hour, further hours), then payer and codes."""
    return (*_heads(case), *_drug(case), *_administration(case), *_feet(case))


def _heads(case: Case) -> Iterator[Line]:
    place = case.codes.named(case.place, "place") if case.place else None
    yield _place(case, place)
    if place is None or place.bill_type:
        note = "First digits by place of service; the last digit says what kind of bill it is."
        code = place.bill_type if place else None
        yield Line(fl="4", code=code, title="Type of bill", note=note if code else UNKNOWN)
    else:
        yield Line(fl="4", code=None, title="Type of bill", note=place.note)
    period = f"{case.on.isoformat()} to {case.on.isoformat()}"
    yield Line(
        fl="6",
        code=period,
        title="Statement covers",
        note=_period_note(case),
    )
    yield _npi("56", "Billing provider (NPI)", case.billing.site_npi, "centre")


def _period_note(case: Case) -> str:
    if case.given:
        return ""
    return "The booked date." if case.facts.planned_on else "No date is booked; today stands here."


def _place(case: Case, place: Code | None) -> Line:
    line = Line(fl=PLACE, code=case.place or None, title="Place of service", note=UNKNOWN)
    if place is None:
        return replace(line, note="No listed place of service.") if case.place else line
    return replace(line, says=place.says, source=place.source, certainty=place.certainty, note=place.note)


def _npi(fl: str, title: str, number: str, whose: str) -> Line:
    return Line(
        fl=fl, code=number or None, title=title, note="" if number else f"No NPI of the {whose} is recorded."
    )


def _drug(case: Case) -> Iterator[Line]:
    drug = case.first("drug")
    yield listed("42", case.first("revenue-drug"), 1, "Revenue code of the drug")
    yield ndc_line(case)
    yield listed("44", drug, 1, "Drug", modifiers=_modifiers(case))
    yield Line(fl="45", code=case.on.isoformat(), line=1, title="Service date")
    units = str(drug.units) if drug else None
    yield Line(fl="46", code=units, line=1, title="Units", note="Per therapeutic dose, not per vial or mL.")


def ndc_line(case: Case) -> Line:
    """`N4`, the 11 digits, `ML` and the volume; before the infusion those of the kit by rule."""
    code = case.ndc or ("" if case.given or case.dose is None else case.dose.ndc or "")
    title = "Drug code and volume"
    if not code or case.volume is None:
        return Line(fl="43", code=None, line=1, title=title, note=_wanted(case))
    text = f"N4{ndc_digits(code)}ML{plain(case.volume)}"
    return Line(
        fl="43", code=text, line=1, title=title, certainty=certainty_of(case, code), note=_origin(case, code)
    )


def _wanted(case: Case) -> str:
    """What an empty NDC line waits for, with the kit's code by rule where there is one."""
    by_rule = (
        f" By rule the kit is {case.dose.ndc} ({case.dose.ndc_certainty})."
        if case.dose and case.dose.ndc
        else ""
    )
    return (
        f"Record the drug code of the kit that was given.{by_rule}" if case.given else f"{UNKNOWN}{by_rule}"
    )


def certainty_of(case: Case, ndc: str) -> str:
    """How sure the listed drug code is; "" when it is not listed."""
    dosing = case.protocol.dosing
    kits = [k.certainty for k in dosing.kits if k.ndc == ndc]
    return next(iter([*kits, *(n.source.certainty for n in dosing.other_ndcs if n.ndc == ndc)]), "")


def _origin(case: Case, ndc: str) -> str:
    if not case.ndc:
        return "By rule from the weight; the kit's own label decides."
    use = next((n.use for n in case.protocol.dosing.other_ndcs if n.ndc == ndc), "")
    return f"{use.capitalize()}." if use else ""


def _modifiers(case: Case) -> list[str]:
    """JZ when the whole dose was given (or is planned): nothing was discarded."""
    code = case.first("modifier-nothing-discarded")
    infusion = case.facts.infusion
    return [code.code] if code and (infusion is None or infusion.outcome == "complete") else []


def _administration(case: Case) -> Iterator[Line]:
    first, more = case.first("administration"), case.first("administration-more")
    yield listed("42", case.first("revenue-administration"), 2, "Revenue code of the administration")
    yield listed("44", first, 2, "Administration, first hour")
    yield Line(fl="45", code=case.on.isoformat(), line=2, title="Service date")
    yield Line(fl="46", code="1" if first else None, line=2, title="Units")
    hours = further_hours(case, more)
    if more is not None and hours:
        yield listed("42", case.first("revenue-administration"), 3, "Revenue code of the administration")
        yield listed("44", more, 3, "Administration, further hours")
        yield Line(fl="45", code=case.on.isoformat(), line=3, title="Service date")
        yield Line(
            fl="46", code=str(hours), line=3, title="Units", note=f"The infusion took {case.minutes} minutes."
        )


def further_hours(case: Case, more: Code | None) -> int:
    """Hours beyond the first: none up to `over_minutes`, at least one above, then each that counts."""
    if more is None or case.minutes is None or more.over_minutes is None or case.minutes <= more.over_minutes:
        return 0
    beyond = case.minutes - more.over_minutes
    return max(1, (beyond + HOUR - (more.counted_minutes or HOUR)) // HOUR)


def _feet(case: Case) -> Iterator[Line]:
    approval = case.approval
    number = approval.number if approval else ""
    note = "" if number else "No approval with a number covers the date of service."
    yield Line(fl="63", code=number or None, title="Prior authorization number", note=note)
    yield listed("67", case.first("diagnosis"), 0, "Principal diagnosis")
    place = case.codes.named(case.place, "place") if case.place else None
    if place is not None and place.inpatient:
        yield Line(
            fl="71",
            code=None,
            title="DRG",
            note="Assigned by the hospital's grouper; ask for outlier or new-technology payment.",
        )
    yield _npi("76", "Attending clinician (NPI)", case.attending_npi, "attending clinician")
    for contract in case.contracts:
        word = "Invented sample contract. " if contract.invented else ""
        note = f"{word}Outcomes contract of {contract.payer}."
        yield Line(fl="80", code=contract.code, title="Outcomes contract", note=note)
    lot = f"LOT {case.lot}" if case.lot else None
    yield Line(fl="80", code=lot, title="Kit lot in the remarks", note="" if lot else UNKNOWN)
