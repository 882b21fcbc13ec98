"""Read model of figures over many patients: what one patient adds to them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from patients.models.base import PatientRow


class FigureRow(PatientRow):
    """They follow from the facts for every date from `assessed_for` to `steady_until`.

    By month, all of one length: `months`, `states`, both assays' readings in IU/dL, whether these are bounds, and
    freedom from prophylaxis. By period: observed days, then bleeds by kind.
    """

    patient = models.OneToOneField(
        "patients.Patient", on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )
    assessed_for = models.DateField()
    steady_until = models.DateField()
    derived_by = models.CharField(max_length=32)
    months = ArrayField(models.SmallIntegerField(), default=list)
    states = ArrayField(models.CharField(max_length=8), default=list)
    one_stage = ArrayField(models.FloatField(null=True), default=list)
    one_stage_bounds = ArrayField(models.BooleanField(), default=list)
    chromogenic = ArrayField(models.FloatField(null=True), default=list)
    chromogenic_bounds = ArrayField(models.BooleanField(), default=list)
    off = ArrayField(models.BooleanField(null=True), default=list)
    before = ArrayField(models.IntegerField(), default=list)
    early = ArrayField(models.IntegerField(), default=list)
    later = ArrayField(models.IntegerField(), default=list)

    class Meta:
        indexes = [models.Index(fields=["site", "steady_until"], name="figure_steady")]

    def __str__(self) -> str:
        return f"{self.patient_id}"
