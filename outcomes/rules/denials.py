"""The eleven known reasons for a denial, each passed, failed or missing, with the mend.

Clinical reasons are the verdicts of the patient's own gates without the centre's overrides; the others look
at what was recorded on Day 0 and at the lines of the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from outcomes.rules.claim import Case, Check, Line
from outcomes.rules.claim_codes import administration, hcpcs
from outcomes.rules.claim_findings import ORDER, Finding, settled
from outcomes.rules.claim_product import product
from workflow.rules.effects import Evidence, GateVerdict

GATE_VERDICTS = {"pass": "pass", "not_applicable": "pass", "missing": "missing", "hold": "missing"}
"""What a gate's verdict is to a payer; every other one is a failure."""
PLANS = ("lft-plan", "steroid-plan")


def denials(case: Case, lines: Sequence[Line]) -> tuple[Check, ...]:
    """All eleven, in a fixed order."""
    return tuple(check(case, lines) for check in CHECKS)


def _gated(code: str, title: str, *kinds: str) -> Callable[[Case, Sequence[Line]], Check]:
    """A check that is the worst verdict of the pathway's gates of these kinds."""

    def check(case: Case, lines: Sequence[Line]) -> Check:
        found = [case.gates[g.code] for g in case.protocol.gates if g.kind in kinds]
        if not found:
            return Check(code=code, title=title, verdict="pass", reason="This pathway has no such gate.")
        worst = min(found, key=lambda g: ORDER.index(_verdict(g)))
        verdict = _verdict(worst)
        told = [g for g in found if _verdict(g) == verdict]
        return Check(
            code=code,
            title=title,
            verdict=verdict,
            reason=" ".join(_reason(g) for g in told),
            fix=" ".join(g.next_step for g in told if g.next_step) if verdict != "pass" else "",
            evidence=tuple(e for g in told for e in g.evidence),
        )

    return check


def _verdict(gate: GateVerdict) -> str:
    return GATE_VERDICTS.get(gate.verdict, "fail")


def _reason(gate: GateVerdict) -> str:
    word = {"expired": "Stale: ", "retest_due": "Retest due: ", "indeterminate": "Cannot be judged: "}
    return f"{word.get(gate.verdict, '')}{gate.reason}"


def _plans(case: Case, lines: Sequence[Line]) -> Check:
    """Weekly panels and reactive steroids, both signed by the date of service."""
    findings, evidence = [], []
    for code in (c for c in PLANS if c in case.protocol.attestation_codes):
        rows = [a for a in case.facts.attestations if a.code == code and a.on <= case.on]
        said = rows[-1] if rows else None
        if said is not None and said.value:
            evidence.append(Evidence(fact=f"attestation:{said.id}", on=said.on, value=code, note=said.note))
            continue
        verdict, word = ("missing", "is not signed") if said is None else ("fail", "is attested as not given")
        findings.append(Finding(verdict, f"The {_words(code)} {word}.", f"Record the attestation {code}."))
    check = settled("monitoring-plan", "Monitoring plan", findings, "Both plans are signed.")
    return replace(check, evidence=tuple(evidence))


def _words(code: str) -> str:
    return {"lft-plan": "plan of weekly liver panels", "steroid-plan": "plan of reactive steroids"}[code]


def _contract(case: Case, lines: Sequence[Line]) -> Check:
    """Every outcomes contract the patient is enrolled in, named in FL 80."""
    title = "Contract flag"
    if not case.contracts:
        reason = "The patient is enrolled in no outcomes contract."
        return Check(code="contract-flag", title=title, verdict="pass", reason=reason)
    told = " ".join((line.code or "").lower() for line in lines if line.fl == "80").split()
    findings = [
        Finding(
            "missing",
            f"Contract {c.code} of {c.payer} is not named.",
            f"Write {c.code} in FL 80 or attach it.",
        )
        for c in case.contracts
        if c.code.lower() not in told
    ]
    findings += [
        Finding(
            "fail",
            f"Contract {c.code} is not in force on {case.on.isoformat()}.",
            "Ask the payer which contract holds.",
        )
        for c in case.contracts
        if case.on < c.effective_from or (c.effective_to is not None and case.on > c.effective_to)
    ]
    return settled("contract-flag", title, findings, f"Named: {', '.join(c.code for c in case.contracts)}.")


CHECKS: tuple[Callable[[Case, Sequence[Line]], Check], ...] = (
    _gated("nab", "Antibodies against the capsid", "titer-information", "titer-threshold", "titer-negative"),
    _gated("age", "Age", "age"),
    _gated("history", "Prophylaxis or bleed history", "indication"),
    _plans,
    product,
    _gated("inhibitor", "Inhibitor", "inhibitor"),
    _gated("infection", "Hepatitis and HIV", "hepatitis-b", "reflex"),
    _gated("site-certification", "Certified treatment center", "site-of-care"),
    hcpcs,
    administration,
    _contract,
)
