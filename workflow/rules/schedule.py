"""Everything that has to be done for a patient, each task with its window, its reason and how it ended.

One sample may satisfy several obligations: a task lists them all (label, contract, registry), so that the
fewest visits are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from workflow.rules import bookings, extras, factor, kits, missing, obligations, second_person
from workflow.rules.effects import Alert, Contact, ObligationSet, SteroidCourse, Task
from workflow.rules.facts import Act, PatientFacts
from workflow.rules.fulfilment import Filled, facts_of, fill
from workflow.rules.phases import closed_on
from workflow.rules.protocol import MonitoringItem, Protocol, Slot
from workflow.rules.windows import Window, add_months, around, missed_from, window

ENDING = {"complete": "done", "waive": "waived", "miss": "missed"}
UNITS = {"w": "Week", "m": "Month", "y": "Year"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a schedule is made from."""

    protocol: Protocol
    facts: PatientFacts
    obligations: tuple[ObligationSet, ...]
    alerts: tuple[Alert, ...]
    courses: tuple[SteroidCourse, ...]
    today: date


def tasks(scene: Scene) -> tuple[Task, ...]:
    """All tasks by due date and key, with what people said about them."""
    found = list(_raw(scene))
    by_key = _acts_by_key(scene.facts)
    booked = bookings.booked(scene.facts)
    told = [replace(_told(task, by_key.get(task.key, ())), booked_on=booked.get(task.key)) for task in found]
    closed = closed_on(scene.facts)
    if closed is not None:
        told = [_cancelled(task, closed) for task in told]
    return tuple(sorted(told, key=lambda t: (t.due_on, t.key)))


def _raw(scene: Scene) -> Iterator[Task]:
    if scene.facts.day0 is None:
        yield from extras.plan_passed(scene.protocol, scene.facts, scene.today)
        yield from kits.tasks(scene.protocol, scene.facts)
        return
    extra = extras.extra_windows(scene.protocol, scene.alerts, scene.courses, scene.today)
    for item in scene.protocol.monitoring:
        why = _condition(item, scene)
        if why is not None:
            yield from _series(item, scene, why, extra if _extends(item, scene) else [])
    for owed in scene.obligations:
        yield from _owed(owed, scene)
    yield from extras.decisions(scene.protocol, scene.alerts)
    yield from missing.missing_data(scene.protocol, scene.facts)
    yield from factor.tasks(scene.protocol, scene.facts)
    yield from second_person.tasks(scene.facts)


def _extends(item: MonitoringItem, scene: Scene) -> bool:
    return scene.protocol.extra_panel is not None and scene.protocol.extra_panel.kind == item.kind


def _condition(item: MonitoringItem, scene: Scene) -> str | None:
    """Why the series applies to this patient; None when it does not."""
    if not item.condition:
        return item.source.text
    return extras.liver_cancer_risk(scene.protocol, scene.facts)


def _series(item: MonitoringItem, scene: Scene, why: str, extra: Sequence[Window]) -> Iterator[Task]:
    """One task per slot, then the extra ones that no scheduled window covers."""
    day0, facts = scene.facts.day0, scene.facts
    assert day0 is not None
    pairs = sorted(((window(day0, s), s) for s in item.slots), key=lambda pair: pair[0].opens)
    windows, slots = [w for w, _ in pairs], [s for _, s in pairs]
    filled = fill(facts, item.analytes, windows, taken=extra)
    serves = obligations.by_slot(scene.protocol, scene.obligations, item, slots, windows, day0)
    for slot, found, codes in zip(slots, filled, serves, strict=True):
        yield _slot_task(item, slot, found, codes, why)
    more = [w for w in extra if not _covered(w, filled, item, scene.protocol)]
    for found in fill(facts, item.analytes, more, taken=windows):
        yield _extra_task(item, found, scene.protocol)


def _covered(extra: Window, filled: Sequence[Filled], item: MonitoringItem, protocol: Protocol) -> bool:
    """Does a scheduled panel cover this week?

    A weekly one whose window holds the week's target does; one with a longer window only when its own target
    lies in the week and no sample of another week has done it.
    """
    assert protocol.extra_panel is not None
    return any(
        _holds(slot.window, extra.target)
        if (slot.window.closes - slot.window.opens).days < protocol.extra_panel.every_days
        else _holds(extra, slot.window.target) and _within(slot, extra, item)
        for slot in filled
    )


def _within(slot: Filled, extra: Window, item: MonitoringItem) -> bool:
    return not slot.done(item.analytes) or all(_holds(extra, r.collected_on) for r in slot.inside.values())


def _holds(span: Window, on: date) -> bool:
    return span.opens <= on <= span.closes


