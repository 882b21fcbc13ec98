"""The infusion-date preview: everything that would follow from a date, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from workflow.rules import bookings, follow_ups, kits, planner
from workflow.rules.effects import Task
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import Act, PatientFacts, known
from workflow.rules.follow_ups import NOBODY
from workflow.rules.protocol import Protocol
from workflow.selectors import shown
from workflow.selectors.decisions import pinned
from workflow.selectors.facts import history


def preview(patient: UUID, *, infusion_on: date, today: date) -> dict[str, Any]:
    """Gates as on that date, draws still needed, what expires, the whole calendar after it, and the moves."""
    facts = known(history(patient), as_of=today)
    protocol = pinned(facts)
    planned = _with_plan(facts, infusion_on)
    decision = evaluate(planned, protocol, obligations_from(planned), today)
    calendar = follow_ups.calendar(protocol, follow_ups.given_on(planned, infusion_on), infusion_on)
    before = _before(protocol, facts)
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
        "tasks": [
            {**_dated(t, facts, infusion_on), "bookable": bookings.bookable(protocol, t)} for t in calendar
        ],
        "changes": _changes(facts, infusion_on, before, calendar),
        "bookings": [_move(m, facts) for m in bookings.moves(bookings.booked(facts), before, calendar)],
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


def _dated(task: Task, facts: PatientFacts, today: date) -> dict[str, Any]:
    return {**shown.task_json(task, today), **_marked(task.due_on, facts)}


def _marked(on: date, facts: PatientFacts) -> dict[str, Any]:
    holidays = [s for s in facts.settings if s.kind == "holiday"]
    return {
        "weekend": on.weekday() >= 5,
        "holiday": next((s.key for s in holidays if s.holds(on)), None),
    }


def _before(protocol: Protocol, facts: PatientFacts) -> tuple[Task, ...]:
    """The calendar as it is laid out now, for the date that is or was last booked."""
    on = bookings.last_planned(facts)
    return follow_ups.calendar(protocol, follow_ups.given_on(facts, on), on) if on else ()


def _changes(
    facts: PatientFacts, infusion_on: date, before: tuple[Task, ...], calendar: tuple[Task, ...]
) -> list[Mapping[str, Any]]:
    """What moves when the booked date moves: due dates before and after, per task."""
    if facts.planned_on is None or facts.planned_on == infusion_on:
        return []
    due = {t.key: t.due_on for t in before}
    return [
        {"key": t.key, "old": shown.day(due.get(t.key)), "new": shown.day(t.due_on)}
        for t in calendar
        if due.get(t.key) != t.due_on
    ]


def _move(move: bookings.Move, facts: PatientFacts) -> dict[str, Any]:
    """A booked follow-up with its date under either choice."""
    return {
        "key": move.key,
        "title": move.after.title,
        "booked_on": shown.day(move.booked_on),
        "old_target": shown.day(move.before.due_on if move.before else None),
        "target": shown.day(move.after.due_on),
        **{how: _choice(move.after, move.on(how), facts) for how in (bookings.SHIFT, bookings.KEEP)},
    }


def _choice(task: Task, on: date, facts: PatientFacts) -> dict[str, Any]:
    window = {"due_on": task.due_on, "opens_on": task.opens_on, "closes_on": task.closes_on}
    return {
        "on": shown.day(on),
        "delta_days": (on - task.due_on).days,
        "in_window": task.opens_on <= on <= task.closes_on,
        "against": bookings.words(on, **window),
        **_marked(on, facts),
    }
