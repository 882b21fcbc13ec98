"""Packet, claim and milestones as an auditor sees them: no name, no number of a person, no day of birth, no free text."""

from __future__ import annotations

from typing import Any

from patients.api.base import without
from workflow.api import hidden as workflow_hidden

PERSON = frozenset({"mrn", "family_name", "given_name"})
SENT = frozenset({"note"})
NUMBER = frozenset({"number"})
AGE = "Judged from the full date of birth."
TYPED_DETAILS = ("Life-threatening bleed", "Note")


def packet(body: dict[str, Any]) -> dict[str, Any]:
    authorization = body["authorization"]
    sent = {"sent": without(body["sent"], SENT)} if "sent" in body else {}
    return {
        **body,
        **sent,
        "person": _person(body["person"]),
        "authorization": without(authorization, NUMBER) if authorization else None,
        "items": [_item(i) for i in body["items"]],
    }


def claim(body: dict[str, Any]) -> dict[str, Any]:
    return {
        **body,
        "person": _person(body["person"]),
        "lines": [line | {"code": None} if line["fl"] == "63" else line for line in body["lines"]],
        "checks": [
            _aged(c) if c["code"] == "age" else {**c, "evidence": _evidence(c)} for c in body["checks"]
        ],
    }


def milestone(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "versions": [without(v, SENT) for v in body["versions"]]}


def statement(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "statement": without(body["statement"], SENT)}


def handover(body: dict[str, Any]) -> dict[str, Any]:
    contracts = [{**c, "milestones": [milestone(m) for m in c["milestones"]]} for c in body["contracts"]]
    infusion = workflow_hidden.infusion(body["infusion"]) if body["infusion"] else None
    return {**body, "person": _person(body["person"]), "infusion": infusion, "contracts": contracts}


def sent(body: dict[str, Any]) -> dict[str, Any]:
    return without(body, SENT)


def _person(row: dict[str, Any]) -> dict[str, Any]:
    return {**without(row, PERSON), "birth_date": row["birth_date"][:4]}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item["code"] == "age":
        return _aged(item) | {"missing": [AGE] if item["missing"] else []}
    details = [d for d in item["details"] if d["label"] not in TYPED_DETAILS]
    return {**item, "evidence": _evidence(item), "details": details}


def _evidence(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [_fact(e) for e in row["evidence"]]


def _fact(evidence: dict[str, Any]) -> dict[str, Any]:
    if evidence["fact"].startswith("bleed:"):
        return evidence | {"value": "", "note": ""}
    return evidence | {"note": ""} if evidence["fact"].startswith("attestation:") else evidence


def _aged(row: dict[str, Any]) -> dict[str, Any]:
    evidence = [{**e, "value": e["value"][:4], "on": None} for e in row["evidence"]]
    return {**row, "evidence": evidence, "reason": AGE, "fix": ""}
