"""What the clock brings about: notices that fell due, and patients whose decision changes with the date."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from patients.access import everywhere
from workflow.models import Pathway
from workflow.services import apply, ledger

BATCH = 200
SWEEPER = "sweep"


def sweep(*, at: datetime | None = None) -> int:
    """Writes the notices that are due at `at`; running it twice writes nothing twice. Returns new rows."""
    with everywhere(by=SWEEPER):
        moment = at or timezone.now()
        return ledger.digest_notices(at=moment) + ledger.escalations(at=moment)


def redecide(*, at: datetime | None = None) -> int:
    """Decides again every patient whose decision may differ by now, in batches. Returns how many."""
    moment = at or timezone.now()
    total = 0
    while batch := _redecide_batch(moment):
        total += batch
        if batch < BATCH:
            break
    return total


def _redecide_batch(moment: datetime) -> int:
    with everywhere(by=SWEEPER):
        ids = _due(moment)
        rows = Pathway.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "site", "patient__site"
        )
        pathways = list(rows.filter(pk__in=ids).order_by("pk"))
        for pathway in pathways:
            with transaction.atomic():
                apply.decide(pathway, at=moment)
        return len(pathways)


def _due(moment: datetime) -> list[UUID]:
    """Patients whose `next_change_on` has come at their site."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.patient_id from workflow_pathway p join patients_site s on s.id = p.site_id"
            " where p.next_change_on <= (%s::timestamptz at time zone s.timezone)::date"
            " order by p.next_change_on limit %s",
            [moment, BATCH],
        )
        return [row[0] for row in cursor.fetchall()]
