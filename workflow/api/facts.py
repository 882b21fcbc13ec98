"""`patients/{id}/<facts>/`: list what is recorded, add one (a correction names what it supersedes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.models.base import FactRow
from patients.selectors.records import records
from workflow.api.hidden import FACT
from workflow.selectors.facts import shown_value
from workflow.selectors.kits import kit_warnings
from workflow.services import facts

RENAMED = {"from_on": "from", "to_on": "to", "body_site": "site"}
HIDDEN = frozenset({"patient", "site", "recorded_site", "onset_on", "drawn_on"})


class Facts(PatientView):
    """One kind of fact of one patient; `kind` comes from the route."""

    kind = ""
    of_merged = frozenset({"POST"})

    def get(self, request: Request, patient: UUID) -> Response:
        model = facts.KINDS[self.kind][0]
        rows = model._default_manager.filter(patient__in=records(patient)).order_by("recorded_at", "id")
        return page_of(request, rows, lambda page: [self._shown(r) for r in page])

    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        stored = self.record(patient, request.data)
        body = self._shown(stored.row) | ({"disposition": "duplicate"} if stored.duplicate else {})
        return Response(body, status=200 if stored.duplicate else 201)

    def record(self, patient: UUID, data: Any) -> facts.Stored:
        return facts.record(patient=patient, kind=self.kind, data=data, by=self.by())

    def _shown(self, row: FactRow) -> dict[str, Any]:
        return self.seen_at(row.site_id, fact_json(row), FACT)


class Kits(Facts):
    """Kits, each with what does not fit the newest weight."""

    def _shown(self, row: FactRow) -> dict[str, Any]:
        return {**super()._shown(row), "warnings": self._warnings.get(row.pk, [])}

    @cached_property
    def _warnings(self) -> Mapping[UUID, list[str]]:
        return kit_warnings(self.patient)


def fact_json(row: FactRow) -> dict[str, Any]:
    """A fact in its public shape: the posted fields with id and time of recording."""
    body: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.name in HIDDEN:
            continue
        body[RENAMED.get(field.name, field.name)] = _json(getattr(row, field.name))
    return body


def _json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date | Decimal):
        return shown_value(value.normalize() if isinstance(value, Decimal) else value)
    return value


def fact_view(kind: str, base: type[Facts] = Facts) -> type[Facts]:
    """The view of one kind with its schema, so that every kind is a route of its own."""
    name = "".join(part.title() for part in kind.split("-")) + "View"
    view = type(name, (base,), {"kind": kind, "__doc__": base.__doc__})
    operation = kind.replace("-", "_")
    described = extend_schema_view(
        get=extend_schema(responses=OpenApiTypes.OBJECT, operation_id=f"{operation}_list"),
        post=extend_schema(
            request=facts.KINDS[kind][1],
            responses={200: OpenApiTypes.OBJECT, 201: OpenApiTypes.OBJECT},
            operation_id=f"{operation}_create",
        ),
    )
    return described(view)


def fact_views() -> Sequence[tuple[str, type[Facts]]]:
    """Every kind that concerns the pathway alone; coverage also enrols, so its view lies with the contracts."""
    own = {"kit": Kits}
    return [(kind, fact_view(kind, own.get(kind, Facts))) for kind in facts.KINDS if kind != "coverage"]
