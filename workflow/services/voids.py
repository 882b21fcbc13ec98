"""Voiding an infusion that was recorded in error: one clinician asks, another one confirms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from patients.errors import Conflict, Forbidden, NotFound
from workflow.models import Act, InfusionSlot
from workflow.rules.facts import InfusionFact
from workflow.services import acts, ledger, overrides
from workflow.services.door import Entry, the_door


def ask(
    *,
    patient: UUID,
    fields: Mapping[str, Any],
    by: str,
    at: datetime | None = None,
    present: bool = False,
) -> Act:
    """A clinician asks for the void; the other clinicians of the site (or the one named) are told at once.

    Nothing changes until one of them confirms; `present`: the one named stands by and has given the own
    password, which confirms at once. Raises NotFound without an infusion, Forbidden unless a clinician asks,
    Invalid for a second person who is none, Conflict when somebody has asked already.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        infusion = _infusion(entry)
        if _request(entry, infusion) is not None:
            raise Conflict("A void of this infusion has been asked for; another clinician must confirm it.")
        people = [p for p in overrides.clinicians(entry) if p.username != by]
        payload = {}
        if present or fields.get("second_person"):
            people = [overrides.second_person(entry, fields.get("second_person", ""), "/second_person")]
            payload = {"second_person": people[0].username}
        asked = acts.write(
            entry, kind="void-request", key=str(infusion.id), payload=payload, reason=fields["reason"]
        )
        if present:
            _void(replace(entry, by=people[0].username), infusion, asked)
        else:
            ledger.ask_second(entry.pathway, "void", infusion.id, people, at=entry.recorded_at)
        return asked


def confirm(*, patient: UUID, by: str, at: datetime | None = None) -> Act:
    """Another clinician confirms: the infusion stays in the history and counts no more, for any date.

    The place of the lifetime dose is free again. Raises Conflict when nobody has asked, Forbidden for the
    person who asked, for anybody but the one who was named, and for others than clinicians.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        infusion = _infusion(entry)
        request = _request(entry, infusion)
        if request is None:
            raise Conflict("Nobody has asked to void this infusion.")
        if by == request.by:
            raise Forbidden("Another clinician must confirm the void.")
        if by != request.payload.get("second_person", by):
            raise Forbidden("Only the clinician named as second person confirms this void.")
        return _void(entry, infusion, request)


def _void(entry: Entry, infusion: InfusionFact, request: Act) -> Act:
    InfusionSlot.objects.filter(infusion_id=infusion.id).update(active=False)
    return acts.write(
        entry,
        kind="void",
        key=str(infusion.id),
        payload={"requested_by": request.by},
        true_on=infusion.day0,
        reason=request.reason,
    )


def _infusion(entry: Entry) -> InfusionFact:
    if entry.by not in {p.username for p in overrides.clinicians(entry)}:
        raise Forbidden("Only clinicians void an infusion.")
    infusion = overrides.given_infusion(entry)
    if infusion is None:
        raise NotFound("No infusion is recorded.")
    return infusion


def _request(entry: Entry, infusion: InfusionFact) -> Act | None:
    known = acts.on_key(entry.pathway.patient_id, "void-request", str(infusion.id))
    return known[-1] if known else None
