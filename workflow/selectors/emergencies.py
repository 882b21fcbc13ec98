"""Emergency accesses as people see them: those to a centre's own patients, and one's own to patients of others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery

from patients.access import Principal
from patients.errors import NotFound
from patients.models import PatientAccess, ReadLog


def live(row: PatientAccess, now: datetime) -> bool:
    """Whether it opens the record now: until its hour is over, that instant excluded, or it was ended."""
    return row.ended_at is None and row.from_at <= now < row.to_at


def emergency_of(access: UUID, who: Principal, *, locked: bool = False) -> PatientAccess:
    """The access, if it is the person's own or to a patient of a centre where the person has a role; else NotFound."""
    rows = PatientAccess.objects.select_for_update() if locked else PatientAccess.objects.all()
    found = rows.filter(pk=access).first()
    if found is None or (found.person_id != who.user and not who.at(found.site_id)):
        raise NotFound("There is no such access.")
    return found


def emergencies(*, sites: Iterable[UUID] = (), person: UUID | None = None) -> QuerySet[PatientAccess]:
    """Accesses to patients of these centres and those of this person, newest first; `reads`: how often it was used."""
    used = ReadLog.objects.filter(emergency=OuterRef("pk")).order_by()
    counted = used.annotate(n=Func(F("id"), function="count", output_field=IntegerField())).values("n")
    wanted = Q(site__in=tuple(sites)) | (Q(person=person) if person else Q(pk__in=()))
    return (
        PatientAccess.objects.filter(wanted)
        .select_related("person")
        .annotate(reads=Subquery(counted))
        .order_by("-from_at", "-id")
    )