def _slot_task(item: MonitoringItem, slot: Slot, filled: Filled, serves: tuple[str, ...], why: str) -> Task:
    task = _task(
        key=f"{item.kind}:{slot.code}",
        kind=item.kind,
        title=f"{item.title}, {UNITS[slot.unit].lower()} {slot.number}",
        filled=filled,
        analytes=item.analytes,
        grace_days=item.grace_days[slot.unit],
        obligations=serves,
        why=why,
    )
    if slot.mandatory is None:
        return task
    return replace(task, mandatory=True, why=f"mandatory: {slot.mandatory.text}; {why}")


def _extra_task(item: MonitoringItem, filled: Filled, protocol: Protocol) -> Task:
    assert protocol.extra_panel is not None
    return _task(
        key=f"{item.kind}:x{filled.window.target.isoformat()}",
        kind=item.kind,
        title=f"{item.title}, extra week",
        filled=filled,
        analytes=item.analytes,
        grace_days=protocol.extra_panel.grace_days,
        obligations=("label-us",),
        why=protocol.extra_panel.source.text,
    )


def _owed(owed: ObligationSet, scene: Scene) -> Iterator[Task]:
    """One task per month owed to a contract."""
    assert scene.facts.day0 is not None
    name = owed.code.partition(":")[2]
    windows = [around(add_months(scene.facts.day0, s.month), s.before, s.after) for s in owed.slots]
    for slot, filled in zip(owed.slots, fill(scene.facts, owed.analytes, windows), strict=True):
        yield _task(
            key=f"milestone:{name}:m{slot.month:02d}",
            kind="milestone",
            title=f"{owed.title}, month {slot.month}",
            filled=filled,
            analytes=owed.analytes,
            grace_days=owed.grace_days,
            obligations=(owed.code,),
            why=f"owed to the contract {name}",
        )


def _task(
    *,
    key: str,
    kind: str,
    title: str,
    filled: Filled,
    analytes: tuple[str, ...],
    grace_days: int,
    obligations: tuple[str, ...],
    why: str,
) -> Task:
    """A task with its window and what fulfils it."""
    span = filled.window
    ended = "done" if filled.done(analytes) else "done_out_of_window" if filled.done_late(analytes) else None
    rows = filled.rows() if ended else []
    return Task(
        key=key,
        kind=kind,
        title=title,
        opens_on=span.opens,
        due_on=span.target,
        closes_on=span.closes,
        missed_on=missed_from(span.closes, grace_days),
        analytes=analytes,
        ended_as=ended,
        ended_on=max((r.collected_on for r in rows), default=None),
        fulfilled_by=facts_of(rows),
        obligations=obligations,
        why=why,
        have=filled.have(analytes),
        need=len(analytes),
    )


def _acts_by_key(facts: PatientFacts) -> dict[str, list[Act]]:
    found: dict[str, list[Act]] = {}
    for kind in (*ENDING, "snooze", "assign", "contact"):
        for act in facts.acts_by_kind.get(kind, ()):
            found.setdefault(act.key, []).append(act)
    return found


def _told(task: Task, acts: Sequence[Act]) -> Task:
    """The task after what people said: who has it, snoozed until when, and how it ended if no result ended it."""
    for act in sorted(acts, key=lambda a: (a.recorded_at, a.id)):
        if act.kind == "assign":
            task = replace(task, assignee=act.payload["assignee"])
        elif act.kind == "contact":
            task = _contacted(task, act)
        elif task.asked_at is not None and act.recorded_at < task.asked_at:
            continue
        elif act.kind == "snooze":
            task = replace(task, snoozed_until=hold(task.closes_on, act.payload["until"]))
        elif not task.fulfilled_by:
            task = replace(task, ended_as=_ending(task, act), ended_on=act.true_on, ended_reason=act.reason)
    return task


def hold(closes_on: date, until: str | None) -> date | None:
    """Until when a task is on hold; never past the last day of its window, which may have moved since."""
    return None if until is None else min(date.fromisoformat(until), closes_on)


def _contacted(task: Task, act: Act) -> Task:
    told = act.payload
    at = datetime.fromisoformat(told["at"])
    contact = Contact(at=at, who=told["who"], how=told["how"], outcome=told["outcome"], by=act.by)
    last = task.last_contact
    newest = contact if last is None or contact.at >= last.at else last
    return replace(task, contacts=task.contacts + 1, last_contact=newest)


def _ending(task: Task, act: Act) -> str:
    if act.kind == "complete" and act.true_on > task.closes_on:
        return "done_out_of_window"
    return ENDING[act.kind]


def _cancelled(task: Task, closed: date) -> Task:
    """After death or withdrawal nothing more is due."""
    if task.ended_as is not None or task.closes_on < closed:
        return task
    return replace(task, ended_as="cancelled", ended_on=closed, ended_reason="follow-up has ended")


def next_extra(scene: Scene) -> date | None:
    """The day on which the next extra task appears while a reason for it lasts."""
    if scene.facts.day0 is None:
        return None
    return extras.next_extra(scene.protocol, scene.alerts, scene.courses, scene.today)
