"""The claim sheet of one patient and its pre-check as a JSON-ready document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from outcomes import data
from outcomes.rules.claim import Billing, Case, Check, Line
from outcomes.rules.claim_checks import sheet_checks
from outcomes.rules.claim_sheet import sheet
from outcomes.rules.denials import denials
from outcomes.rules.packet import judged_on, payer_gates
from outcomes.selectors.asked import Answer, decided_at
from outcomes.selectors.packets import enrolled, evidence_json, payer, person, policy_title
from patients.models import Patient
from workflow.selectors import shown

NOTICE = "Daymark prepares and checks this claim; it submits nothing."


def claim(
    patient: Patient,
    *,
    lines: Sequence[Line] | None = None,
    as_of: date | None = None,
    as_known_at: datetime | None = None,
) -> dict[str, Any]:
    """The sheet Daymark would fill, or the given lines, checked against what is recorded."""
    asked = decided_at(patient.pk, as_of=as_of, as_known_at=as_known_at)
    case = case_of(patient, asked)
    prepared = lines is None
    shown_lines = sheet(case) if lines is None else [_known(case, line) for line in lines]
    checks = (*denials(case, shown_lines), *sheet_checks(case, shown_lines))
    return {**_frame(patient, asked, case, prepared), **_told(shown_lines, checks)}


def case_of(patient: Patient, asked: Answer) -> Case:
    facts, protocol, decision = asked.result.facts, asked.result.protocol, asked.result.decision
    return Case(
        facts=facts,
        protocol=protocol,
        gates=payer_gates(facts, protocol, decision),
        codes=data.codes(),
        on=judged_on(facts, decision.today),
        dose=decision.dose,
        contracts=enrolled(facts),
        billing=Billing(site_npi=patient.site.npi),
    )


def _frame(patient: Patient, asked: Answer, case: Case, prepared: bool) -> dict[str, Any]:
    facts, protocol = case.facts, case.protocol
    return {
        "patient": str(patient.pk),
        "as_of": asked.as_of.isoformat(),
        "as_known_at": shown.instant(asked.as_known_at),
        "service_on": case.on.isoformat(),
        "state": "given" if facts.day0 else "planned" if facts.planned_on else "not_booked",
        "prepared": prepared,
        "person": person(patient, facts),
        "site": {"code": patient.site.code, "name": patient.site.name, "npi": patient.site.npi or None},
        "pathway": {"id": protocol.pathway, "version": protocol.pathway_version, "title": protocol.title},
        "policy": {
            "id": protocol.policy,
            "version": protocol.policy_version,
            "title": policy_title(protocol),
        },
        "payer": payer(facts, case.on),
        "catalog": {"codes": case.codes.version},
        "notice": NOTICE,
    }


def _told(lines: Sequence[Line], checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "lines": [line_json(line) for line in lines],
        "checks": [check_json(c) for c in checks],
        "clean": all(c.verdict == "pass" for c in checks),
        "open": [c.code for c in checks if c.verdict != "pass"],
    }


def _known(case: Case, line: Line) -> Line:
    """A posted line with what the code set says of its code."""
    code = case.codes.named(line.code or "")
    if code is None or line.fl not in ("42", "44", "67", "POS"):
        return line
    return Line(
        fl=line.fl,
        code=line.code,
        line=line.line,
        title=line.title,
        modifiers=line.modifiers,
        says=code.says,
        source=code.source,
        certainty=code.certainty,
        valid_from=code.valid_from,
        valid_to=code.valid_to,
        note=code.note,
    )


def line_json(line: Line) -> dict[str, Any]:
    return {
        **asdict(line),
        "modifiers": list(line.modifiers),
        "valid_from": shown.day(line.valid_from),
        "valid_to": shown.day(line.valid_to),
    }


def check_json(check: Check) -> dict[str, Any]:
    return {
        "code": check.code,
        "title": check.title,
        "kind": check.kind,
        "verdict": check.verdict,
        "reason": check.reason,
        "fix": check.fix,
        "evidence": evidence_json(check.evidence),
    }
