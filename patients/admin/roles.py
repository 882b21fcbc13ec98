"""What a role may do in the admin: the stock pages ask memberships, never Django's permission table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from patients.access import Principal, principal_of
from patients.matrix import EMERGENCY

OPENS_ADMIN = frozenset({"coordinator", "clinician", "site_admin"})
CARE = frozenset({"coordinator", "clinician"})
CLINICIAN = frozenset({"clinician"})
SITE_ADMIN = frozenset({"site_admin"})
CUSTODIANS = CLINICIAN | SITE_ADMIN
"""Who hears that a record of the centre was opened in an emergency."""
READS = CARE | {EMERGENCY}
"""Who reads a record: those who care for the patient, and whoever has opened it in an emergency."""


def principal(request: HttpRequest) -> Principal:
    """Who is signed in, with roles in force; asked once per request."""
    known: Principal | None = getattr(request, "principal", None)
    if known is None:
        known = principal_of(request.user)  # type: ignore[arg-type]
        request.principal = known  # type: ignore[attr-defined]
    return known


def holds(request: HttpRequest, roles: Iterable[str], *, site: UUID | None = None) -> bool:
    """Whether the person holds one of the roles, at the given site or anywhere."""
    who = principal(request)
    held = who.any_role if site is None else who.at(site)
    return bool(held & frozenset(roles))


def require(request: HttpRequest, roles: Iterable[str], *, site: UUID | None = None) -> None:
    """Raises PermissionDenied naming the missing right."""
    if not holds(request, roles, site=site):
        raise PermissionDenied(f"This needs the role {' or '.join(sorted(roles))} at this site.")


def sites_of(request: HttpRequest, roles: Iterable[str]) -> tuple[UUID, ...]:
    """Sites at which the person holds one of the roles: lists are narrowed to them."""
    wanted = frozenset(roles)
    return tuple(sorted(site for site, held in principal(request).roles.items() if held & wanted))


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """A stock list and a page per row, without any way to change it; `readers` are roles."""

    readers: frozenset[str] = OPENS_ADMIN
    actions = None

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; one of another site is not found, as on every other page."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404("There is no such object.")
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return holds(request, self.readers)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return holds(request, self.readers)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
