"""Lot, drug code and volume: recorded on Day 0, and the same on the claim's NDC line."""

from __future__ import annotations

from collections.abc import Sequence

from outcomes.rules.claim import Case, Check, Line, ndc_digits, plain, read_ndc
from outcomes.rules.claim_findings import Finding, settled


def product(case: Case, lines: Sequence[Line]) -> Check:
    findings = list(_recorded(case))
    told = [line for line in lines if line.fl == "43" and line.code]
    if not told:
        findings.append(
            Finding("missing", "No NDC line stands on the claim.", "Add FL 43: N4, 11 digits, ML, volume.")
        )
    for line in told:
        findings += _ndc_line(case, line.code or "")
    return settled(
        "lot-ndc-volume", "Kit lot, drug code and volume", findings, "Lot, drug code and volume are complete."
    )


def _recorded(case: Case) -> Sequence[Finding]:
    if not case.given:
        return [
            Finding(
                "missing", "The infusion is not recorded yet.", "Record Day 0 with lot, drug code and volume."
            )
        ]
    found = []
    if not case.lot:
        found.append(Finding("missing", "The kit's lot is not recorded.", "Record the lot of the kit."))
    if not case.ndc:
        by_rule = f"; by rule the kit is {case.dose.ndc}" if case.dose and case.dose.ndc else ""
        found.append(
            Finding("missing", "The drug code is not recorded.", f"Record the kit's drug code{by_rule}.")
        )
    if not case.volume:
        found.append(Finding("missing", "The volume given is not recorded.", "Record the volume in mL."))
    return found


def _ndc_line(case: Case, text: str) -> Sequence[Finding]:
    read = read_ndc(text)
    if read is None:
        fix = "Write N4, the 11 digits without hyphens, ML and the volume, as in N400053015015ML144."
        return [Finding("fail", f"“{text}” is no NDC line.", fix)]
    digits, unit, quantity = read
    code = f"{digits[:5]}-{digits[5:9]}-{digits[9:]}"
    found = []
    if unit != "ML":
        found.append(Finding("fail", f"The quantity is given in {unit}.", "Give the quantity in ML."))
    if code not in case.protocol.dosing.ndcs:
        found.append(
            Finding(
                "fail",
                f"Drug code {code} is not listed for this product.",
                "Use the code on the kit's label.",
            )
        )
    elif case.ndc and ndc_digits(case.ndc) != digits:
        found.append(
            Finding(
                "fail", f"The line says {code}, recorded is {case.ndc}.", "Correct the line or the record."
            )
        )
    if case.given and case.volume is not None and unit == "ML" and quantity != case.volume:
        reason = f"The line says {plain(quantity)} mL, given were {plain(case.volume)} mL."
        found.append(Finding("fail", reason, "Correct the line or the record."))
    return found
