"""Tasks that arise from what happened: a decision on steroids, missing data, extra panels, a falling factor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from patients.rules.bounds import below
from workflow.rules.effects import Alert, SteroidCourse, Task
from workflow.rules.facts import PatientFacts, RegimenFact, ResultFact
from workflow.rules.fulfilment import facts_of, fill
from workflow.rules.protocol import FactorFall, Protocol, Trigger
from workflow.rules.triggers import baseline, fired, follow_up_rows
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


def missing_data(protocol: Protocol, facts: PatientFacts) -> Iterator[Task]:
    """Data without which a trigger cannot be evaluated: a ULN, a baseline, a value instead of a bound."""
    for trigger in protocol.triggers:
        if not trigger.decision_task or facts.day0 is None:
            continue
        rows = follow_up_rows(trigger.analyte, facts)
        base = baseline(trigger, facts)
        if base.row is None and rows:
            yield _data(
                f"data:baseline:{trigger.analyte}", f"{trigger.analyte} before the infusion", rows[0], trigger
            )
        for row in rows:
            if row.value is not None and row.reference_high is None:
                yield _data(f"data:uln:{row.id}", f"Upper limit of normal of {trigger.analyte}", row, trigger)
            elif (
                any("bound" in u for u in fired(trigger, row, base).unknown)
                and not fired(trigger, row, base).arms
            ):
                yield _data(f"data:value:{row.id}", f"Exact value of {trigger.analyte}", row, trigger)
        yield from _uln_supplied(trigger, facts, {r.lineage: r for r in rows})


def _uln_supplied(
    trigger: Trigger, facts: PatientFacts, present: Mapping[UUID, ResultFact]
) -> Iterator[Task]:
    """The data task of a version that had no ULN, done by the corrected version that has one."""
    for old in facts.former:
        new = present.get(old.lineage)
        lacked = old.analyte == trigger.analyte and old.final and old.value is not None
        if new is not None and lacked and old.reference_high is None and new.reference_high is not None:
            task = _data(f"data:uln:{old.id}", f"Upper limit of normal of {trigger.analyte}", old, trigger)
            yield _done(task, new)


def _done(task: Task, by: ResultFact) -> Task:
    return replace(task, ended_as="done", ended_on=by.collected_on, fulfilled_by=facts_of([by]), have=1)


def _data(key: str, title: str, row: ResultFact, trigger: Trigger) -> Task:
    due = row.collected_on + timedelta(days=trigger.decision_due_days)
    return Task(
        key=key,
        kind="data",
        title=f"{title} is missing",
        opens_on=row.collected_on,
        due_on=due,
        closes_on=due,
        missed_on=missed_from(due, trigger.decision_grace_days),
        need=1,
        why=f"without it {trigger.title} cannot be evaluated in full",
    )


def extra_from(
    protocol: Protocol,
    facts: PatientFacts,
    alerts: Sequence[Alert],
    courses: Sequence[SteroidCourse],
    today: date,
) -> date | None:
    """Since when extra panels are due without a break up to today; None when nothing asks for them."""
    reasons = [span for span in _reasons(protocol, alerts, courses) if span[0] <= today]
    running = [start for start, end in reasons if end is None or end >= today]
    return min(running, default=None)


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
    facts: PatientFacts,
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
    if said is not None:
        return f"risk attested on {said.on.isoformat()}" if said.value else None
    for analyte in risk["positive"]:
        for row in facts.of(analyte):
            if row.final and (
                row.code in ("positive", "detected") or ((row.value or 0) > 0 and not row.comparator)
            ):
                return f"{analyte} of {row.collected_on.isoformat()} was positive"
    return None


def factor_checks(protocol: Protocol, facts: PatientFacts) -> Iterator[Task]:
    """The factor falls or a bleed occurs: an inhibitor test and a factor assay are due."""
    rule = protocol.factor_fall
    if rule is None or facts.day0 is None:
        return
    starts = [(on, why) for on, why in _falls(rule, protocol, facts)]
    starts += [(b.onset_on, "a bleed after the infusion") for b in facts.bleeds if b.onset_on > facts.day0]
    closes: date | None = None
    for on, why in sorted(starts):
        if closes is not None and on <= closes:
            continue
        closes = on + timedelta(days=rule.window_days)
        yield _factor_check(rule, facts, on, closes, why)


def _factor_check(rule: FactorFall, facts: PatientFacts, on: date, closes: date, why: str) -> Task:
    analytes = (rule.inhibitor, rule.analyte)
    span = Window(closes, on + DAY, closes)
    filled = fill(facts, analytes, [span])[0]
    done = filled.done(analytes)
    rows = filled.rows()
    return Task(
        key=f"factor-check:{on.isoformat()}",
        kind="factor-check",
        title="Inhibitor test and factor assay",
        opens_on=on,
        due_on=closes,
        closes_on=closes,
        missed_on=missed_from(closes, rule.grace_days),
        analytes=analytes,
        obligations=("label-us",),
        ended_as="done" if done else None,
        ended_on=max(r.collected_on for r in rows) if done else None,
        fulfilled_by=facts_of(rows) if done else (),
        have=filled.have(analytes),
        need=len(analytes),
        why=f"{why}; {rule.source.text}",
    )


def _falls(rule: FactorFall, protocol: Protocol, facts: PatientFacts) -> Iterator[tuple[date, str]]:
    """Clean values below the floor, or down by the given share from the highest of the look-back period."""
    clean = [
        r
        for r in follow_up_rows(rule.analyte, facts)
        if r.final and r.value is not None and not contaminated(r, protocol, facts)
    ]
    for index, row in enumerate(clean):
        assert row.value is not None
        since = row.collected_on - timedelta(days=rule.lookback_days)
        earlier = [r.value for r in clean[:index] if r.collected_on >= since and r.value is not None]
        if below(row.comparator, row.value, rule.floor) is True:
            yield row.collected_on, f"{rule.analyte} {row.value} is below {rule.floor}"
        elif earlier and row.value <= max(earlier) * (100 - rule.fall_percent) / 100:
            yield row.collected_on, f"{rule.analyte} {row.value} fell from {max(earlier)}"


def contaminated(row: ResultFact, protocol: Protocol, facts: PatientFacts) -> bool:
    """Whether exogenous factor is still in the sample: within the washout of a dose, that day included."""
    if any(
        0 <= (row.collected_on - u.given_on).days <= protocol.washout(u.product) for u in facts.factor_uses
    ):
        return True
    return any(_regimen_reaches(r, row.collected_on, protocol.washout(r.product)) for r in facts.regimens)


def _regimen_reaches(regimen: RegimenFact, on: date, washout: int) -> bool:
    last = on if regimen.to_on is None else min(on, regimen.to_on)
    return regimen.from_on <= last and (on - last).days <= washout
