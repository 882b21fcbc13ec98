"""`contracts/` and their milestones."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes import data
from outcomes.selectors import exports
from outcomes.selectors.contract_lists import contract_json, contract_milestones
from outcomes.services import enrolment
from patients.api.base import ApiView
from patients.api.paging import filters_of, page_of
from patients.errors import Invalid, NotFound
from patients.services.shapes import Day, Strict, checked
from workflow.api.facts import Facts
from workflow.services.facts import Stored

FILTERS = ("as_of", "verdict")


class AsOf(Strict):
    as_of = Day(required=False)


class Coverage(Facts):
    """`patients/{id}/coverage/`: who pays since when; a named contract enrols the patient."""

    def record(self, patient: UUID, data: Any) -> Stored:
        return enrolment.cover(patient=patient, posted=data, by=self.by())


class Contracts(ApiView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="contracts_list")
    def get(self, request: Request) -> Response:
        own = self.principal().contracts if payer_only(self) else None
        found = [c for c in data.contracts() if own is None or c.code in own]
        return page_of(request, found, lambda page: [contract_json(c) for c in page])


def payer_only(view: ApiView) -> bool:
    """Whether the caller may use the route as a payer's analyst only."""
    return view.principal().any_role & view.allowed() <= {"payer_analyst"}


class ContractMilestones(ApiView):
    """Milestones of every enrolled and infused patient of the caller's sites, decided live.

    A payer's analyst gets the rows that were released last.
    """

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="contract_milestones_list",
    )
    def get(self, request: Request, contract: str) -> Response:
        found = data.find_contract(contract)
        if found is None:
            raise NotFound("There is no such contract.")
        filters = filters_of(request, FILTERS, ordering=())
        asked: dict[str, Any] = checked(AsOf, {k: v for k, v in filters.items() if k == "as_of"})
        verdict = filters.get("verdict")
        if verdict and verdict not in data.VERDICTS:
            raise Invalid.at("/verdict", "unknown", f"Known verdicts are {', '.join(data.VERDICTS)}.")
        if payer_only(self):
            return self._released(request, found.code, asked.get("as_of"), verdict or "")
        rows = contract_milestones(found.code, as_of=asked.get("as_of"), verdict=verdict)
        return page_of(request, rows, lambda page: list(page))

    def _released(self, request: Request, contract: str, as_of: date | None, verdict: str) -> Response:
        principal = self.principal()
        if contract not in principal.contracts:
            raise NotFound("There is no such contract.")
        release = exports.newest(principal, contract, as_of)
        rows: Any = exports.Released(principal, release, verdict) if release else []
        return page_of(request, rows, list)
