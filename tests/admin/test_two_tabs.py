"""A page that was open while somebody else saved, in another tab or before the back button: both values are shown."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from patients.models import Patient, Site
from tests.admin.reading import client_of, text_of
from tests.factories.people import PatientFactory
from tests.services.ready import DAY0, NOON
from workflow.models import Act
from workflow.services import bookings, plan, steroids


@pytest.fixture
def patient(staffed: Site) -> Patient:
    return PatientFactory(site=staffed, at=NOON)


def seen_on(client: Any, url: str) -> str:
    return re.search(r'name="seen"[^>]*value="([^"]*)"', client.get(url).content.decode())[1]  # type: ignore[index]


def sent_twice(client: Any, url: str, sent: dict[str, str], *told: str) -> None:
    """The old page shows both values and saves nothing; sent from the page that says so, it is saved."""
    before = Act.objects.count()
    answer = client.post(url, sent)
    text = text_of(answer)
    assert (answer.status_code, Act.objects.count()) == (412, before)
    assert all(word in text for word in told), text
    again = re.search(r'name="seen"[^>]*value="([^"]*)"', answer.content.decode())[1]  # type: ignore[index]
    assert client.post(url, {**sent, "seen": again}).status_code == 302
    assert Act.objects.count() > before


def test_the_infusion_date(patient: Patient) -> None:
    ana, url = client_of(patient.site, "ana"), reverse("admin:planner", args=[patient.pk])
    old = seen_on(ana, url)
    theirs, mine = str(DAY0 + timedelta(9)), str(DAY0 + timedelta(16))
    plan.book(patient=patient.pk, infusion_on=DAY0 + timedelta(9), by="dr-a")
    sent_twice(ana, url, {"infusion_on": mine, "booked": "keep", "seen": old}, theirs, mine, "stored now")


def test_a_booking(patient: Patient) -> None:
    plan.book(patient=patient.pk, infusion_on=DAY0 + timedelta(9), by="dr-a")
    key = "liver-panel:w03"
    url = reverse("admin:act", args=[patient.pk, "book"])
    ana, due = client_of(patient.site, "ana"), DAY0 + timedelta(20)
    old = seen_on(ana, f"{url}?key={key}")
    bookings.book(patient=patient.pk, key=key, on=due, by="dr-a")
    mine = str(due + timedelta(1))
    sent_twice(ana, url, {"key": key, "on": mine, "seen": old}, str(due), mine)


def test_the_steps_and_the_end_of_a_course(patient: Patient) -> None:
    step = {"from": DAY0, "to": None, "mg_per_day": Decimal(60)}
    fields = {"started_on": DAY0, "steps": [step], "alternative_cause": ""}
    course = steroids.start(patient=patient.pk, fields=fields, by="dr-b")
    doctor, url = (
        client_of(patient.site, "dr-a"),
        f"{reverse('admin:taper', args=[patient.pk])}?course={course}",
    )
    old = seen_on(doctor, url)
    steroids.change(patient=patient.pk, course=course, expected=1, by="dr-b",
                    fields={"steps": [{"from": DAY0, "to": None, "mg_per_day": Decimal(50)}]})  # fmt: skip
    mine = {
        "seen": old,
        "how": "own",
        "started_on": str(DAY0),
        "from-0": str(DAY0),
        "to-0": "",
        "mg_per_day-0": "40",
    }
    sent_twice(doctor, url, mine, "mg per day 50", "mg per day 40")
    ending = reverse("admin:act", args=[patient.pk, "end-taper"])
    sent_twice(
        doctor, ending, {"course": course, "seen": "1", "ended_on": str(DAY0)}, "nothing is stored", str(DAY0)
    )


def test_over_rest_the_plan_is_kept_for_whoever_names_what_was_seen(patient: Patient) -> None:
    from tests.api.conftest import client_of as api_of

    url = reverse("api:plan", args=[patient.pk])
    ana = api_of(patient.site.memberships.get(user__username="ana").user)
    tag = ana.get(url)["ETag"]
    sent = {"infusion_on": str(DAY0 + timedelta(9))}
    assert ana.put(url, sent, headers={"If-Match": tag}).status_code == 200
    lost = ana.put(url, {"infusion_on": str(DAY0 + timedelta(16))}, headers={"If-Match": tag})
    assert (lost.status_code, lost.json()["current"]["infusion_on"]) == (412, sent["infusion_on"])
    assert ana.delete(url, headers={"If-Match": tag}).status_code == 412
    assert ana.delete(url).status_code == 204
