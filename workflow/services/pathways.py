"""A patient enters a pathway: the row, the pins to versions in force, and demographic changes as acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from patients.errors import Conflict, Fault, Invalid, Stale
from patients.models import Patient, Site
from patients.services import custody
from workflow import data
from workflow.models import Pathway
from workflow.selectors.decisions import local_date
from workflow.selectors.pins import pin_changes
from workflow.services import acts, desk
from workflow.services.door import the_door

DEMOGRAPHICS = ("birth_date", "sex")


def create(
    *, site: Site, fields: Mapping[str, Any], pathway: str, policy: str, by: str, at: datetime | None = None
) -> Patient:
    """Creates the patient at a site and pins pathway and policy to the versions in force there today.

    `fields`: mrn, family_name, given_name, birth_date, sex. Results that waited for the patient are taken in. Raises Conflict when the MRN is known at the
    site, Invalid for an unknown pathway or policy.
    """
    moment = at or timezone.now()
    today = local_date(moment, site.timezone)
    pins = _pins(pathway, policy, today)
    if fields["birth_date"] > today:
        raise Invalid.at("/birth_date", "future", "The birth date must not lie in the future.")
    with transaction.atomic():
        patient = _patient(site, fields, moment)
        Pathway.objects.create(
            patient=patient,
            site=site,
            pathway=pathway,
            pathway_version=pins["pathway"]["version"],
            policy=policy,
            policy_version=pins["policy"]["version"],
        )
        _first_acts(patient, pins, fields, by, moment)
        desk.newcomer(patient=patient, by=by, at=moment)
    return patient


def change_demographics(
    *, patient: UUID, fields: Mapping[str, Any], expected: int, by: str, at: datetime | None = None
) -> Patient:
    """Changes names, MRN, birth date or sex. `expected` is the version the caller has seen; else Stale."""
    with the_door(patient=patient, by=by, at=at) as entry:
        row = Patient.objects.select_for_update().get(pk=patient)
        if row.version != expected:
            raise Stale("Somebody else saved first.", current=_shown(row, fields), submitted=_texts(fields))
        changed = {k: v for k, v in fields.items() if getattr(row, k) != v}
        if changed:
            _save(row, changed)
            told = {k: str(v) for k, v in changed.items() if k in DEMOGRAPHICS}
            acts.write(entry, kind="demographics", payload=told)
        return row


def new_pins(patient: UUID, fields: Mapping[str, Any], *, today: date) -> dict[str, dict[str, str]]:
    """The pins a move would give; raises Invalid for versions that do not exist."""
    row = Pathway.objects.get(patient_id=patient)
    pathway_version = fields.get("pathway_version") or row.pathway_version
    policy = fields.get("policy") or row.policy
    same_policy = policy == row.policy
    policy_version = fields.get("policy_version") or (
        row.policy_version if same_policy else _in_force("policy", policy, today)
    )
    pins = {
        "pathway": {"id": row.pathway, "version": pathway_version},
        "policy": {"id": policy, "version": policy_version},
    }
    _must_exist(pins)
    return pins


def move_pins(
    *, patient: UUID, fields: Mapping[str, Any], by: str, at: datetime | None = None
) -> dict[str, Any]:
    """Moves the patient to other versions, or another policy; an explicit act with its reason."""
    with the_door(patient=patient, by=by, at=at) as entry:
        pins = new_pins(patient, fields, today=entry.today)
        changes = pin_changes(patient, pins, today=entry.today)
        for key, payload in pins.items():
            acts.write(entry, kind="pin", key=key, payload=payload, reason=fields["reason"])
        return changes


def _pins(pathway: str, policy: str, today: date) -> dict[str, dict[str, str]]:
    faults: list[Fault] = []
    pins: dict[str, dict[str, str]] = {}
    for kind, code in (("pathway", pathway), ("policy", policy)):
        try:
            pins[kind] = {"id": code, "version": _in_force(kind, code, today)}
        except Invalid as error:
            faults.extend(error.faults)
    if faults:
        raise Invalid.of(*faults)
    if not data.covered(pathway, policy):
        raise Invalid.at(
            "/policy", "not-covered", f"The policy “{policy}” does not cover the pathway “{pathway}”."
        )
    return pins


def _in_force(kind: str, code: str, today: date) -> str:
    try:
        return data.version_in_force(kind, code, today)
    except LookupError as error:
        known = ", ".join(sorted(data.codes(kind)))
        text = f"There is no {kind} “{code}” in force; known are {known}."
        raise Invalid.at(f"/{kind}", "unknown", text) from error


def _must_exist(pins: Mapping[str, Mapping[str, str]]) -> None:
    pathway, policy = pins["pathway"], pins["policy"]
    try:
        data.protocol(pathway["id"], pathway["version"], policy["id"], policy["version"])
    except LookupError as error:
        raise Invalid.at("/", "unknown", "There is no such version of the pathway or policy.") from error


def _patient(site: Site, fields: Mapping[str, Any], moment: datetime) -> Patient:
    """The row, with the next free code of the site (the site row is locked while numbering)."""
    Site.objects.select_for_update().get(pk=site.pk)
    number = custody.next_number(site.pk)
    try:
        with transaction.atomic():
            return Patient.objects.create(
                site=site, recorded_site=site, code=f"{site.code}-{number:04d}", created_at=moment, **fields
            )
    except IntegrityError as error:
        raise Conflict("A patient with this MRN is recorded at this site already.") from error


def _first_acts(
    patient: Patient, pins: Mapping[str, Mapping[str, str]], fields: Mapping[str, Any], by: str, at: datetime
) -> None:
    told = {k: str(fields[k]) for k in DEMOGRAPHICS}
    with the_door(patient=patient.pk, by=by, at=at) as entry:
        acts.write(entry, kind="demographics", payload=told)
        for key, payload in pins.items():
            acts.write(entry, kind="pin", key=key, payload=payload)


def _save(row: Patient, changed: Mapping[str, Any]) -> None:
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
    try:
        with transaction.atomic():
            row.save(update_fields=[*changed, "version"])
    except IntegrityError as error:
        raise Conflict("A patient with this MRN is recorded at this site already.") from error


def _shown(row: Patient, fields: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(getattr(row, k)) for k in fields}


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in fields.items()}


def mark_assessed(patient: UUID, seq: int) -> None:
    """The milestones follow from the decision number `seq`."""
    Pathway.objects.filter(patient_id=patient, assessed_seq__lt=seq).update(assessed_seq=seq)
