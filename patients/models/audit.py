"""Audit: one event per changed row, written by triggers, sealed by a digest; and the log of reads.

Derived tables (gates, tasks, alerts, assessments) hold nothing of their own: they follow from facts and
acts and are rebuilt at will, so they are not audited.
"""

from __future__ import annotations

import pghistory
import pghistory.models
from django.db import models

from patients.ids import new_id


def tracked() -> tuple[pghistory.RowEvent, ...]:
    """Insert, update and delete events."""
    return (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())


class SealedEvent(pghistory.models.Event):
    """An event row. `digest` is the SHA-256 of its content without custody, filled in by the database."""

    digest = models.BinaryField(null=True, editable=False)

    class Meta:
        abstract = True


class ReadLog(models.Model):
    """Who read patient data: one row per answered request, in the same transaction as the reading."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField()
    user_id = models.UUIDField(null=True)
    route = models.CharField(max_length=128)
    method = models.CharField(max_length=8)
    subject = models.CharField(max_length=64, blank=True)
    sites = models.JSONField(default=list)
    status = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["at"]), models.Index(fields=["user_id", "at"])]

    def __str__(self) -> str:
        return f"{self.route}"
