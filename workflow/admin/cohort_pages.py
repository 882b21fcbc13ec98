"""The cohort as a grid: a row a patient, a column a step, a shape with its word in each cell; problems first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from patients.admin.roles import CARE, require, sites_of
from patients.models import Site
from patients.rules.words import PHASE_WORDS, counted
from workflow.admin import marks, told
from workflow.admin.frame import page
from workflow.admin.intake_frame import asked, number_of, pages_of
from workflow.admin.today import clock
from workflow.admin.views_bar import bar
from workflow.selectors import cohort
from workflow.selectors.cohort import Line, Steps
from workflow.selectors.decisions import local_date

PER_PAGE = 100
LINKED = frozenset({"half-disc", "half-disc-bar", "triangle", "square-x", "square-pause", "ring-question"})
"""Shapes that ask for somebody: due, part entered, overdue, missed or failed, on hold, not to be judged."""
NONE = marks.Mark("n/a", "dash", "grey")
LEGEND = (
    marks.Mark("Done", *marks.TASKS["done"]),
    marks.Mark("Done late", *marks.TASKS["done_out_of_window"]),
    marks.Mark("Due now", *marks.TASKS["open"]),
    marks.Mark("Part entered", "half-disc-bar", "warn"),
    marks.Mark("Overdue, expired", *marks.TASKS["overdue"]),
    marks.Mark("Missed, fail", *marks.TASKS["missed"]),
    marks.Mark("On hold", *marks.GATES["hold"]),
    marks.Mark("Cannot be judged", *marks.GATES["indeterminate"]),
    marks.Mark("Upcoming, not recorded", *marks.TASKS["upcoming"]),
    NONE,
)
SPRITE = Path(__file__).parent.parent / "static" / "daymark" / "sprite.svg"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell: its word and shape, where it leads (empty: nowhere), and what it is about."""

    mark: marks.Mark
    url: str = ""
    about: str = ""


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("cohort/", site.admin_view(cohort_page), name="cohort")]


def cohort_page(request: HttpRequest) -> HttpResponse:
    """Patients by steps, a hundred a page; by site, phase, problems, or with an empty step."""
    require(request, CARE)
    now, number, allowed = timezone.now(), number_of(request), sites_of(request, CARE)
    wanted = cohort.Wanted(
        sites=allowed,
        site=asked(request, "site"),
        phase=asked(request, "phase"),
        problems=asked(request, "show") == "problems",
        empty=asked(request, "empty"),
    )
    found = cohort.lines(wanted, now=now)
    start = (number - 1) * PER_PAGE
    rows = found[start : start + PER_PAGE]
    sites = list(Site.objects.filter(pk__in=allowed).order_by("name"))
    return page(
        request,
        "workflow/cohort.html",
        "Cohort",
        views=bar(request, "cohort"),
        groups=groups(),
        rows=drawn(rows, cohort.steps(rows, now=now), now),
        sprite=sprite(),
        legend=LEGEND,
        wanted=wanted,
        filtered=any((wanted.site, wanted.phase, wanted.problems, wanted.empty)),
        sites=sites,
        phases=PHASE_WORDS.items(),
        steps=cohort.STEPS,
        tally=f"{counted(len(found), 'patient')}, {sum(bool(x.problems) for x in found)} with problems",
        updated=clock(now, sites),
        pages=pages_of(request, len(found), number, more=len(found) > start + PER_PAGE, noun="patient"),
    )


def groups() -> list[dict[str, Any]]:
    """The columns under their headings."""
    columns = [{"short": name, "title": title} for name, (title, _) in cohort.GATES.items()]
    return [
        {"title": "Gates", "columns": columns},
        {"title": "Infusion", "columns": [{"short": "D0", "title": "Day 0"}]},
        {"title": "Weeks", "columns": _numbered("W", "Week", cohort.WEEKS)},
        {"title": "Months", "columns": _numbered("M", "Month", cohort.MONTHS)},
    ]


def _numbered(letter: str, word: str, numbers: Sequence[int]) -> list[dict[str, str]]:
    return [{"short": f"{letter}{n}", "title": f"{word} {n}"} for n in numbers]


