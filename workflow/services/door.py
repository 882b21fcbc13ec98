"""The one door: every write about a patient passes here, under the lock of the patient's pathway row.

`the_door` opens one transaction, locks the pathway, gives out the time of recording, and decides the
patient again before it commits. Nobody else writes facts, acts or what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from patients.errors import Conflict, NotFound
from patients.models import Patient
from patients.selectors.records import merged_into
from workflow.models import Pathway
from workflow.models.pathway import MERGED
from workflow.selectors.decisions import local_date
from workflow.selectors.horizon import ticket
from workflow.services import apply

TRIES = 3


@dataclass(slots=True)
class Entry:
    """One visit through the door: whose pathway, who writes, and when it is recorded."""

    pathway: Pathway
    by: str
    recorded_at: datetime
    record: UUID
    """The record that the caller named: the patient's own, or one that was merged into it."""
    changed: bool = field(default=False)

    @property
    def records(self) -> tuple[UUID, ...]:
        """The record that was named, then the person's others."""
        known = (self.pathway.patient_id, *self.pathway.aliases)  # type: ignore[attr-defined]
        return (self.record, *(pk for pk in known if pk != self.record))

    @property
    def timezone(self) -> str:
        return self.pathway.site.timezone

    @property
    def today(self) -> date:
        """The site's calendar date of the recording."""
        return local_date(self.recorded_at, self.timezone)

    def stamp(self, record: UUID | None = None) -> dict[str, Any]:
        """The columns that every fact and act row carries. `record`: under which of the person's records it is
        written (default: the one that is decided)."""
        self.changed = True
        return {
            "patient_id": record or self.pathway.patient_id,
            "site_id": self.pathway.site_id,
            "recorded_site_id": self.pathway.site_id,
            "recorded_at": self.recorded_at,
            "by": self.by,
        }


@contextmanager
def the_door(
    *, patient: UUID, by: str, at: datetime | None = None, any_record: bool = False
) -> Iterator[Entry]:
    """Locks the patient's pathway, lets the caller write, then decides the patient again.

    `at` is the clock (default: now). Facts are recorded at that instant, or a microsecond after the last
    one if the clock stands or goes back, so the order of recording is never ambiguous.
    A record that was merged into another one is decided with that one, whose pathway is locked; it takes facts only
    (`any_record`), which stay under it should the merge be undone.
    Raises NotFound when the patient does not exist or belongs to a site the caller cannot see, Merged for an act on a
    merged record.
    """
    for _ in range(TRIES):
        with suppress(_Parted), transaction.atomic():
            entry = Entry(_locked(patient, any_record), by, at or timezone.now(), patient)
            last = entry.pathway.last_recorded_at
            if last is not None and entry.recorded_at <= last:
                entry.recorded_at = last + timedelta(microseconds=1)
            yield entry
            if entry.changed:
                entry.pathway.last_recorded_at = entry.recorded_at
                apply.decide(entry.pathway, at=entry.recorded_at)
            return
    raise Conflict("The record is being merged or parted: try again.")


class _Parted(Exception):
    """While the door waited for a pathway, records were merged or parted: let it go and look again."""


def _locked(patient: UUID, any_record: bool) -> Pathway:
    """The pathway under which the record is decided. Only one is ever waited for at a time; who belongs to it is read
    again when it changed during the waiting."""
    found = _lock(patient)
    if found.decided_seq != found.read_seq:  # type: ignore[attr-defined]
        found.aliases = list(Patient.objects.filter(merged_into=found.pk).values_list("pk", flat=True))  # type: ignore[attr-defined]
    if not _is_decided_under(patient, found):
        raise _Parted
    if found.patient_id != patient and not any_record:
        raise merged_into(found.patient_id)
    return found


def _lock(patient: UUID) -> Pathway:
    read = Pathway.objects.filter(pk=OuterRef("pk")).values("decided_seq")
    named = Patient.objects.filter(pk=patient).values("merged_into")
    found = (
        Pathway.objects.select_for_update(of=("self",))
        .annotate(ticket=ticket(timezone.now()), read_seq=Subquery(read))
        .annotate(aliases=ArraySubquery(Patient.objects.filter(merged_into=OuterRef("pk")).values("pk")))
        .select_related("site", "patient__site")
        .filter(patient_id=Coalesce(Subquery(named), Value(patient)))
        .first()
    )
    if found is None:
        raise NotFound("There is no such patient.")
    return found


def _is_decided_under(patient: UUID, found: Pathway) -> bool:
    """By the locked row itself; the rest of the answer is as old as the waiting for it."""
    if found.phase == MERGED:
        return False
    return (
        found.patient_id == patient
        or Patient.objects.filter(pk=patient, merged_into=found.patient_id).exists()
    )
