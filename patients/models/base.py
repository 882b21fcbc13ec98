"""What tables with patient data share: custody columns, and the columns of an append-only fact."""

from __future__ import annotations

from django.db import models

from patients.ids import new_id


def one_of(field: str, values: tuple[str, ...], name: str) -> models.CheckConstraint:
    """A CHECK that a text column holds one word of a vocabulary."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)


class Identified(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta:
        abstract = True


class PatientRow(models.Model):
    """A row about one patient. `site` is the present custodian, on which row-level security rests.

    The foreign key to the patient is the pair (patient, site), made in SQL with ON UPDATE CASCADE: no row
    can name another site's patient, and custody moves with the patient.
    """

    patient = models.ForeignKey(
        "patients.Patient", on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class FactRow(Identified, PatientRow):
    """An append-only fact: a correction is a new row that names the one it supersedes."""

    recorded_site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)
    source = models.CharField(max_length=64, blank=True)
    source_id = models.CharField(max_length=128, blank=True)
    supersedes = models.UUIDField(null=True, blank=True)
    retracted = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}:{self.pk}"
