"""Saved views: one's own filters by name, on Today and on the cohort."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.admin.reading import client_of, text_of
from tests.factories.people import make_staff
from workflow.models import SavedView
from workflow.services import views

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(site: Any) -> Client:
    for name in ("ana", "ben"):
        make_staff(site, "coordinator", name)
    return client_of(site, "ana")


def save(client: Client, name: str, query: str, page: str = "cohort") -> Any:
    return client.post("/admin/views/", {"page": page, "name": name, "query": query}, follow=True)


def bar(client: Client, address: str) -> list[tuple[str, str, bool]]:
    """Each view with its filters, and whether it is the one that is on."""
    html = client.get(address).content.decode().split('aria-label="Saved views"')[1].split("</nav>")[0]
    found = re.findall(r'<a class="chip" href="\?([^"]*)"( aria-current="true")?>([^<]*)</a>', html)
    return [(name, unescape(query), bool(on)) for query, on, name in found]


@pytest.mark.parametrize(
    ("page", "query"), [("cohort", "phase=screening&show=problems"), ("today", "mine=yes&group=due")]
)
def test_a_view_keeps_its_filters_and_shows_that_it_is_on(ana: Client, page: str, query: str):
    answer = save(ana, "  My   own ", f"{query}&page=3&nonsense=1", page)
    assert answer.redirect_chain == [(f"/admin/{page}/?{query}", 302)]
    assert "The view “My own” is saved." in text_of(answer)
    assert bar(ana, f"/admin/{page}/?{query}") == [("My own", query, True)]
    assert bar(ana, f"/admin/{page}/") == [("My own", query, False)]
    other = "today" if page == "cohort" else "cohort"
    assert bar(ana, f"/admin/{other}/") == []


def test_the_same_name_replaces_a_view_and_removing_one_forgets_it(ana: Client):
    save(ana, "Mine", "phase=screening")
    save(ana, "MINE", "phase=monitoring")
    (view,) = SavedView.objects.all()
    assert (view.name, view.query) == ("MINE", "phase=monitoring")
    ana.post("/admin/views/", {"page": "cohort", "query": "", "remove": str(view.pk)})
    assert bar(ana, "/admin/cohort/") == []


def test_somebody_elses_view_is_neither_seen_nor_removed(ana: Client, site: Any):
    save(ana, "Mine", "phase=screening")
    view, ben = SavedView.objects.get(), client_of(site, "ben")
    assert bar(ben, "/admin/cohort/") == []
    gone = ben.post("/admin/views/", {"page": "cohort", "query": "", "remove": str(view.pk)})
    assert gone.status_code == 404 and SavedView.objects.count() == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_a_view_needs_a_name_of_at_most_forty_letters(ana: Client, name: str):
    assert "at most 40 letters" in text_of(save(ana, name, ""))
    assert SavedView.objects.count() == 0
    assert save(ana, "x" * 40, "").status_code == 200 and SavedView.objects.count() == 1


def test_there_is_a_most_and_a_page_of_views_is_known(ana: Client):
    for number in range(views.MOST):
        save(ana, f"View {number}", "")
    assert "remove one first" in text_of(save(ana, "One more", ""))
    assert SavedView.objects.count() == views.MOST
    assert save(ana, "View 3", "phase=screening").status_code == 200, "a known one may change"
    assert ana.post("/admin/views/", {"page": "elsewhere", "name": "x"}).status_code == 404
    assert ana.get("/admin/views/").status_code == 405


def test_filters_of_today_add_up(ana: Client):
    html = unescape(ana.get("/admin/today/?mine=yes&group=due").content.decode())
    assert "?mine=yes&group=overdue" in html and "?group=due" in html
