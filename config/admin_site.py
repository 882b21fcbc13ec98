"""The admin's own site: only models on its list may be registered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig

ALLOWED = frozenset(
    {
        "patients.site",
        "patients.sitesetting",
        "patients.user",
        "patients.membership",
        "patients.source",
        "patients.codemap",
        "patients.patient",
    }
)


class DaymarkAdmin(admin.AdminSite):
    """The workplace of coordinators and clinicians."""

    site_header = site_title = "Daymark"
    index_title = "Records"
    site_url = None

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Registers models of the allowlist; any other (of a third-party application) is left out."""
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        for model in models:
            if model._meta.label_lower in ALLOWED:
                super().register(model, admin_class, **options)


class DaymarkAdminConfig(AdminConfig):
    default_site = "config.admin_site.DaymarkAdmin"
