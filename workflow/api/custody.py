"""A patient moves to another centre, two records become one, or one is deleted: `transfer/`, `merge/`, `erase/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView, visible_patient
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of
from patients.custody import OFFER_DAYS
from patients.errors import Invalid, NotFound
from patients.models import Erasure, Site
from patients.services.shapes import Strict, checked
from workflow.models import Act
from workflow.selectors import merging
from workflow.services import custody, shapes
from workflow.services import merging as services


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


class Merge(PatientView):
    """What merging this record into another one would do; `POST` does it."""

    of_merged = frozenset({"GET", "POST"})

    @extend_schema(
        parameters=[OpenApiParameter("into", OpenApiTypes.UUID, required=True)],
        responses=OpenApiTypes.OBJECT,
        operation_id="patients_merge_preview",
    )
    def get(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.IntoIn, filters_of(request, ("into",), ordering=()))
        self._allowed(fields["into"])
        return Response(preview_json(merging.preview(patient, fields["into"])))

    @extend_schema(request=shapes.MergeIn, responses=OpenApiTypes.OBJECT, operation_id="patients_merge")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.MergeIn, request.data)
        self._allowed(fields["into"])
        return Response(act_json(services.merge(patient=patient, by=self.by(), **fields)))

    def _allowed(self, into: UUID) -> None:
        """The other record is looked up by the same rule as this one."""
        try:
            self.require_at(visible_patient(into).site_id)
        except NotFound as error:
            raise Invalid.at("/into", "unknown", "You have no such patient.") from error


class MergeUndo(PatientView):
    of_merged = frozenset({"POST"})

    @extend_schema(request=shapes.ReasonIn, responses=OpenApiTypes.OBJECT, operation_id="patients_merge_undo")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.ReasonIn, request.data)
        return Response(act_json(services.undo(patient=patient, by=self.by(), **fields)))


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


def act_json(act: Act) -> dict[str, Any]:
    """A merge or its undoing: which record, and the one that stays."""
    told = {"act": str(act.pk), "kind": act.kind, "patient": act.key, "into": str(act.patient_id)}
    return {**told, "at": act.recorded_at, "by": act.by, "reason": act.reason}


def preview_json(found: merging.Preview) -> dict[str, Any]:
    """A preview in the public shape."""
    return {
        "patient": str(found.patient.pk),
        "into": str(found.into.pk),
        "refusals": [asdict(r) for r in found.refusals],
        "differences": [asdict(d) for d in found.differences],
        "counts": found.counts,
        "baselines": [asdict(m) for m in found.baselines],
        "repeated": found.repeated,
        "changes": found.changes,
    }


def tombstone(row: Erasure) -> dict[str, Any]:
    """What is left of a deleted record."""
    names = ("id", "erased", "basis", "rule", "reason", "by", "at", "counts", "kept")
    return {name: getattr(row, name) for name in names}
