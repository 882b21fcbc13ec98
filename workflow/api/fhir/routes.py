"""Routes below /fhir/R4/."""

from __future__ import annotations

from django.urls import path

from workflow.api.fhir.capability import Metadata
from workflow.api.fhir.kinds import KINDS
from workflow.api.fhir.views import FormSearch, Read, Search

routes = [path("metadata", Metadata.as_view(), name="metadata")]
for kind in KINDS:
    routes += [
        path(kind.name, Search.as_view(kind=kind), name=kind.name),
        path(f"{kind.name}/_search", FormSearch.as_view(kind=kind), name=f"{kind.name}-search"),
        path(f"{kind.name}/<uuid:pk>", Read.as_view(kind=kind), name=f"{kind.name}-read"),
    ]
