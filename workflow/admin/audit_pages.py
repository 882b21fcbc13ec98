"""The audit as pages: changes, readings, and who has seen one patient. Auditors ask the API for the same."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from patients.admin.roles import OPENS_ADMIN, SITE_ADMIN, holds, principal, require
from patients.errors import Invalid
from patients.models import Patient
from workflow.admin.frame import page, visible
from workflow.selectors import audit_log
from workflow.selectors.audit_asked import wanted_of
from workflow.selectors.audit_log import Rows, Scope, Wanted

PER_PAGE = 50
ASKED = ("table", "by", "patient", "since", "until")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("audit/", site.admin_view(changes), name="audit"),
        path("audit/reads/", site.admin_view(reads), name="audit-reads"),
        path("patients/<uuid:patient>/reads/", site.admin_view(patient_reads), name="patient-reads"),
    ]


def changes(request: HttpRequest) -> HttpResponse:
    """Who changed which row, newest first."""
    return _listed(request, audit_log.events, "changes", "Audit: changes")


def reads(request: HttpRequest) -> HttpResponse:
    """Who read patient data, newest first."""
    return _listed(request, audit_log.reads, "reads", "Audit: readings")


def _listed(
    request: HttpRequest, log: Callable[[Scope, Wanted], Rows], kind: str, title: str
) -> HttpResponse:
    require(request, OPENS_ADMIN)
    asked = {name: text for name in ASKED if (text := request.GET.get(name, "").strip())}
    fault, rows = "", []
    number = max(1, min(200, int(n))) if (n := request.GET.get("page", "1")).isdecimal() else 1
    try:
        found = log(Scope.of(principal(request)), wanted_of(asked))
        rows = found[(number - 1) * PER_PAGE : number * PER_PAGE + 1]
    except Invalid as error:
        fault = error.detail
    more = len(rows) > PER_PAGE
    lines = rows[:PER_PAGE]
    about = {row["patient"] for row in lines if row.get("patient")}
    about |= {pk for row in lines for pk in row.get("patients", ())}
    codes = dict(Patient.objects.filter(pk__in=about).values_list("pk", "code"))
    return page(
        request,
        "workflow/audit.html",
        title,
        kind=kind,
        whole=holds(request, SITE_ADMIN),
        asked={name: asked.get(name, "") for name in ASKED},
        tables=sorted(audit_log.tables()),
        fault=fault,
        lines=[{**row, "codes": _codes(row, codes)} for row in lines],
        newer=f"?{urlencode({**asked, 'page': number - 1})}" if number > 1 else "",
        older=f"?{urlencode({**asked, 'page': number + 1})}" if more else "",
    )


def _codes(row: dict[str, object], codes: dict[UUID, str]) -> list[str]:
    named = row.get("patients") or [row.get("patient")]
    return [codes[pk] for pk in named if pk in codes]  # type: ignore[attr-defined]


def patient_reads(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Who has seen this patient, how often and when."""
    row = visible(request, patient, SITE_ADMIN)
    found = audit_log.read_by_whom(row.pk)
    return page(request, "workflow/patient_reads.html", f"Who has seen {row.code}", patient=row, people=found)
