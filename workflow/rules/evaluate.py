"""A patient's pathway is a pure function of facts, a protocol and a date. This is that function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from workflow.rules import alerts, gates, phases, schedule, steroids
from workflow.rules import dose as dosing
from workflow.rules.effects import Decision, ObligationSet, ObligationSlot
from workflow.rules.facts import PatientFacts
from workflow.rules.protocol import Protocol

DAY = timedelta(days=1)


def evaluate(
    facts: PatientFacts, protocol: Protocol, obligations: tuple[ObligationSet, ...], today: date
) -> Decision:
    """Gates, tasks, alerts, courses, phase and dose as of `today` (the site's date).

    Gates are judged for the actual Day 0, else for the booked date, else for today. `next_change_on` is
    no later than the first date on which the decision differs without a new fact.
    """
    on = facts.day0 or facts.planned_on or today
    verdicts = gates.judge_all(protocol, facts, on, today)
    blocked = tuple(v.code for v in verdicts if v.blocks)
    found = alerts.alerts(protocol, facts)
    ordered = steroids.courses(protocol, facts, today)
    scene = schedule.Scene(protocol, facts, obligations, found, ordered, today)
    return Decision(
        today=today,
        phase=phases.phase(protocol, facts, not blocked, today),
        gates=verdicts,
        ready=not blocked,
        blocked_by=blocked,
        tasks=schedule.tasks(scene),
        alerts=found,
        courses=ordered,
        dose=dosing.dose(protocol.dosing, facts, on),
        next_change_on=min((d for d in _changes(scene) if d > today), default=None),
    )


def obligations_from(facts: PatientFacts) -> tuple[ObligationSet, ...]:
    """What enrolments oblige to: the newest act per contract carries months and windows as data."""
    newest = {act.key: act for act in facts.acts_by_kind.get("enrolment", ())}
    return tuple(
        _obligation(key, act.payload["obligations"])
        for key, act in sorted(newest.items())
        if act.payload.get("obligations")
    )


def _obligation(key: str, payload: Mapping[str, Any]) -> ObligationSet:
    return ObligationSet(
        code=f"contract:{key}",
        kind="milestone",
        slots=tuple(
            ObligationSlot(month=s["month"], before=s["before"], after=s["after"])
            for s in sorted(payload["slots"], key=lambda s: s["month"])
        ),
        title=str(payload.get("title", key)),
        analytes=tuple(payload.get("analytes", ())),
        grace_days=int(payload.get("grace_days", 0)),
    )


def _changes(scene: schedule.Scene) -> Iterator[date]:
    """Dates on which something other than the stored dates of tasks may change."""
    facts, protocol = scene.facts, scene.protocol
    if facts.day0 is None:
        for gate in protocol.gates:
            yield from gates.breakpoints(gate, facts)
        if facts.planned_on is not None:
            yield facts.planned_on + DAY
        return
    for last in phases.borders(protocol, facts):
        yield last + DAY
    closed = phases.closed_on(facts)
    if closed is not None:
        yield closed
    following = schedule.next_extra(scene)
    if following is not None:
        yield following
    for course in scene.courses:
        yield course.started_on
        for step in course.steps:
            yield step.from_on
            if step.to_on is not None:
                yield step.to_on + DAY
