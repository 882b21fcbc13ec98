"""The ledger of notices: a row exists before a mail is sent and says what became of it."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q

from patients.models.audit import tracked
from patients.models.base import Identified, one_of

KINDS = (
    "opening",
    "due",
    "overdue",
    "escalation",
    "alert",
    "digest",
    "export_ready",
    "intake_failed",
    "scheduler_silent",
    "password_reset",
    "emergency_access",
)
RIDING = ("opening", "due", "overdue")
"""Reminders of a task's state: they ride in the digest, unless the person wants single mails."""
OPEN = Q(sent_at__isnull=True, failed_at__isnull=True, cancelled_at__isnull=True)


@pghistory.track(
    pghistory.UpdateEvent(
        "resend", condition=pghistory.Q(old__failed_at__isnull=False, new__failed_at__isnull=True)
    ),
    fields=["id", "site", "recipient", "kind", "rule", "attempts", "next_try_at"],
    model_name="NoticeSealedEvent",
)
class Notice(Identified):
    """One message to one person about one thing, once.

    A sender leases the row (`leased_until`), sends, marks `sent_at`; after a crash the lease runs out and
    the same message goes out again under the same Message-ID. `next_try_at` is empty while the row rides in
    the person's next digest; `delivered_in` names the row whose mail told it. `urgency` 0 goes before 1.
    `told` keeps the counts of a digest from its first try until it is known whether that one arrived.
    `site` is empty only for the password of somebody who works at none.
    Sending a failed one again is audited: who asked for it, and when.
    """

    site = models.ForeignKey(
        "patients.Site", on_delete=models.PROTECT, null=True, db_constraint=False, related_name="+"
    )
    patient = models.ForeignKey(
        "patients.Patient", on_delete=models.PROTECT, null=True, db_constraint=False, related_name="+"
    )
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    rule = models.CharField(max_length=32)
    occurrence = models.CharField(max_length=32)
    channel = models.CharField(max_length=8, default="email")
    recipient = models.ForeignKey("patients.User", on_delete=models.PROTECT, related_name="+")
    urgency = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    told = models.JSONField(null=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    tried_since = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=64, blank=True)
    delivered_in = models.UUIDField(null=True)

    class Meta:
        constraints = [
            one_of("kind", KINDS, "notice_kind"),
            models.UniqueConstraint(
                fields=["key", "rule", "occurrence", "channel", "recipient"], name="notice_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["urgency", "next_try_at", "id"],
                condition=OPEN & Q(next_try_at__isnull=False),
                name="notice_poll",
            ),
            models.Index(
                fields=["recipient", "site"],
                condition=OPEN & Q(next_try_at__isnull=True),
                name="notice_riding",
            ),
            models.Index(fields=["created_at"], condition=Q(kind="alert"), name="notice_alerts"),
            models.Index(
                fields=["recipient", "created_at"],
                condition=Q(kind="password_reset"),
                name="notice_passwords",
            ),
            models.Index(
                fields=["site", "recipient"], condition=Q(failed_at__isnull=False), name="notice_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.rule}"


class Watermark(models.Model):
    """Up to which instant a sweep has looked at stored instants."""

    name = models.CharField(max_length=32, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


@pghistory.track(*tracked())
class SiteTask(Identified):
    """Something to be done at a site that is about none of its patients: mail that cannot be delivered.

    At most one is open per `key`; what comes up again after it ended is a new one.
    """

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=160)
    person = models.ForeignKey("patients.User", on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=20, null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            one_of("kind", ("notice-failed",), "site_task_kind"),
            models.UniqueConstraint(
                fields=["site", "key"], condition=Q(ended_at__isnull=True), name="site_task_open"
            ),
        ]

    def __str__(self) -> str:
        return self.key