def drawn(rows: Sequence[Line], states: Mapping[UUID, Steps], now: datetime) -> list[dict[str, Any]]:
    """The lines of the grid with their cells as HTML: most cells are alike, so each is made once."""
    return [_row(line, states[line.patient], now) for line in rows]


def _row(line: Line, states: Steps, now: datetime) -> dict[str, Any]:
    found = [
        *((name, gate_cell(line, states.gates.get(name), now)) for name in cohort.GATES),
        ("D0", day0_cell(line, now)),
        *((name, task_cell(line, states.tasks.get(name))) for name in cohort.TASKS),
    ]
    return {"line": line, "phase": PHASE_WORDS[line.phase], "cells": _joined(line.code, found)}


def _joined(code: str, cells: Sequence[tuple[str, Cell]]) -> SafeString:
    return mark_safe("".join(_html(code, name, cell) for name, cell in cells))  # noqa: S308, parts are escaped


def gate_cell(line: Line, gate: Mapping[str, Any] | None, now: datetime) -> Cell:
    """The gate of the column that is worst; before Day 0 one that asks for somebody leads to the gates."""
    if gate is None:
        return Cell(NONE)
    mark = marks.gate(gate["verdict"], _days_valid(line, gate, now))
    if line.day0 or mark.shape not in LINKED:
        return Cell(mark)
    return Cell(mark, reverse("admin:patient", args=[line.patient]) + "#gates")


def _days_valid(line: Line, gate: Mapping[str, Any], now: datetime) -> int | None:
    if line.day0 or gate["valid_until"] is None:
        return None
    return int((gate["valid_until"] - (line.planned_on or local_date(now, line.zone))).days)


def day0_cell(line: Line, now: datetime) -> Cell:
    """Given, booked for a day, past its booked day, or not booked."""
    if line.day0:
        return Cell(marks.Mark(f"Given {told.long_day(line.day0)}", *marks.TASKS["done"]))
    if line.planned_on is None:
        return Cell(marks.Mark("Not booked", *marks.TASKS["upcoming"]))
    text = f"Booked {told.long_day(line.planned_on)}"
    if line.planned_on >= local_date(now, line.zone):
        return Cell(marks.Mark(text, *marks.TASKS["upcoming"]))
    url = reverse("admin:planner", args=[line.patient])
    return Cell(marks.Mark(f"{text}, not given", *marks.TASKS["overdue"]), url)


def task_cell(line: Line, task: Mapping[str, Any] | None) -> Cell:
    """The most urgent task of the week or month, in the words of every other page."""
    if task is None:
        return Cell(NONE if line.phase in ("monitoring", "follow_up", "long_term", "closed") else AHEAD)
    mark = marks.task(task, task["here"])
    if mark.shape not in LINKED:
        return Cell(mark)
    return Cell(mark, reverse("admin:task", args=[task["id"]]), task["title"])


AHEAD = marks.Mark("Upcoming", *marks.TASKS["upcoming"])


def _html(code: str, name: str, cell: Cell) -> str:
    if not cell.url:
        return _plain(cell.mark.text, cell.mark.shape, cell.mark.tone)
    spoken = f"{code} {name}: {cell.mark.text}"
    return format_html(
        '<td><a href="{}" aria-label="{}" title="{}">{}</a></td>',
        cell.url,
        spoken,
        f"{cell.about}: {cell.mark.text}" if cell.about else cell.mark.text,
        _shape(cell.mark.shape, cell.mark.tone),
    )


@cache
def _plain(text: str, shape: str, tone: str) -> str:
    return format_html("<td>{}<i>{}</i></td>", _shape(shape, tone), text)


@cache
def _shape(shape: str, tone: str) -> SafeString:
    return format_html('<svg class="{}"><use href="#{}"/></svg>', tone, shape)


@cache
def sprite() -> SafeString:
    """The shapes once in the page, so that a cell names one in a few letters."""
    text = SPRITE.read_text(encoding="utf-8").replace("<svg ", '<svg class="sprite" aria-hidden="true" ', 1)
    return mark_safe(text)  # noqa: S308, a file of ours
