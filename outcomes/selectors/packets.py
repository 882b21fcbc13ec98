"""The prior-authorization packet of one patient as a JSON-ready document, and the versions kept as sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from outcomes import data
from outcomes.rules.contract import Contract
from outcomes.rules.milestones import payer_on
from outcomes.rules.packet import judged_on, packet
from outcomes.rules.packet_items import Item
from outcomes.selectors.asked import Answer, decided_at
from outcomes.selectors.milestones import enrolled
from patients.data import catalog
from patients.models import Patient
from workflow import data as files
from workflow.rules.effects import Evidence
from workflow.rules.facts import PatientFacts
from workflow.selectors import shown

NOTICE = "Daymark prepares and checks this packet; it submits nothing."
UNHASHED = ("as_known_at", "sha256")


def current(
    patient: Patient,
    *,
    as_of: date | None = None,
    as_known_at: datetime | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The packet as of a date and an instant, with the hash of its content.

    The hash leaves out the instant of knowledge, so that the same content has the same hash.
    """
    return document(patient, decided_at(patient.pk, as_of=as_of, as_known_at=as_known_at, now=now))


def document(patient: Patient, asked: Answer) -> dict[str, Any]:
    facts, protocol, decision = asked.result.facts, asked.result.protocol, asked.result.decision
    spec = data.packet_file()
    on = judged_on(facts, decision.today)
    items = packet(facts, protocol, decision, spec)
    body: dict[str, Any] = {
        "patient": str(patient.pk),
        "as_of": asked.as_of.isoformat(),
        "as_known_at": shown.instant(asked.as_known_at),
        "judged_on": on.isoformat(),
        "day0": _day0(facts),
        "person": person(patient, facts),
        "site": {"code": patient.site.code, "name": patient.site.name, "npi": patient.site.npi or None},
        "pathway": {"id": protocol.pathway, "version": protocol.pathway_version, "title": protocol.title},
        "policy": {
            "id": protocol.policy,
            "version": protocol.policy_version,
            "title": policy_title(protocol),
        },
        "payer": payer(facts, on),
        "authorization": _authorization(facts),
        "contracts": [contract_json(c) for c in enrolled(facts)],
        "diagnosis": _diagnosis(protocol.pathway, on),
        "dose": shown.dose_json(decision.dose),
        "items": [item_json(i) for i in items],
        "complete": not any(i.open for i in items),
        "open": [i.code for i in items if i.open],
        "catalog": {"packet": spec.version, "codes": data.codes().version},
        "notice": NOTICE,
    }
    return {**body, "sha256": content_hash(body)}


def content(body: dict[str, Any]) -> bytes:
    """The canonical bytes of a document: sorted keys, no instant of knowledge, UTF-8."""
    kept = {k: v for k, v in body.items() if k not in UNHASHED}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def content_hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(content(body)).hexdigest()


def person(patient: Patient, facts: PatientFacts) -> dict[str, Any]:
    """Whom it is about, as it stands on the form."""
    return {
        "code": patient.code,
        "mrn": patient.mrn,
        "family_name": patient.family_name,
        "given_name": patient.given_name,
        "birth_date": facts.person.birth_date.isoformat(),
        "sex": facts.person.sex,
    }


def _day0(facts: PatientFacts) -> dict[str, Any]:
    """Which date the gates were judged for: given, planned, or neither."""
    state = "given" if facts.day0 else "planned" if facts.planned_on else "not_booked"
    return {"state": state, "on": shown.day(facts.day0 or facts.planned_on)}


def policy_title(protocol: Any) -> str:
    return next(
        (
            r.title
            for r in files.policies()
            if (r.code, r.version) == (protocol.policy, protocol.policy_version)
        ),
        protocol.policy,
    )


def payer(facts: PatientFacts, on: date) -> str | None:
    """Who pays on that date; on overlap the episode that began later."""
    return payer_on(facts, on) or None


def _authorization(facts: PatientFacts) -> dict[str, Any] | None:
    rows = sorted(facts.authorizations, key=lambda a: (a.recorded_at, a.id))
    if not rows:
        return None
    newest = rows[-1]
    return {
        "payer": newest.payer,
        "number": newest.number or None,
        "status": newest.status,
        "valid_from": shown.day(newest.valid_from),
        "valid_to": shown.day(newest.valid_to),
    }


def contract_json(contract: Contract) -> dict[str, Any]:
    """A contract as it is named on a sheet; the title of an invented one says so."""
    return {
        "code": contract.code,
        "version": contract.version,
        "title": contract.title,
        "invented": contract.invented,
    }


def _diagnosis(pathway: str, on: date) -> dict[str, Any] | None:
    code = data.codes().first("diagnosis", pathway, on)
    return {"system": code.system, "code": code.code, "says": code.says} if code else None


def item_json(item: Item) -> dict[str, Any]:
    return {
        "code": item.code,
        "title": item.title,
        "verdict": item.verdict,
        "required": item.required,
        "open": item.open,
        "reason": item.reason,
        "missing": list(item.missing),
        "fix": item.fix,
        "valid_until": shown.day(item.valid_until),
        "authority": item.authority,
        "rule": {"source": item.source, "certainty": item.certainty},
        "details": [{"label": label, "text": text} for label, text in item.details],
        "evidence": evidence_json(item.evidence),
    }


def evidence_json(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    return [
        {
            "fact": e.fact,
            "analyte": e.analyte,
            "name": _title(e.analyte),
            "value": e.value,
            "unit": e.unit,
            "on": shown.day(e.on),
            "note": e.note,
        }
        for e in evidence
    ]


def _title(analyte: str) -> str:
    found = catalog().analytes.get(analyte)
    return found.title if found else ""
