"""Read model: milestone verdicts as known now, one row per patient, contract, month and version."""

from __future__ import annotations

from django.db import models

from patients.models.base import Identified, PatientRow, one_of

VERDICTS = ("pending", "due", "met", "not_met", "not_evaluable")


class Assessment(Identified, PatientRow):
    """`payload` is the milestone's JSON form in the public status; a frozen row is never changed again."""

    contract = models.CharField(max_length=64)
    contract_version = models.CharField(max_length=32)
    month = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)
    target_on = models.DateField()
    opens_on = models.DateField()
    closes_on = models.DateField()
    verdict = models.CharField(max_length=16)
    payload = models.JSONField()
    frozen = models.BooleanField(default=False)
    decided_at = models.DateTimeField()
    derived_by = models.CharField(max_length=32)

    class Meta:
        constraints = [
            one_of("verdict", VERDICTS, "assessment_verdict"),
            models.UniqueConstraint(
                fields=["patient", "contract", "month", "version"], name="assessment_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} m{self.month}"
