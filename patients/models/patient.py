"""The patient."""

from __future__ import annotations

import pghistory
from django.db import models

from patients.models.audit import tracked
from patients.models.base import Identified, one_of

SEXES = ("male", "female", "other", "unknown")


@pghistory.track(*tracked())
class Patient(Identified):
    """A person on a pathway. `code` is shown instead of names in addresses, titles and logs.

    `merged_into` names the patient that this row is an alias of: only the owner's functions set it, and an alias
    has no alias of its own.
    """

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="patients")
    recorded_site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=48)
    mrn = models.CharField(max_length=64)
    family_name = models.CharField(max_length=100)
    given_name = models.CharField(max_length=100, blank=True)
    birth_date = models.DateField()
    sex = models.CharField(max_length=8, default="unknown")
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    merged_into = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "mrn"], name="patient_mrn_per_site"),
            models.UniqueConstraint(fields=["site", "code"], name="patient_code_per_site"),
            models.UniqueConstraint(fields=["id", "site"], name="patient_custody"),
            one_of("sex", SEXES, "patient_sex"),
        ]
        indexes = [
            models.Index(
                fields=["merged_into"],
                condition=models.Q(merged_into__isnull=False),
                name="patient_aliases",
            )
        ]

    def __str__(self) -> str:
        return self.code


class PatientAccess(Identified):
    """A second site that shares a patient (hub and spoke) for a time. Reserved in the access policies."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.from_on}"


@pghistory.track(*tracked())
class Erasure(Identified):
    """What is left of a patient after a lawful deletion: no person, only that, when, why and by whom.

    `erased` is the patient's id; `counts` how many rows of each table went; `kept` the ids of imports whose
    files name other people too, so that their bytes stay until those may go.
    """

    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    erased = models.UUIDField(unique=True)
    basis = models.CharField(max_length=32)
    rule = models.CharField(max_length=32)
    reason = models.TextField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    kept = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.erased}"
