"""Recording the infusion: checked as it will be judged when saved, and overridden only by two clinicians.

Everything works without scripts: “Check” shows the gates, the dose and the tasks for what is typed so far.
The script asks for the same page while times and amounts are typed, and puts that part in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from outcomes.admin import infusion_form, infusion_view
from outcomes.admin.infusion_form import Posted
from patients.access import staff_at
from patients.admin.roles import CARE, holds
from patients.admin.second import refusal
from patients.errors import DomainError, Fault, Invalid
from patients.models import Patient, User
from patients.rules.words import counted
from workflow.admin.frame import faults_of, page, visible
from workflow.rules.facts import History, known
from workflow.selectors.day0 import Preview, preview
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import history
from workflow.services import infusions

TWO = frozenset({"clinician"})


def infusion_page(request: HttpRequest, patient: Any) -> HttpResponse:
    """The form of one patient, once in a lifetime: shown, checked as far as it is typed, or saved."""
    row = visible(request, patient, CARE)
    past, today = history(row.pk), local_date(timezone.now(), row.site.timezone)
    if request.method != "POST":
        facts = known(past, as_of=today)
        if facts.infusion is not None:
            messages.error(request, infusions.ONCE)
            return redirect("admin:patient", row.pk)
        return _shown(request, row, past, None)
    posted = infusion_form.read(request.POST, row.site.timezone)
    if request.POST.get("do") in ("check", "more"):
        return _shown(request, row, past, posted)
    try:
        made, warnings = _saved(request, row, past, posted)
    except DomainError as error:
        return _shown(request, row, past, posted, faults_of(error), error.status)
    messages.success(request, made)
    for warning in warnings:
        messages.warning(request, warning)
    return redirect("admin:patient", row.pk)


def _saved(request: HttpRequest, row: Patient, past: History, posted: Posted) -> tuple[str, Iterable[str]]:
    """Records it by the service that judges it; says what it made, and what is odd about it."""
    seen = _preview(past, posted, row)
    fields = _checked(request, row, posted, seen)
    kept = infusions.record(
        patient=row.pk, fields=fields, by=request.user.get_username(), present=posted.overrides()
    )
    if fields["outcome"] == "abandoned":
        return "Recorded: nothing was given, so the one dose is not used.", kept.warnings
    return f"Infusion recorded. It made {counted(len(seen.tasks), 'task')}.", kept.warnings


def _checked(request: HttpRequest, row: Patient, posted: Posted, seen: Preview) -> dict[str, Any]:
    """The checked fields with the override, the second person’s password included. Raises Invalid."""
    faults: list[Fault] = []
    fields: dict[str, Any] = {}
    try:
        fields = infusion_form.fields_of(posted, seen.protocol.dosing)
    except Invalid as error:
        faults += error.faults
    if posted.overrides():
        faults += _override_faults(request, row, posted)
        fields["override"] = {n: posted.values[f"override-{n}"] for n in ("reason", "second_person")}
    if faults:
        raise Invalid.of(*faults)
    return fields


def _override_faults(request: HttpRequest, row: Patient, posted: Posted) -> list[Fault]:
    """What is missing of the override; the second person is one of the list and has given the own password."""
    reason, second, password = (posted.values.get(f.name, "") for f in infusion_form.OVERRIDE)
    person = _people(request, row).get(second)
    wanted = {"override-reason": reason, "override-second_person": person, "override-password": password}
    faults = [
        Fault(f"/{n}", "required", infusion_form.MISSING[n]) for n, given in wanted.items() if not given
    ]
    wrong = refusal(request, person, password) if person and password else ""
    return [*faults, Fault("/override-password", "password", wrong)] if wrong else faults


def _people(request: HttpRequest, row: Patient) -> dict[str, User]:
    """The other clinicians of the site, by username."""
    today = local_date(timezone.now(), row.site.timezone)
    team = staff_at(row.site_id, tuple(TWO), today=today)
    return {p.username: p for p in team if p.pk != request.user.pk}


def _preview(past: History, posted: Posted | None, row: Patient) -> Preview:
    """For the start that is typed; before one is, for all of the day on which the infusion is expected."""
    started = posted.started_at if posted else None
    return preview(past, posted.known() if posted else {}, started_at=started or _expected(past, row))


def _expected(past: History, row: Patient) -> datetime:
    zone, now = ZoneInfo(row.site.timezone), timezone.now()
    today = local_date(now, row.site.timezone)
    on = infusion_form.day_of(known(past, as_of=today).planned_on, today)
    return now if on == today else datetime.combine(on, time(23, 59), zone)


def _shown(
    request: HttpRequest,
    row: Patient,
    past: History,
    posted: Posted | None,
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    seen, told = _preview(past, posted, row), list(faults)
    people = _people(request, row)
    clinician = holds(request, TWO, site=row.site_id)
    typed: Mapping[str, str] = posted.values if posted else infusion_view.start(seen)
    wrong = {infusion_form.field_id(f): f.detail for f in told}
    return page(
        request,
        "outcomes/infusion.html",
        f"Record the infusion, {row.code}",
        status,
        patient=row,
        zone=row.site.timezone.replace("_", " "),
        check=infusion_view.check(seen, typed, started=bool(posted and posted.started_at)),
        sections=infusion_view.sections(seen, typed, wrong, [p for p in _team(row) if p.npi]),
        groups=infusion_view.groups(posted.rows if posted else {}, wrong),
        override=infusion_view.override(people, typed, wrong) if seen.blocks and clinician else None,
        clinician=clinician,
        faults=infusion_view.summary(told),
    )


def _team(row: Patient) -> Iterable[User]:
    return staff_at(row.site_id, tuple(TWO), today=local_date(timezone.now(), row.site.timezone))
