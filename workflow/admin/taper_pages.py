"""Steroid courses: one page to start a course or to change its steps, prefilled, saved by a clinician only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients.errors import DomainError, Fault, NotFound
from patients.models import Patient
from patients.services.shapes import checked
from workflow.admin.frame import faults_of, page, uuid_or_404, visible
from workflow.rules.charts import plain
from workflow.rules.effects import Alert, SteroidCourse, SteroidStep
from workflow.rules.steroids import proposed
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.facts import history
from workflow.services import shapes, steroids

CLINICIAN = frozenset({"clinician"})
BLANK_STEPS = 4
OWN, TEMPLATE = "own", "default"


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("patients/<uuid:patient>/taper/", site.admin_view(taper), name="taper")]


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it stands: `how` is the pathway's template or own steps; each step from, to, mg a day."""

    started_on: str
    how: str
    cause: str = ""
    steps: Sequence[Mapping[str, str]] = field(default_factory=list)


def taper(request: HttpRequest, patient: UUID) -> HttpResponse:
    """A course for an alert (or without one) shown and started; with `course` in the address, its steps changed."""
    row = visible(request, patient, CLINICIAN)
    today = local_date(timezone.now(), row.site.timezone)
    found = decided(history(patient), as_of=today)
    course = _course(found, request.GET.get("course", ""))
    if request.method != "POST":
        return _form(request, row, found, course, _prefilled(found, course, today), ())
    typed = _read(request.POST)
    try:
        _save(request, row, course, typed)
    except DomainError as error:
        found = decided(history(patient), as_of=today)  # somebody else may have saved meanwhile
        return _form(request, row, found, course, typed, faults_of(error), error.status)
    messages.success(
        request, "Steroid course changed." if course else "Steroid course saved; the alert is answered."
    )
    return redirect("admin:patient", row.pk)


def _course(found: Decided, text: str) -> SteroidCourse | None:
    if not text:
        return None
    course = next((c for c in found.decision.courses if c.id == text), None)
    if course is None:
        raise Http404(NotFound.title)
    return course


def _prefilled(found: Decided, course: SteroidCourse | None, today: date) -> Typed:
    """Today and the pathway's template; of a running course its steps as they stand."""
    if course is not None:
        return Typed(
            course.started_on.isoformat(), OWN, course.alternative_cause, [_step(s) for s in course.steps]
        )
    template = found.protocol.steroids
    steps = [_step(s) for s in proposed(template, today)] if template else []
    return Typed(today.isoformat(), TEMPLATE if template else OWN, "", steps)


def _step(step: SteroidStep) -> dict[str, str]:
    last = step.to_on.isoformat() if step.to_on else ""
    return {"from": step.from_on.isoformat(), "to": last, "mg_per_day": plain(step.mg_per_day)}


def _read(posted: QueryDict) -> Typed:
    numbers = sorted(int(k[5:]) for k in posted if k.startswith("from-") and k[5:].isdigit())
    rows = [
        {n: posted.get(f"{n}-{i}", "").strip() for n in ("from", "to", "mg_per_day")} for i in numbers[:200]
    ]
    return Typed(
        posted.get("started_on", "").strip(),
        OWN if posted.get("how") == OWN else TEMPLATE,
        posted.get("alternative_cause", "").strip(),
        [row for row in rows if any(row.values())],
    )


def _save(request: HttpRequest, row: Patient, course: SteroidCourse | None, typed: Typed) -> None:
    by = request.user.get_username()
    steps = [{name: text or None for name, text in step.items()} for step in typed.steps]
    cause = {"alternative_cause": typed.cause} if typed.cause else {}
    if course is not None:
        fields = checked(shapes.SteroidChangeIn, {"steps": steps, **cause})
        seen = request.POST.get("seen", "")
        expected = int(seen) if seen.isdigit() else -1
        steroids.change(patient=row.pk, course=course.id, fields=fields, expected=expected, by=by)
        return
    alert = request.POST.get("alert", "")
    data: dict[str, Any] = {"started_on": typed.started_on, "alert": alert or None, **cause}
    data |= {"steps": steps} if typed.how == OWN else {"template": TEMPLATE}
    steroids.start(patient=row.pk, fields=checked(shapes.SteroidCourseIn, data), by=by)


def _form(
    request: HttpRequest,
    row: Patient,
    found: Decided,
    course: SteroidCourse | None,
    typed: Typed,
    faults: Iterable[Fault],
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    asked = request.POST.get("alert") or request.GET.get("alert", "")
    alert = _alert(found, asked) if asked else None
    blank = {"from": "", "to": "", "mg_per_day": ""}
    return page(
        request,
        "workflow/taper.html",
        f"Steroid course, {row.code}",
        status,
        patient=row,
        course=course,
        seen=sum(a.key == course.id for a in found.facts.acts_by_kind.get("steroid", ())) if course else 0,
        alert=alert,
        typed=typed,
        template=found.protocol.steroids,
        proposal=_proposal(found, typed),
        steps=[*typed.steps, *[blank] * BLANK_STEPS],
        faults=[{"field": f.pointer.strip("/").split("/")[0], "text": f.detail} for f in told],
        wrong={f.pointer.strip("/").split("/")[0]: f.detail for f in told},
    )


def _alert(found: Decided, text: str) -> Alert | None:
    wanted = uuid_or_404(text)
    return next((a for a in found.decision.alerts if a.id == wanted), None)


def _proposal(found: Decided, typed: Typed) -> tuple[SteroidStep, ...]:
    try:
        started = date.fromisoformat(typed.started_on)
    except ValueError:
        return ()
    return proposed(found.protocol.steroids, started) if found.protocol.steroids else ()
