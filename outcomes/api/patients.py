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
from outcomes.services.shapes import PatientIn
from patients.api.base import ApiView, PatientView, without
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.api.versions import etag, expected_version
from patients.errors import Fault, Invalid
from patients.models import Patient, Site
from patients.models.patient import SEXES
from patients.services.shapes import Day, Instant, Strict, Text, checked
from workflow.api import hidden
from workflow.services import pathways

FILTERS = ("site", "phase", "pathway")
PINNED = ("pathway", "policy", "contract")


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
        return page_of(request, rows, lambda page: [patient_json(p, self.hides_at(p.site_id)) for p in page])

    @extend_schema(request=PatientIn, responses={201: OpenApiTypes.OBJECT}, operation_id="patients_create")
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(PatientIn, request.data)
        site = _site(fields.pop("site"))
        self.require_at(site.pk)
        row = service.create(site=site, fields=fields, by=self.by())
        return etag(Response(patient_json(row, self.hides_at(row.site_id)), status=201), row.version)


class PatientDetail(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="patients_retrieve")
    def get(self, request: Request, patient: UUID) -> Response:
        return etag(
            Response(patient_json(self.patient, self.hides_at(self.patient.site_id))), self.patient.version
        )

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
        return etag(Response(patient_json(row, self.hides_at(row.site_id))), row.version)


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
        return Response(_pseudonymised(body) if self.hides_at(self.patient.site_id) else body)


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


def _pseudonymised(body: dict[str, Any]) -> dict[str, Any]:
    """A status without what people typed and without the day of birth, or dates that give it away."""
    adult = all(g["verdict"] == "pass" for g in body["gates"] if g["code"] == "age")
    infusion, bridging = body["infusion"], body["bridging"]
    return {
        **body,
        "gates": [_without_birthday(g) if g["code"] == "age" else hidden.gate(g) for g in body["gates"]],
        "feasible": body["feasible"] if adult else None,
        "next_change_on": body["next_change_on"] if adult else None,
        "steroid_courses": [without(c, hidden.COURSE) for c in body["steroid_courses"]],
        "tasks": [without(t, hidden.TASK) for t in body["tasks"]],
        "bridging": without(bridging, hidden.TASK) if bridging else None,
        "infusion": hidden.infusion(infusion) if infusion else None,
    }


def _without_birthday(gate: dict[str, Any]) -> dict[str, Any]:
    evidence = [{**e, "value": e["value"][:4], "on": None} for e in gate["evidence"]]
    return {**gate, "evidence": evidence, "reason": "Judged from the full date of birth.", "next_step": ""}
