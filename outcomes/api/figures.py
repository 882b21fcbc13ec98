"""`figures/`: figures over the treated patients of the caller's sites."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes import data
from outcomes.api.contracts import known_contract
from outcomes.rules.cohort_figures import TABLES
from outcomes.selectors.figures import figures
from patients.api.base import ApiView
from patients.api.paging import filters_of
from patients.errors import NotFound
from patients.models import Site

FILTERS = ("site", "contract")


class CohortFigures(ApiView):
    """Factor activity by month and assay, crude bleeding rates by period, freedom from prophylaxis by month.

    `site` is a site's code, `contract` a code or id. Small groups are shown: no payer's analyst reads this.
    """

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="figures",
    )
    def get(self, request: Request) -> Response:
        filters = filters_of(request, FILTERS, ordering=())
        contract = known_contract(filters["contract"]).code if "contract" in filters else ""
        found = figures([s.pk for s in self._sites(filters.get("site"))], contract)
        rules = data.measure_rules()
        tables: dict[str, Any] = {
            name: [dict(zip(table.columns, row, strict=True)) for row in table.rows(found, rules)]
            for name, table in TABLES.items()
        }
        return Response({"contract": contract or None, "patients": found.patients, "crude": True, **tables})

    def _sites(self, code: str | None) -> list[Site]:
        who, allowed = self.principal(), self.allowed()
        own = [site for site in who.sites() if who.at(site) & allowed]
        found = [s for s in Site.objects.filter(pk__in=own) if code in (None, s.code)]
        if code and not found:
            raise NotFound("There is no such site.")
        return found
