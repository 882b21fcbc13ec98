"""Lab entry: the liver panels of a clinic day, or of one patient, typed row by row or pasted from a sheet.

With scripts each row is checked and saved by itself; without them the form is sent as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients import data as catalogue
from patients.admin.roles import CARE, require, sites_of
from patients.errors import Fault
from patients.models import Site
from patients.rules.words import counted
from workflow.admin import lab_rows, lab_saving, marks
from workflow.admin.frame import page, uuid_or_404, visible
from workflow.admin.lab_rows import Answer, Posted
from workflow.rules.charts import plain
from workflow.selectors import panels
from workflow.selectors.decisions import local_date
from workflow.selectors.panels import PANEL, Panel

SHORT = {"TBIL": "T. bili"}
UNITS = {
    "ALT": ("U/L", "ukat/L"),
    "AST": ("U/L", "ukat/L"),
    "ALP": ("U/L", "ukat/L"),
    "TBIL": ("mg/dL", "umol/L"),
}


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("lab-entry/", site.admin_view(clinic_day), name="lab-entry"),
        path("lab-entry/row/", site.admin_view(one_row), name="lab-entry-row"),
        path("patients/<uuid:patient>/lab-entry/", site.admin_view(one_patient), name="lab-entry-patient"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row as the template shows it: `values` and `collected` as typed, else as recorded, else prefilled."""

    number: int
    panel: Panel
    week: str
    mark: marks.Mark | None
    collected: str
    lab: str
    values: Mapping[str, str]
    seen: str
    answer: Answer


def clinic_day(request: HttpRequest) -> HttpResponse:
    """Panels due this week, or in the week of the address, at the person's sites."""
    require(request, CARE)
    now = timezone.now()
    sites = list(Site.objects.filter(pk__in=sites_of(request, CARE)).order_by("name"))
    chosen = [s for s in sites if s.code == request.GET.get("site", s.code)]
    week = _day(request.GET.get("week", ""))
    here = local_date(now, sites[0].timezone) if sites else now.date()
    monday, sunday = panels.week_of(week or here)
    found = panels.due(now, chosen, week)
    given = _several(request) if request.method == "POST" else []
    if given and all(a.state in ("saved", "empty") for _, a in given):
        return redirect(request.get_full_path())
    return _grid(
        request,
        "Lab entry",
        found,
        given,
        now,
        sites=sites,
        site=request.GET.get("site", ""),
        week=week,
        monday=monday,
        sunday=sunday,
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
    )


