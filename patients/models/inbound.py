"""What came in and from where: sources, code maps, imports, the quarantine desk, and kept bytes."""

from __future__ import annotations

import pghistory
from django.db import models

from patients.models.audit import tracked
from patients.models.base import Identified, one_of


@pghistory.track(*tracked())
class Source(Identified):
    """A laboratory or system that sends results to one site."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="sources")
    code = models.SlugField(max_length=64, unique=True)
    mrn_authorities = models.JSONField(default=list)
    timezone = models.CharField(max_length=64)
    default_uln = models.JSONField(default=dict)
    sending_app = models.CharField(max_length=64, blank=True)
    sending_facility = models.CharField(max_length=64, blank=True)
    decimal = models.CharField(max_length=1, default=".")

    def __str__(self) -> str:
        return self.code


@pghistory.track(*tracked())
class CodeMap(Identified):
    """What a source's own code means: analyte, factor to the canonical unit, assay."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="code_maps")
    system = models.CharField(max_length=128, blank=True)
    code = models.CharField(max_length=128)
    unit = models.CharField(max_length=64, blank=True)
    analyte = models.CharField(max_length=16)
    factor = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    assay = models.CharField(max_length=64, blank=True)
    value_rule = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "system", "code", "unit"], name="code_map_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} → {self.analyte}"


class Blob(Identified):
    """Kept bytes (imports, exports, packets), encrypted in parts of at most 1 MB; `sha256` of the plain bytes."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, null=True, related_name="+")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=128)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256[:12]


class BlobPart(models.Model):
    """One part of a blob: AES-GCM cipher text with its nonce and the number of its key."""

    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="parts")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, null=True, related_name="+")
    part = models.PositiveIntegerField()
    nonce = models.BinaryField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "part"], name="blob_part_once")]

    def __str__(self) -> str:
        return f"{self.part}"


class Inbound(Identified):
    """One import: which file from which source, what became of its items."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="imports")
    file = models.CharField(max_length=255)
    format = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    counts = models.JSONField(default=dict)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return self.file


@pghistory.track(*tracked())
class QuarantineItem(Identified):
    """A received item that is no fact yet, with the reason, its raw text and what was understood of it."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, related_name="+")
    inbound = models.ForeignKey(Inbound, on_delete=models.PROTECT, null=True, related_name="+")
    content_key = models.CharField(max_length=64)
    where = models.JSONField(default=dict)
    analyte = models.CharField(max_length=16, blank=True)
    collected_on = models.DateField(null=True)
    reason = models.CharField(max_length=48)
    reasons = models.JSONField(default=list)
    raw = models.TextField(blank=True)
    item = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=12, default="waiting")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            one_of("state", ("waiting", "resolved", "discarded"), "quarantine_state"),
            models.UniqueConstraint(fields=["site", "content_key"], name="quarantine_once"),
        ]
        indexes = [
            models.Index(
                fields=["patient", "analyte"], condition=models.Q(state="waiting"), name="quarantine_waiting"
            )
        ]

    def __str__(self) -> str:
        return self.reason
