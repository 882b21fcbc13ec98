"""Exports: the question, a preview, the download, and past runs with their hash."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from outcomes import data
from outcomes.admin import export_view
from outcomes.models import Export
from outcomes.selectors import exports as selector
from outcomes.selectors.export_preview import preview
from outcomes.sending import sent
from outcomes.services import downloads, export_run, exports, publications
from outcomes.services.shapes import ExportIn
from patients.access import site_context
from patients.admin.roles import OPENS_ADMIN, SITE_ADMIN, principal, require, sites_of
from patients.errors import DomainError, Fault, NotFound
from patients.services.shapes import checked
from workflow.admin.frame import faults_of, page

ASKS, READS = frozenset({exports.ASKS}), downloads.READS
FIELDS = ("contract", "as_of", "profile", "determination", "reason", "scope")
SHOWN, AT_ONCE = 50, 200
"""An export of at most so many patients is made before the page answers."""


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("exports/", site.admin_view(listed), name="exports"),
        path("exports/new/", site.admin_view(new), name="export-new"),
        path("exports/<uuid:export>/files/<str:name>", site.admin_view(file), name="export-file"),
        path("exports/<uuid:export>/<slug:verb>/", site.admin_view(act), name="export-act"),
    ]


def listed(request: HttpRequest) -> HttpResponse:
    """The form's beginning, with the contract of the newest run, and past runs, newest first."""
    require(request, OPENS_ADMIN)
    return _page(request, {})


def new(request: HttpRequest) -> HttpResponse:
    """The preview of a question (GET), and asking it (POST)."""
    require(request, ASKS)
    posted = request.POST if request.method == "POST" else request.GET
    values = {name: posted.get(name, "").replace("\x00", "").strip() for name in FIELDS}
    try:
        fields = checked(ExportIn, {**{k: v for k, v in values.items() if v}, "formats": ["csv", "xlsx"]})
        if request.method == "POST":
            return _asked(request, fields)
        return _previewed(request, values, fields)
    except DomainError as error:
        return _page(request, values, faults_of(error), status=error.status)


def _asked(request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
    made = exports.request(fields=fields, principal=principal(request))
    if made.whole:
        messages.info(request, "Asked for. It is made once every site of the contract has approved.")
    elif _few(made):
        transaction.on_commit(partial(export_run.run, export=made.pk), robust=True)
        messages.success(request, "The data set is below.")
    else:
        messages.info(request, "The data set is being made; look again in a moment.")
    return redirect("admin:exports")


def _few(made: Export) -> bool:
    with site_context(made.site_ids, by=made.requester):
        return selector.enrolled(made.contract) <= AT_ONCE


def _previewed(request: HttpRequest, values: dict[str, str], fields: dict[str, Any]) -> HttpResponse:
    found = data.find_contract(fields["contract"])
    if found is None:
        return _page(request, values, [Fault("/contract", "unknown", "Choose a contract.")], status=422)
    sites = sites_of(request, ASKS)
    on = fields.get("as_of") or export_run.day_of(sites, timezone.now())
    return _page(request, values, told=export_view.preview(preview(found.code, sites, on), on))


def _page(
    request: HttpRequest,
    values: dict[str, str],
    faults: Iterable[Fault] = (),
    told: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    who = principal(request)
    asks = bool(who.any_role & ASKS)
    runs = [export_view.run(row, who) for row in selector.exports()[:SHOWN]]
    return page(
        request,
        "outcomes/exports.html",
        "Exports",
        status,
        asks=asks,
        today=export_run.day_of(sites_of(request, ASKS), timezone.now()) if asks else date.today(),
        contracts=export_view.contracts(),
        profiles=export_view.PROFILES,
        values={"contract": runs[0]["contract"] if runs else "", **values},
        wrong={f.pointer.strip("/"): f.detail for f in faults},
        faults=export_view.summary(faults, FIELDS),
        told=told,
        runs=runs,
        working=any(r["working"] for r in runs),
    )


def file(request: HttpRequest, export: UUID, name: str) -> HttpResponse:
    """One file of an export, or all of one format with dictionary and manifest."""
    row = _export(request, export, READS)
    try:
        return sent(downloads.own(export=row, name=name, principal=principal(request)))  # type: ignore[return-value]
    except NotFound as error:
        raise Http404(error.detail) from error
    except DomainError as error:
        messages.error(request, error.detail)
        return redirect("admin:exports")


@require_POST
def act(request: HttpRequest, export: UUID, verb: str) -> HttpResponse:
    """Approves or releases."""
    row = _export(request, export, SITE_ADMIN)
    verbs: dict[str, Any] = {"approve": exports.approve, "publish": publications.publish}
    if verb not in verbs:
        raise Http404("There is no such act.")
    try:
        verbs[verb](export=row, principal=principal(request))
        messages.success(request, "Approved." if verb == "approve" else "Released to the payer.")
    except DomainError as error:
        messages.error(request, error.detail)
    return redirect("admin:exports")


def _export(request: HttpRequest, export: UUID, roles: Iterable[str]) -> Export:
    """The export, if it is about a site of the person (else 404) and the role there allows this (else 403)."""
    row = selector.exports().filter(pk=export).first()
    if row is None:
        raise Http404(NotFound.title)
    wanted = frozenset(roles)
    if not any(principal(request).at(site) & wanted for site in row.site_ids):
        require(request, wanted, site=row.site_ids[0])
    return row
