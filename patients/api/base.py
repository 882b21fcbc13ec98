"""The base of every API view: who asks, which object is meant, and whether the role allows it there.

The object is looked up first: what a person cannot see is 404, whatever the role. Then the role held at
the object's own site decides: 403.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.views import APIView

from patients import matrix
from patients.access import Principal
from patients.errors import Forbidden, NotFound
from patients.models import Patient
from patients.selectors.records import merged_into


class ApiView(APIView):
    """A view whose rights are a row of the access matrix, under the route's name."""

    def principal(self) -> Principal:
        return self.request.principal  # type: ignore[attr-defined, no-any-return]

    def by(self) -> str:
        """The name that acts and facts carry."""
        return self.principal().username

    def allowed(self) -> frozenset[str]:
        """Roles that may use this route by this method."""
        match = self.request.resolver_match
        return matrix.roles(match.view_name if match else "", self.request.method or "")

    def require_at(self, site: UUID) -> None:
        """Raises Forbidden when none of the person's roles at the site may do this."""
        if not self.principal().at(site) & self.allowed():
            raise Forbidden("Your role at this site does not allow this.")

    def hides_at(self, site: UUID) -> bool:
        """Whether the person is only an auditor there, who sees no names, numbers or free text."""
        return self.principal().at(site) <= {"auditor"}

    def seen_at(self, site: UUID, body: dict[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
        """The document as this person may see it: with the `hidden` fields empty for an auditor."""
        return without(body, hidden) if self.hides_at(site) else body


class PatientView(ApiView):
    """A view below `patients/{id}/`: `self.patient` is loaded, and the role at its site is checked."""

    object_first = True
    patient: Patient
    of_merged: frozenset[str] = frozenset()
    """Methods that a record takes though it is merged into another one; any other names that one (409)."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.patient = visible_patient(kwargs["patient"])
        self.require_at(self.patient.site_id)
        if self.patient.merged_into and request.method not in self.of_merged:
            raise merged_into(self.patient.merged_into)


def without(body: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The document with these fields empty."""
    return {k: None if k in names else v for k, v in body.items()}


def visible_patient(pk: UUID) -> Patient:
    """The patient if it exists in the caller's sites, else NotFound."""
    found = Patient.objects.select_related("site").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such patient.")
    return found


def site_of(patients: Iterable[UUID]) -> dict[UUID, UUID]:
    """The site of each patient that the caller can see."""
    return dict(Patient.objects.filter(pk__in=list(patients)).values_list("pk", "site_id"))
