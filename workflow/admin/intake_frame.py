"""The frame of the intake pages: their own navigation, their form fields, and which sites they cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from patients.admin.roles import CARE, OPENS_ADMIN, holds
from patients.errors import DomainError, Fault
from patients.rules.words import counted
from workflow.admin.forms import Field
from workflow.admin.frame import page

PAGES = (
    ("desk", "Quarantine desk", CARE),
    ("imports", "Imports", CARE),
    ("code-maps", "Code maps", OPENS_ADMIN),
    ("table-mappings", "Table mappings", OPENS_ADMIN),
)


def framed(
    request: HttpRequest, template: str, title: str, here: str, /, http_status: int = 200, **context: Any
) -> HttpResponse:
    """One intake page; `here` is the entry of the navigation that it belongs to."""
    intake = [
        {"url": reverse(f"admin:{name}"), "text": text, "current": name == here}
        for name, text, roles in PAGES
        if holds(request, roles)
    ]
    return page(request, template, title, http_status, intake=intake, **context)


def asked(request: HttpRequest, name: str) -> str:
    """A text of the address, without what no database takes."""
    return request.GET.get(name, "").replace("\x00", "").strip()


def number_of(request: HttpRequest) -> int:
    """The page asked for, 1 if that is no number."""
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isdecimal() and len(text) < 7 else 1


def turned(request: HttpRequest, number: int) -> str:
    """The same list on another page."""
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def pages_of(request: HttpRequest, total: int, number: int, *, more: bool, noun: str) -> dict[str, Any]:
    """What the pager shows: how many there are, and the pages before and after."""
    return {
        "text": counted(total, noun),
        "number": number,
        "before": turned(request, number - 1) if number > 1 else "",
        "after": turned(request, number + 1) if more else "",
    }


def shown(
    fields: Sequence[Field], values: Mapping[str, Any], faults: Mapping[str, str], prefix: str = ""
) -> list[dict[str, Any]]:
    """Fields as the template draws them, each with its value and its own fault."""
    return [
        {
            "id": f"{prefix}{f.name}",
            "name": f.name,
            "spec": f,
            "options": list(f.options),
            "value": values.get(f.name, ""),
            "fault": faults.get(f.name, ""),
        }
        for f in fields
    ]


def faults_of(error: DomainError) -> list[Fault]:
    return list(error.faults) or [Fault("/", error.code, error.detail)]


def by_field(faults: Iterable[Fault]) -> dict[str, str]:
    """Texts by the first part of the pointer: a fault inside a list belongs to the list's field."""
    found: dict[str, str] = {}
    for fault in faults:
        name = fault.pointer.strip("/").split("/")[0]
        found[name] = f"{found[name]} {fault.detail}" if name in found else fault.detail
    return found


def summary(faults: Iterable[Fault], names: Iterable[str], prefix: str = "") -> list[dict[str, str]]:
    """The error summary: each fault with the id of its field, if the form has it."""
    known = set(names)
    parts = [(f.pointer.strip("/").split("/")[0], f.detail) for f in faults]
    return [{"field": f"{prefix}{name}" if name in known else "", "text": text} for name, text in parts]
