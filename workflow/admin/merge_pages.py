"""Two records of one person: what a merge would do, doing it, and taking it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from patients.admin.roles import OPENS_ADMIN, SITE_ADMIN, holds, require, sites_of
from patients.errors import DomainError, Fault, Invalid, Merged
from patients.models import Patient
from patients.rules.words import TASKS, counted
from patients.services.shapes import checked
from workflow.admin import marks
from workflow.admin.forms import REASON, Field
from workflow.admin.frame import faults_of, page, visible
from workflow.admin.intake_frame import asked, by_field, shown, summary
from workflow.selectors import merging
from workflow.services import merging as services
from workflow.services import shapes
from workflow.templatetags.daymark import day

View = Callable[..., HttpResponse]
ISO = re.compile(r"\d{4}-\d\d-\d\d")
GOES = Field("code", "The record that goes", hint="Its code; the next page asks for the one that stays.")
OTHER = Field("code", "The other record", hint="Its code or number.")
NOUNS = {
    "results": "result", "bleeds": "bleed", "factor_uses": "factor use", "regimens": "regimen", "attestations": "attestation",
    "events": "event", "coverages": "coverage", "draws": "draw", "kits": "kit", "authorizations": "authorization",
    "waiting": "item on the desk", "infusions": "infusion",
}  # fmt: skip


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("merges/", site.admin_view(merges), name="merges"),
        path("patients/<uuid:patient>/merge/", site.admin_view(merge), name="merge"),
    ]


def pointing(view: View) -> View:
    """The view, but for a merged record the page that names the one to use."""

    @wraps(view)
    def seen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Merged:
            return redirect("admin:merge", kwargs["patient"])

    return seen


def merges(request: HttpRequest) -> HttpResponse:
    """Records that are merged at the administrator's sites, and the record to begin with."""
    require(request, SITE_ADMIN)
    sites, text, faults = sites_of(request, SITE_ADMIN), asked(request, "code"), []
    if text:
        row = Patient.objects.filter(site__in=sites, code=text.lower()).first()
        if row is not None:
            return redirect("admin:merge", row.pk)
        faults = [Fault("/code", "unknown", "No record of your sites has this code.")]
    return page(
        request, "workflow/merges.html", "Merged records", rows=merging.aliases(sites), faults=summary(faults, ["code"]),
        fields=shown([GOES], {"code": text}, by_field(faults)),
    )  # fmt: skip


def merge(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The merge of this record into another one: which one, what it would do, and the act itself or its undoing."""
    row = visible(request, patient, OPENS_ADMIN, merged=True)
    if request.method != "POST":
        return _shown(request, row, ())
    require(request, SITE_ADMIN, site=row.site_id)
    try:
        return _done(request, row)
    except DomainError as error:
        return _shown(request, row, faults_of(error), error.status)


def _done(request: HttpRequest, row: Patient) -> HttpResponse:
    by, reason = request.user.get_username(), request.POST.get("reason", "")
    if row.merged_into:
        services.undo(patient=row.pk, by=by, **checked(shapes.ReasonIn, {"reason": reason}))
        messages.success(request, f"{row.code} stands for itself again; both records are decided again.")
        return redirect("admin:merges")
    fields = checked(shapes.MergeIn, {"reason": reason, "into": request.POST.get("into", "")})
    visible(request, fields["into"], SITE_ADMIN, merged=True)
    services.merge(patient=row.pk, by=by, **fields)
    messages.success(request, f"{row.code} is merged; what is recorded in both is decided as one.")
    return redirect("admin:merges")


def _shown(request: HttpRequest, row: Patient, faults: Iterable[Fault], status: int = 200) -> HttpResponse:
    told = list(faults)
    if row.merged_into:
        return _page(
            request, row, told, status, alias=merging.aliases(patient=row.pk)[0], fields=_why(request, told)
        )
    try:
        other = _other(request, row)
    except Invalid as error:
        told, other, status = [*told, *error.faults], None, error.status
    if other is None:
        fields = shown([OTHER], {"code": asked(request, "code")}, by_field(told))
        return _page(request, row, told, status, fields=fields)
    found = merging.preview(row.pk, other.pk)
    refused = [Fault("", r.code, r.text) for r in found.refusals]
    told = [f for f in told if f.pointer != "/into"]
    return _page(
        request, row, [*refused, *told], status, found=found, fields=_why(request, told), refused=bool(refused),
        written=[(d.what, _day(d.gone), _day(d.stays)) for d in found.differences], moved=_moved(found.counts), changes=list(_changes(found.changes)),
        swapped=f"{reverse('admin:merge', args=[other.pk])}?into={row.pk}",
    )  # fmt: skip


def _page(
    request: HttpRequest, row: Patient, faults: list[Fault], status: int, **context: Any
) -> HttpResponse:
    names = [f["spec"].name for f in context["fields"]]
    return page(
        request, "workflow/merge.html", f"Merge {row.code}", status, patient=row, faults=summary(faults, names),
        may=holds(request, SITE_ADMIN, site=row.site_id), care=holds(request, {"coordinator", "clinician"}, site=row.site_id),
        **context,
    )  # fmt: skip


def _why(request: HttpRequest, faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return shown([REASON], {"reason": request.POST.get("reason", "")}, by_field(faults))


def _other(request: HttpRequest, row: Patient) -> Patient | None:
    """The record that stays, by its id, or by its code or number at the person's sites. None when none is named."""
    into = request.POST.get("into", "") or asked(request, "into")
    if into:
        return visible(request, checked(shapes.IntoIn, {"into": into})["into"], OPENS_ADMIN, merged=True)
    text = asked(request, "code")
    if not text:
        return None
    rows = Patient.objects.filter(site__in=sites_of(request, OPENS_ADMIN))
    found = rows.filter(code=text.lower()).first() or rows.filter(site=row.site_id, mrn=text).first()
    if found is None:
        raise Invalid.at("/code", "unknown", "No record of your sites has this code or number.")
    return found


def _day(text: str) -> str:
    """A date as it stands on pages; any other text as it is."""
    return day(text) if ISO.fullmatch(text) else text


def _moved(counts: Mapping[str, int]) -> list[str]:
    return [counted(n, noun) for name, noun in NOUNS.items() if (n := counts[name])]


def _changes(changes: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterable[dict[str, str]]:
    """One line per thing that would be decided otherwise: what it is, and how it is told now and then."""
    for kind in ("phase", "gates", "alerts", "tasks"):
        for row in changes.get(kind, ()):
            old, new = row["old"], row["new"]
            yield {"what": (new or old)["title"], "old": _told(kind, old), "new": _told(kind, new)}


def _told(kind: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "none"
    if kind == "phase":
        return marks.phase(found["phase"]).text
    if kind == "gates":
        return f"{marks.gate(found['verdict']).text}: {found['reason']}"
    if kind == "alerts":
        return f"{marks.alert(found['state']).text}, first hit {day(found['first_hit_on'])}"
    ended = f", {TASKS[found['ended_as']].lower()}" if found["ended_as"] else ""
    return f"due {day(found['due_on'])}{ended}"
