"""The human page of the API: our own static HTML from the OpenAPI document, since the usual ones break the CSP."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator


@login_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every route with its methods and what it does."""
    schema = SchemaGenerator(api_version="v1").get_schema(request=None, public=True)
    routes = [
        {"path": path, "verbs": [{"verb": v.upper(), **operation} for v, operation in verbs.items()]}
        for path, verbs in sorted(schema["paths"].items())
    ]
    return render(request, "docs.html", {"routes": routes, "info": schema["info"]})
