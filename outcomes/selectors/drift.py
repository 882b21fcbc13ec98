"""Do the stored milestones still follow from the facts, and do the signatures hold?

Rows that wait for their refresh are stale, not drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from outcomes.models import Assessment, FigureRow
from outcomes.rules.signing import KIND, signed, sound, superseded
from outcomes.selectors.figures import stored_points
from outcomes.selectors.versions import milestones
from patients.models import Site
from workflow.rules.facts import History, known
from workflow.rules.version import RULES_VERSION
from workflow.selectors.decisions import local_date, site_midnight
from workflow.selectors.facts import histories
from workflow.selectors.stale import assessed


def overdue(moment: datetime, limit: int) -> dict[UUID, UUID]:
    """The first patients, with their sites, whose stored rows a date or new rules have outdated."""
    return dict(list(outdated(moment).items())[:limit])


def outdated(moment: datetime) -> dict[UUID, UUID]:
    """All of them: a milestone that is due, or whose window has opened, was not assessed today, or a month of the
    figures has come."""
    found: dict[UUID, UUID] = {}
    for site in Site.objects.order_by("code"):
        today = local_date(moment, site.timezone)
        waits = Q(verdict="due") | Q(verdict="pending", opens_on__lte=today)
        old = waits & Q(decided_at__lt=site_midnight(today, site.timezone)) | ~Q(derived_by=RULES_VERSION)
        rows = Assessment.objects.filter(old, site=site).values_list("patient_id", flat=True)
        found |= dict.fromkeys(rows.order_by("patient_id").distinct(), site.pk)
        unsteady = Q(steady_until__lt=today) | ~Q(derived_by=RULES_VERSION)
        moved = FigureRow.objects.filter(unsteady, site=site).values_list("patient_id", flat=True)
        found |= dict.fromkeys(moved.order_by("patient_id"), site.pk)
    return found


def milestone_drift() -> Iterator[str]:
    """One sentence per stored milestone that differs from what the facts say on the day it was decided."""
    for batch in assessed(100):
        found = histories(batch)
        for patient in batch:
            yield from _drift(patient, found[patient])
            yield from _broken(patient, found[patient])
            yield from _moved(patient, found[patient])


def _drift(patient: UUID, history: History) -> Iterator[str]:
    rows = list(Assessment.objects.filter(patient_id=patient).order_by("contract", "month", "version"))
    days = {local_date(r.decided_at, history.timezone) for r in rows}
    wanted = {day: _wanted(history, day) for day in days or {local_date(timezone.now(), history.timezone)}}
    for r in rows:
        expected = wanted[local_date(r.decided_at, history.timezone)].pop(
            (r.contract, r.month, r.version), None
        )
        if r.payload != expected:
            yield f"patient {patient}: milestone {r.contract} month {r.month} version {r.version} differs"
    for contract, month, version in sorted(key for rest in wanted.values() for key in rest):
        yield f"patient {patient}: milestone {contract} month {month} version {version} is not stored"


def _wanted(history: History, today: date) -> dict[tuple[str, int, int], dict[str, Any]]:
    """What should be stored: each milestone as it stands, and the versions signed before it."""
    facts, found = known(history, as_of=today), {}
    for row in milestones(history, today):
        code, month, version = row["contract"], row["month"], row["assessment_version"]
        for old in superseded(signed(facts, code).get(month, ()), version):
            found[code, month, old.version] = dict(old.milestone)
        found[code, month, version] = row
    return found


def _moved(patient: UUID, history: History) -> Iterator[str]:
    """Stored points of figures that are not what the facts say on the day they were decided."""
    row = FigureRow.objects.filter(patient=patient).first()
    expected = stored_points(
        history, row.assessed_for if row else local_date(timezone.now(), history.timezone)
    )
    if (row and {name: getattr(row, name) for name in expected or ()}) != expected:
        yield f"patient {patient}: the points of figures differ"


def _broken(patient: UUID, history: History) -> Iterator[str]:
    """Signatures whose statement is not what was signed."""
    for act in history.acts:
        if act.kind == KIND and not sound(act.payload):
            yield f"patient {patient}: the attestation of {act.key} is not what was signed"
