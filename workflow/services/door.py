"""The one door: every write about a patient passes here, under the lock of the patient's pathway row.

`the_door` opens one transaction, locks the pathway, gives out the time of recording, and decides the
patient again before it commits. Nobody else writes facts, acts or what follows from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from patients.errors import NotFound
from workflow.models import Pathway
from workflow.selectors.decisions import local_date
from workflow.selectors.horizon import ticket
from workflow.services import apply


@dataclass(slots=True, eq=False)
class Entry:
    """One visit through the door: whose pathway, who writes, and when it is recorded."""

    pathway: Pathway
    by: str
    recorded_at: datetime
    changed: bool = field(default=False)

    @property
    def timezone(self) -> str:
        return self.pathway.site.timezone

    @property
    def today(self) -> date:
        """The site's calendar date of the recording."""
        return local_date(self.recorded_at, self.timezone)

    def stamp(self) -> dict[str, Any]:
        """The columns that every fact and act row carries."""
        self.changed = True
        return {
            "patient_id": self.pathway.patient_id,
            "site_id": self.pathway.site_id,
            "recorded_site_id": self.pathway.site_id,
            "recorded_at": self.recorded_at,
            "by": self.by,
        }


@contextmanager
def the_door(*, patient: UUID, by: str, at: datetime | None = None) -> Iterator[Entry]:
    """Locks the patient's pathway, lets the caller write, then decides the patient again.

    `at` is the clock (default: now). Facts are recorded at that instant, or a microsecond after the last
    one if the clock stands or goes back, so the order of recording is never ambiguous.
    Raises NotFound when the patient does not exist or belongs to a site the caller cannot see.
    """
    with the_doors(patients=[patient], by=by, at=at) as entries:
        yield entries[patient]


@contextmanager
def the_doors(
    *, patients: Collection[UUID], by: str, at: datetime | None = None
) -> Iterator[dict[UUID, Entry]]:
    """The same for several patients in one transaction, at most 500: locked in the order of their ids."""
    with transaction.atomic():
        entries = {p.patient_id: _entry(p, by, at or timezone.now()) for p in _locked(patients)}
        if len(entries) != len(patients):
            raise NotFound("There is no such patient.")
        yield entries
        changed = [entry for entry in entries.values() if entry.changed]
        for entry in changed:
            entry.pathway.last_recorded_at = entry.recorded_at
        if changed:
            apply.decide_all({entry.pathway: entry.recorded_at for entry in changed})


def _entry(pathway: Pathway, by: str, at: datetime) -> Entry:
    last = pathway.last_recorded_at
    return Entry(pathway, by, at if last is None or at > last else last + timedelta(microseconds=1))


def _locked(patients: Collection[UUID]) -> list[Pathway]:
    rows = Pathway.objects.select_for_update(of=("self",)).annotate(ticket=ticket(timezone.now()))
    return list(rows.select_related("site", "patient__site").filter(patient_id__in=patients).order_by("pk"))
