"""Routes of this room below /api/v1/."""

from __future__ import annotations

from django.urls import path

from patients.api import sites

routes = [
    path("sites/", sites.Sites.as_view(), name="sites"),
    path("sites/<uuid:site>/", sites.SiteDetail.as_view(), name="site"),
]
