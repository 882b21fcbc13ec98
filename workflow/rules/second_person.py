"""An override of blocking gates waits for its second person: a task to confirm it, then an escalation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from workflow.rules.effects import Task
from workflow.rules.facts import Override, PatientFacts
from workflow.rules.windows import missed_from

CONFIRM_HOURS = 24
"""Hours in which the named clinician confirms; after them the site's clinicians and administrators are told."""
GRACE_DAYS = 14


def tasks(facts: PatientFacts) -> Iterator[Task]:
    """The second person's task, and the escalation from the day on which the hours have run out."""
    override = facts.infusion.override if facts.infusion else None
    if facts.infusion is None or override is None:
        return
    asked, limit, confirmed = _dates(override, facts.timezone)
    yield _task(
        f"override-confirm:{facts.infusion.id}",
        "override-confirm",
        "Confirm the override of a blocking gate",
        opens=asked,
        due=limit,
        confirmed=confirmed,
        assignee=override.second_person,
    )
    if confirmed is None or confirmed > limit:
        yield _task(
            f"override-escalation:{facts.infusion.id}",
            "escalation",
            "Override not confirmed by the second clinician",
            opens=limit,
            due=limit,
            confirmed=confirmed,
        )


def _dates(override: Override, timezone: str) -> tuple[date, date, date | None]:
    """Site dates: asked, end of the hours to confirm, confirmed."""
    zone = ZoneInfo(timezone)
    asked = override.recorded_at.astimezone(zone).date()
    limit = (override.recorded_at + timedelta(hours=CONFIRM_HOURS)).astimezone(zone).date()
    confirmed = override.confirmed_at.astimezone(zone).date() if override.confirmed_at else None
    return asked, limit, confirmed


def _task(
    key: str, kind: str, title: str, *, opens: date, due: date, confirmed: date | None, assignee: str = ""
) -> Task:
    return Task(
        key=key,
        kind=kind,
        title=title,
        opens_on=opens,
        due_on=due,
        closes_on=due,
        missed_on=missed_from(due, GRACE_DAYS),
        obligations=("site",),
        ended_as=_ended(confirmed, due),
        ended_on=confirmed,
        assignee=assignee,
        why="the infusion was given against a blocking gate; two clinicians answer for it",
    )


def _ended(confirmed: date | None, due: date) -> str | None:
    if confirmed is None:
        return None
    return "done" if confirmed <= due else "done_out_of_window"
