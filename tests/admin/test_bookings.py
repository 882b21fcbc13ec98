"""Booking follow-ups at the workplace: from the planner before Day 0, from the patient page after it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from outcomes.services import cohort
from tests.factories.people import make_staff
from workflow.models import Act
from workflow.selectors.decisions import local_date

pytestmark = pytest.mark.django_db
W3 = "liver-panel:w03"


@pytest.fixture
def ana(site: Any, client: Client) -> Client:
    client.force_login(make_staff(site, "coordinator", "ana"))
    return client


def told(story: str, site: Any) -> tuple[UUID, date]:
    today = local_date(timezone.now(), site.timezone)
    teller = cohort.Teller(site, today, Random(1), "A1")
    getattr(cohort, story)(teller)
    return teller.patient, today


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def link(client: Client, path: str, words: str) -> str:
    found = re.search(rf'href="([^"]+)">{words}', client.get(path).content.decode())
    assert found, words
    return unescape(found[1])


def test_a_follow_up_is_booked_from_the_planner_and_moves_with_the_infusion(ana: Client, site: Any) -> None:
    patient, today = told("booked", site)
    planner, booked = f"/admin/patients/{patient}/plan/", today + timedelta(5)
    assert "Book follow-ups for the infusion of" in page(ana, f"/admin/patients/{patient}/")
    form = link(ana, planner, 'Book<span class="vh"> Liver panel, week 3')
    assert f"on={booked + timedelta(21)}" in form
    assert f'value="{booked + timedelta(21)}"' in ana.get(form).content.decode()
    posted = {"key": W3, "on": str(booked + timedelta(23)), "visit": "yes"}
    assert ana.post(form, posted).status_code == 302
    assert Act.objects.filter(kind="book").count() == 2
    seen = page(ana, f"{planner}?infusion_on={booked + timedelta(4)}")
    assert "Booked follow-ups 2" in seen
    assert "2 days after target" in seen and "2 days before target" in seen
    unsaid = ana.post(planner, {"infusion_on": str(booked + timedelta(4))})
    assert unsaid.status_code == 422 and '<a href="#booked">' in unsaid.content.decode()
    ana.post(planner, {"infusion_on": str(booked + timedelta(4)), "booked": "shift"})
    moved = Act.objects.filter(kind="plan").latest("recorded_at").payload["bookings"]
    assert {m["new"] for m in moved} == {str(booked + timedelta(27))}


def test_after_the_infusion_target_and_booked_date_stand_side_by_side(ana: Client, site: Any) -> None:
    patient, today = told("infused_last_week", site)
    url = f"/admin/patients/{patient}/"
    form = link(ana, url, 'Book<span class="vh"> Liver panel, week 3')
    past = ana.post(form, {"key": W3, "on": str(today - timedelta(1))})
    assert past.status_code == 422 and '<a href="#on">Choose today or a later date.' in past.content.decode()
    ana.post(form, {"key": W3, "on": str(today + timedelta(19))})
    assert "4 days after target, outside the window" in page(ana, url)
    ana.post(form, {"key": W3, "on": ""})
    assert "after target" not in page(ana, url)
