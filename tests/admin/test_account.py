"""My account: what comes by mail, and the calendar feeds."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.test import Client

from patients.models import Site, User
from tests.admin.test_pages import page
from tests.factories.people import make_site, make_staff
from workflow.models import Feed
from workflow.services import feeds

pytestmark = pytest.mark.django_db
MAIL = {"digest_hour": "6", "mail_weekends": "yes", "mail_single": "yes"}


@pytest.fixture
def ana(site: Site, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


def test_people_choose_what_comes_by_mail_and_when(ana: Client) -> None:
    assert 'value="7" selected' in page(ana, "/admin/me/mail/")
    answer = ana.post("/admin/me/mail/", MAIL, follow=True)
    assert "Saved." in answer.content.decode()
    row = User.objects.get(username="ana")
    chosen = (row.mail_digest, row.digest_hour, row.mail_weekends, row.mail_single)
    assert chosen == (False, 6, True, True), "a box that is not ticked is off"
    event = apps.get_model("patients", "UserSealedEvent").objects.latest("pgh_id")
    assert (event.pgh_context["user"], event.digest_hour) == ("ana", 6)


@pytest.mark.parametrize("hour", ["", "24", "-1", "noon"])
def test_an_hour_that_no_clock_shows_is_refused(ana: Client, hour: str) -> None:
    answer = ana.post("/admin/me/mail/", {**MAIL, "digest_hour": hour})
    assert answer.status_code == 422 and 'href="#digest_hour"' in answer.content.decode()
    assert User.objects.get(username="ana").digest_hour == 7


def make(client: Client, **fields: str) -> Any:
    return client.post("/admin/me/feeds/", {"new": str(uuid4()), "site": "", "titles": "opaque", **fields})


def test_the_address_of_a_feed_is_shown_once(ana: Client) -> None:
    new = str(uuid4())
    text = make(ana, new=new).content.decode()
    found = re.search(r'value="http://localhost:8000/feeds/([^"]+)\.ics"', text)
    assert found is not None and feeds.found(found[1]) is not None
    assert found[1] not in page(ana, "/admin/me/feeds/")
    again = ana.post("/admin/me/feeds/", {"new": new, "site": "", "titles": "opaque"}, follow=True)
    assert "made already" in again.content.decode() and Feed.objects.count() == 1


def test_a_feed_is_revoked(ana: Client, site: Site) -> None:
    make(ana, site="north")
    feed = Feed.objects.get()
    ben = make_staff(site, "coordinator", "ben")
    other = Client()
    other.force_login(ben)
    other.post("/admin/me/feeds/", {"revoke": str(feed.pk)})
    assert Feed.objects.get().revoked_at is None
    assert (
        "no longer answers"
        in ana.post("/admin/me/feeds/", {"revoke": str(feed.pk)}, follow=True).content.decode()
    )
    assert Feed.objects.get().revoked_at is not None
    ana.post("/admin/me/feeds/", {"revoke": "nonsense"})


def test_only_own_sites_can_be_chosen(ana: Client) -> None:
    make_site("south")
    assert "South" not in page(ana, "/admin/me/feeds/")
    answer = make(ana, site="south")
    assert answer.status_code == 422 and 'href="#site"' in answer.content.decode()


def test_a_site_admin_has_mail_but_no_tasks_in_a_calendar(site: Site, client: Client) -> None:
    client.force_login(make_staff(site, "site_admin", "adam"))
    assert "Calendar feeds" not in page(client, "/admin/me/mail/")
    page(client, "/admin/me/feeds/", 403)
