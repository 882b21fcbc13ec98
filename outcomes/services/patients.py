"""A patient is referred: created on a pathway and, where there is one, enrolled in a contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from outcomes.services import enrolment
from patients.models import Patient, Site
from workflow.selectors.acts import last_key
from workflow.services import pathways

DEFAULT_POLICY = "label-us"


def create(*, site: Site, fields: Mapping[str, Any], by: str, at: datetime | None = None) -> Patient:
    """Creates the patient with pathway, policy (label-us if none is named) and contract in one transaction."""
    person = {k: v for k, v in fields.items() if k not in ("pathway", "policy", "contract")}
    with transaction.atomic():
        patient = pathways.create(
            site=site,
            fields=person,
            pathway=fields["pathway"],
            policy=fields.get("policy") or DEFAULT_POLICY,
            by=by,
            at=at,
        )
        if fields.get("contract"):
            enrolment.enrol(patient=patient.pk, contract_code=fields["contract"], by=by, at=at)
    return Patient.objects.select_related("site", "pathway").get(pk=patient.pk)


def contract_of(patient: UUID) -> str | None:
    """The contract the patient was enrolled in last, by its code."""
    return last_key(patient, "enrolment")
