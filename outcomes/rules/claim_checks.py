"""What else a payer's system looks at on the lines: revenue codes, diagnoses, place, modifiers, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from outcomes.rules.claim import PLACE, Case, Check, Line
from outcomes.rules.claim_findings import Finding, settled
from outcomes.rules.codes import Code
from patients.rules.npi import NO_NPI, is_npi
from workflow.rules import gates

SUPPORTING = re.compile(r"67[A-Q]")


def sheet_checks(case: Case, lines: Sequence[Line]) -> tuple[Check, ...]:
    """The checks beside the eleven reasons, in a fixed order."""
    return tuple(check(case, lines) for check in CHECKS)


def _at(lines: Sequence[Line], fl: str) -> list[Line]:
    return [line for line in lines if line.fl == fl and line.code]


def _revenue(case: Case, lines: Sequence[Line]) -> Check:
    """The drug's revenue code (or one that some payers map it to) and the administration's."""
    told = _at(lines, "42")
    drug, other = case.of("revenue-drug"), case.of("revenue-drug-other")
    administration = case.of("revenue-administration")
    known = {c.code for c in (*drug, *other, *administration)}
    findings = [
        Finding("fail", f"Revenue code {line.code} is not listed.", f"Use {_either(known)}.")
        for line in told
        if line.code not in known
    ]
    codes = [line.code for line in told]
    for wanted, what in ((drug, "drug"), (administration, "administration")):
        if not any(c.code in codes for c in wanted) and not (what == "drug" and _mapped(codes, other)):
            fix = f"Write {_either(c.code for c in wanted)} in FL 42."
            findings.append(Finding("missing", f"No revenue code of the {what}.", fix))
    good = "Revenue codes of drug and administration are there."
    if not any(c.code in codes for c in drug):
        good = "The drug's revenue code is one that only some payers map it to: check with this payer."
    return settled("revenue-code", "Revenue codes", findings, good, kind="sheet")


def _mapped(codes: Sequence[str | None], other: Sequence[Code]) -> bool:
    """A second revenue code beside the administration's that some payers map the drug to."""
    allowed = [c.code for c in other]
    return len([c for c in codes if c in allowed]) > 1


def _either(codes: Iterable[str]) -> str:
    return " or ".join(sorted(codes))


def _diagnosis(case: Case, lines: Sequence[Line]) -> Check:
    """The principal diagnosis is the disease the product is for."""
    wanted = [c.code for c in case.of("diagnosis")]
    told = _at(lines, "67")
    fix = f"Write {_either(wanted)} in FL 67." if wanted else "No diagnosis code is listed for this product."
    findings = [
        Finding("fail", f"{line.code} is not the diagnosis the product is for.", fix)
        for line in told
        if line.code not in wanted
    ]
    if not told:
        findings.append(Finding("missing", "No principal diagnosis stands on the claim.", fix))
    return settled(
        "diagnosis", "Principal diagnosis", findings, f"{_either(wanted)} is principal.", kind="sheet"
    )


def _supporting(case: Case, lines: Sequence[Line]) -> Check:
    """Codes listed for support that mean something else in the code set."""
    told = [line for line in lines if line.code and SUPPORTING.fullmatch(line.fl)]
    findings = []
    for line in told:
        for code in case.of("supporting-refused"):
            if (line.code or "").upper().startswith(code.code):
                reason = f"{line.code} means “{code.says}”. {code.note}"
                findings.append(Finding("fail", reason, f"Take {line.code} off, or document what it means."))
    good = "No supporting code contradicts the code set." if told else "No supporting code is used."
    return settled("supporting-diagnoses", "Supporting diagnoses", findings, good, kind="sheet")


