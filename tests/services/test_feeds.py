"""Calendar feeds over time: what is told, to whose rights, what moved, what ended, and nothing about a patient."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import ics
import pytest
from django.apps import apps

from patients import access
from patients.errors import Conflict, Invalid, NotFound
from patients.models import Membership, Patient, Site, User
from tests.factories.people import make_site, make_staff
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.api.calendar import document
from workflow.models import Feed, FeedEntry, TaskDue
from workflow.services import bookings, feeds, infusions, voids, worklist

AT = datetime(2026, 4, 4, 9, tzinfo=UTC)
PANEL = "liver-panel:w05"


@pytest.fixture
def ana(site: Site) -> User:
    return make_staff(site, "coordinator", "ana")


@pytest.fixture
def patient(site: Site, ana: User) -> Patient:
    patient = ready_patient(site, mrn="CANARY-MRN", family_name="Canaryfamily", given_name="Canarygiven")
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    return patient


def task(patient: Patient, key: str = PANEL) -> TaskDue:
    return TaskDue.objects.get(patient_id=patient.pk, key=key)


def made(user: User, **more: Any) -> Feed:
    return feeds.create(user=user, at=AT, **more).feed


def told(feed: Feed, at: datetime = AT) -> dict[Any, FeedEntry]:
    """What the feed tells, without any site in view beforehand."""
    with access.site_context((), by="calendar"):
        found = feeds.read(feed=Feed.objects.select_related("user").get(pk=feed.pk), at=at)
    assert found is not None
    return {entry.task: entry for entry in found}


def events(feed: Feed, at: datetime = AT) -> dict[str, Any]:
    """The feed's events by their identifier, as a calendar reads them."""
    calendar = icalendar.Calendar.from_ical(document(told(feed, at).values()))
    return {str(e["uid"]): e for e in calendar.walk("VEVENT")}


def test_a_feed_tells_open_and_coming_tasks_as_whole_days(ana: User, patient: Patient) -> None:
    feed = made(ana)
    wanted = TaskDue.objects.filter(ended_as=None, missed_at__gt=AT)
    found = events(feed)
    assert set(found) == {f"{pk}@daymark" for pk in wanted.values_list("pk", flat=True)}
    for row in wanted:
        event = found[f"{row.pk}@daymark"]
        assert (event["dtstart"].dt, event["dtend"].dt) == (row.due_on, row.due_on + timedelta(days=1))
        assert type(event["dtstart"].dt) is date, "a date, so no time zone can move it"
        assert str(event["url"]).endswith(f"/admin/tasks/{row.pk}/") and event["sequence"] == 0
        assert str(event["summary"]).startswith("HTC task, ref ") and event["status"] == "CONFIRMED"


def test_two_other_readings_of_the_same_bytes_agree(ana: User, patient: Patient) -> None:
    feed = made(ana)
    entries = told(feed)
    text = document(entries.values())
    assert text == document(told(feed, AT + timedelta(hours=2)).values()), "nothing moved: the same bytes"
    other = ics.Calendar(text.decode())
    assert {e.uid: e.begin.date() for e in other.events} == {
        f"{pk}@daymark": row.on for pk, row in entries.items()
    }
    assert all(e.all_day for e in other.events)
    assert all(len(line) <= 75 for line in text.split(b"\r\n")), "lines are folded"


UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LINES = re.compile(
    r"(BEGIN|END):(VCALENDAR|VEVENT)|VERSION:2\.0|PRODID:-//Daymark//Worklist//EN|CALSCALE:GREGORIAN"
    r"|X-WR-CALNAME:HTC tasks|REFRESH-INTERVAL;VALUE=DURATION:PT1H|X-PUBLISHED-TTL:PT1H"
    r"|(DTSTAMP|LAST-MODIFIED):\d{8}T\d{6}Z|(DTSTART|DTEND);VALUE=DATE:20(2[6-9]|3\d|4[01])\d{4}|SEQUENCE:\d+"
    r"|STATUS:(CONFIRMED|CANCELLED)|TRANSP:TRANSPARENT|SUMMARY:HTC task\\, ref \d{6}"
    rf"|UID:{UUID}@daymark|(DESCRIPTION:Open the task: |URL:)http://localhost:8000/admin/tasks/{UUID}/"
)
"""All that may stand in a feed."""


