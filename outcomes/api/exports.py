"""`exports/`: the payer data set is asked for, approved, fetched and released.

People of a site see the exports about it. A payer's analyst sees at the same addresses what is released to
the own contracts, and nothing else.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outcomes.models import Export, Publication
from outcomes.selectors import exports as selector
from outcomes.sending import sent
from outcomes.services import downloads, exports, publications
from outcomes.services.shapes import ExportIn
from patients.access import Principal
from patients.api.base import ApiView, without
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.errors import Forbidden, NotFound
from patients.services.shapes import checked

FILTERS = ("contract", "state", "profile")
ANALYST = "payer_analyst"


class Exports(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in FILTERS],
        responses=OpenApiTypes.OBJECT,
        operation_id="exports_list",
    )
    def get(self, request: Request) -> Response:
        given = filters_of(request, FILTERS, ordering=("-requested_at",))
        given.pop("ordering", None)
        principal = self.principal()
        if principal.any_role & self.allowed() <= {ANALYST}:
            rows = [p for p in selector.publications(principal) if _fits(p, given)]
            return page_of(request, rows, lambda page: [selector.publication_json(p) for p in page])
        found = selector.exports().filter(**given)
        return page_of(request, found, lambda page: [export_told(e, principal) for e in page])

    @extend_schema(request=ExportIn, responses={202: OpenApiTypes.OBJECT}, operation_id="exports_create")
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(ExportIn, request.data)
        made = exports.request(fields=fields, principal=self.principal())
        body = export_told(made, self.principal())
        return Response(body, status=202, headers={"Location": f"{made.pk}/"})


class ExportView(ApiView):
    """A view below `exports/{id}/`: an export about one of the caller's sites, else one released to the caller."""

    object_first = released = True
    export: Export | None = None
    release: Publication | None = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        principal = self.principal()
        if not principal.pays_only:
            self.export = selector.exports().filter(pk=kwargs["export"]).first()
        if self.export is None and principal.contracts:
            self.release = selector.publication(principal, kwargs["export"])
        if self.export is None and self.release is None:
            raise NotFound("There is no such export.")
        if not self._held() & self.allowed():
            raise Forbidden("Your role does not allow this.")

    def _held(self) -> frozenset[str]:
        """Roles at the export's sites, or the analyst's."""
        if self.export is None:
            return frozenset({ANALYST})
        return frozenset().union(*(self.principal().at(site) for site in self.export.site_ids))

    def staffs(self) -> Export:
        """The export itself; an analyst has none."""
        if self.export is None:
            raise Forbidden("Your role does not allow this.")
        return self.export

    def shown(self, row: Export) -> Response:
        return Response(export_told(row, self.principal()))


class ExportDetail(ExportView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="exports_retrieve")
    def get(self, request: Request, export: UUID) -> Response:
        if self.release is not None:
            return Response({**selector.publication_json(self.release), "manifest": self.release.manifest})
        row = self.staffs()
        told = export_told(row, self.principal())
        manifest = {**row.manifest, "reason": told["reason"]} if row.manifest else None
        return Response({**told, "manifest": manifest})


class ExportFile(ExportView):
    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="exports_file"
    )
    def get(self, request: Request, export: UUID, name: str) -> Any:
        principal = self.principal()
        if self.release is not None:
            return sent(downloads.released(release=self.release, name=name, principal=principal))
        return sent(downloads.own(export=self.staffs(), name=name, principal=principal))


class ExportRows(ExportView):
    """The rows of a release, page by page; `change` says what each is beside the release before."""

    @extend_schema(
        parameters=[OpenApiParameter("verdict", str)],
        responses=OpenApiTypes.OBJECT,
        operation_id="exports_rows",
    )
    def get(self, request: Request, export: UUID) -> Response:
        given = filters_of(request, ("verdict",), ordering=())
        if self.release is None:
            raise Forbidden("Your role does not allow this.")
        rows = selector.Released(self.principal(), self.release, given.get("verdict", ""))
        return page_of(request, rows, list)


class ExportApprove(ExportView):
    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="exports_approve")
    @idempotent
    def post(self, request: Request, export: UUID) -> Response:
        return self.shown(exports.approve(export=self.staffs(), principal=self.principal()))


class ExportPublish(ExportView):
    @extend_schema(request=None, responses=OpenApiTypes.OBJECT, operation_id="exports_publish")
    @idempotent
    def post(self, request: Request, export: UUID) -> Response:
        made = publications.publish(export=self.staffs(), principal=self.principal())
        return Response(selector.publication_json(made))


def export_told(row: Export, principal: Principal) -> dict[str, Any]:
    """The export as the person may see it: an auditor reads no free text."""
    body = selector.export_json(row, principal)
    audits = all(principal.at(site) <= {"auditor"} for site in row.site_ids)
    return without(body, frozenset({"reason"})) if audits else body


def _fits(row: Publication, given: dict[str, str]) -> bool:
    told = {"contract": row.contract, "state": "ready", "profile": row.profile}
    return all(told[name] == value for name, value in given.items())
