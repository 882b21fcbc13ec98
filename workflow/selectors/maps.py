"""Code maps and table mappings of some sites, for lists and for the forms that change them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, Q, Window

from patients.models import CodeMap, Source, TableMapping
from workflow.selectors.desk import PER_PAGE, Page


def code_maps(sites: Iterable[UUID], *, source: str = "", text: str = "", number: int = 1) -> Page:
    """Code maps by source and code; `text` is looked for in code and analyte. One query."""
    rows = CodeMap.objects.filter(site__in=list(sites)).select_related("source", "site")
    if source:
        rows = rows.filter(source__code=source)
    if text:
        rows = rows.filter(Q(code__icontains=text) | Q(analyte__iexact=text))
    counted = rows.annotate(total=Window(Count("*"))).order_by("source__code", "code", "system", "unit")
    found = list(counted[(number - 1) * PER_PAGE : number * PER_PAGE])
    return Page(found, found[0].total if found else 0, number)


def code_map(key: UUID) -> CodeMap | None:
    return CodeMap.objects.filter(pk=key).select_related("source", "site").first()


def table_mappings(sites: Iterable[UUID]) -> list[TableMapping]:
    """Table mappings by source and name; one query."""
    rows = TableMapping.objects.filter(site__in=list(sites)).select_related("source", "site")
    return list(rows.order_by("source__code", "name"))


def table_mapping(key: UUID) -> TableMapping | None:
    return TableMapping.objects.filter(pk=key).select_related("source", "site").first()


def sources(sites: Iterable[UUID]) -> list[Source]:
    """Sources of these sites by code; one query."""
    return list(Source.objects.filter(site__in=list(sites)).select_related("site").order_by("code"))
