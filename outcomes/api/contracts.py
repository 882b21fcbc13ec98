"""`contracts/` and their milestones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes import data
from outcomes.api import hidden
from outcomes.rules.contract import Contract
from outcomes.selectors import exports
from outcomes.selectors.contract_lists import contract_json
from outcomes.selectors.exposures import exposure_json
from outcomes.selectors.milestone_lists import Line, Page, lines
from outcomes.services import enrolment
from patients.api.base import ApiView, site_of
from patients.api.paging import filters_of, page_of
from patients.errors import Invalid, NotFound
from patients.rules.words import MILESTONE_VERDICTS
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


class ContractView(ApiView):
    """A view below `contracts/{id}/`: the patients are those of sites where the person may use it."""

    def lines(self, contract: Contract, filters: dict[str, str]) -> list[Line]:
        who, allowed = self.principal(), self.allowed()
        sites = [site for site in who.sites() if who.at(site) & allowed]
        return lines(contract.code, sites=sites, as_of=asked_date(filters))


class ContractMilestones(ContractView):
    """Milestones of every enrolled and infused patient of the caller's sites, decided live.

    A payer's analyst gets the rows that were released last.
    """

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="contract_milestones_list",
    )
    def get(self, request: Request, contract: str) -> Response:
        found = known_contract(contract)
        filters = filters_of(request, FILTERS, ordering=())
        verdict = filters.get("verdict")
        if verdict and verdict not in MILESTONE_VERDICTS:
            raise Invalid.at("/verdict", "unknown", f"Known verdicts are {', '.join(MILESTONE_VERDICTS)}.")
        if payer_only(self):
            return self._released(request, found.code, asked_date(filters), verdict or "")
        rows = [x for x in self.lines(found, filters) if verdict in (None, x.verdict)]
        return page_of(request, Page(rows), self._shown)

    def _released(self, request: Request, contract: str, as_of: date | None, verdict: str) -> Response:
        principal = self.principal()
        if contract not in principal.contracts:
            raise NotFound("There is no such contract.")
        release = exports.newest(principal, contract, as_of)
        rows: Any = exports.Released(principal, release, verdict) if release else []
        return page_of(request, rows, list)

    def _shown(self, page: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """An auditor sees no notes."""
        sites = site_of([UUID(row["patient"]) for row in page])
        return [hidden.milestone(r) if self.hides_at(sites[UUID(r["patient"])]) else r for r in page]


class ContractExposure(ContractView):
    """What the contract may refund for the patients of the caller's sites: reported, never decided."""

    @extend_schema(
        parameters=[OpenApiParameter("as_of", OpenApiTypes.DATE)],
        responses=OpenApiTypes.OBJECT,
        operation_id="contract_exposure",
    )
    def get(self, request: Request, contract: str) -> Response:
        found = known_contract(contract)
        filters = filters_of(request, ("as_of",), ordering=())
        return Response(exposure_json(found, self.lines(found, filters)))


def known_contract(text: str) -> Contract:
    """A contract by code or id."""
    found = data.find_contract(text)
    if found is None:
        raise NotFound("There is no such contract.")
    return found


def asked_date(filters: dict[str, str]) -> date | None:
    asked: dict[str, Any] = checked(AsOf, {k: v for k, v in filters.items() if k == "as_of"})
    return asked.get("as_of")
