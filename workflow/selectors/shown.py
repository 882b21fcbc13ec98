"""How decided values look in JSON: dates as ISO text, decimals as text without exponent, instants in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workflow.rules.bridging import BridgingState
from workflow.rules.effects import Alert, Dose, Draw, Evidence, GateVerdict, SteroidCourse, Task
from workflow.rules.facts import InfusionFact, Override
from workflow.rules.kits import KitState
from workflow.rules.planner import Feasible
from workflow.rules.windows import state


def instant(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def number(value: Decimal | None) -> str | None:
    """A decimal as text without exponent."""
    return None if value is None else format(value, "f")


def dose_json(dose: Dose | None) -> dict[str, Any] | None:
    if dose is None:
        return None
    return {
        "weight_kg": number(dose.weight_kg),
        "weight_on": day(dose.weight_on),
        "volume_ml": number(dose.volume_ml),
        "vials": dose.vials,
        "kit_vials": dose.kit_vials,
        "total_vg": number(dose.total_vg),
        "ndc": dose.ndc,
        "ndc_certainty": dose.ndc_certainty,
        "flag": dose.flag,
    }


def kit_json(kit: KitState) -> dict[str, Any]:
    ordered = kit.ordered
    return {
        "order_by": day(kit.order_by),
        "ordered_on": day(ordered.ordered_on) if ordered else None,
        "received_on": day(ordered.received_on) if ordered else None,
        "weight_kg": number(ordered.weight_kg) if ordered else None,
        "vials": ordered.vials if ordered else None,
        "drift_percent": number(kit.drift_percent),
        "warnings": list(kit.warnings),
    }


def bridging_json(found: BridgingState | None) -> dict[str, Any] | None:
    if found is None:
        return None
    rule = found.rule
    return {
        "state": found.state,
        "reason": found.reason,
        "regimens": [{"product": r.product, "from": day(r.from_on)} for r in found.regimens],
        "evidence": [evidence_json(e) for e in found.evidence],
        "rule": {
            "above": number(rule.above),
            "source": rule.above_source.text,
            "certainty": rule.above_source.certainty,
        }
        if rule
        else None,
        "decided_by": found.decided_by or None,
        "decided_on": day(found.decided_on),
    }


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    return {
        "fact": evidence.fact,
        "analyte": evidence.analyte,
        "value": evidence.value,
        "unit": evidence.unit,
        "on": day(evidence.on),
        "note": evidence.note,
    }


def infusion_json(infusion: InfusionFact, dose: Dose | None) -> dict[str, Any]:
    return {
        **infusion.details,
        "id": str(infusion.id),
        "day0": day(infusion.day0),
        "dose": dose_json(dose),
        "note": infusion.note,
        "attending_npi": infusion.attending_npi or None,
        "override": override_json(infusion.override) if infusion.override else None,
    }


def override_json(override: Override) -> dict[str, Any]:
    return {
        "reason": override.reason,
        "by": override.by,
        "second_person": override.second_person,
        "state": "confirmed" if override.confirmed_at else "unconfirmed",
        "recorded_at": instant(override.recorded_at),
        "confirmed_at": instant(override.confirmed_at),
        "gates": [{"code": code, "verdict": was.verdict} for code, was in override.gates.items()],
    }


def feasible_json(feasible: Feasible) -> dict[str, Any]:
    return {
        "earliest": day(feasible.earliest),
        "latest": day(feasible.latest),
        "ranges": [[day(first), day(last)] for first, last in feasible.ranges],
        "draws": draws_json(feasible.draws),
    }


def draws_json(draws: Iterable[Draw]) -> list[dict[str, Any]]:
    return [
        {
            "gate": d.gate,
            "analytes": list(d.analytes),
            "from": day(d.from_on),
            "to": day(d.to_on),
            "last_safe": day(d.last_safe),
        }
        for d in draws
    ]


def gate_json(gate: GateVerdict) -> dict[str, Any]:
    return {
        "code": gate.code,
        "title": gate.title,
        "verdict": gate.verdict,
        "blocking": gate.blocking,
        "authority": gate.authority,
        "reason": gate.reason,
        "next_step": gate.next_step,
        "valid_until": day(gate.valid_until),
        "rule": {"id": gate.rule, "source": gate.source, "certainty": gate.certainty},
        "evidence": [evidence_json(e) for e in gate.evidence],
    }


def task_json(task: Task, today: date) -> dict[str, Any]:
    return {
        "key": task.key,
        "kind": task.kind,
        "title": task.title,
        "opens_on": day(task.opens_on),
        "due_on": day(task.due_on),
        "closes_on": day(task.closes_on),
        "booked_on": day(task.booked_on),
        "booked_delta_days": (task.booked_on - task.due_on).days if task.booked_on else None,
        "state": state(task, today),
        "reason": task.ended_reason,
        "obligations": list(task.obligations),
        "fulfilled_by": list(task.fulfilled_by),
        "why": task.why,
        "mandatory": task.mandatory,
        "progress": {"have": task.have, "need": task.need},
        "assignee": task.assignee or None,
        "snoozed_until": day(task.snoozed_until),
        "contacts": contacts_json(task),
    }


def contacts_json(task: Task) -> dict[str, Any]:
    """How often somebody was contacted about the task, and the newest of these contacts."""
    last = task.last_contact
    newest = (
        {"at": instant(last.at), "who": last.who, "how": last.how, "outcome": last.outcome, "by": last.by}
        if last
        else None
    )
    return {"count": task.contacts, "last": newest}


def alert_json(alert: Alert) -> dict[str, Any]:
    first = alert.shown
    return {
        "id": str(alert.id),
        "rule": alert.rule,
        "arms": list(first.arms),
        "value": number(first.value),
        "comparator": first.comparator,
        "unit": first.unit,
        "uln": number(first.uln),
        "baseline": number(first.baseline),
        "baseline_flag": alert.baseline_flag,
        "ratio_baseline": number(first.ratio_baseline),
        "ratio_uln": number(first.ratio_uln),
        "not_evaluable": list(alert.not_evaluable),
        "raised_on": day(alert.raised_on),
        "first_hit_on": day(alert.first_hit_on),
        "state": alert.state,
        "unconfirmed": alert.unconfirmed,
        "superseded_evidence": alert.superseded_evidence,
        "review_asked_on": day(alert.review_asked_on),
        "review_done_on": day(alert.review_done_on),
        "peak": number(alert.peak),
        "merged_into": str(alert.merged_into) if alert.merged_into else None,
        "decision": alert.decision or None,
        "decided_by": alert.decided_by or None,
        "decided_on": day(alert.decided_on),
        "hits": [
            {
                "fact": f"result:{h.fact}",
                "on": day(h.on),
                "value": number(h.value),
                "comparator": h.comparator,
                "unit": h.unit,
                "arms": list(h.arms),
                "uln": number(h.uln),
                "ratio_baseline": number(h.ratio_baseline),
                "ratio_uln": number(h.ratio_uln),
                "confirmed": h.confirmed,
                "superseded": h.superseded,
                "other_values": [
                    {
                        "fact": f"result:{o.fact}",
                        "value": number(o.value),
                        "comparator": o.comparator,
                        "unit": o.unit,
                    }
                    for o in h.other_values
                ],
            }
            for h in alert.hits
        ],
    }


def course_json(course: SteroidCourse) -> dict[str, Any]:
    return {
        "id": course.id,
        "alert": course.alert or None,
        "started_on": day(course.started_on),
        "ended_on": day(course.ended_on),
        "steps": [
            {"from": day(s.from_on), "to": day(s.to_on), "mg_per_day": number(s.mg_per_day)}
            for s in course.steps
        ],
        "doses": [{"on": day(on), "mg": number(mg)} for on, mg in course.doses],
        "alternative_cause": course.alternative_cause,
        "flags": list(course.flags),
        "state": course.state,
    }
