"""Infusing against a blocking gate: one clinician says why, a second one answers for it too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from patients.access import staff_at
from patients.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from patients.models import User
from workflow.models import Act, Infusion
from workflow.rules.facts import InfusionFact, known
from workflow.selectors.facts import history
from workflow.services import acts, ledger
from workflow.services.door import Entry, the_door

SECOND = "/override/second_person"


@dataclass(frozen=True, slots=True)
class Asked:
    """An override whose two people have been checked."""

    reason: str
    second: User


def asked(entry: Entry, posted: Mapping[str, Any]) -> Asked:
    """Raises Forbidden unless a clinician of the site asks, Invalid unless another one is named."""
    if entry.by not in _names(clinicians(entry)):
        raise Forbidden("Only a clinician may infuse against a blocking gate.")
    return Asked(posted["reason"], second_person(entry, posted["second_person"], SECOND))


def second_person(entry: Entry, named: str, pointer: str) -> User:
    """Another active clinician of the site by username or id; else Invalid at `pointer`."""
    found = [p for p in clinicians(entry) if named in (p.username, str(p.pk)) and p.username != entry.by]
    if not found:
        raise Invalid.at(
            pointer, "second-person", "Name another active clinician of this site, by username or id."
        )
    return found[0]


def clinicians(entry: Entry) -> Sequence[User]:
    """Active clinicians of the patient's site on the day of recording."""
    return staff_at(entry.pathway.site_id, ("clinician",), today=entry.today)


def _names(people: Iterable[User]) -> set[str]:
    return {p.username for p in people}


def write(entry: Entry, infusion: Infusion, given: Asked, blocked: Sequence[Fault], *, present: bool) -> None:
    """The act, with what each gate said; the second person confirms it when present, else is told of it."""
    gates: dict[str, dict[str, Any]] = {}
    for fault in blocked:
        code = fault.extra["gate"]
        gates.setdefault(code, {"code": code, "verdict": fault.extra["verdict"], "reason": fault.detail})
    payload = {"second_person": given.second.username, "gates": list(gates.values())}
    acts.write(
        entry,
        kind="override",
        key=str(infusion.pk),
        payload=payload,
        true_on=infusion.day0,
        reason=given.reason,
    )
    if present:
        second = replace(entry, by=given.second.username)
        acts.write(second, kind="confirm-override", key=str(infusion.pk), payload={"present": True})
    else:
        ledger.ask_second(entry.pathway, "override", infusion.pk, [given.second], at=entry.recorded_at)


def confirm(*, patient: UUID, by: str, at: datetime | None = None) -> Act:
    """The named clinician answers for the override too.

    Raises NotFound without an override, Forbidden for anybody else, Conflict when it is confirmed.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        infusion = given_infusion(entry)
        override = infusion.override if infusion else None
        if infusion is None or override is None:
            raise NotFound("No override is recorded.")
        if by != override.second_person or by not in _names(clinicians(entry)):
            raise Forbidden("Only the clinician named as second person confirms an override.")
        if override.confirmed_at is not None:
            raise Conflict("This override is confirmed.")
        return acts.write(entry, kind="confirm-override", key=str(infusion.id), payload={})


def given_infusion(entry: Entry) -> InfusionFact | None:
    """The infusion that counts today."""
    return known(history(entry.pathway.patient_id), as_of=entry.today).infusion
