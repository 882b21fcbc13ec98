"""What people decided or did on a pathway: acts, infusions, kits, authorizations. Append-only."""

from __future__ import annotations

import pghistory
from django.db import models

from patients.models.audit import tracked
from patients.models.base import FactRow, Identified, PatientRow, one_of
from patients.models.observations import AMOUNT


@pghistory.track(*tracked())
class Act(Identified, PatientRow):
    """A decision that is no observation: plan, pin, enrolment, waiver, acknowledgement, steroid order…

    `key` is what it is about (a task key, an alert id, a contract code); `true_on` the date it counts from.
    """

    recorded_site = models.ForeignKey("patients.Site", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=24)
    key = models.CharField(max_length=160, blank=True)
    payload = models.JSONField()
    true_on = models.DateField()
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["patient", "kind", "key"], name="act_on_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@pghistory.track(*tracked())
class Infusion(FactRow):
    """What was given on Day 0. The place of the lifetime dose is an `InfusionSlot`."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    diluted_at = models.DateTimeField(null=True)
    observed_until = models.DateTimeField(null=True)
    day0 = models.DateField()
    weight_kg = models.DecimalField(**AMOUNT)
    volume_ml = models.DecimalField(**AMOUNT)
    rate_ml_h = models.DecimalField(null=True, **AMOUNT)
    kit_lot = models.CharField(max_length=64, blank=True)
    vial_lots = models.JSONField(default=list)
    ndc = models.CharField(max_length=16, blank=True)
    place_of_service = models.CharField(max_length=2)
    outcome = models.CharField(max_length=12)
    percent_given = models.DecimalField(null=True, **AMOUNT)
    premedication = models.JSONField(default=list)
    interruptions = models.JSONField(default=list)
    reactions = models.JSONField(default=list)
    vitals = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    override = models.JSONField(null=True)

    class Meta:
        constraints = [
            one_of("outcome", ("complete", "partial", "abandoned"), "infusion_outcome"),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gte=models.F("started_at")),
                name="infusion_order",
            ),
            models.CheckConstraint(
                condition=models.Q(volume_ml__gte=0) & models.Q(weight_kg__gt=0), name="infusion_amounts"
            ),
        ]


class InfusionSlot(PatientRow):
    """The lifetime dose: at most one active row per patient, enforced by a partial unique index.

    Facts cannot be updated, so the place is a row of its own; a void sets `active` to false.
    """

    infusion = models.OneToOneField(Infusion, on_delete=models.PROTECT, primary_key=True, related_name="slot")
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=models.Q(active=True), name="one_infusion_in_a_lifetime"
            )
        ]

    def __str__(self) -> str:
        return f"{self.infusion_id}"


@pghistory.track(*tracked())
class Kit(FactRow):
    ordered_on = models.DateField()
    weight_kg = models.DecimalField(**AMOUNT)
    vials = models.PositiveIntegerField()
    ndc = models.CharField(max_length=16, blank=True)
    received_on = models.DateField(null=True)
    lot = models.CharField(max_length=64, blank=True)
    vial_lots = models.JSONField(default=list)


@pghistory.track(*tracked())
class Authorization(FactRow):
    """A payer's prior authorization."""

    payer = models.CharField(max_length=200)
    number = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12)
    submitted_on = models.DateField(null=True)
    decided_on = models.DateField(null=True)
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)

    class Meta:
        constraints = [
            one_of(
                "status",
                ("draft", "submitted", "approved", "denied", "appealed", "withdrawn"),
                "authorization_status",
            )
        ]
