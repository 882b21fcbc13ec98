"""`milestones/{id}/`: one milestone with its versions, and the attestation that freezes it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes.api import hidden
from outcomes.selectors.contract_lists import Found, find_milestone
from outcomes.selectors.versions import milestone, signed_version
from outcomes.services import attestations
from outcomes.services.shapes import AttestIn
from patients.api.base import ApiView, visible_patient
from patients.errors import NotFound
from patients.services import reauthentication
from patients.services.shapes import checked
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import history


class MilestoneView(ApiView):
    """The milestone's patient is looked up first, then the role at its site."""

    object_first = True
    found: Found

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = find_milestone(kwargs["milestone"])
        if found is None:
            raise NotFound("There is no such milestone.")
        self.found = found
        self.patient = visible_patient(found.patient)
        self.require_at(self.patient.site_id)

    def today(self) -> date:
        return local_date(timezone.now(), self.patient.site.timezone)

    def shown(self) -> dict[str, Any]:
        row = milestone(history(self.found.patient), self.found.contract, self.found.month, self.today())
        if row is None:
            raise NotFound("There is no such milestone.")
        return hidden.milestone(row) if self.hides_at(self.patient.site_id) else row


class Milestone(MilestoneView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="milestones_retrieve")
    def get(self, request: Request, milestone: UUID) -> Response:
        """The milestone as it stands, with the digest of what an attestation would sign."""
        asked = attestations.asked(
            history(self.found.patient), self.found.contract, self.found.month, self.today()
        )
        open_now = asked.now.verdict != "pending" and not asked.now.attested
        digest = attestations.shown_digest(asked.signed) if open_now else None
        return Response(
            {
                **self.shown(),
                "to_sign": {"verdict": asked.signed.verdict, "sha256": digest} if digest else None,
            }
        )


class MilestoneVersion(MilestoneView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="milestones_version")
    def get(self, request: Request, milestone: UUID, version: int) -> Response:
        """A signed version: the statement exactly as it was signed, and its hash."""
        body = signed_version(history(self.found.patient), self.found.contract, self.found.month, version)
        if body is None:
            raise NotFound("No such version was signed.")
        return Response(hidden.statement(body) if self.hides_at(self.patient.site_id) else body)


class MilestoneAttest(MilestoneView):
    @extend_schema(request=AttestIn, responses=OpenApiTypes.OBJECT, operation_id="milestones_attest")
    def post(self, request: Request, milestone: UUID) -> Response:
        fields = checked(AttestIn, request.data)
        reauthentication.confirm(request._request, request.user, fields.get("password", ""))
        attestations.attest(
            patient=self.found.patient,
            contract=self.found.contract,
            month=self.found.month,
            by=self.by(),
            note=fields.get("note", ""),
            seen=fields.get("sha256", ""),
        )
        return Response(self.shown())
