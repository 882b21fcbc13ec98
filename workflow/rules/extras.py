"""What arises from what happened: a decision on steroids, its review, extra panels, liver cancer screening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from patients.rules.words import analyte as named
from workflow.rules.effects import Alert, SteroidCourse, Task
from workflow.rules.facts import PatientFacts
from workflow.rules.gates.common import plain
from workflow.rules.protocol import Protocol, Trigger
from workflow.rules.windows import Window, around, missed_from

DAY = timedelta(days=1)
LIVING = ("open", "acknowledged", "resolved")


def plan_passed(protocol: Protocol, facts: PatientFacts, today: date) -> Iterator[Task]:
    """The booked date has passed and no infusion is recorded."""
    on = facts.planned_on
    if on is None or today <= on:
        return
    yield Task(
        key="plan-passed",
        kind="plan-passed",
        title="Booked infusion date has passed",
        opens_on=on + DAY,
        due_on=on + DAY,
        closes_on=on + DAY,
        missed_on=missed_from(on + DAY, protocol.plan_passed_grace_days),
        why="record the infusion or book another date",
    )


def decisions(protocol: Protocol, alerts: Sequence[Alert]) -> Iterator[Task]:
    """Each alert of a trigger that asks for one: a clinician's decision the next day."""
    asking = {t.rule: t for t in protocol.triggers if t.decision_task}
    for alert in alerts:
        trigger = asking.get(alert.rule)
        if trigger is None:
            continue
        yield _decision(alert, trigger)
        if alert.review_asked_on is not None and alert.state != "withdrawn":
            yield _review(alert, trigger, alert.review_asked_on)


def _decision(alert: Alert, trigger: Trigger) -> Task:
    due = alert.asked_on + timedelta(days=trigger.decision_due_days)
    return Task(
        key=f"steroid-decision:{alert.id}",
        kind="steroid-decision",
        title=f"Decide on {trigger.title}",
        opens_on=alert.asked_on,
        due_on=due,
        closes_on=due,
        missed_on=missed_from(due, trigger.decision_grace_days),
        obligations=("label-us",),
        ended_as=_decision_ended(alert, due),
        ended_on=alert.answered_on,
        why=trigger.source.text,
        asked_at=alert.asked_at,
    )


def _decision_ended(alert: Alert, due: date) -> str | None:
    if alert.state == "withdrawn":
        return "cancelled"
    if alert.state == "open" or alert.answered_on is None:
        return None
    return "done" if alert.answered_on <= due else "done_out_of_window"


def _review(alert: Alert, trigger: Trigger, asked_on: date) -> Task:
    """A decision was made on a value that was corrected later."""
    due = asked_on + timedelta(days=trigger.decision_due_days)
    return Task(
        key=f"review:{alert.id}",
        kind="review",
        title=f"Review: {trigger.title} was decided on a superseded value",
        opens_on=asked_on,
        due_on=due,
        closes_on=due,
        missed_on=missed_from(due, trigger.decision_grace_days),
        ended_as="done" if alert.review_done_on else None,
        ended_on=alert.review_done_on,
        why="the value was corrected after the decision",
        asked_at=alert.review_asked_at,
    )


def next_extra(
    protocol: Protocol, alerts: Sequence[Alert], courses: Sequence[SteroidCourse], today: date
) -> date | None:
    """The next day on which some reason, while it lasts, asks for one more extra panel."""
    if protocol.extra_panel is None:
        return None
    step = timedelta(days=protocol.extra_panel.every_days)
    found = []
    for start, end in _reasons(protocol, alerts, courses):
        passed = max((today - start).days // step.days + 1, 0)
        on = start + step * passed
        if end is None or on + step <= end:
            found.append(on)
    return min(found, default=None)


def _reasons(
    protocol: Protocol, alerts: Sequence[Alert], courses: Sequence[SteroidCourse]
) -> Iterator[tuple[date, date | None]]:
    """Spans in which the analyte is raised or steroids run."""
    asking = {t.rule for t in protocol.triggers if t.decision_task}
    for alert in alerts:
        if alert.rule in asking and alert.state in LIVING and any(not h.superseded for h in alert.hits):
            yield alert.first_hit_on, alert.ended_on
    for course in courses:
        last = course.ended_on or (course.steps[-1].to_on if course.steps else None)
        yield course.started_on, last


def extra_windows(
    protocol: Protocol,
    alerts: Sequence[Alert],
    courses: Sequence[SteroidCourse],
    today: date,
) -> list[Window]:
    """A window every week from the first hit, while the reason lasts, up to the next one from today."""
    panel = protocol.extra_panel
    if panel is None:
        return []
    step = timedelta(days=panel.every_days)
    targets: set[date] = set()
    for start, end in _reasons(protocol, alerts, courses):
        last = today if end is None else min(end, today)
        on = start + step
        while on - step <= last and (end is None or on <= end):
            targets.add(on)
            on += step
    found: list[Window] = []
    for on in sorted(targets):
        if not found or on > found[-1].closes:
            found.append(around(on, panel.before, panel.after))
    return found


def liver_cancer_risk(protocol: Protocol, facts: PatientFacts) -> str | None:
    """Why yearly liver cancer screening applies: attested, or a positive virus test; None when nothing says so."""
    risk = protocol.hcc_risk
    if not risk:
        return None
    said = facts.attested(risk["attestation"])
    if said is not None and said.value:
        return f"risk attested on {plain(said.on)}"
    for analyte in risk["positive"]:
        for row in facts.of(analyte):
            if row.final and (
                row.code in ("positive", "detected")
                or ((row.value or 0) > 0 and row.comparator not in ("<", "<="))
            ):
                return f"{named(analyte)} of {plain(row.collected_on)} was positive"
    return None
