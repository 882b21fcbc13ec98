"""Exports of the payer data set: what was asked for, by whom, what became of it, and who released it."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models

from outcomes.rules.dataset_tables import PROFILES
from patients.models.audit import tracked
from patients.models.base import Identified, PatientRow, one_of

STATES = ("awaiting_approval", "queued", "running", "ready", "failed", "stopped")


@pghistory.track(*tracked())
class Export(Identified):
    """One export. `site_ids` are the sites whose patients it is about; people of any of them see this row.

    `as_of` and `as_known_at` are empty until the first run when nothing else was asked for. `files` are
    {name, table, format, sha256, bytes, rows, blob}; `sha256` is that of the manifest, which holds the others.
    `whole`: of the whole contract, so each site must approve before it is made; else only before it is released.
    """

    contract = models.CharField(max_length=64)
    profile = models.CharField(max_length=20)
    formats = models.JSONField(default=list)
    site_ids = ArrayField(models.UUIDField(), default=list)
    whole = models.BooleanField(default=False)
    as_of = models.DateField(null=True)
    as_known_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    determination = models.CharField(max_length=200, blank=True)
    requester = models.CharField(max_length=150)
    requested_by = models.ForeignKey("patients.User", on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=20, default="queued")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    row_counts = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    manifest = models.JSONField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    published_at = models.DateTimeField(null=True)
    published_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            one_of("state", STATES, "export_state"),
            one_of("profile", PROFILES, "export_profile"),
        ]
        indexes = [
            models.Index(fields=["-requested_at"]),
            models.Index(fields=["requester", "requested_at"]),
            models.Index(
                fields=["requested_at"],
                condition=models.Q(state__in=["queued", "running"]),
                name="export_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.profile}"


@pghistory.track(*tracked())
class ExportApproval(Identified):
    """A site's administrator lets the site's part of an export out."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="approvals")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "site"], name="export_approved_once")]

    def __str__(self) -> str:
        return f"{self.export_id}"


class SubjectCode(PatientRow):
    """The random code of a patient under a contract, drawn once; nothing about the patient can be read from it."""

    contract = models.CharField(max_length=64)
    code = models.CharField(max_length=16, db_collation="C")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contract", "patient"], name="subject_code_once"),
            models.UniqueConstraint(fields=["contract", "code"], name="subject_code_unique"),
        ]

    def __str__(self) -> str:
        return self.code


class DatasetRows(PatientRow):
    """Read model: the lines of one patient under one contract, ready to be written.

    They follow from the facts decided as `seq`, for every date from `assessed_for` to `steady_until`.
    `counts` are lines per table.
    """

    contract = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    assessed_for = models.DateField()
    steady_until = models.DateField()
    derived_by = models.CharField(max_length=32)
    milestones = models.TextField(blank=True)
    milestones_dated = models.TextField(blank=True)
    criteria = models.TextField(blank=True)
    bleeds = models.TextField(blank=True)
    factor_use = models.TextField(blank=True)
    fix_activity = models.TextField(blank=True)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contract", "patient"], name="dataset_rows_once")]

    def __str__(self) -> str:
        return self.contract


class Publication(Identified):
    """An export released to a contract's payer: no patient, no site. The payer's own role reads it.

    `series` is the same for releases about the same sites, without telling which these are.
    """

    export = models.UUIDField(unique=True)
    contract = models.CharField(max_length=64)
    profile = models.CharField(max_length=20)
    series = models.CharField(max_length=64)
    as_of = models.DateField()
    as_known_at = models.DateTimeField()
    row_counts = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    manifest = models.JSONField()
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["contract", "-published_at"])]

    def __str__(self) -> str:
        return f"{self.contract} {self.as_of}"


class PublishedRow(Identified):
    """One line of a released milestones table. `change` compares it with the release before: new, same, changed."""

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="rows")
    contract = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    verdict = models.CharField(max_length=16)
    change = models.CharField(max_length=8)
    cells = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["publication", "number"], name="published_row_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"
