"""Figures over the treated patients of a site and a contract, and each as a file for a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from outcomes import data
from outcomes.rules.cohort_charts import charts
from outcomes.rules.cohort_figures import TABLES, Figures
from outcomes.selectors.figures import figures
from patients.admin.roles import CARE, require, sites_of
from patients.models import Site
from workflow.admin.frame import page
from workflow.admin.intake_frame import asked


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("figures/", site.admin_view(figures_page), name="figures"),
        path("figures/<slug:name>.csv", site.admin_view(figure_file), name="figure-file"),
    ]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A site and a contract by code, each empty for all of them; `sites` are those the person may see."""

    site: str
    contract: str
    sites: tuple[Site, ...]

    def figures(self) -> Figures:
        return figures(self._ids(), self.contract)

    def _ids(self) -> list[UUID]:
        return [s.pk for s in self.sites if self.site in ("", s.code)]


def figures_page(request: HttpRequest) -> HttpResponse:
    """Three plots with their tables."""
    chosen = _chosen(request)
    found = chosen.figures()
    return page(
        request,
        "outcomes/figures.html",
        "Figures",
        chosen=chosen,
        contracts=_contracts(),
        patients=found.patients,
        charts=charts(found, data.measure_rules()),
        invented=any(c.invented for c in data.contracts() if c.code == chosen.contract),
        updated=timezone.now(),
    )


def figure_file(request: HttpRequest, name: str) -> HttpResponse:
    """One figure's table (RFC 4180)."""
    chosen = _chosen(request)
    if name not in TABLES:
        raise Http404("There is no such figure.")
    body = TABLES[name].csv(chosen.figures(), data.measure_rules())
    response = HttpResponse(body, content_type="text/csv; charset=utf-8")
    about = "-".join(filter(None, (name, chosen.site, chosen.contract, f"{timezone.now():%Y-%m-%d}")))
    response["Content-Disposition"] = f'attachment; filename="{about}.csv"'
    return response


def _chosen(request: HttpRequest) -> Chosen:
    """What was asked for; an unknown site or contract is not found."""
    require(request, CARE)
    sites = tuple(Site.objects.filter(pk__in=sites_of(request, CARE)).order_by("name"))
    chosen = Chosen(asked(request, "site"), asked(request, "contract"), sites)
    known = {"", *(s.code for s in sites)}
    if chosen.site not in known or chosen.contract not in {"", *(code for code, _ in _contracts())}:
        raise Http404("There is no such site or contract.")
    return chosen


def _contracts() -> list[tuple[str, str]]:
    return sorted({c.code: c.title for c in data.contracts()}.items())
