"""Calls of the database that open and read emergency accesses: the caller decides who may, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from patients.emergency import MINUTES
from patients.ids import new_id
from patients.models import Denial

TRIES, WITHIN = 5, timedelta(minutes=15)
"""So many times a person may name nobody within that time; each is a refusal in the audit."""


def opened(
    *,
    person: UUID,
    home: UUID,
    own: Iterable[UUID],
    told: Mapping[str, Any],
    born: date,
    reason: str,
    at: datetime,
) -> tuple[UUID, bool] | None:
    """The access to the one patient that is meant, and whether it is new: one that is live already stays as it is.

    None when the words mean no patient of another centre, or more than one. `own`: centres whose patients the
    person reads anyway.
    """
    access = new_id()
    until = at + timedelta(minutes=MINUTES)
    words = [told.get(name, "") for name in ("site", "mrn", "code")]
    with connection.cursor() as cursor:
        cursor.execute(
            "select daymark_open_emergency(%s, %s, %s, %s::uuid[], %s, %s, %s, %s, %s, %s, %s)",
            [access, person, home, list(own), *words, born, reason, at, until],
        )
        found: UUID | None = cursor.fetchone()[0]
    return (found, found == access) if found else None


def locked(*, person: UUID, routes: Iterable[str], at: datetime) -> bool:
    """Whether the person has named nobody so often that the form is closed for a while."""
    refused = Denial.objects.filter(
        user_id=person, route__in=tuple(routes), kind="missing", at__gt=at - WITHIN
    )
    return refused.count() >= TRIES
