"""The bar of saved views above Today and the cohort, and the form that saves or removes one."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from patients.admin.roles import CARE, require
from patients.errors import DomainError, NotFound
from patients.models import User
from workflow.admin.frame import faults_of, uuid_or_404
from workflow.models import SavedView
from workflow.services import views


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("views/", site.admin_view(views_page), name="views")]


def bar(request: HttpRequest, page: str) -> dict[str, Any]:
    """What the bar shows: the person's views of the page, the one that is on, and the filters to save."""
    query = views.kept(page, request.GET.urlencode())
    own = SavedView.objects.filter(user=cast(User, request.user), page=page).order_by("name")
    found = [{"id": v.pk, "name": v.name, "query": v.query, "current": v.query == query} for v in own]
    return {"page": page, "query": query, "own": found, "known": any(v["current"] for v in found)}


@require_POST
def views_page(request: HttpRequest) -> HttpResponse:
    """Saves the filters under a name, or removes a view; back to the list."""
    require(request, CARE)
    page, query = request.POST.get("page", ""), request.POST.get("query", "")
    if page not in views.FILTERS:
        raise Http404("There is no such page.")
    user = cast(User, request.user)
    try:
        if "remove" in request.POST:
            gone = views.remove(user=user, view=uuid_or_404(request.POST["remove"]))
            messages.success(request, f"The view “{gone.name}” is removed.")
        else:
            made = views.save(user=user, page=page, name=request.POST.get("name", ""), query=query)
            query = made.query
            messages.success(request, f"The view “{made.name}” is saved.")
    except NotFound as error:
        raise Http404(error.title) from error
    except DomainError as error:
        for fault in faults_of(error):
            messages.error(request, fault.detail)
    return redirect(f"{reverse(f'admin:{page}')}?{views.kept(page, query)}")
