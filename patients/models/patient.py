"""The patient."""

from __future__ import annotations

from datetime import timedelta

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


@pghistory.track(*tracked())
class PatientAccess(Identified):
    """Emergency access: one person of another centre reads one record, from an instant to an instant.

    `site` is the custodian, `to_site` the centre of the person. Code of the patient, username and name of the
    centre are as they were then, because neither side sees the other's rows. Rows are never changed but for an
    early end and for the custodian's review, `found` "right" or "not-right" with words.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    to_site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("patients.User", on_delete=models.PROTECT, related_name="+")
    by = models.CharField(max_length=150)
    place = models.CharField(max_length=200)
    code = models.CharField(max_length=48)
    reason = models.TextField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    found = models.CharField(max_length=12, blank=True)
    review = models.TextField(blank=True)
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            one_of("found", ("", "right", "not-right"), "patient_access_found"),
            models.CheckConstraint(
                condition=models.Q(found="", reviewed_at__isnull=True, review="")
                | ~models.Q(found="") & models.Q(reviewed_at__isnull=False) & ~models.Q(review=""),
                name="patient_access_review",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    to_at__gt=models.F("from_at"), to_at__lte=models.F("from_at") + timedelta(hours=1)
                ),
                name="patient_access_time",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="patient_access_reason"),
        ]
        indexes = [
            models.Index(fields=["person", "patient", "to_at"], name="patient_access_live"),
            models.Index(fields=["from_at"], condition=models.Q(found=""), name="patient_access_open"),
        ]

    def __str__(self) -> str:
        return f"{self.by} {self.code}"


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
