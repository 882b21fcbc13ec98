"""What our own pages share: the admin's frame, the patient a person may see, and faults as a page tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from patients.admin.roles import principal, require
from patients.errors import DomainError, Fault, NotFound, Stale
from patients.models import Patient
from patients.selectors.records import merged_into

UNSAID = ("sha256",)
"""What tells a person nothing."""


def page(
    request: HttpRequest, template: str, title: str, /, http_status: int = 200, **context: Any
) -> HttpResponse:
    """One own page in the admin's frame. `emergency`: the access by which a record of another centre is shown."""
    frame = {"own_page": True, "title": title, "emergency": principal(request).emergency}
    values = {**admin.site.each_context(request), **frame, **context}
    return TemplateResponse(request, template, values, status=http_status)


def faults_of(error: DomainError) -> list[Fault]:
    """The faults of an error; one about the whole request when it names none.

    Where somebody saved first, each difference is told with both values.
    """
    found = list(error.faults) or [Fault("/", error.code, error.detail)]
    if isinstance(error, Stale):
        found += [
            Fault("/", "stored", f"{_said(name)}: {_value(stored)} is stored now, you sent {_value(sent)}.")
            for name, stored, sent in error.both()
            if name not in UNSAID
        ]
    return found


def _said(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: Any) -> str:
    """A JSON value in words: steps of a course, a date, a name; “nothing”."""
    if isinstance(value, Mapping):
        return " ".join(f"{key.replace('_', ' ')} {told}" for key, told in value.items() if told)
    if isinstance(value, list | tuple):
        return "; ".join(map(_value, value)) or "nothing"
    return str(value) if value not in (None, "") else "nothing"


def uuid_or_404(text: str) -> UUID:
    """The id in a posted field; one that is none names nothing."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404(NotFound.title) from error


def visible(request: HttpRequest, patient: UUID, roles: Iterable[str], *, merged: bool = False) -> Patient:
    """The patient, if the person may see it (else 404) and holds a role for this at its site (else 403).

    Raises Merged for a record that is merged into another one, unless such a one is wanted too.
    """
    row = Patient.objects.select_related("site").filter(pk=patient).first()
    if row is None:
        raise Http404(NotFound.title)
    require(request, roles, site=row.site_id)
    if row.merged_into and not merged:
        raise merged_into(row.merged_into)
    return row
