"""Stopping factor prophylaxis after the infusion: a clinician's recorded decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patients.errors import Conflict, Forbidden, Invalid
from patients.models import Regimen
from workflow.models import Act
from workflow.rules.facts import RegimenFact, known
from workflow.selectors.facts import history
from workflow.services import acts, overrides
from workflow.services.door import Entry, the_door


def stop(*, patient: UUID, fields: Mapping[str, Any], by: str, at: datetime | None = None) -> Act:
    """Ends every running regimen on `fields["on"]`, its last day, with the clinician's reason, in one transaction.

    Raises Forbidden unless a clinician of the site decides, Conflict before the infusion or without a
    running regimen, Invalid for a date to come or before Day 0.
    """
    on = fields["on"]
    with the_door(patient=patient, by=by, at=at) as entry:
        if by not in {p.username for p in overrides.clinicians(entry)}:
            raise Forbidden("Only a clinician decides to stop prophylaxis.")
        facts = known(history(patient), as_of=entry.today)
        if facts.day0 is None:
            raise Conflict("No infusion is recorded; prophylaxis is changed under regimens/.")
        if not facts.day0 <= on <= entry.today:
            raise Invalid.at("/on", "range", "Give a date from Day 0 to today.")
        running = [r for r in facts.regimens if r.covers(on) and r.to_on is None]
        if not running:
            raise Conflict("No prophylaxis is running on that day.")
        for regimen in running:
            _close(entry, regimen, on)
        payload = {"regimens": [str(r.id) for r in running]}
        return acts.write(
            entry, kind="stop-prophylaxis", payload=payload, true_on=on, reason=fields["reason"]
        )


def _close(entry: Entry, regimen: RegimenFact, on: date) -> None:
    Regimen.objects.create(
        product=regimen.product,
        iu_per_kg=regimen.iu_per_kg,
        interval_days=regimen.interval_days,
        from_on=regimen.from_on,
        to_on=on,
        reason=regimen.reason,
        supersedes=regimen.id,
        **entry.stamp(),
    )
