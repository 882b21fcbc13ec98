"""Rows that keep the machinery honest: heartbeats of processes and remembered answers."""

from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    """When a process last said that it works."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """The last run of a background task: `ok` is empty while it runs, and after it was cut off.

    `error` is the kind of an exception, never its text.
    """

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ok = models.BooleanField(null=True)
    error = models.CharField(max_length=64, blank=True)
    ok_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Idempotency(models.Model):
    """The answer to a creating request, encrypted, kept for 24 hours under user, route and key."""

    user_id = models.UUIDField()
    route = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "route", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return self.key


class Hold(models.Model):
    """Something an operator has to let go: "mail" after a restore, so that a copy does not send it again."""

    name = models.CharField(max_length=32, primary_key=True)
    since = models.DateTimeField()
    reason = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name
