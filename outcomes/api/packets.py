"""`packets/{patient}/` and `claims/{patient}/`: the prior-authorization packet, the claim sheet, its checks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes.api import hidden
from outcomes.api.patients import StatusQuery
from outcomes.api.renderers import ClaimPdf, PacketPdf
from outcomes.rules.claim import Line
from outcomes.selectors import claims
from outcomes.selectors import packets as reading
from outcomes.services import packets
from outcomes.services.shapes import MOST_LINES, ClaimIn, ClaimLineIn, PacketSentIn
from patients.api.base import PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.errors import Invalid
from patients.services.shapes import checked, checked_list

ASKED = [
    OpenApiParameter("as_of", OpenApiTypes.DATE),
    OpenApiParameter("as_known_at", OpenApiTypes.DATETIME),
]


class PacketView(PatientView):
    """A view of a packet or claim, which an auditor sees pseudonymised."""

    def asked(self, request: Request) -> dict[str, Any]:
        """The date and the instant asked about."""
        return checked(StatusQuery, {k: v for k, v in request.query_params.items() if k != "format"})

    def packet(self, body: dict[str, Any]) -> dict[str, Any]:
        return hidden.packet(body) if self.hides_at(self.patient.site_id) else body

    def claim(self, body: dict[str, Any]) -> dict[str, Any]:
        return hidden.claim(body) if self.hides_at(self.patient.site_id) else body


class Packets(PacketView):
    renderer_classes = (JSONRenderer, PacketPdf)

    @extend_schema(parameters=ASKED, responses=OpenApiTypes.OBJECT, operation_id="packets_retrieve")
    def get(self, request: Request, patient: UUID) -> Response:
        return Response(self.packet(reading.current(self.patient, **self.asked(request))))

    @extend_schema(
        request=PacketSentIn, responses={201: OpenApiTypes.OBJECT}, operation_id="packets_keep_as_sent"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(PacketSentIn, request.data)
        return Response(packets.keep(patient=self.patient, fields=fields, by=self.by()), status=201)


class PacketVersions(PacketView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="packets_versions_list")
    def get(self, request: Request, patient: UUID) -> Response:
        hides = self.hides_at(self.patient.site_id)
        rows = packets.versions(patient)
        return page_of(request, rows, lambda page: [hidden.sent(r) if hides else r for r in page])


class PacketVersion(PacketView):
    renderer_classes = (JSONRenderer, PacketPdf)

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="packets_versions_retrieve")
    def get(self, request: Request, patient: UUID, version: int) -> Response:
        return Response(self.packet(packets.as_sent(patient, version)))


class ClaimCheck(PacketView):
    renderer_classes = (JSONRenderer, ClaimPdf)

    @extend_schema(parameters=ASKED, responses=OpenApiTypes.OBJECT, operation_id="claims_sheet")
    def get(self, request: Request, patient: UUID) -> Response:
        return Response(self.claim(claims.claim(self.patient, **self.asked(request))))

    @extend_schema(request=ClaimIn, responses=OpenApiTypes.OBJECT, operation_id="claims_check")
    def post(self, request: Request, patient: UUID) -> Response:
        body = claims.claim(self.patient, lines=_lines(request.data), **self.asked(request))
        return Response(self.claim(body))


def _lines(data: Any) -> list[Line]:
    """The posted lines; every fault of every line at once, each with its pointer."""
    posted = checked(ClaimIn, data)["lines"]
    try:
        rows = checked_list(ClaimLineIn, posted, limit=MOST_LINES)
    except Invalid as error:
        raise type(error).of(*(f.below("/lines") for f in error.faults)) from error
    return [line for row in rows for line in _fields(row)]


def _fields(row: dict[str, Any]) -> list[Line]:
    """A posted line; its modifiers may stand behind the code, its units in the line itself."""
    first, *behind = (
        (row["code"] or "").replace(" ", "-").split("-") if row["fl"] == "44" else [row["code"] or ""]
    )
    modifiers = tuple(m.upper() for m in (*behind, *row.get("modifiers", ())) if m)
    number = row.get("line", 0)
    code = first.upper() if row["fl"] in ("43", "44", "67", "POS") else first
    lines = [
        Line(fl=row["fl"], code=code or None, line=number, modifiers=modifiers, title=row.get("title", ""))
    ]
    if row.get("units"):
        lines.append(Line(fl="46", code=row["units"], line=number, title="Units"))
    return lines
