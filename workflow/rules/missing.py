"""Data without which a safety rule cannot be judged: each a task that names what is missing.

A ULN where an arm needs one, a baseline, an exact value instead of a bound, and the time of a Day 0 sample
that would fire if it was drawn after the infusion. A corrected result that brings it ends the task.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from patients.rules.words import analyte as named
from workflow.rules.effects import Task
from workflow.rules.facts import PatientFacts, ResultFact
from workflow.rules.fulfilment import facts_of
from workflow.rules.protocol import Protocol, Trigger
from workflow.rules.triggers import (
    BASELINE_BOUND,
    BOUND,
    Baseline,
    Fired,
    baseline,
    fired,
    follow_up,
    follow_up_rows,
    untimed,
    untimed_rows,
)
from workflow.rules.windows import missed_from


@dataclass(frozen=True, slots=True)
class Asking:
    """Who needs the data and how soon: days until it is due, days of grace."""

    title: str
    due_days: int
    grace_days: int


def missing_data(protocol: Protocol, facts: PatientFacts) -> Iterator[Task]:
    """What the triggers lack. Registry events ask for nothing of their own."""
    if facts.day0 is None:
        return
    for trigger in protocol.triggers:
        if trigger.decision_task:
            yield from _of_trigger(trigger, facts)


def _of_trigger(trigger: Trigger, facts: PatientFacts) -> Iterator[Task]:
    asking = Asking(trigger.title, trigger.decision_due_days, trigger.decision_grace_days)
    base = baseline(trigger, facts)
    looked = [fired(trigger, row, base) for row in follow_up_rows(trigger.analyte, facts)]
    yield from _baseline(trigger, asking, base, looked)
    for seen in looked:
        yield from _of_result(trigger, asking, seen)
    for row in untimed_rows(trigger.analyte, facts):
        if fired(trigger, row, base).arms:
            yield time_of(row, asking)
    yield from _supplied(trigger, asking, facts, base)


def _baseline(trigger: Trigger, asking: Asking, base: Baseline, looked: list[Fired]) -> Iterator[Task]:
    """There is none, or only a bound on which some result hangs."""
    unclear = next((s.row for s in looked if not s.arms and _says(s, BASELINE_BOUND)), None)
    row = unclear if base.row is not None else next((s.row for s in looked), None)
    if row is not None:
        yield data_task(
            f"data:baseline:{trigger.analyte}", f"{named(trigger.analyte)} before the infusion", row, asking
        )


def _says(seen: Fired, why: str) -> bool:
    return any(unknown.endswith(why) for unknown in seen.unknown)


def _of_result(trigger: Trigger, asking: Asking, seen: Fired) -> Iterator[Task]:
    row = seen.row
    if row.value is not None and _lacks_uln(trigger, row):
        yield uln_of(row, asking)
    elif _says(seen, BOUND) and not seen.arms:
        yield exact_value(row, asking)


def _lacks_uln(trigger: Trigger, row: ResultFact) -> bool:
    return row.reference_high is None and any(arm.against == "uln" for arm in trigger.arms)


def uln_of(row: ResultFact, asking: Asking) -> Task:
    return data_task(f"data:uln:{row.id}", f"Upper limit of normal of {named(row.analyte)}", row, asking)


def exact_value(row: ResultFact, asking: Asking) -> Task:
    return data_task(f"data:value:{row.id}", f"Exact value of {named(row.analyte)}", row, asking)


def time_of(row: ResultFact, asking: Asking) -> Task:
    """A Day 0 sample of which nobody knows whether it was drawn before the infusion."""
    return data_task(f"data:time:{row.id}", f"Time of the {named(row.analyte)} sample on Day 0", row, asking)


def _supplied(trigger: Trigger, asking: Asking, facts: PatientFacts, base: Baseline) -> Iterator[Task]:
    """Tasks of versions that lacked something, done by the corrected version that has it."""
    present = {r.lineage: r for r in facts.of(trigger.analyte)}
    for old in facts.former:
        new = present.get(old.lineage)
        if new is None or old.analyte != trigger.analyte or not old.final or old.value is None:
            continue
        if untimed(old, facts) and not untimed(new, facts) and fired(trigger, old, base).arms:
            yield _done(time_of(old, asking), new)
        if follow_up(new, facts) and _lacks_uln(trigger, old) and new.reference_high is not None:
            yield _done(uln_of(old, asking), new)


def _done(task: Task, by: ResultFact) -> Task:
    return replace(task, ended_as="done", ended_on=by.collected_on, fulfilled_by=facts_of([by]), have=1)


def data_task(key: str, title: str, row: ResultFact, asking: Asking) -> Task:
    due = row.collected_on + timedelta(days=asking.due_days)
    return Task(
        key=key,
        kind="data",
        title=f"{title} is missing",
        opens_on=row.collected_on,
        due_on=due,
        closes_on=due,
        missed_on=missed_from(due, asking.grace_days),
        need=1,
        why=f"without it {asking.title} cannot be evaluated in full",
    )