def test_a_feed_says_nothing_about_a_patient(ana: User, patient: Patient) -> None:
    text = document(told(made(ana)).values()).decode().replace("\r\n ", "")
    assert [line for line in text.splitlines() if not LINES.fullmatch(line)] == []
    assert len(text.splitlines()) > 500 and str(patient.pk) not in text
    named = document(told(made(ana, titles="task")).values()).decode().replace("\r\n ", "")
    assert "SUMMARY:Liver panel\\, week 5\\, ref " in named
    for canary in ("Canary", patient.code, str(patient.pk), "1985", "Hemgenix", "HEMGENIX", "1:21"):
        assert canary.lower() not in named.lower()


def test_a_task_that_moves_keeps_its_identity_and_rises(ana: User, patient: Patient) -> None:
    """The infusion is voided and recorded again a day later; all tasks move by a day, under their old names."""
    feed = made(ana)
    before = told(feed)
    _void(patient)
    later = AT + timedelta(hours=1)
    assert all(e.ended_at for e in told(feed, later).values())
    again = given(started_at=NOON + timedelta(hours=21), ended_at=None, observed_until=None)
    infusions.record(patient=patient.pk, fields=again, by="t", at=AT + timedelta(hours=2))
    after = told(feed, AT + timedelta(hours=3))
    panel = task(patient).pk
    assert after[panel].on == before[panel].on + timedelta(days=1)
    assert after[panel].sequence == 2 and after[panel].modified_at > before[panel].modified_at


def test_a_booked_date_moves_the_event_and_taking_it_back_moves_it_home(ana: User, patient: Patient) -> None:
    feed, pk = made(ana), task(patient).pk
    first = told(feed)[pk]
    for hour, on in ((1, first.on + timedelta(days=2)), (2, None)):
        at = AT + timedelta(hours=hour)
        bookings.book(patient=patient.pk, key=PANEL, on=on, by="ana", at=at)
        event = told(feed, at)[pk]
        assert (event.on, event.sequence) == (on or first.on, hour)
        assert event.modified_at == at


def infusion_of(patient: Patient) -> Any:
    return apps.get_model("workflow", "Infusion").objects.get(patient_id=patient.pk)


def _void(patient: Patient) -> None:
    for name in ("cleo", "carl"):
        make_staff(patient.site, "clinician", name)
    voids.ask(patient=patient.pk, fields={"reason": "wrong day"}, by="cleo", at=AT)
    voids.confirm(patient=patient.pk, by="carl", at=AT)


def test_what_ended_after_it_was_told_is_cancelled_for_thirty_days(ana: User, patient: Patient) -> None:
    feed, pk = made(ana), task(patient).pk
    never = task(patient, "liver-panel:w06")
    worklist.complete(patient=patient.pk, key=never.key, reason="done", by="ana", at=AT)
    assert pk in told(feed)
    worklist.waive(patient=patient.pk, key=PANEL, reason="agreed", by="ana", at=AT + timedelta(hours=1))
    found = events(feed, AT + timedelta(hours=2))
    assert found[f"{pk}@daymark"]["status"] == "CANCELLED" and found[f"{pk}@daymark"]["sequence"] == 1
    assert f"{never.pk}@daymark" not in found, "it ended before the feed told of it"
    ended = AT + timedelta(hours=2)
    assert pk in told(feed, ended + timedelta(days=30, seconds=-1))
    assert pk not in told(feed, ended + timedelta(days=30))


