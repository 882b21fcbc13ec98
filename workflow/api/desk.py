"""`quarantine/`, `code-maps/`, `table-mappings/`: what waits for a person, and what a source's codes mean."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.errors import Forbidden, Invalid, Malformed, NotFound
from patients.models import CodeMap, QuarantineItem, Source, TableMapping
from patients.services.mappings import save_table_mapping
from patients.services.shapes import checked
from workflow.api.hidden import DESK
from workflow.selectors import inbound as selector
from workflow.services import desk, intake_shapes

FILTERS = {
    "source": "source__code",
    "reason": "reason",
    "state": "state",
    "import": "inbound",
    "patient": "patient",
}


class Quarantine(ApiView):
    """Items that wait, or waited, for a decision; the newest first."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="quarantine_list")
    def get(self, request: Request) -> Response:
        given = filters_of(request, tuple(FILTERS), ordering=("received_at", "-received_at"))
        wanted = {FILTERS[n]: _id(n, v) for n, v in given.items() if n in FILTERS}
        mine = [s for s in self.principal().sites() if self.principal().at(s) & self.allowed()]
        rows = QuarantineItem.objects.filter(site__in=mine, **wanted).select_related("source")
        return page_of(
            request,
            rows.order_by(given.get("ordering", "-received_at"), "pk"),
            lambda page: [self.seen_at(r.site_id, selector.desk_row(r), DESK) for r in page],
        )


def _id(name: str, text: str) -> Any:
    if name not in ("import", "patient"):
        return text
    try:
        return UUID(text)
    except ValueError as error:
        raise Malformed.at(f"/{name}", "invalid", "Give an id.") from error


class DeskView(ApiView):
    """A view below `quarantine/{id}/`; the item is looked up first, then the role at its site."""

    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = QuarantineItem.objects.select_related("source").filter(pk=kwargs["item"]).first()
        if found is None:
            raise NotFound("There is no such item.")
        self.item = found
        self.require_at(found.site_id)


class QuarantineDetail(DeskView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="quarantine_read")
    def get(self, request: Request, item: UUID) -> Response:
        return Response(self.seen_at(self.item.site_id, selector.desk_row(self.item), DESK))


class Resolve(DeskView):
    @extend_schema(
        request=intake_shapes.ResolveIn, responses=OpenApiTypes.OBJECT, operation_id="quarantine_resolve"
    )
    @idempotent
    def post(self, request: Request, item: UUID) -> Response:
        fields = checked(intake_shapes.ResolveIn, request.data)
        replayed = desk.resolve(item=item, by=self.by(), **fields)
        self.item.refresh_from_db()
        return Response({**selector.desk_row(self.item), "replayed": dict(replayed)})


class SourceRows(ApiView):
    """Lists and saves rows that belong to a source of one of the person's sites."""

    def mine(self) -> list[UUID]:
        return [s for s in self.principal().sites() if self.principal().at(s) & self.allowed()]

    def source(self, code: str) -> Source:
        found = Source.objects.select_related("site").filter(code=code).first()
        if found is None:
            raise Invalid.at("/source", "unknown", "There is no such source at your sites.")
        if not self.principal().at(found.site_id) & self.allowed():
            raise Forbidden("Your role at this site does not allow this.")
        return found


class CodeMaps(SourceRows):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="code_maps_list")
    def get(self, request: Request) -> Response:
        given = filters_of(request, ("source",), ordering=())
        rows = (
            CodeMap.objects.filter(site__in=self.mine())
            .select_related("source")
            .order_by("source__code", "code", "unit")
        )
        rows = rows.filter(source__code=given["source"]) if "source" in given else rows
        return page_of(request, rows, lambda page: [selector.code_map_json(r) for r in page])

    @extend_schema(
        request=intake_shapes.CodeMapIn, responses={201: OpenApiTypes.OBJECT}, operation_id="code_maps_create"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(intake_shapes.CodeMapIn, request.data)
        row, replayed = desk.save_code_map(
            by=self.by(), **{"system": "", **fields, "source": self.source(fields["source"])}
        )
        return Response({**selector.code_map_json(row), "replayed": dict(replayed)}, status=201)


class TableMappings(SourceRows):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="table_mappings_list")
    def get(self, request: Request) -> Response:
        given = filters_of(request, ("source",), ordering=())
        rows = (
            TableMapping.objects.filter(site__in=self.mine())
            .select_related("source")
            .order_by("source__code", "name")
        )
        rows = rows.filter(source__code=given["source"]) if "source" in given else rows
        return page_of(request, rows, lambda page: [selector.table_mapping_json(r) for r in page])

    @extend_schema(
        request=intake_shapes.TableMappingIn,
        responses={201: OpenApiTypes.OBJECT},
        operation_id="table_mappings_create",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = checked(intake_shapes.TableMappingIn, request.data)
        row = save_table_mapping(**{**fields, "source": self.source(fields["source"])})
        return Response(selector.table_mapping_json(row), status=201)
