"""The drug's and the administration's codes on the lines of a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcomes.rules.claim import Case, Check, Line
from outcomes.rules.claim_findings import Finding, number, settled
from outcomes.rules.claim_sheet import further_hours
from outcomes.rules.codes import Code


def hcpcs(case: Case, lines: Sequence[Line]) -> Check:
    """The drug's own code, once, with its units."""
    title = "Drug code (HCPCS)"
    wanted = {c.code: c for c in case.of("drug")}
    found = [line for line in lines if line.fl == "44" and line.code]
    findings = [
        _refused(case, line, "drug-refused", "Bill {}.", wanted)
        for line in found
        if _is(case, line, "drug-refused")
    ]
    drugs = [line for line in found if line.code in wanted]
    other = [line for line in found if line.code not in wanted and case.codes.named(line.code or "", "drug")]
    findings += [_not_in_force(case, line, wanted) for line in other]
    if not drugs and not findings:
        findings.append(Finding("missing", "No drug code stands on the claim.", _bill(wanted)))
    if len(drugs) > 1:
        findings.append(
            Finding(
                "fail", f"{drugs[0].code} stands {len(drugs)} times.", "Bill it once: one therapeutic dose."
            )
        )
    for line in drugs[:1]:
        findings += _units(lines, line, wanted[line.code or ""].units or 1)
    return settled("hcpcs", title, findings, f"{' and '.join(d.code or '' for d in drugs)} with its units.")


def _not_in_force(case: Case, line: Line, wanted: Mapping[str, Code]) -> Finding:
    reason = f"{line.code} is not in force on {case.on.isoformat()}, or not for this product."
    return Finding("fail", reason, _bill(wanted))


def _bill(wanted: Mapping[str, Code]) -> str:
    return (
        f"Bill {', '.join(wanted)}."
        if wanted
        else "No code is listed for this product and date: ask the payer."
    )


def _is(case: Case, line: Line, role: str) -> bool:
    return any(c.code == line.code and c.refused(case.on) for c in case.of(role))


def _refused(case: Case, line: Line, role: str, fix: str, wanted: Mapping[str, Code]) -> Finding:
    code = case.codes.named(line.code or "", role)
    says = code.says if code else ""
    return Finding(
        "fail",
        f"{line.code} ({says}) is the wrong code.",
        fix.format(", ".join(wanted) or "the product's own code"),
    )


def _units(lines: Sequence[Line], drug: Line, wanted: int) -> Sequence[Finding]:
    told = [line.code for line in lines if line.fl == "46" and line.line == drug.line and line.code]
    if not told:
        return [Finding("missing", f"No units stand beside {drug.code}.", f"Write {wanted} in FL 46.")]
    if number(told[0]) == wanted:
        return []
    return [
        Finding(
            "fail",
            f"{told[0]} units of {drug.code}; it is billed per therapeutic dose.",
            f"Write {wanted} in FL 46.",
        )
    ]


def administration(case: Case, lines: Sequence[Line]) -> Check:
    """An infusion, not a push, chemotherapy or radiotherapy; a further hour only when it took that long."""
    wanted = {c.code: c for c in case.of("administration")}
    found = [line for line in lines if line.fl == "44" and line.code]
    bad = [line for line in found if _is(case, line, "administration-refused")]
    findings = [
        _refused(case, line, "administration-refused", "Bill {} for the infusion.", wanted) for line in bad
    ]
    if not bad and not any(line.code in wanted for line in found):
        findings.append(Finding("missing", "No administration code stands on the claim.", _bill(wanted)))
    for more in case.of("administration-more"):
        if any(line.code == more.code for line in found):
            findings += _further(case, more.code, more.over_minutes or 0)
    note = _between(case, found)
    return settled(
        "administration-cpt", "Administration code (CPT)", findings, f"The infusion is billed as one.{note}"
    )


def _further(case: Case, code: str, over: int) -> Sequence[Finding]:
    if case.minutes is None:
        return [
            Finding(
                "missing", f"{code} needs the infusion's end, which is not recorded.", "Record when it ended."
            )
        ]
    if case.minutes > over:
        return []
    reason = f"{code} is for more than {over} minutes; the infusion took {case.minutes}."
    return [Finding("fail", reason, f"Take {code} off the claim.")]


def _between(case: Case, found: Sequence[Line]) -> str:
    """A word of caution where the code set may not count the further hour."""
    for more in case.of("administration-more"):
        used = any(line.code == more.code for line in found)
        if used and further_hours(case, more) and case.minutes is not None:
            beyond = case.minutes - (more.over_minutes or 0)
            return f" {more.note}" if beyond < (more.counted_minutes or 0) else ""
    return ""
