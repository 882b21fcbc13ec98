"""Milestones over all patients, and one milestone with its arithmetic, its versions and the attestation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from outcomes import data
from outcomes.admin import milestone_view
from outcomes.rules.contract import Contract
from outcomes.rules.signing import MEANING
from outcomes.rules.verdicts import UNDECIDED
from outcomes.selectors.contract_lists import Found, find_milestone
from outcomes.selectors.exposures import exposure_json
from outcomes.selectors.milestone_lists import Line, Page, lines
from outcomes.selectors.versions import milestones
from outcomes.services import attestations
from outcomes.services.shapes import AttestIn
from patients.admin.roles import CARE, holds, require, sites_of
from patients.errors import DomainError, Fault, NotFound
from patients.models import Patient
from patients.rules.words import MILESTONES
from patients.services import reauthentication
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.frame import faults_of, page, visible
from workflow.admin.intake_frame import asked, by_field, number_of, pages_of, shown, summary
from workflow.rules.version import RULES_VERSION
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import history

PER_PAGE = 100
CLINICIAN = frozenset({"clinician"})
FILTERS = ("contract", "month", "verdict", "payer")
PASSWORD = Field(
    "password", "Your password", "password", "You sign with it: your name, the time and the meaning are kept."
)
NOTE = Field("note", "Note", "area", optional=True)


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("milestones/", site.admin_view(milestones_page), name="milestones"),
        path("milestones/<uuid:milestone>/", site.admin_view(milestone_page), name="milestone"),
    ]


def milestones_page(request: HttpRequest) -> HttpResponse:
    """Contract by patient by month: the window that closes soonest first, then what is decided."""
    require(request, CARE)
    only = {name: asked(request, name) for name in FILTERS}
    everything = list(_lines(request, only["contract"]))
    found = [x for x in everything if _fits(x, only)]
    number = number_of(request)
    start = (number - 1) * PER_PAGE
    rows = Page(sorted(found, key=_order))[start : start + PER_PAGE]
    return page(
        request,
        "outcomes/milestones.html",
        "Milestones",
        rows=milestone_view.shown(rows, _codes(rows)),
        totals=milestone_view.totals(Counter(x.verdict for x in found)),
        money=list(_money(found)),
        only=only,
        filtered=any(only.values()),
        options=_options(everything),
        updated=timezone.now(),
        pages=pages_of(request, len(found), number, more=len(found) > start + PER_PAGE, noun="milestone"),
    )


def _lines(request: HttpRequest, contract: str) -> Iterable[Line]:
    sites = sites_of(request, CARE)
    for code in dict.fromkeys(c.code for c in data.contracts()):
        if contract in ("", code):
            yield from lines(code, sites=sites)


def _fits(line: Line, only: dict[str, str]) -> bool:
    found = {
        "contract": line.contract,
        "month": str(line.month),
        "verdict": line.verdict,
        "payer": line.payer,
    }
    return all(wanted in ("", found[name]) for name, wanted in only.items())


def _order(line: Line) -> tuple[Any, ...]:
    """Due, then pending by closing; decided ones newest first."""
    waits = UNDECIDED[::-1].index(line.verdict) if line.verdict in UNDECIDED else len(UNDECIDED)
    days = line.closes_on.toordinal()
    return (waits, days if line.verdict in UNDECIDED else -days, line.contract, line.month, line.patient)


def _codes(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Patients' codes by id."""
    found = Patient.objects.filter(pk__in={row["patient"] for row in rows})
    return {str(pk): code for pk, code in found.values_list("pk", "code")}


def _money(found: Iterable[Line]) -> Iterable[dict[str, Any]]:
    """Exposure per contract of the milestones shown; None where some are filtered out."""
    by_contract: dict[str, list[Line]] = {}
    for line in found:
        by_contract.setdefault(line.contract, []).append(line)
    for code, own in sorted(by_contract.items()):
        terms = data.find_contract(code)
        if terms is not None:
            yield exposure_json(terms, sorted(own, key=lambda x: (x.patient, x.month)))


def _options(found: Iterable[Line]) -> dict[str, list[tuple[str, str]]]:
    rows = list(found)
    titles = {c.code: c.title for c in data.contracts()}
    return {
        "contract": sorted(titles.items()),
        "month": [(str(m), str(m)) for m in sorted({x.month for x in rows})],
        "verdict": list(MILESTONES.items()),
        "payer": [(p, p) for p in sorted({x.payer for x in rows if x.payer})],
    }


def milestone_page(request: HttpRequest, milestone: UUID) -> HttpResponse:
    """One milestone; a clinician of the site signs it here."""
    found = find_milestone(milestone)
    if found is None:
        raise Http404(NotFound.title)
    row = visible(request, found.patient, CARE)
    if request.method != "POST":
        return _shown(request, row, found)
    require(request, CLINICIAN, site=row.site_id)
    try:
        _sign(request, found)
    except DomainError as error:
        return _shown(request, row, found, faults_of(error), error.status)
    messages.success(request, f"Month {found.month} is attested.")
    return redirect("admin:milestone", milestone)


def _sign(request: HttpRequest, found: Found) -> None:
    names = ("password", "note", "sha256")
    fields: dict[str, Any] = checked(AttestIn, {n: request.POST[n] for n in names if request.POST.get(n)})
    try:
        reauthentication.confirm(request, request.user, fields.get("password", ""))
    except reauthentication.ReauthenticationRequired as error:
        raise reauthentication.ReauthenticationRequired(
            error.detail, [Fault("/password", error.code, error.detail)]
        ) from error
    attestations.attest(
        patient=found.patient,
        contract=found.contract,
        month=found.month,
        by=request.user.get_username(),
        note=fields.get("note", ""),
        seen=fields.get("sha256", ""),
    )


def _shown(
    request: HttpRequest, row: Patient, found: Found, faults: Iterable[Fault] = (), status: int = 200
) -> HttpResponse:
    known, told = history(row.pk), list(faults)
    today = local_date(timezone.now(), row.site.timezone)
    own = next((m for m in milestones(known, today, found.contract) if m["month"] == found.month), None)
    if own is None:
        raise Http404(NotFound.title)
    about = attestations.asked(known, found.contract, found.month, today)
    fields = [PASSWORD, NOTE]
    signable = own["verdict"] != "pending" and not own["attested"]
    return page(
        request,
        "outcomes/milestone.html",
        f"Month {found.month}, {row.code}",
        status,
        patient=row,
        line=milestone_view.line(own, code=row.code),
        arithmetic=milestone_view.arithmetic(own),
        measured=milestone_view.measured(own),
        versions=milestone_view.versions(own),
        terms=_terms(found.contract, own["contract_version"]),
        rules={"rules": RULES_VERSION, "measures": data.measure_rules().version},
        signing=signable and holds(request, CLINICIAN, site=row.site_id),
        signable=signable,
        would_be=MILESTONES[about.signed.verdict],
        sha256=attestations.shown_digest(about.signed),
        meaning=MEANING,
        fields=shown(fields, request.POST.dict() | {"password": ""}, by_field(told)),
        faults=summary(told, [f.name for f in fields]),
        people=(),
    )


def _terms(code: str, version: str) -> Contract:
    return data.contract(code, version)
