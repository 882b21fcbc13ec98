"""`patients/{id}/infusion/`: Day 0, its override and its void; `overrides/` lists what two people answer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.errors import NotFound
from patients.services.shapes import Strict, checked
from workflow.api import hidden
from workflow.selectors import infusions as selector
from workflow.selectors import shown
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.facts import history
from workflow.services import infusions, overrides, shapes, voids

FILTERS = ("site", "state")


class Infusions(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="infusion_retrieve")
    def get(self, request: Request, patient: UUID) -> Response:
        body = _current(self)
        if body is None:
            raise NotFound("No infusion is recorded.")
        return Response(hidden.infusion(body) if self.hides_at(self.patient.site_id) else body)

    @extend_schema(
        request=shapes.InfusionIn, responses={201: OpenApiTypes.OBJECT}, operation_id="infusion_create"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.InfusionIn, request.data)
        row = infusions.record(patient=patient, fields=fields, by=self.by())
        body = _current(self) or {"id": str(row.pk), "day0": None, "warnings": row.warnings}
        return Response(body, status=201)


def _current(view: PatientView) -> dict[str, Any] | None:
    """The infusion that counts, with its dose, or None."""
    today = local_date(timezone.now(), view.patient.site.timezone)
    result = decided(history(view.patient.pk), as_of=today)
    infusion = result.facts.infusion
    return shown.infusion_json(infusion, result.decision.dose) if infusion else None


class InfusionHistory(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="infusion_history")
    def get(self, request: Request, patient: UUID) -> Response:
        hides = self.hides_at(self.patient.site_id)
        return page_of(
            request,
            selector.recorded(patient),
            lambda page: [hidden.infusion(r) if hides else r for r in page],
        )


class Attending(PatientView):
    @extend_schema(
        request=shapes.AttendingIn, responses=OpenApiTypes.OBJECT, operation_id="infusion_attending"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        infusions.attend(patient=patient, by=self.by(), **checked(shapes.AttendingIn, request.data))
        return Response(_current(self))


class OverrideConfirm(PatientView):
    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="infusion_override_confirm")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        checked(Strict, request.data or {})
        overrides.confirm(patient=patient, by=self.by())
        return Response(_current(self))


class InfusionVoid(PatientView):
    @extend_schema(request=shapes.VoidIn, responses={202: OpenApiTypes.OBJECT}, operation_id="infusion_void")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        voids.ask(patient=patient, fields=checked(shapes.VoidIn, request.data), by=self.by())
        return Response(_newest_void(patient), status=202)


class InfusionVoidConfirm(PatientView):
    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="infusion_void_confirm")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        checked(Strict, request.data or {})
        voids.confirm(patient=patient, by=self.by())
        return Response(_newest_void(patient))


def _newest_void(patient: UUID) -> dict[str, Any]:
    asked = [r for r in selector.recorded(patient) if r["void"]]
    newest = max(asked, key=lambda r: r["void"]["requested_at"])
    return {"infusion": newest["id"], **newest["void"]}


class Overrides(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="overrides_list",
    )
    def get(self, request: Request) -> Response:
        rows = selector.overrides(filters_of(request, FILTERS, ordering=()))
        return page_of(request, rows, self._seen)

    def _seen(self, page: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [self.seen_at(row["site_id"], selector.override_row(row), hidden.TASK) for row in page]
