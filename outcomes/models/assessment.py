"""Read model: milestone verdicts as known now, one row per patient, contract, month and version."""

from __future__ import annotations

from django.db import models

from patients.models.base import Identified, PatientRow, one_of
from patients.rules.words import MILESTONE_VERDICTS


class Assessment(Identified, PatientRow):
    """`payload` is the milestone as shown now; of an attested version that no longer stands, as it was signed.

    What was signed is kept with its hash in the act; a row is `frozen` when that version was attested.
    """

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
            one_of("verdict", MILESTONE_VERDICTS, "assessment_verdict"),
            models.UniqueConstraint(
                fields=["patient", "contract", "month", "version"], name="assessment_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} m{self.month}"
