"""The one door: every write about a patient passes here, under the lock of the patient's pathway row.

`the_door` opens one transaction, locks the pathway, gives out the time of recording, and decides the
patient again before it commits. Nobody else writes facts, acts or what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Subquery
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


@dataclass(slots=True, eq=False)
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
    with the_doors(records=[patient], by=by, at=at, any_record=any_record) as entries:
        yield entries[patient]


@contextmanager
def the_doors(
    *, records: Sequence[UUID], by: str, at: datetime | None = None, any_record: bool = False
) -> Iterator[dict[UUID, Entry]]:
    """The same for several records in one transaction, at most 500: locked in the order of their ids.

    Records of one person share a pathway, and are recorded one after the other.
    """
    for _ in range(TRIES):
        with suppress(_Parted), transaction.atomic():
            entries = _entries(_locked(records, any_record), by, at or timezone.now())
            yield entries
            changed = {e.pathway: e.recorded_at for e in entries.values() if e.changed}
            for pathway, recorded_at in changed.items():
                pathway.last_recorded_at = recorded_at
            apply.decide_all(changed)
            return
    raise Conflict("The record is being merged or parted: try again.")


class _Parted(Exception):
    """While the door waited for a pathway, records were merged or parted: let it go and look again."""


def _entries(pathways: Mapping[UUID, Pathway], by: str, now: datetime) -> dict[UUID, Entry]:
    entries: dict[UUID, Entry] = {}
    last = {p.pk: p.last_recorded_at for p in pathways.values()}
    for record, pathway in pathways.items():
        before = last[pathway.pk]
        recorded_at = now if before is None or now > before else before + timedelta(microseconds=1)
        last[pathway.pk] = recorded_at
        entries[record] = Entry(pathway, by, recorded_at, record)
    return entries


def _locked(records: Sequence[UUID], any_record: bool) -> dict[UUID, Pathway]:
    """Per record the pathway under which it is decided. What was read beside a row that changed while it was waited
    for is read again."""
    named = Patient.objects.filter(pk__in=records).values(of=Coalesce("merged_into", "pk"))
    pathways = _lock(named)
    if any(p.decided_seq != p.read_seq for p in pathways):  # type: ignore[attr-defined]
        pathways = _lock([p.pk for p in pathways])
    if any(p.phase == MERGED for p in pathways):
        raise _Parted
    found = {pk: p for p in pathways for pk in (p.patient_id, *p.aliases)}  # type: ignore[attr-defined]
    if missing := set(records) - found.keys():
        raise (
            _Parted
            if Patient.objects.filter(pk__in=missing).exists()
            else NotFound("There is no such patient.")
        )
    for record in () if any_record else records:
        if found[record].patient_id != record:
            raise merged_into(found[record].patient_id)
    return {record: found[record] for record in records}


def _lock(patients: Any) -> list[Pathway]:
    """In the order of their ids, so that two writers of several patients never wait for each other."""
    read = Pathway.objects.filter(pk=OuterRef("pk")).values("decided_seq")
    rows = (
        Pathway.objects.select_for_update(of=("self",))
        .annotate(ticket=ticket(timezone.now()), read_seq=Subquery(read))
        .annotate(aliases=ArraySubquery(Patient.objects.filter(merged_into=OuterRef("pk")).values("pk")))
        .select_related("site", "patient__site")
    )
    return list(rows.filter(patient_id__in=patients).order_by("pk"))
