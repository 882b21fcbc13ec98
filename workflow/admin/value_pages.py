"""Every laboratory value of a patient with its versions: what counts now, what stood there before, and who said so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from patients.admin.roles import READS
from patients.rules.words import ANALYTES, analyte
from workflow.admin.frame import page, visible
from workflow.admin.intake_frame import asked, number_of, pages_of
from workflow.rules.charts import plain
from workflow.rules.facts import ResultFact, known
from workflow.rules.gates.common import shown
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import history

PER_PAGE = 100


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("patients/<uuid:patient>/values/", site.admin_view(values_page), name="values")]


def values_page(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Results by collection, newest first; of one analyte where the address names it."""
    row = visible(request, patient, READS)
    everything, only, number = history(patient), asked(request, "analyte"), number_of(request)
    today = local_date(timezone.now(), everything.timezone)
    counting = {r.id for r in known(everything, as_of=today).results}
    found = [g for g in grouped(everything.results) if only in ("", g[-1].analyte)]
    start = (number - 1) * PER_PAGE
    return page(
        request,
        "workflow/values.html",
        f"Results, {row.code}",
        patient=row,
        only=only,
        analytes=[(a, ANALYTES[a]) for a in ANALYTES if any(r.analyte == a for r in everything.results)],
        lines=[line(g, counting) for g in found[start : start + PER_PAGE]],
        pages=pages_of(request, len(found), number, more=len(found) > start + PER_PAGE, noun="result"),
    )


def grouped(results: Iterable[ResultFact]) -> list[list[ResultFact]]:
    """Versions of one result together, oldest first; the results by collection, newest first."""
    found: dict[UUID, list[ResultFact]] = {}
    for r in sorted(results, key=lambda r: (r.recorded_at, r.id)):
        found.setdefault(r.lineage, []).append(r)
    return sorted(found.values(), key=lambda g: (g[-1].collected_at, g[-1].analyte), reverse=True)


def line(versions: Sequence[ResultFact], counting: Iterable[UUID]) -> dict[str, Any]:
    """The version that counts (else the newest), and what the others said."""
    now = next((r for r in versions if r.id in counting), versions[-1])
    high = now.reference_high
    return {
        "row": now,
        "name": analyte(now.analyte),
        "value": shown(now),
        "limit": f"ULN {plain(high)}" if high is not None else "",
        "counts": now.id in counting,
        "status": "retracted" if now.retracted else now.status.replace("_", " "),
        "former": [
            {"row": r, "value": shown(r), "status": r.status.replace("_", " ")}
            for r in reversed(versions)
            if r is not now
        ],
    }
