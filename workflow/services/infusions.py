"""Day 0: the one lifetime dose, refused while a blocking gate does not pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from patients.errors import Conflict, Fault, Invalid, NotFound
from patients.selectors.records import records
from workflow.models import Act, Infusion, InfusionSlot
from workflow.rules import day0 as rules
from workflow.rules import ndc
from workflow.rules.facts import PatientFacts, known
from workflow.rules.protocol import Protocol
from workflow.selectors.decisions import local_date, pinned
from workflow.selectors.facts import history
from workflow.services import acts, overrides
from workflow.services.door import Entry, the_door

ONCE = "This patient has been infused; the therapy is given once in a lifetime."
BESIDE = ("override", "note", "attending_npi")
"""Fields that are kept as acts beside the row."""
JSON_FIELDS = ("premedication", "interruptions", "reactions", "vitals", "vial_lots")


def record(
    *,
    patient: UUID,
    fields: Mapping[str, Any],
    by: str,
    at: datetime | None = None,
    present: bool = False,
) -> Infusion:
    """Records the infusion as it was given and starts the calendar after it.

    Raises Invalid naming every gate that blocks on that Day 0 (from the facts collected by then, whenever
    recorded), and Conflict for a second infusion. Odd but real things are kept as warnings. With an
    `override` of two clinicians the blocking gates are waived instead; Forbidden when no clinician asks.
    `present`: the second one stands by and has given the own password, which confirms the override at once.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        return _record(entry, fields, present)


def _record(entry: Entry, fields: Mapping[str, Any], present: bool) -> Infusion:
    started = fields["started_at"]
    if started > entry.recorded_at:
        raise Invalid.at("/started_at", "future", "The infusion must not start in the future.")
    day0 = local_date(started, entry.timezone)
    past = history(entry.pathway.patient_id)
    facts = known(past, as_of=day0)
    if facts.infusion or known(past, as_of=entry.today).infusion:
        raise Conflict(ONCE)
    protocol = pinned(facts)
    override = overrides.asked(entry, fields["override"]) if fields.get("override") else None
    given = {**fields, "ndc": _ndc(protocol, fields.get("ndc") or "", day0)}
    blocked = _blocked(protocol, replace(facts, infusion=rules.candidate(given, started, day0)))
    if blocked and override is None:
        raise Invalid("The infusion is refused: blocking gates do not pass on that day.", blocked)
    row = _stored(entry, given, day0, rules.warnings(protocol, facts, given, day0))
    if given.get("note"):
        _beside(entry, row, "infusion-note", reason=given["note"])
    if given.get("attending_npi"):
        _beside(entry, row, "attending", {"npi": given["attending_npi"]})
    if blocked and override is not None:
        overrides.write(entry, row, override, blocked, present=present)
    return row


def _beside(
    entry: Entry, row: Infusion, kind: str, payload: Mapping[str, Any] | None = None, reason: str = ""
) -> None:
    acts.write(entry, kind=kind, key=str(row.pk), payload=payload or {}, true_on=row.day0, reason=reason)


def attend(*, patient: UUID, npi: str, by: str, at: datetime | None = None) -> Act:
    """Names the attending clinician of the recorded infusion by NPI, or corrects it. Raises NotFound."""
    with the_door(patient=patient, by=by, at=at) as entry:
        infusion = overrides.given_infusion(entry)
        if infusion is None:
            raise NotFound("No infusion is recorded.")
        payload = {"npi": npi}
        return acts.write(
            entry, kind="attending", key=str(infusion.id), payload=payload, true_on=infusion.day0
        )


def recorded(*, patient: UUID, fields: Mapping[str, Any]) -> bool:
    """Whether this very infusion is recorded of the patient, voided or not: the same words change nothing."""
    past = history(patient)
    on = local_date(fields["started_at"], past.timezone)
    same = {**fields, "ndc": _ndc(pinned(known(past, as_of=on)), fields.get("ndc") or "", on)}
    same |= {name: list(same.get(name) or []) for name in JSON_FIELDS}
    told = {k: v for k, v in same.items() if k not in BESIDE and v is not None}
    return Infusion.objects.filter(patient__in=records(patient), **told).exists()


def _blocked(protocol: Protocol, facts: PatientFacts) -> list[Fault]:
    """One fault per blocking gate and for a refused place of service."""
    return [
        Fault(f"/{b.field}", "gate-blocked", b.reason, {"gate": b.gate, "verdict": b.verdict})
        for b in rules.blocks(protocol, facts)
    ]


def _ndc(protocol: Protocol, text: str, on: date) -> str:
    """The 11-digit form by the codes valid on Day 0, or Invalid when it is unknown in form or ambiguous."""
    if not text:
        return ""
    normal = ndc.normalised(text, protocol.dosing.ndcs_on(on))
    if normal is None:
        raise Invalid.at("/ndc", "ndc", ndc.NO_NDC.format(text=text))
    return normal


def _stored(entry: Entry, given: Mapping[str, Any], day0: date, warnings: tuple[str, ...]) -> Infusion:
    """The row, and with it the one place of a lifetime dose, which the database gives away once."""
    columns = {k: v for k, v in given.items() if k not in BESIDE and v is not None}
    columns |= {k: list(given.get(k) or []) for k in JSON_FIELDS}
    try:
        with transaction.atomic():
            row = Infusion.objects.create(day0=day0, warnings=list(warnings), **columns, **entry.stamp())
            if row.volume_ml > 0 or row.outcome != "abandoned":
                InfusionSlot.objects.create(infusion=row, patient_id=row.patient_id, site_id=row.site_id)
            return row
    except IntegrityError as error:
        raise Conflict(ONCE) from error
