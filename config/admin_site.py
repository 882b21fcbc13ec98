"""The admin's own site: its pages, who opens it, and the list of models that may be registered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver, path

ALLOWED = frozenset(
    {
        "patients.site",
        "patients.sitesetting",
        "patients.user",
        "patients.membership",
        "patients.source",
        "patients.codemap",
    }
)
AUDITED = "sealedevent"
NOT_OFFERED = frozenset({"index", "password_change", "password_change_done", "autocomplete", "view_on_site"})
"""Stock pages that ours stand for. The account pages count each wrong password; the stock one let it be guessed."""


class DaymarkAdmin(admin.AdminSite):
    """The workplace of coordinators and clinicians."""

    site_header = site_title = "Daymark"
    index_title = "Records"
    site_url = None
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Registers models of the allowlist and their audit events; any other (of a third party) is left out."""
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        for model in models:
            label = model._meta.label_lower
            if label in ALLOWED or (label.startswith("patients.") and label.endswith(AUDITED)):
                super().register(model, admin_class, **options)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Our own pages first, so that `/admin/` is Today and the stock index stands at `records/`."""
        from config import health_page
        from outcomes.admin import export_pages
        from outcomes.admin import pages as patient_pages
        from workflow.admin import (
            audit_pages,
            cohort_pages,
            custody_pages,
            desk_pages,
            emergency_pages,
            import_pages,
            lab_pages,
            log_pages,
            map_pages,
            me_pages,
            merge_pages,
            notice_pages,
            pages,
            taper_pages,
            task_pages,
            today,
            value_pages,
            views_bar,
        )

        own: list[URLResolver | URLPattern] = [
            path("", self.admin_view(today.landing), name="index"),
            path("records/", self.admin_view(self.index), name="records"),
            *patient_pages.urls(self),
            *export_pages.urls(self),
            *lab_pages.urls(self),
            *cohort_pages.urls(self),
            *taper_pages.urls(self),
            *audit_pages.urls(self),
            *custody_pages.urls(self),
            *emergency_pages.urls(self),
            *merge_pages.urls(self),
            *log_pages.urls(self),
            *value_pages.urls(self),
            *views_bar.urls(self),
            *pages.urls(self),
            *task_pages.urls(self),
            *me_pages.urls(self),
            *health_page.urls(self),
            *desk_pages.urls(self),
            *import_pages.urls(self),
            *map_pages.urls(self),
            *notice_pages.urls(self),
        ]
        return own + [stock for stock in super().get_urls() if getattr(stock, "name", "") not in NOT_OFFERED]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """One own page; asked for a merged record, each leads to the page that names the one to use."""
        from workflow.admin.merge_pages import pointing

        return super().admin_view(pointing(view), cacheable)

    def has_permission(self, request: HttpRequest) -> bool:
        """Coordinators, clinicians and site administrators; being a superuser opens nothing."""
        from patients.admin.roles import OPENS_ADMIN, holds

        return bool(request.user.is_active and request.user.is_authenticated and holds(request, OPENS_ADMIN))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The one sign-in page; somebody signed in without a role here is told which are needed.

        A payer's analyst is sent to the one page there is for payers.
        """
        from patients.admin.roles import holds

        if request.user.is_authenticated:
            if holds(request, {"payer_analyst"}):
                return HttpResponseRedirect(resolve_url("payer"))
            raise PermissionDenied("This needs the role coordinator, clinician or site_admin.")
        query = urlencode({"next": request.GET.get("next", request.get_full_path())})
        return HttpResponseRedirect(f"{resolve_url('account_login')}?{query}")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Two headings: what is set up, and the audit of each table."""
        models = [m for app in super().get_app_list(request, app_label) for m in app["models"]]
        groups = {"Set-up": [m for m in models if not _audits(m)], "Audit": [m for m in models if _audits(m)]}
        for row in groups["Audit"]:
            row["name"] = f"Audit of {row['model'].pgh_tracked_model._meta.verbose_name_plural}"
        return [
            {"name": name, "app_label": "patients", "app_url": "", "has_module_perms": True, "models": found}
            for name, found in groups.items()
            if found
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from patients.admin.roles import CARE, holds
        from workflow.admin.pages import tabs

        own = {"tabs": tabs(request), "finds": holds(request, CARE)}
        return {**super().each_context(request), **own}


def _audits(row: dict[str, Any]) -> bool:
    return bool(row["model"]._meta.label_lower.endswith(AUDITED))


class DaymarkAdminConfig(AdminConfig):
    default_site = "config.admin_site.DaymarkAdmin"
