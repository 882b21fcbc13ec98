"""Table mappings: which column of a source's tables holds which field, fixed values, dates, and the row's key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path

from patients.admin.roles import OPENS_ADMIN, require, sites_of
from patients.errors import DomainError, Fault, Invalid, NotFound
from patients.models import Source, TableMapping
from patients.readers.rows import FIELDS
from patients.services.mappings import save_table_mapping
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.intake_frame import by_field, faults_of, framed, shown
from workflow.selectors import maps as selector
from workflow.services.intake_shapes import TableMappingIn

WORDS = {
    "mrn": "Patient number",
    "family_name": "Family name",
    "birth_date": "Date of birth",
    "loinc": "LOINC code",
    "analyte": "Analyte (our own code)",
    "code": "Code of the laboratory",
    "system": "System of that code",
    "value": "Value",
    "unit": "Unit",
    "collected_at": "Collected",
    "reported_at": "Reported",
    "reference_low": "Lower limit",
    "reference_high": "Upper limit",
    "assay": "Assay",
    "lab": "Laboratory",
    "status": "Status",
    "source_id": "Number of the result",
}
DATES = Field(
    "date_formats", "Dates are written as", "area", "One form a line, for example %d.%m.%Y %H:%M; none: 2027-03-10.",
    optional=True,
)  # fmt: skip


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("desk/table-mappings/", site.admin_view(table_mappings), name="table-mappings"),
        path("desk/table-mappings/new/", site.admin_view(new), name="table-mapping-new"),
        path("desk/table-mappings/<uuid:key>/", site.admin_view(change), name="table-mapping"),
    ]


def table_mappings(request: HttpRequest) -> HttpResponse:
    """Every table mapping, by source and name."""
    require(request, OPENS_ADMIN)
    sites = sites_of(request, OPENS_ADMIN)
    rows = selector.table_mappings(sites)
    lines = [{"row": m, "columns": [(WORDS.get(n, n), c) for n, c in m.columns.items()]} for m in rows]
    return framed(
        request,
        "workflow/table_mappings.html",
        "Table mappings",
        "table-mappings",
        lines=lines,
        several=len(sites) > 1,
    )


def new(request: HttpRequest) -> HttpResponse:
    """An empty form."""
    require(request, OPENS_ADMIN)
    sources = selector.sources(sites_of(request, OPENS_ADMIN))
    fields = (
        Field(
            "source", "Source", "select", choices=tuple((s.code, f"{s.code}, {s.site.name}") for s in sources)
        ),
        Field("name", "Name", hint="For example weekly-panel; it is chosen at the import."),
    )
    if request.method != "POST":
        return _form(request, "Map a table", fields, {})
    source = next((s for s in sources if s.code == request.POST.get("source")), None)
    return _saved(request, "Map a table", fields, request.POST.get("name", "").strip(), source)


def change(request: HttpRequest, key: UUID) -> HttpResponse:
    """Another layout under the same name."""
    row = selector.table_mapping(key)
    if row is None:
        raise Http404(NotFound.title)
    require(request, OPENS_ADMIN, site=row.site_id)
    heading = f"Table {row.name} of {row.source.code}"
    if request.method != "POST":
        return _form(request, heading, (), _stored(row))
    return _saved(request, heading, (), row.name, row.source, decimal=row.decimal)


def _stored(row: TableMapping) -> dict[str, Any]:
    columns = {f"columns-{n}": c for n, c in row.columns.items()}
    constants = {f"constants-{n}": c for n, c in row.constants.items()}
    keys = {f"key-{n}": "yes" for n in row.key}
    return {**columns, **constants, **keys, "date_formats": "\n".join(row.date_formats)}


def read(posted: QueryDict) -> dict[str, Any]:
    """The public JSON shape of the posted grid."""
    return {
        "columns": _filled(posted, "columns"),
        "constants": _filled(posted, "constants"),
        "key": [n for n in FIELDS if posted.get(f"key-{n}")],
        "date_formats": [
            line.strip() for line in posted.get("date_formats", "").splitlines() if line.strip()
        ],
    }


def _filled(posted: QueryDict, part: str) -> dict[str, str]:
    return {n: text for n in FIELDS if (text := posted.get(f"{part}-{n}", "").strip())}


def _saved(
    request: HttpRequest,
    heading: str,
    fields: Sequence[Field],
    name: str,
    source: Source | None,
    decimal: str = ".",
) -> HttpResponse:
    named = {"name": name} if name else {}
    sent = read(request.POST) | named | ({"source": source.code} if source else {}) | {"decimal": decimal}
    try:
        data = checked(TableMappingIn, sent)
        if source is None:
            raise Invalid.at("/source", "required", "Choose the source.")
        row = save_table_mapping(**(data | {"source": source}))
    except DomainError as error:
        return _form(request, heading, fields, request.POST.dict(), faults_of(error), status=error.status)
    messages.success(
        request, f"The table mapping {row.name} of {row.source.code} is saved; choose it at the import."
    )
    return redirect("admin:table-mappings")


def _form(
    request: HttpRequest,
    heading: str,
    fields: Sequence[Field],
    values: Mapping[str, Any],
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    told = [(_place(f.pointer), f.detail) for f in faults]
    wrong = {name: text for name, text in told if name}
    grid = [
        {
            "name": name,
            "words": words,
            "column": values.get(f"columns-{name}", ""),
            "constant": values.get(f"constants-{name}", ""),
            "key": bool(values.get(f"key-{name}")),
            "fault": wrong.get(f"columns-{name}", "") or wrong.get(f"constants-{name}", ""),
        }
        for name, words in WORDS.items()
    ]
    plain = by_field([Fault(f"/{name}", "", text) for name, text in told])
    return framed(
        request,
        "workflow/table_mapping.html",
        heading,
        "table-mappings",
        status,
        fields=shown(fields, values, plain),
        dates=shown((DATES,), values, plain),
        grid=grid,
        faults=[{"field": name, "text": text} for name, text in told],
    )


def _place(pointer: str) -> str:
    """The id of the input that a pointer means: `/columns/mrn` is `columns-mrn`."""
    first, _, rest = pointer.strip("/").partition("/")
    return f"{first}-{rest.split('/')[0]}" if first in ("columns", "constants") and rest else first
