"""Whom an answer is about: the patients whose ids stand in it, or the owner of the one thing that it is about."""

from __future__ import annotations

import re
from functools import cache
from uuid import UUID

from django.apps import apps
from django.db import models

from patients.models.base import PatientRow

ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def ids(content: bytes) -> list[UUID]:
    """Every id that stands in an answer, of whatever it is."""
    return sorted(UUID(found.decode()) for found in set(ID.findall(content)))


@cache
def owner() -> str:
    """SQL: the patient in view whose result, task or other row `thing` is."""
    found = [m for m in apps.get_models() if issubclass(m, PatientRow) and _by_id(m)]
    tables = sorted((m._meta.db_table, str(m._meta.pk.column)) for m in found)
    return " union ".join(f'select patient_id from "{t}" where "{key}" = %(thing)s' for t, key in tables)


def _by_id(model: type[models.Model]) -> bool:
    return isinstance(model._meta.pk, models.UUIDField)
