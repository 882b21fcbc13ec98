"""`patients/{id}/results/` and a result's versions and retraction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.errors import NotFound
from patients.models import Result, ResultHead
from patients.selectors.records import records
from patients.services.shapes import checked
from workflow.api.hidden import RESULT
from workflow.selectors import results as selector
from workflow.services import intake, shapes
from workflow.services.intake import Outcome


class Results(PatientView):
    """Every result in the version that counts (or its last one); `POST` takes one result or a list."""

    of_merged = frozenset({"POST"})

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="results_list")
    def get(self, request: Request, patient: UUID) -> Response:
        heads = ResultHead.objects.filter(patient__in=records(patient)).order_by("collected_at", "lineage")
        site = self.patient.site_id
        return page_of(
            request, heads, lambda page: [self.seen_at(site, r, RESULT) for r in selector.result_rows(page)]
        )

    @extend_schema(
        request=shapes.ResultIn,
        responses=dict.fromkeys((200, 201, 202), OpenApiTypes.OBJECT),
        operation_id="results_create",
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        many = isinstance(request.data, list)
        items: list[Any] = list(request.data) if many else [request.data]
        outcomes = intake.record_results(patient=patient, items=items, by=self.by(), listed=many)
        bodies = [outcome_json(o) for o in outcomes]
        if many:
            return Response(bodies, status=200)
        return Response(bodies[0], status=STATUS.get(outcomes[0].disposition, 201))


STATUS = {"duplicate": 200, "quarantine": 202, "untracked": 202, "result": 201}


class ResultView(ApiView):
    """A view below `results/{id}/`; the result is looked up first, then the role at its site."""

    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = Result.objects.filter(pk=kwargs["result"]).first()
        if found is None:
            raise NotFound("There is no such result.")
        self.result = found
        self.require_at(found.site_id)


class Versions(ResultView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="results_versions")
    def get(self, request: Request, result: UUID) -> Response:
        rows = Result.objects.filter(lineage=self.result.lineage).order_by("recorded_at", "id")
        site = self.result.site_id
        return page_of(
            request, rows, lambda page: [self.seen_at(site, r, RESULT) for r in selector.version_rows(page)]
        )


class Retract(ResultView):
    @extend_schema(request=shapes.ReasonIn, responses=OpenApiTypes.OBJECT, operation_id="results_retract")
    @idempotent
    def post(self, request: Request, result: UUID) -> Response:
        reason = checked(shapes.ReasonIn, request.data)["reason"]
        row = intake.retract_result(result=self.result, reason=reason, by=self.by())
        return Response(selector.version_rows([row])[0], status=200)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What became of an item: the result, or the reason why it waits."""
    body: dict[str, Any] = {"disposition": outcome.disposition}
    reasons = outcome.reasons or outcome.item.reasons
    if outcome.quarantine is not None:
        return body | {
            "reason": reasons[0],
            "reasons": list(reasons),
            "quarantine": str(outcome.quarantine.pk),
        }
    if outcome.result is None:
        return body | {"reason": reasons[0] if reasons else "", "reasons": list(reasons)}
    return {**selector.version_rows([outcome.result])[0], **body, "reason": reasons[0] if reasons else ""}
