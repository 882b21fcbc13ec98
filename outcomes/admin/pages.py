"""The patient page and the rules in force: they stand here because both span pathways and contracts."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from outcomes.admin import (
    chart_view,
    figure_pages,
    given_view,
    history_view,
    milestone_pages,
    milestone_view,
    patient_view,
    record_view,
    sheets,
)
from outcomes.admin.infusion_page import infusion_page
from outcomes.admin.void_page import void_page
from outcomes.data import contracts
from outcomes.selectors.status import status_of
from outcomes.selectors.versions import milestones
from patients.admin.roles import OPENS_ADMIN, READS, SITE_ADMIN, holds, require
from patients.models import Patient
from workflow import data as files
from workflow.admin import desk_view
from workflow.admin.frame import page, visible
from workflow.rules.bookings import bookable
from workflow.rules.facts import History
from workflow.rules.records import merged_records
from workflow.rules.version import RULES_VERSION
from workflow.selectors import desk
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.facts import history

FOLDED = ("history", "tasks", "timeline", "gates")
"""Parts of the patient page that are shown in short until all of them is asked for."""


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("patients/<uuid:patient>/", site.admin_view(patient_page), name="patient"),
        path("patients/<uuid:patient>/infusion/", site.admin_view(infusion_page), name="infusion"),
        path("patients/<uuid:patient>/void/", site.admin_view(void_page), name="void"),
        path("patients/<uuid:patient>/packet/", site.admin_view(sheets.packet_page), name="packet"),
        path(
            "patients/<uuid:patient>/packet/<int:version>/",
            site.admin_view(sheets.packet_version_page),
            name="packet-version",
        ),
        path("patients/<uuid:patient>/claim/", site.admin_view(sheets.claim_page), name="claim"),
        path("rules/", site.admin_view(rules), name="rules"),
        *milestone_pages.urls(site),
        *figure_pages.urls(site),
    ]


def rules(request: HttpRequest) -> HttpResponse:
    """Pathways, payer policies and contracts, read from their files; a change is a new version of a file."""
    require(request, OPENS_ADMIN)
    kinds = [("Pathways", files.pathways()), ("Payer policies", files.policies()), ("Contracts", contracts())]
    return page(request, "workflow/rules.html", "Rules in force", kinds=kinds)


def patient_page(request: HttpRequest, patient: UUID) -> HttpResponse:
    """One patient: header, pathway, gates and window until Day 0, plots after it, alerts, tasks, history."""
    row = visible(request, patient, READS)
    known, now = history(patient), timezone.now()
    today = local_date(now, known.timezone)
    result = decided(known, as_of=today)
    status = status_of(patient, result, today, now)
    waits = [desk_view.line(i) for i in desk.about(patient)]
    return page(
        request,
        "workflow/patient.html",
        row.code,
        waits=waits,
        reads=holds(request, SITE_ADMIN, site=row.site_id),
        **context(
            row,
            status,
            result,
            known,
            clinician=holds(request, {"clinician"}, site=row.site_id),
            whole=frozenset(name for name in FOLDED if request.GET.get(name) == "all"),
        ),
    )


def context(
    row: Patient,
    status: dict[str, Any],
    result: Decided,
    known: History,
    *,
    clinician: bool,
    whole: frozenset[str],
) -> dict[str, Any]:
    """Everything the template shows."""
    analytes = {t.key: t.analytes for t in result.decision.tasks}
    visits = {t.key for t in result.decision.tasks if bookable(result.protocol, t)}
    moments = record_view.timeline(result.facts, status, result.decision.today)
    shown = len(moments) if "timeline" in whole else record_view.MOMENTS_SHOWN
    return {
        "patient": row,
        "status": status,
        "today": patient_view.iso(status["as_of"]),
        "day0": patient_view.iso((status["infusion"] or {}).get("day0")),
        "planned": patient_view.iso((status["plan"] or {}).get("infusion_on")),
        "given": given_view.infusion(result.facts),
        "voided": given_view.voided(known),
        "merged": merged_records(known),
        "strip": patient_view.strip(status),
        "gates": patient_view.gate_cards(status, row.pk)
        if status["infusion"] is None or "gates" in whole
        else [],
        "window": chart_view.window(status),
        "clinician": clinician,
        "alerts": patient_view.alert_cards(status, row.pk, clinician=clinician),
        "tasks": patient_view.tasks(
            status, row.pk, analytes, visits, clinician=clinician, whole="tasks" in whole
        ),
        "alt": chart_view.alt_chart(status, result.facts, result.protocol),
        "activity": chart_view.activity_chart(status, result.facts, result.protocol),
        "courses": patient_view.courses(
            status, row.pk, Counter(a.key for a in known.acts if a.kind == "steroid")
        ),
        "milestones": [
            {"line": milestone_view.line(m), "arithmetic": milestone_view.arithmetic(m)}
            for m in milestones(known, result.decision.today)
        ],
        "rules_version": RULES_VERSION,
        "bleeding": record_view.bleeding(result.facts),
        "results": record_view.results(result.facts, known),
        "timeline": moments[:shown],
        "timeline_folded": len(moments) > shown,
        "history": history_view.events(known, shown=None if "history" in whole else history_view.SHOWN),
        "whole": whole,
    }
