"""What was observed: results and the other facts. Append-only; see `FactRow`."""

from __future__ import annotations

from typing import Any

import pghistory
from django.db import models

from patients.models.audit import tracked
from patients.models.base import FactRow, PatientRow, one_of

RESULT_STATUSES = ("final", "corrected", "amended", "preliminary", "pending", "cancelled", "entered_in_error")
AMOUNT: dict[str, Any] = {"max_digits": 24, "decimal_places": 8}


@pghistory.track(*tracked())
class Result(FactRow):
    """One version of a laboratory result. `value` is in the analyte's canonical `unit`; `*_text` as received.

    `number_text` is the number alone, exact, in the unit received.

    `promotes`: the laboratory said that the preliminary value is final, before that value arrived.
    `accepted`: a person said that this is a measurement of its own, not a repetition of another one.
    `lineage` is the same for all versions of one result. Equal content of a lineage is stored once.
    """

    lineage = models.UUIDField()
    content_hash = models.CharField(max_length=64)
    analyte = models.CharField(max_length=16)
    loinc = models.CharField(max_length=16, blank=True)
    status = models.CharField(max_length=20)
    value_text = models.TextField(blank=True)
    number_text = models.CharField(max_length=64, blank=True)
    unit_text = models.CharField(max_length=64, blank=True)
    comparator = models.CharField(max_length=2, blank=True)
    value = models.DecimalField(null=True, blank=True, **AMOUNT)
    code = models.CharField(max_length=16, blank=True)
    unit = models.CharField(max_length=32, blank=True)
    factor = models.DecimalField(null=True, blank=True, **AMOUNT)
    catalog_version = models.CharField(max_length=32)
    collected_at = models.DateTimeField()
    collected_on = models.DateField()
    precision = models.CharField(max_length=8, default="second")
    reported_at = models.DateTimeField(null=True, blank=True)
    reference_low = models.DecimalField(null=True, blank=True, **AMOUNT)
    reference_high = models.DecimalField(null=True, blank=True, **AMOUNT)
    reference_text = models.TextField(blank=True)
    uln_source = models.CharField(max_length=16, blank=True)
    flag = models.CharField(max_length=16, blank=True)
    method = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)
    assay = models.CharField(max_length=64, blank=True)
    lab = models.CharField(max_length=200, blank=True)
    accepted = models.BooleanField(default=False)
    promotes = models.BooleanField(default=False)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lineage", "content_hash"], name="result_content_once"),
            one_of("status", RESULT_STATUSES, "result_status"),
            one_of("comparator", ("", "<", "<=", ">", ">="), "result_comparator"),
            one_of("precision", ("day", "second"), "result_precision"),
        ]
        indexes = [models.Index(fields=["patient", "analyte", "collected_at"])]


class ResultHead(PatientRow):
    """Which version of a result counts now: the only updatable result table, rebuilt from the versions.

    `likeness` is equal for results that may repeat each other; `suspect` ones do not count.
    """

    lineage = models.UUIDField(primary_key=True)
    result = models.UUIDField()
    analyte = models.CharField(max_length=16)
    collected_at = models.DateTimeField()
    first_recorded_at = models.DateTimeField()
    likeness = models.CharField(max_length=80)
    active = models.BooleanField()
    accepted = models.BooleanField(default=False)
    suspect = models.BooleanField(default=False)
    conflict = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "analyte", "collected_at"]),
            models.Index(fields=["patient", "likeness"]),
        ]

    def __str__(self) -> str:
        return f"{self.lineage}"


@pghistory.track(*tracked())
class Bleed(FactRow):
    onset_at = models.DateTimeField()
    onset_on = models.DateField()
    body_site = models.CharField(max_length=200)
    joint = models.BooleanField()
    cause = models.CharField(max_length=12)
    life_threatening = models.BooleanField(default=False)
    treated = models.BooleanField()
    note = models.TextField(blank=True)

    class Meta:
        constraints = [one_of("cause", ("spontaneous", "traumatic", "unknown"), "bleed_cause")]
        indexes = [models.Index(fields=["patient", "onset_at"])]


@pghistory.track(*tracked())
class FactorUse(FactRow):
    """Factor concentrate given: `iu` international units."""

    product = models.CharField(max_length=64)
    iu = models.DecimalField(**AMOUNT)
    given_on = models.DateField()
    reason = models.CharField(max_length=12)

    class Meta:
        constraints = [
            one_of("reason", ("prophylaxis", "bleed", "surgery", "other"), "factor_use_reason"),
            models.CheckConstraint(condition=models.Q(iu__gte=0), name="factor_use_iu"),
        ]
        indexes = [models.Index(fields=["patient", "given_on"])]


class _Period(FactRow):
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)

    class Meta:
        abstract = True


def _orderly(name: str) -> models.CheckConstraint:
    condition = models.Q(to_on__isnull=True) | models.Q(to_on__gte=models.F("from_on"))
    return models.CheckConstraint(condition=condition, name=name)


@pghistory.track(*tracked())
class Regimen(_Period):
    """Routine prophylaxis: `iu_per_kg` every `interval_days`."""

    product = models.CharField(max_length=64)
    iu_per_kg = models.DecimalField(**AMOUNT)
    interval_days = models.DecimalField(**AMOUNT)
    reason = models.CharField(max_length=16, default="prophylaxis")

    class Meta:
        constraints = [_orderly("regimen_period")]
        indexes = [models.Index(fields=["patient", "from_on"])]


@pghistory.track(*tracked())
class Attestation(FactRow):
    code = models.CharField(max_length=64)
    on = models.DateField()
    value = models.BooleanField(default=True)
    note = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["patient", "code", "on"])]


@pghistory.track(*tracked())
class Event(_Period):
    """Death, transplant, withdrawal, loss to follow-up, a gap in it, or the lead-in before Day 0."""

    kind = models.CharField(max_length=20)

    class Meta:
        constraints = [
            _orderly("event_period"),
            one_of(
                "kind",
                ("death", "liver_transplant", "withdrawn", "lost_to_follow_up", "follow_up_gap", "lead_in"),
                "event_kind",
            ),
        ]
        indexes = [models.Index(fields=["patient", "from_on"])]


@pghistory.track(*tracked())
class Coverage(_Period):
    payer = models.CharField(max_length=200)
    contract = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [_orderly("coverage_period")]
        indexes = [models.Index(fields=["patient", "from_on"])]


@pghistory.track(*tracked())
class Draw(FactRow):
    """A sample was taken, its results are awaited."""

    panel = models.CharField(max_length=64)
    drawn_at = models.DateTimeField()
    drawn_on = models.DateField()
    lab = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["patient", "drawn_on"])]
