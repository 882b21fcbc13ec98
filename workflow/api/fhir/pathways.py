"""A pathway as a FHIR CarePlan, and what is due on it as Tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from uuid import UUID

from patients.rules.words import PHASE_WORDS, TASKS
from workflow.api.fhir.observations import instant
from workflow.models import Pathway, TaskDue
from workflow.rules import fhir_codes as codes

Resource = dict[str, Any]
XHTML = "http://www.w3.org/1999/xhtml"


def care_plan(row: Pathway, title: str, tasks: Iterable[UUID]) -> Resource:
    """The pathway of one patient, under the patient's own id; its activities are the tasks."""
    told = _told(row)
    body: Resource = {
        "resourceType": "CarePlan",
        "id": str(row.patient_id),
        "meta": {"profile": [codes.US_CORE + "careplan"]},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="{XHTML}"><p>{escape(title)}</p><p>{escape(told)}</p></div>',
        },
        "instantiatesUri": [f"urn:daymark:pathway:{row.pathway}:{row.pathway_version}"],
        "status": codes.care_plan_status(row.phase),
        "intent": "plan",
        "category": [{"coding": [{"system": codes.CARE_PLAN_CATEGORIES, "code": "assess-plan"}]}],
        "title": title,
        "description": told,
        "subject": {"reference": f"Patient/{row.patient_id}"},
    }
    if row.decided_at:
        body["meta"]["lastUpdated"] = instant(row.decided_at)
    if row.day0:
        body["period"] = {"start": row.day0.isoformat()}
    activities = [{"reference": {"reference": f"Task/{task}"}} for task in tasks]
    return body | ({"activity": activities} if activities else {})


def _told(row: Pathway) -> str:
    """Phase, Day 0 and what blocks the infusion, in a line."""
    parts = [PHASE_WORDS[row.phase]]
    if row.day0:
        parts.append(f"Day 0 was {row.day0.isoformat()}")
    elif row.planned_on:
        parts.append(f"infusion planned on {row.planned_on.isoformat()}")
    if row.blocked_by and not row.day0:
        parts.append(f"blocked by {', '.join(row.blocked_by)}")
    return "; ".join(parts)


def task(row: TaskDue, state: str, fulfilled_by: Mapping[str, UUID]) -> Resource:
    """A task in its present state; `fulfilled_by` says which Observation a stored reference belongs to."""
    reason = row.payload.get("reason") or ""
    body: Resource = {
        "resourceType": "Task",
        "id": str(row.pk),
        "identifier": [{"system": "urn:daymark:task", "value": f"{row.patient_id}:{row.key}"}],
        "basedOn": [{"reference": f"CarePlan/{row.patient_id}"}],
        "status": codes.TASK_STATUS[state],
        "businessStatus": _concept(codes.TASK_STATES, state, TASKS[state]),
        "intent": "plan",
        "code": _concept(codes.TASK_KINDS, row.kind, row.title),
        "description": row.title,
        "for": {"reference": f"Patient/{row.patient_id}"},
        "restriction": {"period": {"start": row.opens_on.isoformat(), "end": row.closes_on.isoformat()}},
        "input": [{"type": {"text": "due"}, "valueDate": row.due_on.isoformat()}],
    }
    if reason:
        body["statusReason"] = {"text": reason}
    if row.ended_on and row.ended_as:
        body["executionPeriod"] = {"end": row.ended_on.isoformat()}
    if row.assignee:
        body["owner"] = {"display": row.assignee}
    results = [fulfilled_by[r] for r in row.payload.get("fulfilled_by", ()) if r in fulfilled_by]
    output = [
        {"type": {"text": "fulfilled by"}, "valueReference": {"reference": f"Observation/{r}"}}
        for r in results
    ]
    return body | ({"output": output} if output else {})


def _concept(system: str, code: str, text: str) -> Resource:
    return {"coding": [{"system": system, "code": code}], "text": text}
