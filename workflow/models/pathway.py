"""Read models: what follows from facts, kept so that lists are fast. Facts and acts are the record.

Every row is found again by its key, so deciding twice changes nothing; `fingerprint` says whether a row
still equals what was decided.
"""

from __future__ import annotations

from django.db import models

from patients.models.base import PatientRow

MERGED = "merged"
"""The phase of a record that was merged into another one: nothing is decided under it."""


class Pathway(PatientRow):
    """One row per patient: the lock of the one door, the pins, and the state known now.

    `decided_for` is the date decided about; `next_change_on` the first date on which the decision may
    differ without a new fact. Milestones are stale while `decided_seq` > `assessed_seq`, notices about
    tasks while it is > `noticed_seq`.
    """

    patient = models.OneToOneField(
        "patients.Patient",
        on_delete=models.PROTECT,
        primary_key=True,
        db_constraint=False,
        related_name="pathway",
    )
    pathway = models.CharField(max_length=32)
    pathway_version = models.CharField(max_length=32)
    policy = models.CharField(max_length=32)
    policy_version = models.CharField(max_length=32)
    phase = models.CharField(max_length=12, default="screening")
    ready = models.BooleanField(default=False)
    blocked_by = models.JSONField(default=list)
    planned_on = models.DateField(null=True)
    day0 = models.DateField(null=True)
    last_recorded_at = models.DateTimeField(null=True)
    decided_for = models.DateField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_seq = models.BigIntegerField(default=0)
    assessed_seq = models.BigIntegerField(default=0)
    noticed_seq = models.BigIntegerField(default=0)
    next_change_on = models.DateField(null=True)
    derived_by = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_change_on"], name="pathway_next_change"),
            models.Index(
                fields=["patient"],
                condition=models.Q(decided_seq__gt=models.F("noticed_seq")),
                name="pathway_not_noticed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pathway} {self.phase}"


class DerivedRow(PatientRow):
    id = models.UUIDField(primary_key=True)
    key = models.CharField(max_length=160)
    fingerprint = models.CharField(max_length=64)
    derived_by = models.CharField(max_length=32)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class GateDecision(DerivedRow):
    """One gate's verdict; `payload` is its JSON form in the public status."""

    verdict = models.CharField(max_length=16)
    blocking = models.BooleanField()
    valid_until = models.DateField(null=True)
    payload = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "key"], name="gate_once")]
        indexes = [models.Index(fields=["site", "valid_until"], name="gate_expiry")]


SWEPT = {
    "opening": "opens_at",
    "dueing": "due_at",
    "closing": "closes_at",
    "snoozed": "snoozed_until",
    "booked": "booked_on",
}
"""Instants and dates of a task on which a reminder may fall due, by the name of their index."""


class TaskDue(DerivedRow):
    """One task with its window as dates and as instants at the site's midnight.

    `opens_at`, `due_at` and `missed_at` begin their day; `closes_at` begins the day after the window.
    """

    kind = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    opens_on = models.DateField()
    due_on = models.DateField()
    closes_on = models.DateField()
    missed_on = models.DateField()
    opens_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    missed_at = models.DateTimeField()
    booked_on = models.DateField(null=True)
    ended_as = models.CharField(max_length=20, null=True)
    ended_on = models.DateField(null=True)
    assignee = models.CharField(max_length=150, blank=True)
    snoozed_until = models.DateField(null=True)
    payload = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "key"], name="task_once")]
        indexes = [
            models.Index(
                fields=["site", "due_at", "id"], condition=models.Q(ended_as__isnull=True), name="task_open"
            ),
            *(
                models.Index(
                    fields=[instant],
                    condition=models.Q(ended_as__isnull=True, **{f"{instant}__isnull": False}),
                    name=f"task_{name}",
                )
                for name, instant in SWEPT.items()
            ),
        ]


class Alert(DerivedRow):
    """One episode of one safety rule; `payload` is its JSON form in the public status."""

    rule = models.CharField(max_length=32)
    state = models.CharField(max_length=12)
    first_hit_on = models.DateField()
    raised_on = models.DateField()
    superseded_evidence = models.BooleanField(default=False)
    merged_into = models.UUIDField(null=True)
    payload = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "key"], name="alert_once")]
        indexes = [
            models.Index(
                fields=["site", "raised_on", "id"], condition=models.Q(state="open"), name="alert_open"
            )
        ]
