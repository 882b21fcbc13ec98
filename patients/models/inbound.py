"""What came in and from where: sources, code maps, imports, the quarantine desk, and kept bytes."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
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
    iso_times = models.BooleanField(default=False)

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


@pghistory.track(*tracked())
class TableMapping(Identified):
    """How a source's tables are laid out: column of each field, constants, decimal sign, dates, row key."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="table_mappings")
    name = models.CharField(max_length=64)
    columns = models.JSONField(default=dict)
    constants = models.JSONField(default=dict)
    decimal = models.CharField(max_length=1, default=".")
    date_formats = models.JSONField(default=list)
    key = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "name"], name="table_mapping_once")]

    def __str__(self) -> str:
        return self.name


class Held(models.Model):
    """Bytes of one site, or `held_by` several, all of which must be in view; `released_to` a contract's payer."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, null=True, related_name="+")
    held_by = ArrayField(models.UUIDField(), default=list)
    released_to = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True


class Blob(Identified, Held):
    """Kept bytes (imports, exports, packets), encrypted in parts of at most 1 MB; `sha256` of the plain bytes."""

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=128)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256[:12]


class BlobPart(Held):
    """One part of a blob: AES-GCM cipher text with its nonce and the name of its key."""

    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="parts")
    part = models.PositiveIntegerField()
    key = models.CharField(max_length=16)
    nonce = models.BinaryField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "part"], name="blob_part_once")]

    def __str__(self) -> str:
        return f"{self.part}"


class Inbound(Identified):
    """One import: which bytes from which source, and what became of them.

    `waiting` (or `queued` for the background) until its items are dispositioned; then `done`, or `rejected`
    when the file as a whole cannot be read.
    """

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, related_name="imports")
    file = models.CharField(max_length=255)
    format = models.CharField(max_length=16)
    mapping = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    counts = models.JSONField(default=dict)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=12, default="waiting")
    at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        constraints = [one_of("state", ("waiting", "queued", "done", "rejected"), "inbound_state")]
        indexes = [
            models.Index(fields=["site", "-at"]),
            models.Index(fields=["source", "sha256"]),
            models.Index(
                fields=["at"], condition=models.Q(state__in=["waiting", "queued"]), name="inbound_open"
            ),
        ]

    def __str__(self) -> str:
        return self.file


class InboundMessage(models.Model):
    """One message of an import and its answer; `digest` tells whether the same message came before."""

    inbound = models.ForeignKey(Inbound, on_delete=models.CASCADE, related_name="messages")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    index = models.PositiveIntegerField()
    control_id = models.CharField(max_length=255, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    ack = models.CharField(max_length=2)
    reason = models.CharField(max_length=48, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inbound", "index"], name="inbound_message_once")]
        indexes = [models.Index(fields=["site", "digest"])]

    def __str__(self) -> str:
        return self.control_id


class InboundItem(models.Model):
    """What became of one item of an import, in the public shape.

    `envelope` is kept for items that are neither facts nor on the desk, so that a later mapping can replay them.
    """

    inbound = models.ForeignKey(Inbound, on_delete=models.CASCADE, related_name="items")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True, related_name="+")
    number = models.PositiveIntegerField()
    disposition = models.CharField(max_length=12)
    reason = models.CharField(max_length=48, blank=True)
    system = models.CharField(max_length=128, blank=True)
    code = models.CharField(max_length=128, blank=True)
    body = models.JSONField(default=dict)
    person = models.CharField(max_length=64, blank=True)
    envelope = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inbound", "number"], name="inbound_item_once")]
        indexes = [
            models.Index(
                fields=["person"], condition=models.Q(envelope__isnull=False), name="inbound_item_person"
            ),
            models.Index(
                fields=["site", "system", "code"],
                condition=models.Q(envelope__isnull=False),
                name="inbound_item_loose",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.disposition}"


@pghistory.track(*tracked())
class QuarantineItem(Identified):
    """A received item that is no fact yet, with the reason, its raw text and what was understood of it."""

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, related_name="+")
    inbound = models.ForeignKey(Inbound, on_delete=models.PROTECT, null=True, related_name="+")
    content_key = models.CharField(max_length=64)
    person = models.CharField(max_length=64, blank=True)
    lineage = models.UUIDField(null=True)
    result = models.UUIDField(null=True)
    where = models.JSONField(default=dict)
    system = models.CharField(max_length=128, blank=True)
    code = models.CharField(max_length=128, blank=True)
    analyte = models.CharField(max_length=16, blank=True)
    collected_on = models.DateField(null=True)
    reason = models.CharField(max_length=48)
    reasons = models.JSONField(default=list)
    raw = models.TextField(blank=True)
    body = models.JSONField(default=dict)
    envelope = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=12, default="waiting")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_action = models.CharField(max_length=16, blank=True)
    resolved_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            one_of("state", ("waiting", "resolved", "discarded"), "quarantine_state"),
            models.UniqueConstraint(fields=["site", "content_key"], name="quarantine_once"),
        ]
        indexes = [
            models.Index(
                fields=["patient", "analyte"], condition=models.Q(state="waiting"), name="quarantine_waiting"
            ),
            models.Index(
                fields=["site", "system", "code"],
                condition=models.Q(state="waiting"),
                name="quarantine_code",
            ),
            models.Index(fields=["person"], condition=models.Q(state="waiting"), name="quarantine_person"),
            models.Index(fields=["lineage"], condition=models.Q(state="waiting"), name="quarantine_lineage"),
        ]

    def __str__(self) -> str:
        return self.reason