def test_a_task_belongs_to_the_feed_of_whoever_has_it(ana: User, patient: Patient) -> None:
    ben = make_staff(patient.site, "coordinator", "ben")
    mine, theirs, pk = made(ana), made(ben), task(patient).pk
    assert pk in told(mine) and pk in told(theirs)
    worklist.assign(patient=patient.pk, key=PANEL, assignee="ben", by="ana", at=AT)
    later = AT + timedelta(hours=1)
    assert told(mine, later)[pk].ended_at is not None and told(theirs, later)[pk].ended_at is None


def test_a_feed_acts_with_the_rights_its_owner_has_now(ana: User, patient: Patient) -> None:
    south = make_site("south", timezone="America/New_York")
    Membership.objects.create(user=ana, role="clinician", site=south, from_date=date(2020, 1, 1))
    there = ready_patient(south, mrn="S1")
    infusions.record(patient=there.pk, fields=given(), by="t", at=NOON)
    every, north = made(ana), made(ana, site="north")
    sites = lambda feed: {e.site_id for e in told(feed).values()}  # noqa: E731
    assert sites(every) == {patient.site_id, south.pk} and sites(north) == {patient.site_id}
    Membership.objects.filter(user=ana, site=patient.site).update(role="auditor")
    assert sites(every) == {south.pk}
    assert _read(north) is None
    Membership.objects.filter(user=ana, site=south).update(to_date=date(2026, 1, 1))
    assert _read(every) is None


def _read(feed: Feed) -> Any:
    with access.site_context((), by="calendar"):
        return feeds.read(feed=Feed.objects.select_related("user").get(pk=feed.pk), at=AT)


def test_only_the_live_feed_of_an_active_person_is_found(ana: User) -> None:
    kept = feeds.create(user=ana, at=AT)
    assert feeds.found(kept.secret) == kept.feed
    assert kept.secret not in str(Feed.objects.filter(pk=kept.feed.pk).values()), "only its hash is kept"
    assert feeds.found(kept.secret + "x") is None and feeds.found("") is None
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert feeds.found(kept.secret) is None
    User.objects.filter(pk=ana.pk).update(is_active=True)
    ben = make_staff(Site.objects.get(code="north"), "coordinator", "ben")
    with pytest.raises(NotFound):
        feeds.revoke(feed=kept.feed.pk, user=ben)
    feeds.revoke(feed=kept.feed.pk, user=ana, at=AT)
    assert feeds.found(kept.secret) is None
    with pytest.raises(NotFound):
        feeds.revoke(feed=kept.feed.pk, user=ana)
    labels = apps.get_model("workflow", "FeedSealedEvent").objects.filter(pgh_obj_id=kept.feed.pk)
    assert list(labels.order_by("pgh_id").values_list("pgh_label", flat=True)) == ["insert", "update"]


def test_a_feed_is_of_an_own_site_made_once_and_not_without_end(ana: User, monkeypatch: Any) -> None:
    make_site("south")
    for code in ("south", "nowhere"):
        with pytest.raises(Invalid):
            feeds.create(user=ana, site=code)
    first = feeds.create(user=ana)
    again = feeds.create(user=ana, pk=first.feed.pk)
    assert (again.feed, again.secret) == (first.feed, "")
    monkeypatch.setattr(feeds, "MOST", 1)
    with pytest.raises(Conflict):
        feeds.create(user=ana)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_days_are_those_of_the_site_on_both_sides_of_a_clock_change(ana: User, zone: str) -> None:
    """Week 1 after Day 0 on 2 March 2026: New York changes its clocks on 8 March, Auckland on 5 April."""
    there = make_site("there", timezone=zone)
    Membership.objects.create(user=ana, role="coordinator", site=there, from_date=date(2020, 1, 1))
    patient = ready_patient(there, mrn="Z1")
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    day0 = infusion_of(patient).day0
    found = told(made(ana, site="there"), NOON)
    for week in (1, 5, 6):
        assert found[task(patient, f"liver-panel:w{week:02d}").pk].on == day0 + timedelta(weeks=week)
    assert day0 == DAY0
