"""The sweep: digests once however many sweepers race, and patients decided again when their date comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from patients.access import everywhere
from patients.models import Site
from tests.factories.people import PatientFactory, make_site, make_staff
from tests.services.racing import racing
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Notice, Pathway
from workflow.selectors.drift import drift
from workflow.services import infusions, sweep

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
    assert sorted(answers)[:3] == [0, 0, 0], answers
    with everywhere(by="t"):
        assert Notice.objects.count() == sum(answers)
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
