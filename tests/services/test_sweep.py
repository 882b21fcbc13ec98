"""The sweep: digests once however many sweepers race, and patients decided again when their date comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from patients.access import everywhere
from patients.models import Site
from tests.factories.people import PatientFactory, make_site, make_staff
from tests.services.racing import racing
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Notice, Pathway, TaskDue
from workflow.selectors.drift import drift
from workflow.services import infusions, sweep, worklist

MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)


@pytest.fixture
def committed(transactional_db: None) -> Iterator[Site]:
    """Two sites with a coordinator and an infused patient each, visible to other connections."""
    with everywhere(by="t"):
        places = [make_site("first"), make_site("second")]
    with everywhere(by="t"):
        for place in places:
            make_staff(place, "coordinator")
            patient = ready_patient(place)
            infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    yield places[0]


def test_four_racing_sweeps_write_each_digest_once(committed: Site) -> None:
    answers = racing(lambda: sweep.sweep(at=MONDAY))
    assert sum(answers) == 2, answers
    with everywhere(by="t"):
        rows = list(Notice.objects.filter(kind="digest").values_list("site__code", "occurrence"))
    assert sorted(rows) == [("first", "2026-03-09"), ("second", "2026-03-09")]


def test_four_racing_redecisions_agree(committed: Site) -> None:
    later = NOON + timedelta(days=120)
    with everywhere(by="t"):
        assert {p.next_change_on <= later.date() for p in Pathway.objects.all()} == {True}
    answers = racing(lambda: sweep.redecide(at=later))
    assert all(isinstance(a, int) for a in answers), answers
    with everywhere(by="t"):
        assert set(Pathway.objects.values_list("decided_for", flat=True)) == {later.date()}
        assert sweep.redecide(at=later) == 0


def test_nobody_is_decided_again_before_the_date(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    change = Pathway.objects.get(pk=patient.pk).next_change_on
    assert change is not None and change > DAY0
    morning = datetime.combine(change, time(9), UTC)
    assert sweep.redecide(at=morning - timedelta(days=1)) == 0
    assert sweep.redecide(at=morning) == 1


def test_results_grow_too_old_by_the_date_alone(site: Site) -> None:
    """No fact arrives; only the calendar moves, and the stored gates follow it."""
    patient = ready_patient(site)
    assert Pathway.objects.get(pk=patient.pk).ready
    long_after = NOON + timedelta(days=400)
    assert sweep.redecide(at=long_after) == 1
    row = Pathway.objects.get(pk=patient.pk)
    assert (row.decided_for, row.ready) == (long_after.date(), False)
    assert "liver-enzymes" in row.blocked_by


@pytest.mark.parametrize(("zone", "hour", "decided"), [
    ("Pacific/Auckland", 12, 1), ("Europe/Berlin", 12, 0), ("Europe/Berlin", 23, 1), ("America/Los_Angeles", 23, 0),
])  # fmt: skip
def test_the_date_is_the_sites_own(everywhere: None, zone: str, hour: int, decided: int) -> None:
    """A change due on 10 March is due when it is 10 March at the site: 11 hours before and 8 after UTC."""
    patient = PatientFactory(site=make_site("zone", timezone=zone), at=NOON)
    Pathway.objects.filter(pk=patient.pk).update(next_change_on=date(2026, 3, 10))
    assert sweep.redecide(at=datetime(2026, 3, 9, hour, tzinfo=UTC)) == decided


def test_redeciding_day_by_day_leaves_nothing_behind(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    for day in range(1, 120):
        sweep.redecide(at=NOON + timedelta(days=day))
    assert [line for line in drift() if "not decided again" not in line] == []


@pytest.mark.parametrize(("say", "told"), [(worklist.waive, 0), (None, 1)])
def test_a_digest_needs_something_that_is_due(site: Site, say: Any, told: int) -> None:
    make_staff(site, "coordinator")
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    due = TaskDue.objects.filter(ended_as=None, due_at__lte=MONDAY, missed_at__gt=MONDAY)
    assert due.exists()
    for key in due.values_list("key", flat=True) if say else ():
        say(patient=patient.pk, key=key, reason="done elsewhere", by="t", at=MONDAY)
    assert sweep.sweep(at=MONDAY) == told


def test_a_digest_is_not_for_those_who_do_not_want_it(site: Site) -> None:
    person = make_staff(site, "coordinator")
    person.mail_digest = False
    person.save()
    infusions.record(patient=ready_patient(site).pk, fields=given(), by="t", at=NOON)
    assert MONDAY.date() > DAY0
    assert sweep.sweep(at=MONDAY) == 0
