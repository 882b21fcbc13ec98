"""Whom an answer is about: the patients whose ids stand in it, or that own the one object it is about."""

from __future__ import annotations

import re
from functools import cache
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from patients.models import Patient
from patients.models.base import PatientRow

ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def named(subject: str, content: bytes) -> list[UUID]:
    """Ids of the patients in view that an answer names. At most two queries."""
    told = {UUID(found.decode()) for found in set(ID.findall(content + b" " + subject.encode()))}
    if not told:
        return []
    patients = sorted(Patient.objects.filter(pk__in=told).values_list("pk", flat=True))
    if patients or not ID.fullmatch(subject.encode()):
        return patients
    return _owner(UUID(subject))


def _owner(thing: UUID) -> list[UUID]:
    """Whose result, task or other row this is."""
    parts = (f'select patient_id from "{table}" where "{key}" = %(thing)s' for table, key in _tables())
    with connection.cursor() as cursor:
        cursor.execute(" union ".join(parts), {"thing": thing})
        return [row[0] for row in cursor.fetchall() if row[0]]


@cache
def _tables() -> list[tuple[str, str]]:
    """Tables of rows about one patient that have an id."""
    found = [m for m in apps.get_models() if issubclass(m, PatientRow) and _by_id(m)]
    return sorted((m._meta.db_table, str(m._meta.pk.column)) for m in found)


def _by_id(model: type[models.Model]) -> bool:
    return isinstance(model._meta.pk, models.UUIDField)
