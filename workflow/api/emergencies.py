"""Emergency access: `emergencies/`, `emergencies/{id}/end/`, `emergencies/{id}/review/`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.models import PatientAccess
from patients.services.shapes import Strict, checked
from workflow.selectors.emergencies import emergencies, emergency_of, live
from workflow.services import emergency, shapes


class Emergencies(ApiView):
    """Accesses to the patients of one's own centre, and those that one has opened; and the way to open one."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="emergencies_list")
    def get(self, request: Request) -> Response:
        filters_of(request, (), ordering=())
        who = self.principal()
        sites = [site for site in who.sites() if who.at(site) & self.allowed()]
        rows = emergencies(sites=sites, person=who.user)
        return page_of(request, rows, lambda page: [told(row) | {"reads": row.reads} for row in page])

    @extend_schema(
        request=shapes.EmergencyIn, responses={201: OpenApiTypes.OBJECT}, operation_id="emergencies_create"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(shapes.EmergencyIn, request.data)
        return Response(told(emergency.open_record(who=self.principal(), fields=fields)), status=201)


class EmergencyEnd(ApiView):
    object_first = True

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT}, operation_id="emergencies_end")
    @idempotent
    def post(self, request: Request, access: UUID) -> Response:
        checked(Strict, request.data or {})
        return Response(told(emergency.end(access=access, who=self.principal())))


class EmergencyReview(ApiView):
    object_first = True

    @extend_schema(
        request=shapes.ReviewIn, responses={200: OpenApiTypes.OBJECT}, operation_id="emergencies_review"
    )
    @idempotent
    def post(self, request: Request, access: UUID) -> Response:
        who = self.principal()
        self.require_at(emergency_of(access, who).site_id)
        fields = checked(shapes.ReviewIn, request.data)
        return Response(told(emergency.review(access=access, who=who, **fields)))


def told(row: PatientAccess) -> dict[str, Any]:
    """An access in the public shape; the reader is named with the centre, the custodian is not."""
    names = ("id", "by", "place", "code", "reason", "from_at", "to_at", "ended_at", "ended_by")
    reviewed = ("found", "review", "reviewed_at", "reviewed_by")
    body = {name: getattr(row, name) for name in (*names, *reviewed)}
    return {**body, "patient": row.patient_id, "live": live(row, timezone.now())}
