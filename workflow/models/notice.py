"""The ledger of notices: a row exists before a mail is sent and says what became of it."""

from __future__ import annotations

import pghistory
from django.db import models

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
)


@pghistory.track(
    pghistory.UpdateEvent(
        "resend", condition=pghistory.Q(old__failed_at__isnull=False, new__failed_at__isnull=True)
    ),
    fields=["id", "site", "recipient", "kind", "rule", "attempts", "next_try_at"],
    model_name="NoticeSealedEvent",
)
class Notice(Identified):
    """One message to one person about one thing, once. `count` is all that a mail says about it.

    A sender leases the row (`leased_until`), sends, marks `sent_at`; after a crash the lease runs out and
    the same message goes out again under the same Message-ID. `delivered_in` names the digest that told it.
    Sending a failed one again is audited: who asked for it, and when.
    """

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True, related_name="+")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    rule = models.CharField(max_length=32)
    occurrence = models.CharField(max_length=32)
    channel = models.CharField(max_length=8, default="email")
    recipient = models.ForeignKey("patients.User", on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
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
                fields=["next_try_at", "id"],
                condition=models.Q(sent_at__isnull=True, failed_at__isnull=True, cancelled_at__isnull=True),
                name="notice_poll",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.rule}"
