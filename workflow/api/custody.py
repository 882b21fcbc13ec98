"""A patient moves to another centre, or is deleted: `transfer/`, `transfers/`, `erase/`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView
from patients.api.idempotency import idempotent
from patients.custody import OFFER_DAYS
from patients.errors import Invalid
from patients.models import Erasure, Site
from patients.services.shapes import Strict, checked
from workflow.services import custody, shapes


class Transfer(PatientView):
    @extend_schema(
        request=shapes.ReasonIn, responses={201: OpenApiTypes.OBJECT}, operation_id="patients_transfer"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.ReasonIn, request.data)
        word = custody.offer(patient=patient, reason=fields["reason"], by=self.by())
        return Response({"word": word, "days": OFFER_DAYS}, status=201)


class Transfers(ApiView):
    @extend_schema(
        request=shapes.TakeOverIn, responses={201: OpenApiTypes.OBJECT}, operation_id="transfers_create"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(shapes.TakeOverIn, request.data)
        site = Site.objects.filter(code=fields["site"]).first()
        if site is None:
            raise Invalid.at("/site", "unknown", "This is none of your sites.")
        self.require_at(site.pk)
        moved = custody.take_over(site=site, word=fields["word"], mrn=fields.get("mrn", ""), by=self.by())
        return Response(
            {"patient": str(moved.pk), "code": moved.code, "mrn": moved.mrn, "site": site.code}, 201
        )


class Erase(PatientView):
    @extend_schema(
        request=shapes.ErasureIn, responses={202: OpenApiTypes.OBJECT}, operation_id="patients_erase"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        asked = custody.ask_erasure(
            patient=patient, fields=checked(shapes.ErasureIn, request.data), by=self.by()
        )
        return Response(
            {"request": str(asked.pk), "asked_at": asked.recorded_at, **asked.payload}, status=202
        )


class EraseConfirm(PatientView):
    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT}, operation_id="patients_erase_confirm")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        checked(Strict, request.data or {})
        return Response(tombstone(custody.erase(patient=patient, by=self.by())))


def tombstone(row: Erasure) -> dict[str, Any]:
    """What is left of a deleted record."""
    names = ("id", "erased", "basis", "rule", "reason", "by", "at", "counts", "kept")
    return {name: getattr(row, name) for name in names}
