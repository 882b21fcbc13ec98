"""`patients/`: create, list, read and change patients, and their status."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes.selectors.status import patient_status
from outcomes.services import patients as service
from patients.api.base import ApiView, PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.api.versions import etag, expected_version
from patients.errors import Fault, Invalid
from patients.models import Patient, Site
from patients.models.patient import SEXES
from patients.services.shapes import Day, Instant, Strict, Text, checked
from workflow.services import pathways

FILTERS = ("site", "phase", "pathway")
PINNED = ("pathway", "policy", "contract")


class PatientIn(Strict):
    site = Text(max_length=64)
    mrn = Text(max_length=64)
    family_name = Text(max_length=100)
    given_name = Text(required=False, allow_blank=True, max_length=100)
    birth_date = Day()
    sex = serializers.ChoiceField(choices=SEXES)
    pathway = Text(max_length=64)
    policy = Text(required=False, max_length=64)
    contract = Text(required=False, allow_null=True, max_length=64)


class PatientChange(Strict):
    mrn = Text(required=False, max_length=64)
    family_name = Text(required=False, max_length=100)
    given_name = Text(required=False, allow_blank=True, max_length=100)
    birth_date = Day(required=False)
    sex = serializers.ChoiceField(choices=SEXES, required=False)


class StatusQuery(Strict):
    as_of = Day(required=False)
    as_known_at = Instant(required=False)


class Patients(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="patients_list",
    )
    def get(self, request: Request) -> Response:
        rows = _listed(filters_of(request, FILTERS, ordering=("code", "-code")))
        hidden = self.pseudonymised
        return page_of(request, rows, lambda page: [patient_json(p, hidden) for p in page])

    @extend_schema(request=PatientIn, responses={201: OpenApiTypes.OBJECT}, operation_id="patients_create")
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(PatientIn, request.data)
        site = _site(fields.pop("site"))
        self.require_at(site.pk)
        row = service.create(site=site, fields=fields, by=self.by())
        return etag(Response(patient_json(row, self.pseudonymised), status=201), row.version)


class PatientDetail(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="patients_retrieve")
    def get(self, request: Request, patient: UUID) -> Response:
        return etag(Response(patient_json(self.patient, self.pseudonymised)), self.patient.version)

    @extend_schema(request=PatientChange, responses=OpenApiTypes.OBJECT, operation_id="patients_change")
    def patch(self, request: Request, patient: UUID) -> Response:
        pinned = [n for n in PINNED if isinstance(request.data, dict) and n in request.data]
        if pinned:
            text = "This is pinned; move it with POST patients/{id}/pins/ (contracts: coverage/)."
            raise Invalid.of(*(Fault(f"/{n}", "pinned", text) for n in pinned))
        fields = checked(PatientChange, request.data)
        row = pathways.change_demographics(
            patient=patient, fields=fields, expected=expected_version(request), by=self.by()
        )
        return etag(Response(patient_json(row, self.pseudonymised)), row.version)


class Status(PatientView):
    @extend_schema(
        parameters=[
            OpenApiParameter("as_of", OpenApiTypes.DATE),
            OpenApiParameter("as_known_at", OpenApiTypes.DATETIME),
        ],
        responses=OpenApiTypes.OBJECT,
        operation_id="patients_status",
    )
    def get(self, request: Request, patient: UUID) -> Response:
        asked: dict[str, Any] = checked(StatusQuery, request.query_params.dict())
        body = patient_status(patient, as_of=asked.get("as_of"), as_known_at=asked.get("as_known_at"))
        return Response(_without_free_text(body) if self.pseudonymised else body)


def patient_json(row: Patient, pseudonymised: bool = False) -> dict[str, Any]:
    """A patient in the public shape; pseudonymised without name, number and day of birth."""
    pathway = row.pathway
    body: dict[str, Any] = {
        "id": str(row.pk),
        "site": row.site.code,
        "code": row.code,
        "mrn": row.mrn,
        "family_name": row.family_name,
        "given_name": row.given_name,
        "birth_date": row.birth_date.isoformat(),
        "sex": row.sex,
        "pathway": pathway.pathway,
        "policy": pathway.policy,
        "contract": service.contract_of(row.pk),
        "phase": pathway.phase,
        "version": row.version,
    }
    if pseudonymised:
        body |= {"mrn": None, "family_name": None, "given_name": None, "birth_date": str(row.birth_date.year)}
    return body


def _listed(filters: dict[str, str]) -> QuerySet[Patient]:
    rows = Patient.objects.select_related("site", "pathway").filter(merged_into=None)
    for name, column in (
        ("site", "site__code"),
        ("phase", "pathway__phase"),
        ("pathway", "pathway__pathway"),
    ):
        if name in filters:
            rows = rows.filter(**{column: filters[name]})
    return rows.order_by(filters.get("ordering", "code"), "id")


def _site(code: str) -> Site:
    """The site by code or id, among the caller's sites."""
    found = Site.objects.filter(code=code).first()
    if found is None and len(code) == 36:
        try:
            found = Site.objects.filter(pk=UUID(code)).first()
        except ValueError:
            found = None
    if found is None:
        raise Invalid.at("/site", "unknown", f"You have no site “{code}”.")
    return found


def _without_free_text(body: dict[str, Any]) -> dict[str, Any]:
    """A status without what people typed."""
    courses = [{**c, "alternative_cause": None} for c in body["steroid_courses"]]
    tasks = [{**t, "reason": None} for t in body["tasks"]]
    infusion = body["infusion"]
    if infusion:
        hidden = ("premedication", "interruptions", "reactions", "vitals")
        infusion = {k: (None if k in hidden else v) for k, v in infusion.items()}
    return {**body, "steroid_courses": courses, "tasks": tasks, "infusion": infusion}
