"""Imports as plain values: the list, and one import with its messages and items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Q, Value, When, Window

from patients.models import Inbound, InboundItem, InboundMessage
from workflow.selectors.desk import PER_PAGE, Page

MESSAGES = 50


def page(sites: Iterable[UUID], source: str = "", number: int = 1) -> Page:
    """Imports of these sites, newest first; one query."""
    rows = Inbound.objects.filter(site__in=list(sites)).select_related("source", "site")
    if source:
        rows = rows.filter(source__code=source)
    counted = rows.annotate(total=Window(Count("*"))).order_by("-at", "-pk")
    found = list(counted[(number - 1) * PER_PAGE : number * PER_PAGE])
    return Page(found, found[0].total if found else 0, number)


def one(inbound: UUID) -> Inbound | None:
    """One import with its source and site; one query."""
    return Inbound.objects.filter(pk=inbound).select_related("source", "site").first()


@dataclass(frozen=True, slots=True)
class Messages:
    """The answers to an import's messages: how many, how many were refused, and the first of them."""

    total: int
    refused: int
    rows: list[dict[str, Any]]


def messages(inbound: UUID) -> Messages:
    """Refused messages first; one query."""
    bad = ~Q(ack="AA")
    rows = InboundMessage.objects.filter(inbound=inbound).annotate(
        total=Window(Count("*")),
        refused=Window(Count(Case(When(bad, then=Value(1))))),
        order=Case(When(bad, then=Value(0)), default=Value(1)),
    )
    found = list(
        rows.order_by("order", "index").values("index", "control_id", "ack", "reason", "total", "refused")[
            :MESSAGES
        ]
    )
    first: Any = found[0] if found else {"total": 0, "refused": 0}
    return Messages(first["total"], first["refused"], [dict(r) for r in found])


def items(inbound: UUID, disposition: str = "", number: int = 1) -> Page:
    """Items of an import in the file's order, each with its patient; one query."""
    rows = InboundItem.objects.filter(inbound=inbound).select_related("patient")
    if disposition:
        rows = rows.filter(disposition=disposition)
    counted = rows.annotate(total=Window(Count("*"))).order_by("number")
    found = list(counted[(number - 1) * PER_PAGE : number * PER_PAGE])
    return Page(found, found[0].total if found else 0, number)
