"""The infusion-date preview: everything that would follow from a date, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from workflow.rules import kits, planner
from workflow.rules.effects import Task
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import Act, InfusionFact, PatientFacts, known
from workflow.selectors import shown
from workflow.selectors.decisions import pinned
from workflow.selectors.facts import history

NOBODY = UUID(int=0)


def preview(patient: UUID, *, infusion_on: date, today: date) -> dict[str, Any]:
    """Gates as on that date, draws still needed, what expires, the whole calendar after it, and the moves."""
    facts = known(history(patient), as_of=today)
    protocol = pinned(facts)
    planned = _with_plan(facts, infusion_on)
    decision = evaluate(planned, protocol, obligations_from(planned), today)
    calendar = evaluate(
        _given_on(planned, infusion_on), protocol, obligations_from(planned), infusion_on
    ).tasks
    possible = planner.feasible(protocol, planned, today)
    return {
        "plan": {"infusion_on": infusion_on.isoformat()},
        "gates": [shown.gate_json(g) for g in decision.gates],
        "blocked_by": list(decision.blocked_by),
        "ready": decision.ready,
        "draws": shown.draws_json(possible.draws),
        "feasible": shown.feasible_json(possible),
        "expiring": [
            {"gate": g.code, "valid_until": shown.day(g.valid_until)} for g in decision.gates if g.valid_until
        ],
        "tasks": [_dated(t, facts, infusion_on) for t in calendar],
        "changes": _changes(facts, infusion_on, calendar),
        "dose": shown.dose_json(decision.dose),
        "kit": shown.kit_json(kits.kit(protocol, planned, decision.dose, infusion_on)),
    }


def _with_plan(facts: PatientFacts, on: date) -> PatientFacts:
    plan = Act(
        id=NOBODY,
        recorded_at=datetime.max.replace(tzinfo=UTC),
        kind="plan",
        key="",
        payload={"infusion_on": on.isoformat()},
        true_on=on,
    )
    return replace(facts, acts=(*facts.acts, plan))


def _given_on(facts: PatientFacts, on: date) -> PatientFacts:
    """The same patient as if infused on that date at midnight, to lay out the calendar after it."""
    started = datetime.combine(on, time.min, UTC)
    infusion = InfusionFact(
        id=NOBODY,
        recorded_at=started,
        started_at=started,
        ended_at=None,
        day0=on,
        weight_kg=Decimal(1),
        volume_ml=Decimal(1),
        outcome="complete",
    )
    return replace(facts, infusion=infusion)


def _dated(task: Task, facts: PatientFacts, today: date) -> dict[str, Any]:
    holidays = [s for s in facts.settings if s.kind == "holiday"]
    return {
        **shown.task_json(task, today),
        "weekend": task.due_on.weekday() >= 5,
        "holiday": next((s.key for s in holidays if s.holds(task.due_on)), None),
    }


def _changes(facts: PatientFacts, infusion_on: date, calendar: tuple[Task, ...]) -> list[Mapping[str, Any]]:
    """What moves when the booked date moves: due dates before and after, per task."""
    old = facts.planned_on
    if old is None or old == infusion_on:
        return []
    before = {t.key: t.due_on for t in _calendar_before(facts, old)}
    return [
        {"key": t.key, "old": shown.day(before.get(t.key)), "new": shown.day(t.due_on)}
        for t in calendar
        if before.get(t.key) != t.due_on
    ]


def _calendar_before(facts: PatientFacts, old: date) -> tuple[Task, ...]:
    return evaluate(_given_on(facts, old), pinned(facts), obligations_from(facts), old).tasks
