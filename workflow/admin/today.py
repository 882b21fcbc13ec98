"""Today: what needs somebody now, most urgent first, and acts on several tasks at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from patients.access import staff_of
from patients.admin.roles import CARE, holds, principal, require, sites_of
from patients.errors import DomainError, Fault, Invalid
from patients.models import Site
from patients.rules.words import counted
from patients.services.shapes import checked
from workflow.admin.frame import faults_of, page
from workflow.admin.intake_frame import by_field, summary
from workflow.admin.task_forms import named
from workflow.admin.views_bar import bar
from workflow.selectors import worklist
from workflow.selectors.decisions import local_date
from workflow.selectors.desk import sites_waiting
from workflow.selectors.notices import undelivered
from workflow.services import bulk, shapes

NOBODY = "-"
"""In the list of people: the tasks are given to nobody."""
FIELDS = ("assignee", "until", "reason")


@dataclass(frozen=True, slots=True)
class Posted:
    """What was filled in below the lists: which tasks, and what is to happen to them."""

    tasks: Mapping[UUID, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def landing(request: HttpRequest) -> HttpResponseRedirect:
    """`/admin/`: Today for those who care for patients, else the records."""
    return redirect("admin:today" if holds(request, CARE) else "admin:records")


def today(request: HttpRequest) -> HttpResponse:
    """The lists; or the same acts on all selected tasks, and back to the lists."""
    require(request, CARE)
    if request.method != "POST":
        return _lists(request, Posted())
    posted = _read(request.POST)
    try:
        outcomes = _acts(request, posted)
    except DomainError as error:
        faulty = Posted(posted.tasks, posted.values, tuple(faults_of(error)))
        return _lists(request, faulty, status=error.status)
    for words, outcome in outcomes:
        _tell(request, words, outcome)
    return redirect(request.get_full_path())


def _read(posted: QueryDict) -> Posted:
    tasks: dict[UUID, str] = {}
    for text in posted.getlist("task"):
        pk, _, seen = text.partition(" ")
        try:
            tasks[UUID(pk)] = seen
        except ValueError:
            continue
    return Posted(tasks, {name: posted.get(name, "").strip() for name in FIELDS})


def _acts(request: HttpRequest, posted: Posted) -> list[tuple[str, bulk.Outcome]]:
    """Every filled-in act on every selected task. Raises Invalid when nothing is selected or filled in."""
    values = posted.values
    if not posted.tasks:
        raise Invalid.at("/task", "required", "Select at least one task.")
    if not values["assignee"] and not values["until"]:
        raise Invalid.at("/assignee", "required", "Choose a person, or until when the tasks are on hold.")
    common: dict[str, Any] = {"sites": sites_of(request, CARE), "by": request.user.get_username()}
    hold = checked(shapes.SnoozeIn, {n: values[n] for n in ("until", "reason")}) if values["until"] else None
    done = []
    if values["assignee"]:
        person = "" if values["assignee"] == NOBODY else values["assignee"]
        given = bulk.assign(tasks=posted.tasks, assignee=person, reason=values["reason"], **common)
        done.append((f"given to {person or 'nobody'}", given))
    if hold:
        done.append((f"put on hold until {hold['until']}", bulk.snooze(tasks=posted.tasks, **hold, **common)))
    return done


def _tell(request: HttpRequest, words: str, outcome: bulk.Outcome) -> None:
    if outcome.done:
        messages.success(request, f"{counted(outcome.done, 'task')} {words}.")
    for refused in outcome.refused:
        messages.warning(request, f"{refused.patient} {refused.title}: {refused.why}".strip())


def _lists(request: HttpRequest, posted: Posted, status: int = 200) -> HttpResponse:
    now, allowed = timezone.now(), sites_of(request, CARE)
    sites = sites_waiting(allowed)
    here = local_date(now, sites[0].timezone) if sites else now.date()
    only = worklist.Filter(
        site=request.GET.get("site", ""),
        assignee=principal(request).username if "mine" in request.GET else "",
        sites=allowed,
    )
    wanted = request.GET.get("group", "")
    groups = worklist.today_groups(now=now, only=only, shown=200 if wanted else worklist.SHOWN)
    listed = [g for g in groups if g.code == wanted] if wanted else groups[:5]
    return page(
        request,
        "workflow/today.html",
        f"Today, {here:%A} {here.day} {here:%B}",
        status,
        groups=groups,
        listed=[g for g in listed if g.rows],
        sites=sites,
        only=only,
        wanted=wanted,
        here=here,
        updated=clock(now, sites),
        on_desk=sum(s.on_desk for s in sites),  # type: ignore[attr-defined]
        clinical=frozenset(sites_of(request, {"clinician"})),
        views=bar(request, "today"),
        undelivered=undelivered(sites=allowed, site=only.site),
        **_bar(posted, allowed, here),
    )


def _bar(posted: Posted, sites: Iterable[UUID], here: date) -> dict[str, Any]:
    """What the form below the lists shows."""
    people = staff_of(sites, CARE, today=here)
    return {
        "people": [(u.username, named(u)) for u in people],
        "nobody": NOBODY,
        "tomorrow": here + timedelta(days=1),
        "values": posted.values,
        "selected": set(posted.tasks),
        "faults": summary(posted.faults, ("task", *FIELDS)),
        "wrong": by_field(posted.faults),
    }


def clock(now: datetime, sites: list[Site]) -> str:
    """The time of day at the first site."""
    return f"{now.astimezone(ZoneInfo(sites[0].timezone)) if sites else now:%H:%M}"
