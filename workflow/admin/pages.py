"""The workplace's own pages: Today, patients, and the forms of a patient.

Each is a view of the admin site, so signing in, security headers and the site context are the site's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from patients.admin.roles import CARE, CLINICIAN, CUSTODIANS, OPENS_ADMIN, SITE_ADMIN, holds, require
from patients.errors import DomainError, Fault, Stale
from patients.models import Patient
from patients.rules.words import analyte, counted
from workflow.admin import panel, planner, today
from workflow.admin.forms import FORMS, Form
from workflow.admin.frame import faults_of, page, visible
from workflow.selectors.decisions import local_date
from workflow.services import intake

PER_PAGE = 50
View = Callable[..., HttpResponse]


def urls(site: admin.AdminSite) -> list[URLPattern]:
    """Addresses below the admin: names as in `admin:today`."""
    own: list[tuple[str, View, str]] = [
        ("today/", today.today, "today"),
        ("patients/", patients, "patients"),
        ("patients/<uuid:patient>/results/", results, "results"),
        ("patients/<uuid:patient>/plan/", planner.planner, "planner"),
        ("patients/<uuid:patient>/<slug:form>/", act, "act"),
    ]
    return [path(route, site.admin_view(view), name=name) for route, view, name in own]


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The top bar: the pages this person's roles open; those used now and then stand under More."""
    care = holds(request, CARE)
    pages = [("today", "Today", CARE), ("patients", "Patients", CARE), ("lab-entry", "Lab entry", CARE)]
    pages += [
        ("cohort", "Cohort", CARE),
        ("milestones", "Milestones", CARE),
        ("exports", "Exports", OPENS_ADMIN),
    ]
    rare = [("desk", "Desk", CARE)] if care else [("code-maps", "Code maps", OPENS_ADMIN)]
    rare += [
        ("rules", "Rules", OPENS_ADMIN),
        ("records", "Records", OPENS_ADMIN),
        ("audit", "Audit", OPENS_ADMIN),
        ("emergency", "Emergency access", CLINICIAN),
        ("emergency-reviews", "Emergency reviews", CUSTODIANS),
        ("merges", "Merged records", SITE_ADMIN),
        ("erasures", "Deletions", SITE_ADMIN),
        ("health", "Health", SITE_ADMIN),
    ]
    return [
        {
            "url": url,
            "text": text,
            "current": request.path.startswith(url),
            "more": care and (name, text, roles) in rare,
        }
        for name, text, roles in pages + rare
        if holds(request, roles)
        for url in [reverse(f"admin:{name}")]
    ]


def patients(request: HttpRequest) -> HttpResponse:
    """Patients by code, with their phase; one exact hit opens the patient."""
    require(request, CARE)
    text = request.GET.get("q", "").strip()
    rows = (
        Patient.objects.filter(merged_into__isnull=True)
        .select_related("site", "pathway")
        .order_by("code", "id")
    )
    if text:
        rows = rows.filter(code__icontains=text)
    if after := request.GET.get("after", ""):
        rows = rows.filter(code__gt=after)
    found = list(rows[: PER_PAGE + 1])
    if text and len(found) == 1:
        return redirect("admin:patient", found[0].pk)
    if text and not found and (alias := Patient.objects.filter(code=text).first()):
        return redirect("admin:patient", alias.pk)
    more = found[PER_PAGE - 1].code if len(found) > PER_PAGE else ""
    return page(
        request, "workflow/patients.html", "Patients", rows=found[:PER_PAGE], text=text, more=more,
        clinician=holds(request, CLINICIAN),
    )  # fmt: skip


def act(request: HttpRequest, patient: UUID, form: str) -> HttpResponse:
    """One form of a patient: shown, or saved and back to the patient."""
    spec = FORMS.get(form)
    if spec is None:
        raise Http404("There is no such form.")
    row = visible(request, patient, spec.roles)
    if request.method != "POST":
        return _form(request, row, spec, _seen(row, spec, request.GET.dict()), ())
    try:
        told = spec.save(row.pk, spec.read(request.POST), request.user.get_username())
    except DomainError as error:
        values = request.POST.dict()
        if isinstance(error, Stale):  # the person is shown both now, and may save again
            values["seen"] = str(error.version)
        return _form(request, row, spec, values, faults_of(error), status=error.status)
    messages.success(request, told if isinstance(told, str) else spec.saved)
    return redirect("admin:patient", row.pk)


def _seen(row: Patient, spec: Form, values: dict[str, str]) -> dict[str, str]:
    return {**values, "seen": str(spec.version(row.pk, values))} if spec.version else values


def _form(
    request: HttpRequest,
    row: Patient,
    spec: Form,
    values: dict[str, str],
    faults: Iterable[Fault],
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    names = {f.name for f in spec.fields}
    by_field = {f.pointer.strip("/"): f.detail for f in told}
    fields = [
        {"spec": f, "value": values.get(f.name, ""), "fault": by_field.get(f.name, "")} for f in spec.fields
    ]
    return page(
        request,
        "workflow/form.html",
        f"{spec.title}, {row.code}",
        status,
        patient=row,
        form=spec,
        fields=fields,
        faults=[{"field": n if (n := f.pointer.strip("/")) in names else "", "text": f.detail} for f in told],
    )


def results(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The laboratory form: shown with the analytes asked for, or saved and back to the patient."""
    row = visible(request, patient, CARE)
    here = local_date(timezone.now(), row.site.timezone)
    if request.method != "POST":
        wanted = [a for a in request.GET.get("analytes", "").split(",") if a]
        shared, lines = panel.blank(wanted, here)
        return _panel(request, row, shared, lines, [])
    shared, lines = panel.read(request.POST)
    try:
        items = panel.items(shared, lines, row.site.timezone)
        outcomes = intake.record_results(
            patient=row.pk, items=items, by=request.user.get_username(), listed=True
        )
    except DomainError as error:
        faults = panel.located(error, lines) or faults_of(error)
        return _panel(request, row, shared, lines, faults, status=error.status)
    _tell(request, outcomes)
    return redirect("admin:patient", row.pk)


def _tell(request: HttpRequest, outcomes: Iterable[intake.Outcome]) -> None:
    """Says what became of each line: saved, known already, or waiting and why."""
    found = list(outcomes)
    counts = Counter(o.disposition for o in found)
    if counts["result"]:
        messages.success(
            request, f"{counted(counts['result'], 'result')} saved; the patient is decided again."
        )
    if counts["duplicate"]:
        messages.info(request, f"{counted(counts['duplicate'], 'result')} had been recorded before.")
    for outcome in found:
        if outcome.disposition not in ("result", "duplicate"):
            why = ", ".join(outcome.reasons) or outcome.disposition
            messages.warning(
                request,
                f"{analyte(outcome.item.analyte) or 'One value'} waits on the quarantine desk: {why}.",
            )


def _panel(
    request: HttpRequest,
    row: Patient,
    shared: dict[str, str],
    lines: list[panel.Line],
    faults: Iterable[Fault],
    status: int = 200,
) -> HttpResponse:
    told = [{"field": f.pointer.strip("/"), "text": f.detail} for f in faults]
    return page(
        request,
        "workflow/results.html",
        f"Enter results, {row.code}",
        status,
        patient=row,
        shared=shared,
        lines=lines,
        analytes=panel.choices(),
        faults=told,
        wrong={f["field"]: f["text"] for f in told},
    )
