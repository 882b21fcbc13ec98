"""Code maps: what a source's codes mean. Saving one reads again what waits on it, and says what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from patients.admin.roles import OPENS_ADMIN, require, sites_of
from patients.errors import DomainError, Fault, Invalid, NotFound
from patients.models import CodeMap, Source
from patients.rules.codemaps import LOINC, UNTRACKED
from patients.services.shapes import checked
from workflow.admin import mapping_pages
from workflow.admin.desk_forms import ANALYTE, ASSAY, CUTOFF, FACTOR, with_cutoff
from workflow.admin.desk_view import title
from workflow.admin.forms import Field
from workflow.admin.intake_frame import (
    asked,
    by_field,
    faults_of,
    framed,
    number_of,
    pages_of,
    shown,
    summary,
)
from workflow.rules.desk import replay_words
from workflow.selectors import maps as selector
from workflow.services import desk
from workflow.services.intake_shapes import CodeMapIn

MEANING = (ANALYTE, FACTOR, ASSAY, CUTOFF)


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("desk/code-maps/", site.admin_view(code_maps), name="code-maps"),
        path("desk/code-maps/new/", site.admin_view(new), name="code-map-new"),
        path("desk/code-maps/<uuid:key>/", site.admin_view(change), name="code-map"),
        *mapping_pages.urls(site),
    ]


def code_maps(request: HttpRequest) -> HttpResponse:
    """Every code map, by source and code."""
    require(request, OPENS_ADMIN)
    sites, number = sites_of(request, OPENS_ADMIN), number_of(request)
    source, text = asked(request, "source"), asked(request, "code")
    found = selector.code_maps(sites, source=source, text=text, number=number)
    return framed(
        request,
        "workflow/code_maps.html",
        "Code maps",
        "code-maps",
        lines=[_line(m) for m in found.rows],
        sources=[s.code for s in selector.sources(sites)],
        source=source,
        text=text,
        several=len(sites) > 1,
        pages=pages_of(request, found.total, number, more=found.more, noun="code map"),
    )


def _line(row: CodeMap) -> dict[str, Any]:
    followed = row.analyte != UNTRACKED
    return {
        "row": row,
        "system": "LOINC" if row.system == LOINC else row.system,
        "means": (title(row.analyte) or row.analyte) if followed else "Not followed here",
        "analyte": row.analyte if followed else "",
        "factor": f"{row.factor.normalize():f}" if row.factor is not None else "",
        "cutoff": _cutoff(row),
    }


def _cutoff(row: CodeMap) -> str:
    return row.value_rule.removeprefix("cutoff:")


def new(request: HttpRequest) -> HttpResponse:
    """The form of a code that is not mapped yet; the address may fill it in."""
    require(request, OPENS_ADMIN)
    sources = selector.sources(sites_of(request, OPENS_ADMIN))
    fields = (*_key_fields(sources), *MEANING)
    if request.method != "POST":
        return _form(request, "Map a code", fields, request.GET.dict())
    typed = _typed(request, fields)
    source = next((s for s in sources if s.code == typed.get("source")), None)
    return _saved(request, "Map a code", fields, typed, source)


def _key_fields(sources: Sequence[Source]) -> tuple[Field, ...]:
    named = tuple((s.code, f"{s.code}, {s.site.name}") for s in sources)
    return (
        Field("source", "Source", "select", choices=named),
        Field("code", "Code", hint="As the source writes it."),
        Field("system", "Code system", hint="As the source calls it; LN or LOINC for LOINC.", optional=True),
        Field("unit", "Only for the unit", hint="Leave empty if it holds for every unit.", optional=True),
    )


def change(request: HttpRequest, key: UUID) -> HttpResponse:
    """Another meaning for a mapped code; source, code and unit stay what they are."""
    row = selector.code_map(key)
    if row is None:
        raise Http404(NotFound.title)
    require(request, OPENS_ADMIN, site=row.site_id)
    heading = f"Code {row.code} of {row.source.code}"
    if request.method != "POST":
        stored = {
            "analyte": row.analyte,
            "factor": _line(row)["factor"],
            "assay": row.assay,
            "cutoff": _cutoff(row),
        }
        return _form(request, heading, MEANING, stored, row=_line(row))
    same = {"source": row.source.code, "system": row.system, "code": row.code, "unit": row.unit}
    return _saved(request, heading, MEANING, _typed(request, MEANING) | same, row.source, _line(row))


def _typed(request: HttpRequest, fields: Iterable[Field]) -> dict[str, str]:
    return {f.name: request.POST.get(f.name, "").strip() for f in fields}


def _saved(
    request: HttpRequest,
    heading: str,
    fields: Sequence[Field],
    typed: dict[str, str],
    source: Source | None,
    row: dict[str, Any] | None = None,
) -> HttpResponse:
    try:
        found, counts = _save(request, typed, source)
    except DomainError as error:
        renamed = {"/value_rule": "/cutoff"}
        faults = [Fault(renamed.get(f.pointer, f.pointer), f.code, f.detail) for f in faults_of(error)]
        return _form(request, heading, fields, typed, faults, row=row, status=error.status)
    messages.success(request, f"Code {found.code} of {found.source.code} is mapped. {replay_words(counts)}")
    return redirect("admin:code-maps")


def _save(request: HttpRequest, typed: dict[str, str], source: Source | None) -> Any:
    sent = {n: v for n, v in typed.items() if v and n != "cutoff"}
    rule = with_cutoff(typed.get("cutoff", ""))
    data = checked(CodeMapIn, sent | ({"value_rule": rule} if rule else {}))
    if source is None:
        raise Invalid.at("/source", "unknown", "Choose one of the sources.")
    given = {"system": ""} | data | {"source": source}
    return desk.save_code_map(by=request.user.get_username(), at=timezone.now(), **given)


def _form(
    request: HttpRequest,
    heading: str,
    fields: Sequence[Field],
    values: Mapping[str, Any],
    faults: Iterable[Fault] = (),
    row: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    return framed(
        request,
        "workflow/code_map.html",
        heading,
        "code-maps",
        status,
        fields=shown(fields, values, by_field(told)),
        faults=summary(told, [f.name for f in fields]),
        line=row,
        back=reverse("admin:code-maps"),
    )
