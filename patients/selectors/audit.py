"""Audit events whose content no longer has the digest they were sealed with."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import connection

from patients.models.audit import SealedEvent


def digest_drift() -> Iterator[str]:
    """One line per changed event, computed by the database over every event table."""
    for model in apps.get_models():
        if issubclass(model, SealedEvent):
            table = model._meta.db_table
            with connection.cursor() as cursor:
                cursor.execute("set local timezone = 'UTC'")
                cursor.execute(
                    f'select pgh_id from "{table}" t where digest is distinct from daymark_digest(to_jsonb(t))'
                )
                for (event,) in cursor.fetchall():
                    yield f"audit event {table} {event} was changed after it was written"
