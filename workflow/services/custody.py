"""A patient moves to another centre, or is deleted by law: two people each time, and a reason."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from patients.custody import OFFER_DAYS
from patients.errors import Conflict, Forbidden, Invalid
from patients.ids import new_id
from patients.models import Erasure, Patient, Site
from patients.services import custody
from workflow import data
from workflow.models import Act
from workflow.rules import retention
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import SMALL, history
from workflow.selectors.merging import merged_codes
from workflow.services import acts
from workflow.services.door import Entry, the_door

OFFER, REQUEST = "transfer-offer", "erase-request"
NO_FACTS = ("settings", "waiting")


def offer(*, patient: UUID, reason: str, by: str, at: datetime | None = None) -> str:
    """Makes a word for a clinician of another centre, told once and good for `OFFER_DAYS`; a later one replaces it.

    Whoever has the word at another centre takes the patient over; neither centre learns of others in Daymark.
    """
    word = secrets.token_hex(10)
    acts.record(patient=patient, kind=OFFER, key=_hashed(word), payload={}, reason=reason, by=by, at=at)
    return word


def take_over(*, site: Site, word: str, mrn: str, by: str, at: datetime | None = None) -> Patient:
    """Moves the patient of the word to `site` with the whole history, and decides again by that site's rules.

    The earlier site no longer sees the patient. What waits on its desk stays there, without the patient.
    Raises Invalid for a word that opens nothing, Conflict when the number is in use at the site.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        found = custody.transfer(word=_hashed(word.strip().lower()), site=site.pk, mrn=mrn, at=moment)
        if found is None:
            raise Invalid.at(
                "/word", "unknown", "This word opens no patient: ask the earlier centre for a new one."
            )
        acts.record(patient=found, kind="transfer", payload={"site": site.code}, by=by, at=moment)
        return Patient.objects.select_related("site").get(pk=found)


def _hashed(word: str) -> str:
    return hashlib.sha256(f"transfer|{word}".encode()).hexdigest()


def ask_erasure(*, patient: UUID, fields: Mapping[str, Any], by: str, at: datetime | None = None) -> Act:
    """A clinician asks for the deletion of a record on a ground of the retention file; nothing is deleted yet.

    Raises Invalid when there is no such ground or it does not allow the deletion now.
    """
    told = {"ground": fields["ground"], "reference": fields.get("reference", "")}
    with the_door(patient=patient, by=by, at=at) as entry:
        _allowed(entry, told)
        return acts.write(entry, kind=REQUEST, payload=told, reason=fields["reason"])


def erase(*, patient: UUID, by: str, at: datetime | None = None) -> Erasure:
    """The site's administrator confirms what a clinician has asked for: the record is gone, for good.

    What is left says that a record was deleted, when, why and by whom, and the digests of its audit events.
    Raises Conflict when nobody has asked within `OFFER_DAYS`, Forbidden for the person who asked.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        asked = requested(patient, now=entry.recorded_at)
        if asked is None:
            raise Conflict("Nobody has asked for this deletion, or too long ago.")
        if asked.by == by:
            raise Forbidden("Another person must confirm the deletion.")
        _allowed(entry, asked.payload)
        tombstone = new_id()
        reason = "; ".join(filter(None, (asked.reason, asked.payload["reference"])))
        custody.erase(
            tombstone=tombstone, patient=patient, ground=asked.payload["ground"], rule=f"retention {data.retention().release.version}",
            reason=reason, by=f"{asked.by}, {by}", at=entry.recorded_at,
        )  # fmt: skip
        return Erasure.objects.get(pk=tombstone)


def requested(patient: UUID, *, now: datetime) -> Act | None:
    """The newest request to delete this patient that still holds; one of another site ended with the move."""
    since = now - timedelta(days=OFFER_DAYS)
    rows = Act.objects.filter(
        patient_id=patient, kind=REQUEST, recorded_at__gt=since, recorded_site=F("site")
    )
    return rows.order_by("-recorded_at").first()


def _allowed(entry: Entry, told: Mapping[str, str]) -> None:
    if others := merged_codes(entry.pathway.patient_id):
        text = f"{' and '.join(others)} must be parted from this record first: undo the merge, then ask for each."
        raise Conflict(text)
    ground = data.retention().grounds.get(told["ground"])
    if ground is None:
        known = ", ".join(sorted(data.retention().grounds))
        raise Invalid.at("/ground", "unknown", f"Known grounds are {known}.")
    last = _last_recording(entry)
    why = retention.refusal(
        ground, last_on=local_date(last, entry.timezone), infused=entry.pathway.day0 is not None,
        reference=told["reference"], today=entry.today,
    )  # fmt: skip
    if why:
        raise Invalid.at("/reference" if ground.needs_reference else "/ground", "kept", why)


def _last_recording(entry: Entry) -> datetime:
    """When something was last recorded about the patient; requests to delete do not count."""
    known = history(entry.pathway.patient_id)
    rows = (*known.results, *(row for name in SMALL if name not in NO_FACTS for row in getattr(known, name)))
    return max(row.recorded_at for row in rows if getattr(row, "kind", "") != REQUEST)
