"""One task: what and why, its window, whose it is, who was called, what people said of it, and the acts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from patients.access import staff_at
from patients.admin.roles import CARE, holds, require
from patients.errors import DomainError, Fault, NotFound
from patients.models import User
from workflow.admin import task_forms, told
from workflow.admin.frame import faults_of, page
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.admin.task_forms import TaskForm
from workflow.models import Act, TaskDue
from workflow.rules import contacts
from workflow.rules.feeds import reference
from workflow.selectors import acts, lists
from workflow.selectors.decisions import local_date

UNKNOWN = Fault("/act", "unknown", "Choose one of the acts below.")
DONE = {"complete": "Marked as done", "waive": "Waived", "miss": "Missed, why"}


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("tasks/<uuid:task>/", site.admin_view(task_page), name="task")]


def task_page(request: HttpRequest, task: UUID) -> HttpResponse:
    """The task; or one act on it saved, and back to the list it was opened from."""
    row = lists.one_task(task)
    if row is None:
        raise Http404(NotFound.title)
    require(request, CARE, site=row.site_id)
    team = staff_at(row.site_id, CARE, today=_today(row))
    if request.method != "POST":
        return _shown(request, row, team)
    form = task_forms.every(team).get(request.POST.get("act", ""))
    if form is None:
        return _shown(request, row, team, faults=[UNKNOWN], status=422)
    return _act(request, row, team, form)


def _today(row: TaskDue) -> date:
    return local_date(timezone.now(), row.site.timezone)


def _act(request: HttpRequest, row: TaskDue, team: list[User], form: TaskForm) -> HttpResponse:
    try:
        form.save(row, form.read(request.POST), request.user.get_username())
    except DomainError as error:
        now = lists.one_task(row.pk) or row
        return _shown(request, now, team, form, request.POST.dict(), faults_of(error), error.status)
    messages.success(request, form.saved)
    return redirect(_back(request, row))


def _back(request: HttpRequest, row: TaskDue) -> str:
    """The list the task was opened from: a group of Today, all of it, or the patient."""
    if "today" not in request.GET:
        return reverse("admin:patient", args=[row.patient_id])
    group = request.GET["today"]
    return reverse("admin:today") + (f"?group={group}" if group.isalpha() else "")


def _shown(
    request: HttpRequest,
    row: TaskDue,
    team: list[User],
    chosen: TaskForm | None = None,
    values: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    known = acts.on_task(row.patient_id, row.key)
    found = list(faults)
    names = [f.name for f in chosen.fields] if chosen else []
    return page(
        request,
        "workflow/task.html",
        row.title,
        status,
        task=_facts(row),
        row=row,
        patient=row.patient,
        today=_today(row),
        action=_action(row, holds(request, {"clinician"}, site=row.site_id)),
        ended=acts.ending(row) if row.ended_as else None,
        reference=reference(row.pk),
        contacts=[_contact(a) for a in known if a.kind == "contact"],
        said=[{"act": a, "words": _words(a)} for a in known if a.kind != "contact"],
        forms=_forms(row, team, chosen, values or {}, found),
        faults=summary(found, names, f"{chosen.verb}-" if chosen else ""),
    )


def _facts(row: TaskDue) -> dict[str, Any]:
    """What the state's word needs."""
    names = ("state", "opens_on", "due_on", "closes_on", "booked_on", "snoozed_until", "assignee")
    return {**row.payload, **{name: getattr(row, name) for name in names}}


def _action(row: TaskDue, clinician: bool) -> tuple[str, str] | None:
    """The one button that leads to what ends the task; none where that is a form of this very page."""
    words, url = told.task_action(
        row.patient_id, row.key, row.kind, row.payload["analytes"], clinician=clinician
    )
    return None if row.ended_as or words == told.WORD_FOR_SELF else (words, url)


def _contact(act: Act) -> dict[str, Any]:
    return {"act": act, "at": datetime.fromisoformat(act.payload["at"]), "said": contacts.said(act.payload)}


def _words(act: Act) -> str:
    if act.kind == "assign":
        return f"Given to {act.payload['assignee'] or 'nobody'}"
    if act.kind == "snooze":
        until = act.payload["until"]
        return f"On hold until {told.long_day(date.fromisoformat(until))}" if until else "Taken off hold"
    if act.kind == "book":
        on = act.payload["on"]
        return f"Booked for {told.long_day(date.fromisoformat(on))}" if on else "Booking taken back"
    return DONE[act.kind]


def _forms(
    row: TaskDue,
    team: list[User],
    chosen: TaskForm | None,
    values: Mapping[str, str],
    faults: Iterable[Fault],
) -> list[dict[str, Any]]:
    wrong, every = by_field(faults), task_forms.every(team)
    forms = []
    for verb in task_forms.offered(row, _today(row)):
        form, mine = every[verb], chosen is not None and chosen.verb == verb
        typed = values if mine else _prefilled(row)
        forms.append(
            {
                "form": form,
                "fields": shown(form.fields, typed, wrong if mine else {}, f"{verb}-"),
                "open": mine,
            }
        )
    return forms


def _prefilled(row: TaskDue) -> dict[str, str]:
    now = timezone.now().astimezone(ZoneInfo(row.site.timezone))
    return {"at": f"{now:%Y-%m-%dT%H:%M}", "assignee": row.assignee, "seen": row.assignee}
