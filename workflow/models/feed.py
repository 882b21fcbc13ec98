"""Calendar feeds: whose, of which site, under which secret, and what each has told about its tasks."""

from __future__ import annotations

import pghistory
from django.db import models

from patients.models.audit import tracked
from patients.models.base import Identified, PatientRow, one_of

TITLES = ("opaque", "task")


@pghistory.track(*tracked(), exclude=["secret_hash", "fetched_at"])
class Feed(Identified):
    """One person's calendar of the tasks of one site, or of all their sites, under a secret address.

    Only the SHA-256 of the secret is kept. `titles`: "opaque" says a number only, "task" what is to be done;
    neither says anything about a patient. `fetched_at` is when a calendar last asked, by the hour.
    """

    user = models.ForeignKey("patients.User", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, null=True, related_name="+")
    titles = models.CharField(max_length=8, default="opaque")
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("titles", TITLES, "feed_titles")]
        indexes = [
            models.Index(fields=["user"], condition=models.Q(revoked_at__isnull=True), name="feed_of_person")
        ]

    def __str__(self) -> str:
        return f"feed {self.pk}"


class FeedEntry(Identified, PatientRow):
    """What a feed last told about one task: the day, the title, and how often that has changed.

    `task` is the id of the task, which survives a rebuild of the derived rows.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="entries")
    task = models.UUIDField()
    on = models.DateField()
    title = models.CharField(max_length=200, blank=True)
    sequence = models.PositiveIntegerField()
    modified_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "task"], name="feed_tells_a_task_once")]

    def __str__(self) -> str:
        return f"{self.task}"
