"""Emergency access: the form that opens a record of another centre, and the list that its custodian reviews."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients.admin.roles import CLINICIAN, CUSTODIANS, SITE_ADMIN, principal, require, sites_of
from patients.emergency import MINUTES
from patients.errors import DomainError, Fault, NotFound
from patients.models import PatientAccess, Site
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.frame import faults_of, page, uuid_or_404
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.selectors.emergencies import emergencies, live
from workflow.services import emergency, shapes

SHOWN = 100
FIELDS = (
    Field("code", "Code of the patient", hint="Leave it empty if you have the number.", optional=True),
    Field("site", "Code of the patient’s centre", optional=True),
    Field("mrn", "Number of the patient there", optional=True),
    Field("birth_date", "Date of birth", "date"),
    Field("reason", "Why you must see this record now", "area", hint="The patient’s centre reads this. It is kept."),
)  # fmt: skip


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("emergency-access/", site.admin_view(opening), name="emergency"),
        path("emergency-reviews/", site.admin_view(reviews), name="emergency-reviews"),
    ]


def opening(request: HttpRequest) -> HttpResponse:
    """The form that opens one record, and the person's own accesses; one that is live can be ended."""
    require(request, CLINICIAN)
    if request.method != "POST":
        return _form(request, ())
    if "end" in request.POST:
        return _ended(request, "admin:emergency")
    names = [*(f.name for f in FIELDS), "from_site"]
    try:
        fields = checked(shapes.EmergencyIn, {n: request.POST.get(n, "") for n in names})
        row = emergency.open_record(who=principal(request), fields=fields)
    except DomainError as error:
        return _form(request, faults_of(error), error.status)
    return redirect("admin:patient", row.patient_id)


def _ended(request: HttpRequest, to: str) -> HttpResponse:
    try:
        row = emergency.end(access=uuid_or_404(request.POST["end"]), who=principal(request))
        messages.success(request, f"The access to {row.code} is ended.")
    except NotFound as error:
        raise Http404(NotFound.title) from error
    except DomainError as error:
        messages.error(request, error.detail)
    return redirect(to)


def _form(request: HttpRequest, faults: Iterable[Fault], status: int = 200) -> HttpResponse:
    told = list(faults)
    sites = Site.objects.filter(pk__in=sites_of(request, CLINICIAN)).order_by("code")
    home = Field("from_site", "Your centre", "select", choices=[(s.code, s.name) for s in sites])
    fields = [*FIELDS, home] if len(sites) > 1 else list(FIELDS)
    values = {f.name: request.POST.get(f.name, "") for f in fields}
    mine = emergencies(person=principal(request).user)[:SHOWN]
    return page(
        request, "workflow/emergency.html", "Emergency access", status,
        fields=shown(fields, values, by_field(told)), faults=summary(told, [f.name for f in fields]),
        mine=list(map(_line, mine)), minutes=MINUTES, zone=sites[0].timezone,
    )  # fmt: skip


def reviews(request: HttpRequest) -> HttpResponse:
    """Accesses to the centre's patients: what waits for its review first. An administrator reviews."""
    require(request, CUSTODIANS)
    if request.method != "POST":
        return _reviews(request)
    if "end" in request.POST:
        return _ended(request, "admin:emergency-reviews")
    access = uuid_or_404(request.POST.get("access", ""))
    told = {name: request.POST.get(name, "") for name in ("found", "review")}
    try:
        row = emergency.review(access=access, who=principal(request), **checked(shapes.ReviewIn, told))
    except DomainError as error:
        return _reviews(request, faults_of(error), error.status)
    messages.success(request, f"The review of the access to {row.code} is saved.")
    return redirect("admin:emergency-reviews")


def _reviews(request: HttpRequest, faults: Iterable[Fault] = (), status: int = 200) -> HttpResponse:
    sites = sites_of(request, CUSTODIANS)
    zones = dict(Site.objects.filter(pk__in=sites).values_list("pk", "timezone"))
    rows = [_line(row) | {"zone": zones[row.site_id]} for row in emergencies(sites=sites)[:SHOWN]]
    admin_of = set(sites_of(request, SITE_ADMIN))
    posted = {name: request.POST.get(name, "") for name in ("access", "found", "review")}
    for line in rows:
        mine = line["row"].person_id == principal(request).user
        line["reviews"] = line["row"].site_id in admin_of and not mine
        line["posted"] = posted if str(line["row"].pk) == posted["access"] else {}
    return page(
        request, "workflow/emergency_reviews.html", "Emergency reviews", status,
        waiting=[line for line in rows if not line["row"].found], done=[line for line in rows if line["row"].found],
        faults=summary(faults, ())
    )  # fmt: skip


def _line(row: PatientAccess) -> dict[str, Any]:
    return {"row": row, "live": live(row, timezone.now()), "reads": row.reads or 0}  # type: ignore[attr-defined]