def _place(case: Case, lines: Sequence[Line]) -> Check:
    """A place of service this policy pays for, and the same as recorded on Day 0."""
    allowed = gates.allowed_places(case.protocol)
    told = _at(lines, PLACE)
    findings = [
        Finding(
            "fail", f"Place of service {p.code} ({_says(case, p)}) is not paid.", f"Use {_either(allowed)}."
        )
        for p in told
        if allowed and p.code not in allowed
    ]
    findings += [
        Finding(
            "fail", f"The claim says {p.code}, recorded is {case.place}.", "Correct the claim or the record."
        )
        for p in told
        if case.place and p.code != case.place
    ]
    if not told:
        findings.append(
            Finding("missing", "The place of service is not known.", "Record it with the infusion.")
        )
    good = "The place of service is one this policy pays for."
    return settled("place-of-service", "Place of service", findings, good, kind="sheet")


def _says(case: Case, line: Line) -> str:
    code = case.codes.named(line.code or "", "place")
    return code.says if code else "not listed"


def _modifiers(case: Case, lines: Sequence[Line]) -> Check:
    """JZ only when nothing was discarded and never beside JW; 25 on a visit of the same day."""
    drugs = {c.code for c in case.of("drug")}
    clean = {c.code for c in case.of("modifier-nothing-discarded")}
    wasted = {c.code for c in case.of("modifier-discarded")}
    on_drug = {m for line in _at(lines, "44") if line.code in drugs for m in line.modifiers}
    infusion, findings = case.facts.infusion, []
    if on_drug & clean and on_drug & wasted:
        findings.append(Finding("fail", "JZ and JW exclude each other.", "Keep the one that is true."))
    if on_drug & clean and infusion is not None and infusion.outcome != "complete":
        reason = "JZ attests that nothing was discarded, but the dose was not given completely."
        findings.append(Finding("fail", reason, "Take JZ off and ask the contractor about the rest."))
    findings += _visits(case, lines)
    good = (
        "JZ stands beside the drug."
        if on_drug & clean
        else "No JZ stands beside the drug: some contractors ask for it."
    )
    return settled("modifiers", "Modifiers", findings, good, kind="sheet")


def _visits(case: Case, lines: Sequence[Line]) -> list[Finding]:
    wanted = {c.code for c in case.of("modifier-visit")}
    return [
        Finding(
            "missing", f"{line.code} ({visit.says}) has no modifier 25.", f"Add modifier 25 to {line.code}."
        )
        for line in _at(lines, "44")
        if (visit := case.codes.visit(line.code or "")) and not wanted & set(line.modifiers)
    ]


def _authorization(case: Case, lines: Sequence[Line]) -> Check:
    """The number of an approval that covers the date of service."""
    told, approval = _at(lines, "63"), case.approval
    findings = []
    if not told:
        fix = "Record the approval with its number, or submit the packet."
        findings.append(Finding("missing", "No prior authorization number stands on the claim.", fix))
    elif approval is None:
        reason = "No recorded approval covers the date of service."
        findings.append(Finding("missing", reason, "Record the payer's approval with its dates."))
    elif approval.number and told[0].code != approval.number:
        reason = "The number on the claim is not the recorded one."
        findings.append(Finding("fail", reason, "Correct the claim or the record."))
    good = "The approval covers the date of service."
    return settled("prior-authorization", "Prior authorization", findings, good, kind="sheet")


def _identifiers(case: Case, lines: Sequence[Line]) -> Check:
    """NPIs of the centre and the attending clinician, each with a right check digit."""
    findings = []
    for fl, whose, where in (("56", "centre", ""), ("76", "attending clinician", " with the infusion")):
        told = _at(lines, fl)
        if not told:
            findings.append(
                Finding("missing", f"No NPI of the {whose}.", f"Record the NPI of the {whose}{where}.")
            )
        elif not is_npi(told[0].code or ""):
            reason = NO_NPI.format(text=told[0].code)
            findings.append(Finding("fail", reason, f"Correct the NPI of the {whose}."))
    return settled("npi", "Provider identifiers", findings, "Both NPIs are there.", kind="sheet")


CHECKS: tuple[Callable[[Case, Sequence[Line]], Check], ...] = (
    _revenue,
    _diagnosis,
    _supporting,
    _place,
    _modifiers,
    _authorization,
    _identifiers,
)
