"""Audit: one event per changed row, written by triggers; the logs of reads and refusals; and their seals.

Derived tables (gates, tasks, alerts, assessments) hold nothing of their own: they follow from facts and
acts and are rebuilt at will, so they are not audited.
"""

from __future__ import annotations

import pghistory
import pghistory.models
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


def tracked() -> tuple[pghistory.RowEvent, ...]:
    """Insert, update and delete events."""
    return (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())


class SealedEvent(pghistory.models.Event):
    """An event row. `digest` is the SHA-256 of its content without custody, filled in by the database."""

    digest = models.BinaryField(null=True, editable=False)

    class Meta:
        abstract = True


class SealedRow(models.Model):
    """A row of a log that is sealed like an event."""

    id = models.BigAutoField(primary_key=True)
    digest = models.BinaryField(null=True, editable=False)

    class Meta:
        abstract = True


class ReadLog(SealedRow):
    """Who read patient data: one row per answered request, in the same transaction as the reading.

    `patients` are those that the answer names; `subject` is the object that was asked for; `emergency` the
    emergency access by which it was read, if any.
    """

    at = models.DateTimeField()
    user_id = models.UUIDField(null=True)
    route = models.CharField(max_length=128)
    method = models.CharField(max_length=8)
    subject = models.CharField(max_length=64, blank=True)
    patients = ArrayField(models.UUIDField(), default=list)
    sites = models.JSONField(default=list)
    status = models.PositiveSmallIntegerField()
    emergency = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["at"]),
            models.Index(fields=["user_id", "at"]),
            models.Index(
                fields=["emergency"], condition=models.Q(emergency__isnull=False), name="readlog_emergency"
            ),
            GinIndex(fields=["patients"], name="readlog_patients"),
        ]

    def __str__(self) -> str:
        return f"{self.route}"


class Denial(SealedRow):
    """A request that was refused: who asked for what. Written after the request's own transaction has ended.

    `kind`: denied (the role does not allow it), missing (no such object, or not theirs), locked (after too
    many wrong passwords), failed (an error on our side).
    """

    at = models.DateTimeField()
    user_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=8)
    route = models.CharField(max_length=128)
    method = models.CharField(max_length=8)
    subject = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["user_id", "at"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.route}"


class EventShape(models.Model):
    """Which columns the digests of a table cover, from the row after number `after` on.

    A column that is added later is not part of older digests, so old rows keep theirs.
    """

    relation = models.CharField(max_length=63)
    key = models.CharField(max_length=63)
    after = models.BigIntegerField()
    columns = ArrayField(models.CharField(max_length=63))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["relation", "after"], name="event_shape_once")]

    def __str__(self) -> str:
        return f"{self.relation} after {self.after}"


class Seal(models.Model):
    """One link of the chain: the hash over the parts and over the hash before, and a signature of it."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    previous = models.CharField(max_length=64, unique=True)
    parts_told = models.JSONField(default=list)
    hash = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    def __str__(self) -> str:
        return f"{self.number}"


class SealPart(models.Model):
    """The rows of one table that a seal covers: number (8 bytes) and digest (32 bytes) of each, in order."""

    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, related_name="parts")
    relation = models.CharField(max_length=63)
    after = models.BigIntegerField()
    upto = models.BigIntegerField()
    members = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["relation", "after"], name="seal_part_once")]

    def __str__(self) -> str:
        return f"{self.relation} {self.after}–{self.upto}"


class ErasedEvent(models.Model):
    """What is left of an audit event after a lawful deletion: its number and its digest."""

    relation = models.CharField(max_length=63)
    event = models.BigIntegerField()
    digest = models.BinaryField()
    erasure = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["relation", "event"], name="erased_event_once")]

    def __str__(self) -> str:
        return f"{self.relation} {self.event}"
