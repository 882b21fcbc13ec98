"""`audit/`: who changed what, who read which patient, and what was refused; for auditors as CSV, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView
from patients.api.paging import filters_of, page_of
from patients.errors import Invalid
from workflow.rules.cells import guarded
from workflow.selectors import audit_log
from workflow.selectors.audit_asked import EVENT_FILTERS, READ_FILTERS, REFUSAL_FILTERS, wanted_of
from workflow.selectors.audit_log import Rows, Scope, Wanted

MOST = 100_000
"""Rows of one CSV file."""


class AuditView(ApiView):
    """One list of the audit: `log` makes it, within what the person may see."""

    filters: Sequence[str] = ()

    @staticmethod
    def log(scope: Scope, wanted: Wanted) -> Rows:
        raise NotImplementedError

    def rows(self, request: Request) -> Rows:
        given = filters_of(request, self.filters, ordering=())
        return type(self).log(Scope.of(self.principal()), wanted_of(given))


class AuditPage(AuditView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return page_of(request, self.rows(request), lambda page: list(map(told, page)))


class AuditFile(AuditView):
    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        rows = self.rows(request)
        found = rows[0 : MOST + 1]
        if len(found) > MOST:
            raise Invalid.at("/since", "too-many", f"More than {MOST} rows: ask for a shorter time.")
        answer = HttpResponse(table(rows.names, found), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return answer


def described(filters: Sequence[str], name: str) -> Any:
    """How the OpenAPI document describes a list of the audit."""
    parameters = [OpenApiParameter(one, str) for one in filters]
    return extend_schema_view(get=extend_schema(parameters=parameters, operation_id=name))


@described(EVENT_FILTERS, "audit_events_list")
class EventsPage(AuditPage):
    log = staticmethod(audit_log.events)
    filters = EVENT_FILTERS


@described(READ_FILTERS, "audit_reads_list")
class ReadsPage(AuditPage):
    log = staticmethod(audit_log.reads)
    filters = READ_FILTERS


@described(REFUSAL_FILTERS, "audit_refusals_list")
class RefusalsPage(AuditPage):
    log = staticmethod(audit_log.refusals)
    filters = REFUSAL_FILTERS


@described(EVENT_FILTERS, "audit_events_file")
class EventsFile(AuditFile):
    log = staticmethod(audit_log.events)
    filters = EVENT_FILTERS


@described(READ_FILTERS, "audit_reads_file")
class ReadsFile(AuditFile):
    log = staticmethod(audit_log.reads)
    filters = READ_FILTERS


@described(REFUSAL_FILTERS, "audit_refusals_file")
class RefusalsFile(AuditFile):
    log = staticmethod(audit_log.refusals)
    filters = REFUSAL_FILTERS


class PatientReads(PatientView):
    """Who has seen this patient."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="patients_reads_list")
    def get(self, request: Request, patient: UUID) -> Response:
        filters_of(request, (), ordering=())
        return page_of(request, audit_log.read_by_whom(patient), lambda page: list(map(told, page)))


def told(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON: instants in UTC, sites by code."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def table(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV (RFC 4180, LF), with cells that a spreadsheet would run guarded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([guarded(_cell(_plain(row[name]))) for name in names])
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
