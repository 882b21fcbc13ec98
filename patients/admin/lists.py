"""Stock lists of sites, staff, sources, code maps and audit events.

Row-level security limits them to own sites.

Users and memberships are readable for signing in, so their lists are narrowed here to own sites.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from patients.admin.roles import SITE_ADMIN, ReadOnly, holds, principal
from patients.models import (
    Attestation,
    Bleed,
    CodeMap,
    Event,
    FactorUse,
    Membership,
    Patient,
    Regimen,
    Result,
    Site,
    SiteSetting,
    Source,
    User,
)


@admin.register(Site)
class SiteAdmin(ReadOnly):
    list_display = ("code", "name", "timezone", "npi")
    search_fields = ("code", "name")
    ordering = ("code",)


@admin.register(SiteSetting)
class SiteSettingAdmin(ReadOnly):
    list_display = ("site", "kind", "key", "from_on", "to_on", "recorded_at", "by")
    list_filter = ("kind",)
    list_select_related = ("site",)
    ordering = ("-recorded_at",)


@admin.register(User)
class UserAdmin(ReadOnly):
    readers = SITE_ADMIN
    list_display = ("username", "first_name", "last_name", "email", "is_active")
    fields = ("username", "first_name", "last_name", "email", "npi", "is_active", "date_joined")
    search_fields = ("username", "last_name")
    ordering = ("username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super().get_queryset(request).filter(memberships__site__in=principal(request).sites()).distinct()
        )


@admin.register(Membership)
class MembershipAdmin(ReadOnly):
    readers = SITE_ADMIN
    list_display = ("user", "role", "site", "from_date", "to_date")
    list_filter = ("role",)
    list_select_related = ("user", "site")
    ordering = ("user__username", "role")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(site__in=principal(request).sites())


@admin.register(Source)
class SourceAdmin(ReadOnly):
    list_display = ("code", "site", "sending_app", "sending_facility", "timezone")
    list_select_related = ("site",)
    ordering = ("code",)


@admin.register(CodeMap)
class CodeMapAdmin(ReadOnly):
    list_display = ("source", "system", "code", "unit", "analyte", "assay")
    list_filter = ("analyte",)
    search_fields = ("code",)
    list_select_related = ("source",)
    ordering = ("code",)


class AuditAdmin(ReadOnly):
    """Audit events of one table, newest first: who, what, when, which row, not the row's content.

    A site_admin reads the events of own sites, others those of their own acts.
    """

    fields = ("pgh_created_at", "pgh_label", "pgh_obj_id", "actor")
    list_display = ("pgh_created_at", "pgh_label", "pgh_obj_id", "actor")
    list_filter = ("pgh_label",)
    ordering = ("-pgh_created_at",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if holds(request, SITE_ADMIN):
            return rows
        return rows.filter(pgh_context__user=principal(request).username)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        table = self.model.pgh_tracked_model._meta.verbose_name_plural
        return super().changelist_view(request, {**(extra_context or {}), "title": f"Audit of {table}"})

    @admin.display(description="by")
    def actor(self, event: Any) -> str:
        return (event.pgh_context or {}).get("user", "")


TRACKED: tuple[Any, ...] = (
    SiteSetting,
    Source,
    CodeMap,
    Patient,
    Result,
    Bleed,
    FactorUse,
    Regimen,
    Attestation,
    Event,
)
for tracked in TRACKED:
    admin.site.register(tracked.pgh_event_model, AuditAdmin)
