"""`patients/{id}/handover/`: the package that goes to the next payer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes.api import hidden
from outcomes.api.contracts import AsOf
from outcomes.selectors.asked import decided_at
from outcomes.selectors.handover import handover
from patients.api.base import PatientView
from patients.services.shapes import checked
from workflow.selectors.facts import history


class Handover(PatientView):
    @extend_schema(
        parameters=[OpenApiParameter("as_of", OpenApiTypes.DATE)],
        responses=OpenApiTypes.OBJECT,
        operation_id="handover",
    )
    def get(self, request: Request, patient: UUID) -> Response:
        asked: dict[str, Any] = checked(AsOf, request.query_params.dict())
        found = history(patient)
        body = handover(self.patient, found, decided_at(patient, as_of=asked.get("as_of")))
        return Response(hidden.handover(body) if self.hides_at(self.patient.site_id) else body)