def one_patient(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The same grid for one patient: panels that are open, late or missed, and any other draw."""
    row = visible(request, patient, CARE)
    now = timezone.now()
    given = _several(request) if request.method == "POST" else []
    if given and all(a.state in ("saved", "empty") for _, a in given):
        return redirect("admin:patient", row.pk)
    found = panels.of_patient(row, now)
    return _grid(
        request, f"Lab entry, {row.code}", found, given, now, patient=row, wanted=request.GET.get("task", "")
    )


def one_row(request: HttpRequest) -> HttpResponse:
    """One row as JSON: weighed, and with `save` saved when nothing speaks against it."""
    require(request, CARE)
    rows = lab_rows.rows(request.POST)
    if request.method != "POST" or len(rows) != 1:
        return JsonResponse({"detail": "Send one row."}, status=400)
    patient = visible(request, uuid_or_404(rows[0].patient), CARE)
    request.read_subject = patient.pk  # type: ignore[attr-defined]
    found = lab_saving.answer(
        rows[0],
        patient,
        lab_rows.limits(request.POST),
        by=request.user.get_username(),
        save="save" in request.POST,
    )
    return JsonResponse(found.shown())


def _several(request: HttpRequest) -> list[tuple[Posted, Answer]]:
    """Every row that holds a value, saved one by one: a fault in one keeps no other out."""
    by, given = request.user.get_username(), lab_rows.limits(request.POST)
    found = []
    for row in lab_rows.rows(request.POST):
        if row.filled:
            patient = visible(request, uuid_or_404(row.patient), CARE)
            found.append((row, lab_saving.answer(row, patient, given, by=by, save=True)))
    saved = sum(a.state == "saved" for _, a in found)
    if saved:
        messages.success(request, f"{counted(saved, 'panel')} saved.")
    if not found:
        messages.warning(request, "No value was entered; nothing is saved.")
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _grid(
    request: HttpRequest,
    title: str,
    found: Sequence[Panel],
    given: Sequence[tuple[Posted, Answer]],
    now: datetime,
    **more: Any,
) -> HttpResponse:
    typed = {(row.patient, row.key): (row, answer) for row, answer in given if answer.state != "saved"}
    lines = [_line(n, p, typed.get((str(p.patient), p.key)), now) for n, p in enumerate(found)]
    groups = [(name, list(rows)) for name, rows in groupby(lines, key=lambda line: line.panel.site_name)]
    faults = [
        Fault(f"/{f}-{line.number}", "", f"{line.panel.code}, {line.week}: {text}")
        for line, f, text in _faults(lines)
    ]
    return page(
        request,
        "workflow/lab_entry.html",
        title,
        422 if typed else 200,
        groups=groups,
        columns=[(a, SHORT.get(a, a), catalogue.catalog().analytes[a].title) for a in PANEL],
        limits=_limits(found, request),
        units=UNITS,
        count=sum(not line.panel.full for line in lines),
        faults=[{"field": f.pointer.strip("/"), "text": f.detail} for f in faults],
        updated=f"{now.astimezone(ZoneInfo(found[0].zone)):%H:%M}" if found else "",
        **more,
    )


def _faults(lines: Iterable[Line]) -> Iterable[tuple[Line, str, str]]:
    for line in lines:
        for name, text in line.answer.faults.items():
            yield line, name, text
        if line.answer.state == "asks":
            yield line, "keep", line.answer.text


def _line(number: int, panel: Panel, typed: tuple[Posted, Answer] | None, now: datetime) -> Line:
    today = local_date(now, panel.zone)
    values = {a: plain(r.value) if r.value is not None else "" for a, r in panel.there.items()}
    row, answer = typed or (None, _recorded(panel))
    return Line(
        number=number,
        panel=panel,
        week=_week(panel.key),
        mark=_mark(panel, today),
        collected=row.collected if row else _collected(panel, today),
        lab=row.lab if row else panel.lab,
        values=row.values if row else values,
        seen=" ".join(str(r.id) for r in panel.there.values()),
        answer=answer,
    )


def _week(key: str) -> str:
    """W5 of liver-panel:w05, M6 of a month; an extra week, and any other draw, by their words."""
    slot = key.partition(":")[2]
    if slot[1:].isdigit():
        return f"{slot[0].upper()}{int(slot[1:])}"
    return "Extra" if slot else "Other"


def _mark(panel: Panel, today: date) -> marks.Mark | None:
    if panel.task is None:
        return None
    return marks.task({**panel.task, "progress": panel.task["payload"]["progress"]}, today)


def _collected(panel: Panel, today: date) -> str:
    """The day recorded, else that of a draw; today for a panel whose window is open. A late one is never guessed."""
    known = panel.on or panel.drawn
    if known is None and (panel.task is None or panel.task["opens_on"] <= today <= panel.task["closes_on"]):
        known = today
    return known.isoformat() if known else ""


def _recorded(panel: Panel) -> Answer:
    """What stands in a row that is recorded, whole or in part."""
    if not panel.there:
        return Answer(state="empty")
    newest = max(panel.there.values(), key=lambda r: r.recorded_at)
    at = newest.recorded_at.astimezone(ZoneInfo(panel.zone))
    text = f"Saved by {newest.by or 'a laboratory'}, {at.day} {at:%b %H:%M}"
    return Answer(state="saved" if panel.full else "part", tone="good" if panel.full else "warn", text=text)


def _limits(found: Sequence[Panel], request: HttpRequest) -> list[dict[str, Any]]:
    """The table of limits: as it was sent, else as remembered; one for each laboratory and sex in the rows."""
    if request.method == "POST":
        sent = lab_rows.limits(request.POST)
    else:
        remembered = panels.limits(found) if found else []
        sent = {
            (str(x.site), x.lab, x.sex): {**x.high, **{f"{a}-unit": u for a, u in x.unit.items()}}
            for x in remembered
        }
    names = {str(p.site): p.site_name for p in found}
    for panel in found:
        sent.setdefault((str(panel.site), panel.lab, panel.sex), {})
    return [
        {
            "site": site,
            "site_name": names.get(site, ""),
            "lab": lab,
            "sex": sex,
            "cells": [_limit(a, row) for a in PANEL],
        }
        for (site, lab, sex), row in sorted(
            sent.items(), key=lambda item: (names.get(item[0][0], ""), item[0][1:])
        )
    ]


def _limit(analyte: str, row: Mapping[str, str]) -> dict[str, Any]:
    unit = row.get(f"{analyte}-unit") or catalogue.catalog().analytes[analyte].unit
    units = UNITS[analyte] if unit in UNITS[analyte] else (*UNITS[analyte], unit)
    return {"analyte": analyte, "high": row.get(analyte, ""), "unit": unit, "units": units}
