"""Imports: what came in and what became of it, the upload with a trial run, and one import in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients.admin.roles import CARE, require, sites_of
from patients.errors import DomainError, Fault, Invalid, NotFound
from patients.models import Inbound, Source
from workflow.admin import import_forms, import_view
from workflow.admin.intake_frame import (
    asked,
    by_field,
    faults_of,
    framed,
    number_of,
    pages_of,
    shown,
    summary,
)
from workflow.rules import intake_words as words
from workflow.selectors import imports as selector
from workflow.services import imports as service

AT_ONCE = 2 * 1024 * 1024
TRIED = 200


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("desk/imports/", site.admin_view(imports), name="imports"),
        path("desk/imports/new/", site.admin_view(upload), name="import-new"),
        path("desk/imports/<uuid:inbound>/", site.admin_view(import_page), name="import"),
    ]


def imports(request: HttpRequest) -> HttpResponse:
    """Every import with its counts, newest first."""
    require(request, CARE)
    sites, source, number = sites_of(request, CARE), asked(request, "source"), number_of(request)
    found = selector.page(sites, source, number)
    return framed(
        request,
        "workflow/imports.html",
        "Imports",
        "imports",
        lines=[import_view.line(i) for i in found.rows],
        sources=list(Source.objects.filter(site__in=sites).order_by("code").values_list("code", flat=True)),
        source=source,
        several=len(sites) > 1,
        pages=pages_of(request, found.total, number, more=found.more, noun="import"),
    )


def upload(request: HttpRequest) -> HttpResponse:
    """The upload form; `try` says what an import would do and stores nothing, `import` does it."""
    require(request, CARE)
    known = import_forms.known(sites_of(request, CARE))
    if request.method != "POST":
        return _form(request, known, request.GET.dict())
    by, sent = request.user.get_username(), request.FILES.get("file")
    try:
        told = import_forms.read(request.POST, sent, known)
        if "try" in request.POST:
            return _tried(request, known, told, by)
        large = service.many(told["stream"], told["source"], told["form"], told["mapping"])
        return _taken(request, service.keep(by=by, queued=large, **told))
    except DomainError as error:
        return _form(request, known, request.POST.dict(), faults_of(error), status=error.status)


def _tried(request: HttpRequest, known: import_forms.Known, told: dict[str, Any], by: str) -> HttpResponse:
    if told["stream"].size > AT_ONCE:
        raise Invalid.at(
            "/file", "too-large", "A trial run reads at most 2 MB here; use import_labs --dry-run."
        )
    report = service.preview(by=by, at=timezone.now(), keep_items=TRIED, **told)
    return _form(request, known, request.POST.dict(), report=import_view.report(report))


def _taken(request: HttpRequest, inbound: Inbound) -> HttpResponseRedirect:
    """Reads a kept import at once if it holds few items; one with many is left for the worker."""
    if inbound.state == "queued":
        messages.info(
            request, f"The file {inbound.file} is kept. It is large, so it is read in the background."
        )
    else:
        _run(request, inbound)
    return redirect("admin:import", inbound.pk)


def _run(request: HttpRequest, inbound: Inbound) -> None:
    try:
        report = service.run(inbound=inbound)
    except RuntimeError:
        messages.info(request, f"The file {inbound.file} is being read at this moment.")
        return
    if report.rejected:
        messages.error(
            request, f"The file {inbound.file} was not read: it {report.rejected}. Its bytes are kept."
        )
    else:
        messages.success(request, f"Imported {inbound.file}: {words.told(report.counts)}.")


def _form(
    request: HttpRequest,
    known: import_forms.Known,
    values: Mapping[str, str],
    faults: Iterable[Fault] = (),
    report: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    told, fields = list(faults), known.fields()
    return framed(
        request,
        "workflow/import_new.html",
        "Import a file",
        "imports",
        status,
        fields=shown(fields, values, by_field(told)),
        faults=summary(told, [f.name for f in fields]),
        report=report,
        sources=known.sources,
    )


def import_page(request: HttpRequest, inbound: UUID) -> HttpResponse:
    """One import: its counts, the answers to its messages, and its items; `POST` reads one that still waits."""
    row = selector.one(inbound)
    if row is None:
        raise Http404(NotFound.title)
    require(request, CARE, site=row.site_id)
    if request.method == "POST":
        if row.state == "waiting":
            _run(request, row)
        return redirect("admin:import", row.pk)
    only, number = asked(request, "disposition"), number_of(request)
    found = selector.items(inbound, only, number)
    return framed(
        request,
        "workflow/import.html",
        row.file,
        "imports",
        line=import_view.line(row),
        told=selector.messages(inbound),
        items=[import_view.item(i.body, row.site.timezone, i.patient) for i in found.rows],
        only=only,
        pages=pages_of(request, found.total, number, more=found.more, noun="item"),
        api=f"/api/v1/imports/{row.pk}/",
    )
