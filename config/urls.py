"""Every address of the product."""

from __future__ import annotations

from allauth.account import urls as account_urls
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from config import health
from config.docs import docs
from outcomes.api import payer
from outcomes.api.routes import routes as outcomes_routes
from patients.api.routes import routes as patients_routes
from workflow.admin.notice_pages import unsubscribe
from workflow.api import feeds
from workflow.api.fhir.routes import routes as fhir_routes
from workflow.api.routes import routes as workflow_routes

api = [
    *patients_routes,
    *workflow_routes,
    *outcomes_routes,
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
]

OFFERED = (
    "account_login", "account_logout", "account_signup", "account_reauthenticate", "account_change_password",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done",
)  # fmt: skip
"""The library's other pages change addresses, which are the operator's to give."""
account_pages = [pattern for pattern in account_urls.urlpatterns if pattern.name in OFFERED]

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/"), name="home"),
    path("admin/", admin.site.urls),
    path("payer/", payer.payer, name="payer"),
    path("payer/<uuid:export>/<str:name>", payer.payer_file, name="payer-file"),
    path("accounts/", include(account_pages)),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("api/v1/", include((api, "api"))),
    path("fhir/R4/", include((fhir_routes, "fhir"))),
    path("mail/unsubscribe/<str:secret>/", unsubscribe, name="mail-unsubscribe"),
    path("feeds/<str:secret>.ics", feeds.ics, name="feed"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
handler404 = "config.problems.not_found"
handler500 = "config.problems.broken"
