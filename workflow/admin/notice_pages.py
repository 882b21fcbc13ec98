"""Where the links in mails lead, the mail that could not be delivered, and the page to leave the daily mail."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from patients.admin.roles import CARE, CUSTODIANS, OPENS_ADMIN, holds, require, sites_of
from patients.errors import DomainError, Invalid, NotFound
from patients.services import mail
from workflow.admin.frame import faults_of, page
from workflow.models import Notice
from workflow.selectors import notices as selector
from workflow.services import undelivered

REASON = "Say what you did: told the person another way, or had the address corrected."


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("notice/<uuid:notice>/", site.admin_view(open_notice), name="notice"),
        path("undelivered/<uuid:task>/", site.admin_view(undelivered_mail), name="undelivered"),
    ]


def open_notice(request: HttpRequest, notice: UUID) -> HttpResponseRedirect:
    """From a mail to what it is about; to the start page where that cannot be shown to this person."""
    require(request, OPENS_ADMIN)
    row = Notice.objects.filter(pk=notice).first()
    if row is not None and row.key.startswith("emergency:") and holds(request, CUSTODIANS, site=row.site_id):
        return redirect("admin:emergency-reviews")
    if row is None or not holds(request, CARE, site=row.site_id):
        return redirect("admin:index")
    if row.patient_id is not None:
        return redirect("admin:patient", row.patient_id)
    if row.kind == "intake_failed":
        return redirect("admin:import", row.key.partition(":")[2])
    return redirect("admin:index")


def undelivered_mail(request: HttpRequest, task: UUID) -> HttpResponse:
    """Which mail to whom failed; sent again, or ended with what was done instead."""
    require(request, CARE)
    row = next(iter(selector.undelivered(sites=sites_of(request, CARE), only=task)), None)
    if row is None:
        raise Http404(NotFound.title)
    if request.method != "POST":
        return _undelivered(request, row)
    try:
        said = _acted(request, row)
    except DomainError as error:
        return _undelivered(request, row, error)
    messages.success(request, said)
    return redirect("admin:today")


def _acted(request: HttpRequest, row: selector.Undelivered) -> str:
    by = request.user.get_username()
    if request.POST.get("act") == "again":
        undelivered.send_again(task=row.id, by=by)
        return "The mail is sent again within a minute."
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise Invalid.at("/reason", "required", REASON)
    undelivered.end(task=row.id, act="complete", reason=reason, by=by)
    return "Saved."


def _undelivered(
    request: HttpRequest, row: selector.Undelivered, error: DomainError | None = None
) -> HttpResponse:
    faults = [{"field": "reason", "text": f.detail} for f in faults_of(error)] if error else []
    return page(
        request,
        "workflow/undelivered.html",
        f"Mail to {row.name} could not be delivered",
        error.status if error else 200,
        row=row,
        faults=faults,
        value=request.POST.get("reason", ""),
    )


@csrf_exempt
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, secret: str) -> HttpResponse:
    """Leaving the daily mail. A mail program posts here on one click, so the link itself is the right to do so."""
    try:
        mail.unsubscribe(secret=secret) if request.method == "POST" else mail.person_of(secret)
    except NotFound as error:
        raise Http404(NotFound.title) from error
    return render(request, "account/unsubscribe.html", {"done": request.method == "POST"})
