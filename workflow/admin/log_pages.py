"""A log of one kind of fact of a patient: the list with its history, and the form to add or correct, on one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from patients import data as catalogue
from patients.admin.roles import CARE
from patients.errors import DomainError, Fault, NotFound
from patients.models import Patient
from patients.selectors.records import records
from patients.services.shapes import checked
from workflow.admin.frame import faults_of, page, uuid_or_404, visible
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.admin.logs import LOGS, Log, cell, sent, value
from workflow.rules import plausible
from workflow.selectors import logs as selector
from workflow.selectors.decisions import local_date
from workflow.services import facts, shapes


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("patients/<uuid:patient>/log/<slug:kind>/", site.admin_view(log_page), name="log")]


def log_page(request: HttpRequest, patient: UUID, kind: str) -> HttpResponse:
    """The log; or an entry added, corrected or retracted, and back to the log."""
    log = LOGS.get(kind)
    if log is None:
        raise Http404("There is no such log.")
    row = visible(request, patient, CARE)
    if request.method != "POST":
        corrected = _named(row, kind, request.GET.get("correct", ""))
        return _shown(request, row, kind, corrected, _start(row, log, kind, corrected), ())
    if "retract" in request.POST:
        return _retracted(request, row, kind)
    return _saved(request, row, kind)


def _named(row: Patient, kind: str, text: str) -> Any | None:
    """The entry that is to be corrected; None when none is named."""
    if not text:
        return None
    found = (
        facts.KINDS[kind][0]
        ._default_manager.filter(pk=uuid_or_404(text), patient__in=records(row.pk))
        .first()
    )
    if found is None:
        raise Http404(NotFound.title)
    return found


def _start(row: Patient, log: Log, kind: str, corrected: Any | None) -> dict[str, str]:
    """What the form holds at first: the entry to correct, else today, and the product used last."""
    if corrected is not None:
        return {f.name: value(corrected, f) for f in log.fields}
    today = local_date(timezone.now(), row.site.timezone)
    found = {log.today: today.isoformat()} if log.today else {}
    if kind == "factor-uses":
        last = selector.entries(facts.KINDS[kind][0], row.pk, by=log.by)
        found |= {"product": last[0].row.product} if last else {}
    return found


def _saved(request: HttpRequest, row: Patient, kind: str) -> HttpResponse:
    log, by = LOGS[kind], request.user.get_username()
    corrected = _named(row, kind, request.POST.get("supersedes", ""))
    data = sent(log, request.POST.dict(), corrected)
    if corrected is not None:
        data["supersedes"] = str(corrected.pk)
    try:
        asks = (
            () if "keep" in request.POST else _odd(row, kind, checked(facts.KINDS[kind][1], data), corrected)
        )
        if asks:
            return _shown(request, row, kind, corrected, request.POST.dict(), (), asks=asks)
        stored = facts.record(patient=row.pk, kind=kind, data=data, by=by, newest=True)
    except DomainError as error:
        return _shown(request, row, kind, corrected, request.POST.dict(), faults_of(error), error.status)
    if stored.duplicate:
        messages.info(request, f"This {log.one} was recorded before; nothing has changed.")
    else:
        messages.success(request, f"{log.one.capitalize()} {'corrected' if corrected else 'saved'}.")
    return redirect("admin:log", row.pk, kind)


def _odd(row: Patient, kind: str, fields: Mapping[str, Any], corrected: Any | None) -> tuple[str, ...]:
    """What a person is asked before a bleed or a dose is kept; nothing of other kinds."""
    if kind not in ("bleeds", "factor-uses"):
        return ()
    heads = [e.row for e in selector.entries(facts.KINDS[kind][0], row.pk, by=LOGS[kind].by)]
    others = [r for r in heads if not r.retracted and r.pk != getattr(corrected, "pk", None)]
    if kind == "bleeds":
        at, on, _ = facts.moment(fields["onset_at"], row.site.timezone)
        new = plausible.Bled(fields["site"], at, on, fields["joint"])
        known = [plausible.Bled(r.body_site, r.onset_at, r.onset_on, r.joint) for r in others]
        return plausible.bleed(new, known, born=row.birth_date)
    return plausible.dose(
        plausible.Dose(fields["product"], fields["iu"], fields["given_on"]),
        [plausible.Dose(r.product, r.iu, r.given_on) for r in others],
        products=catalogue.products(),
        jump=catalogue.catalog().jump,
        born=row.birth_date,
    )


def _retracted(request: HttpRequest, row: Patient, kind: str) -> HttpResponse:
    log, by = LOGS[kind], request.user.get_username()
    fact = uuid_or_404(request.POST["retract"])
    try:
        reason = checked(shapes.ReasonIn, {"reason": request.POST.get("reason", "")})["reason"]
        facts.retract(patient=row.pk, kind=kind, fact=fact, reason=reason, by=by)
    except DomainError as error:
        told = [Fault(f"/reason-{fact}", f.code, f.detail) for f in faults_of(error)]
        return _shown(request, row, kind, None, _start(row, log, kind, None), told, error.status)
    messages.success(request, f"{log.one.capitalize()} retracted; its content stays in the record.")
    return redirect("admin:log", row.pk, kind)


def _shown(
    request: HttpRequest,
    row: Patient,
    kind: str,
    corrected: Any | None,
    values: Mapping[str, str],
    faults: Iterable[Fault],
    status: int = 200,
    asks: Iterable[str] = (),
) -> HttpResponse:
    log, told = LOGS[kind], list(faults)
    found = selector.entries(facts.KINDS[kind][0], row.pk, by=log.by)
    names = [*(f.name for f in log.fields), *(f"reason-{e.row.pk}" for e in found)]
    return page(
        request,
        "workflow/log.html",
        f"{log.title}, {row.code}",
        status,
        patient=row,
        log=log,
        kind=kind,
        kinds=[{"kind": k, "title": one.title, "current": k == kind} for k, one in LOGS.items()],
        corrected=corrected,
        asks=asks,
        fields=shown(log.fields, values, by_field(told)),
        entries=[_entry(log, e, by_field(told)) for e in found],
        count=sum(not e.row.retracted for e in found),
        faults=summary(told, names),
    )


def _entry(log: Log, entry: selector.Entry, wrong: Mapping[str, str]) -> dict[str, Any]:
    """A line of the list, with what each earlier version said."""
    field = f"reason-{entry.row.pk}"
    cells = [cell(entry.row, f) for f in log.fields]
    return {
        "row": entry.row,
        "reason": entry.reason,
        "field": field,
        "fault": wrong.get(field, ""),
        "cells": [{"label": f.label, "text": text} for f, text in zip(log.fields, cells, strict=True)],
        "former": [{"row": old, "changed": _changes(log, old, entry.row)} for old in entry.former],
    }


def _changes(log: Log, old: Any, new: Any) -> str:
    told = [f"{f.label} {cell(old, f) or 'nothing'}" for f in log.fields if cell(old, f) != cell(new, f)]
    return ", ".join(told) or "the same"
