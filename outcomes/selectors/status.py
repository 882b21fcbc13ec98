"""The status of one patient, in the shape of the public interface: decided live from the facts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from outcomes.selectors.asked import decided_at
from outcomes.selectors.milestones import milestone_rows
from workflow.rules import bridging, kits, planner
from workflow.rules.effects import Dose
from workflow.selectors import shown
from workflow.selectors.decisions import Decided


def patient_status(
    patient: UUID, *, as_of: date | None = None, as_known_at: datetime | None = None
) -> dict[str, Any]:
    """Status as of a site-local date (default: today there), from what was known at an instant (default: now).

    Raises Invalid when `as_known_at` lies in the future or before the patient was known.
    """
    asked = decided_at(patient, as_of=as_of, as_known_at=as_known_at)
    return status_of(patient, asked.result, asked.as_of, asked.as_known_at)


def status_of(patient: UUID, result: Decided, as_of: date, as_known_at: datetime) -> dict[str, Any]:
    """The decided patient as JSON-ready values."""
    facts, protocol, decision = result.facts, result.protocol, result.decision
    return {
        "patient": str(patient),
        "as_of": as_of.isoformat(),
        "as_known_at": shown.instant(as_known_at),
        "pathway": {"id": protocol.pathway, "version": protocol.pathway_version},
        "policy": {"id": protocol.policy, "version": protocol.policy_version},
        "phase": decision.phase,
        "plan": _plan(facts.planned_on, decision.dose) if facts.planned_on and not facts.infusion else None,
        "dose": shown.dose_json(decision.dose),
        "infusion": shown.infusion_json(facts.infusion, decision.dose) if facts.infusion else None,
        "kit": shown.kit_json(kits.kit(protocol, facts, decision.dose, facts.day0 or facts.planned_on)),
        "bridging": shown.bridging_json(bridging.bridging(protocol, facts, as_of)),
        "ready": decision.ready,
        "blocked_by": list(decision.blocked_by),
        "feasible": None if facts.infusion else shown.feasible_json(planner.feasible(protocol, facts, as_of)),
        "gates": [shown.gate_json(g) for g in decision.gates],
        "tasks": [shown.task_json(t, as_of) for t in decision.tasks],
        "alerts": [shown.alert_json(a) for a in decision.alerts],
        "steroid_courses": [shown.course_json(c) for c in decision.courses],
        "milestones": milestone_rows(facts, as_of),
        "next_change_on": shown.day(decision.next_change_on),
        "notes": list(decision.notes),
    }


def _plan(on: date, dose: Dose | None) -> dict[str, Any]:
    return {"infusion_on": on.isoformat(), "dose": shown.dose_json(dose)}
