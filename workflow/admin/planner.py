"""The infusion-date planner: what a date would change, before anything is saved; then booking it.

The page is complete without scripts: a date is shown by asking for it, and booked by sending the form.
The script asks for the same page while the date is typed, stepped or dragged, and puts the answer in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from patients.admin.roles import CARE
from patients.errors import DomainError, Fault, Invalid
from patients.models import Patient
from patients.rules.words import SOON_DAYS
from patients.services.shapes import checked
from workflow.admin import marks, told
from workflow.admin.frame import faults_of, page, visible
from workflow.models import Pathway
from workflow.rules import window_chart
from workflow.rules.bookings import KEEP, SHIFT
from workflow.selectors.decisions import local_date
from workflow.selectors.plan import preview
from workflow.services import plan, shapes

REACH = timedelta(days=120)
"""How far ahead the marker can be dragged; a later date is typed."""
PASSES = ("pass", "not_applicable", "waived")
Shown = Mapping[str, Any]


def planner(request: HttpRequest, patient: Any) -> HttpResponse:
    """The planner of one patient: a date shown with all that follows from it, or booked."""
    row = visible(request, patient, CARE)
    if Pathway.objects.get(pk=row.pk).day0 is not None:
        messages.error(request, plan.GIVEN)
        return redirect("admin:patient", row.pk)
    today = local_date(timezone.now(), row.site.timezone)
    if request.method != "POST":
        return _shown(request, row, today, request.GET.get("infusion_on", ""))
    posted = {n: v for n in ("infusion_on", "booked") if (v := request.POST.get(n, "").strip())}
    try:
        fields = checked(shapes.PlanIn, posted)
        seen = request.POST.get("seen", "")
        expected = int(seen) if seen.isdigit() else None
        plan.book(patient=row.pk, expected=expected, by=request.user.get_username(), **fields)
    except DomainError as error:
        return _shown(request, row, today, posted.get("infusion_on", ""), faults_of(error), error.status)
    messages.success(request, "Infusion date booked; gates are judged on it.")
    return redirect("admin:patient", row.pk)


def _shown(
    request: HttpRequest,
    row: Patient,
    today: date,
    text: str,
    faults: Sequence[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    booked = Pathway.objects.get(pk=row.pk).planned_on
    on, wrong = _asked(text, today)
    wrong = list(faults) or wrong
    candidate = on or booked or today
    seen = preview(row.pk, infusion_on=candidate, today=today)
    return page(
        request,
        "workflow/planner.html",
        f"Plan the infusion, {row.code}",
        status,
        patient=row,
        value=text or candidate.isoformat(),
        booked=booked,
        seen=len(plan.plans(row.pk)),
        today=today,
        last=max(today + REACH, candidate),
        how=request.POST.get("booked", ""),
        faults=[
            {"field": "booked" if f.pointer == "/booked" else "infusion_on", "text": f.detail} for f in wrong
        ],
        **context(seen, candidate, today, row.pk if candidate == booked else None),
    )


def _asked(text: str, today: date) -> tuple[date | None, list[Fault]]:
    """The date asked for; a date that cannot be planned is told and not shown."""
    if not text:
        return None, []
    try:
        on: date = checked(shapes.PlanIn, {"infusion_on": text})["infusion_on"]
    except Invalid as error:
        return None, list(error.faults)
    if on < today:
        return None, [Fault("/infusion_on", "past", "Choose today or a later date.")]
    return on, []


def context(seen: Shown, on: date, today: date, books: UUID | None) -> dict[str, Any]:
    """Everything that follows from the date, as the template shows it.

    `books` is the patient when the date is the booked one: follow-ups can be booked for it.
    """
    gates = sorted((_gate(g, on) for g in seen["gates"]), key=lambda g: (not g["blocks"], g["passes"]))
    expiring = [g for g in gates if g["until"] and g["passes"]]
    return {
        "on": on,
        "finding": finding(seen, gates, on),
        "ready": seen["ready"],
        "gates": gates,
        "draws": [_draw(d, seen["gates"]) for d in seen["draws"]],
        "expiring": sorted(expiring, key=lambda g: g["until"]),
        "moves": _moves(seen),
        "bookings": [_booking(b) for b in seen["bookings"]],
        "calendar": [_dated(t, books) for t in seen["tasks"]],
        "dose": seen["dose"],
        "kit": {**seen["kit"], "order_by": _day(seen["kit"]["order_by"])},
        "late": bool(seen["kit"]["order_by"]) and seen["kit"]["order_by"] < today.isoformat(),
        "window": _window(seen, on, today),
    }


def finding(seen: Shown, gates: Iterable[Shown], on: date) -> str:
    """The answer in one sentence."""
    day = f"{on:%A} {on.day} {on:%B} {on.year}"
    blocking = [g["title"] for g in gates if g["blocks"]]
    if not blocking:
        return f"{day}: every blocking gate passes."
    verb = "blocks" if len(blocking) == 1 else "block"
    return f"{day}: {', '.join(blocking)} {verb} the infusion."


def _gate(gate: Shown, on: date) -> dict[str, Any]:
    until = _day(gate["valid_until"])
    left = (until - on).days if until else None
    passes = gate["verdict"] in PASSES
    return {
        **gate,
        "mark": marks.gate(gate["verdict"], left),
        "until": until,
        "left": left,
        "passes": passes,
        "blocks": gate["blocking"] and not passes,
    }


def _draw(draw: Shown, gates: Iterable[Shown]) -> dict[str, Any]:
    title = next(g["title"] for g in gates if g["code"] == draw["gate"])
    days = {name: _day(draw[name]) for name in ("from", "to", "last_safe")}
    return {**draw, **days, "title": title}


def _moves(seen: Shown) -> list[dict[str, Any]]:
    titles = {t["key"]: t["title"] for t in seen["tasks"]}
    return [
        {"title": titles[c["key"]], "old": _day(c["old"]), "new": _day(c["new"])} for c in seen["changes"]
    ]


def _booking(move: Shown) -> dict[str, Any]:
    """A booked follow-up with its date under either choice, each against the new target."""
    choices = {
        how: {**move[how], "on": _day(move[how]["on"]), "told": _told(move[how])} for how in (SHIFT, KEEP)
    }
    return {**move, **choices, **{n: _day(move[n]) for n in ("booked_on", "target")}}


def _told(choice: Shown) -> str:
    marks = (choice["against"], "weekend" if choice["weekend"] else "", choice["holiday"] or "")
    return ", ".join(filter(None, marks))


def _dated(task: Shown, books: UUID | None) -> dict[str, Any]:
    dates = {n: _day(task[n]) for n in ("opens_on", "due_on", "closes_on", "booked_on")}
    url = told.book_url(books, task["key"], dates) if books and task["bookable"] else ""
    return {**task, **dates, "against": told.against(dates), "book": url}


def _window(seen: Shown, on: date, today: date) -> window_chart.WindowChart:
    """One bar a gate; the right edge stays while the marker moves within reach."""
    spans = [s for g in seen["gates"] if (s := _span(g, on))]
    good = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in seen["feasible"]["ranges"]]
    return window_chart.window(
        sorted(spans, key=lambda s: s.to_on),
        good=good,
        today=today,
        booked=on,
        finding="Bars show up to which infusion day each result counts; green days pass every gate.",
        until=max(today + REACH, on),
        word="chosen",
    )


def _span(gate: Shown, on: date) -> window_chart.Span | None:
    until, days = _day(gate["valid_until"]), [e["on"] for e in gate["evidence"] if e["on"]]
    if until is None or not days:
        return None
    soon = (until - on).days <= SOON_DAYS
    return window_chart.Span(gate["title"], date.fromisoformat(max(days)), until, soon)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
