"""Taking over a patient from another centre, and confirming the deletion of a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients.admin.roles import CLINICIAN, SITE_ADMIN, require, sites_of
from patients.errors import DomainError, Fault, Invalid
from patients.models import Erasure, Patient, Site
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.frame import faults_of, page, uuid_or_404, visible
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.models import Act
from workflow.services import custody, shapes


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("transfers/", site.admin_view(transfers), name="transfers"),
        path("erasures/", site.admin_view(erasures), name="erasures"),
    ]


def transfers(request: HttpRequest) -> HttpResponse:
    """The form that takes a patient over by the word of the earlier centre."""
    require(request, CLINICIAN)
    if request.method != "POST":
        return _form(request, ())
    try:
        fields = checked(shapes.TakeOverIn, {n: request.POST.get(n, "") for n in ("site", "word", "mrn")})
        site = Site.objects.filter(code=fields["site"], pk__in=sites_of(request, CLINICIAN)).first()
        if site is None:
            raise Invalid.at("/site", "unknown", "Choose one of your sites.")
        moved = custody.take_over(
            site=site, word=fields["word"], mrn=fields.get("mrn", ""), by=request.user.get_username()
        )
    except DomainError as error:
        return _form(request, faults_of(error), error.status)
    messages.success(request, f"{moved.code} is now a patient of {site.name}.")
    return redirect("admin:patient", moved.pk)


def _form(request: HttpRequest, faults: Iterable[Fault], status: int = 200) -> HttpResponse:
    told = list(faults)
    sites = Site.objects.filter(pk__in=sites_of(request, CLINICIAN)).order_by("code")
    fields = [
        Field("site", "Your site", "select", choices=[(s.code, s.name) for s in sites]),
        Field("word", "Word from the earlier centre"),
        Field("mrn", "Number of the patient here", hint="If it is another one than there.", optional=True),
    ]
    values = {f.name: request.POST.get(f.name, "") for f in fields} or {}
    values["site"] = values["site"] or (sites[0].code if len(sites) == 1 else "")
    return page(
        request, "workflow/transfers.html", "Take over a patient", status,
        fields=shown(fields, values, by_field(told)), faults=summary(told, [f.name for f in fields]),
    )  # fmt: skip


def erasures(request: HttpRequest) -> HttpResponse:
    """Deletions that are asked for and wait for the administrator, and those that were done."""
    require(request, SITE_ADMIN)
    if request.method == "POST":
        row = visible(request, uuid_or_404(request.POST.get("patient", "")), SITE_ADMIN)
        try:
            custody.erase(patient=row.pk, by=request.user.get_username())
            messages.success(request, "The record is deleted.")
        except DomainError as error:
            messages.error(request, "; ".join(f.detail for f in faults_of(error)))
        return redirect("admin:erasures")
    sites = sites_of(request, SITE_ADMIN)
    done = Erasure.objects.filter(site__in=sites).select_related("site").order_by("-at")[:100]
    return page(request, "workflow/erasures.html", "Deletions", asked=_asked(sites), done=done)


def _asked(sites: Iterable[Any]) -> list[dict[str, Any]]:
    now = timezone.now()
    patients = Patient.objects.select_related("site").filter(
        pk__in=Act.objects.filter(kind=custody.REQUEST, site__in=tuple(sites)).values("patient_id")
    )
    found = ({"patient": p, "act": custody.requested(p.pk, now=now)} for p in patients.order_by("code"))
    return [line for line in found if line["act"] is not None]
