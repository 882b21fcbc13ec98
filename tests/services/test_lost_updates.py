"""Two people save the same thing at the same moment: one wins, the other is told, and shown both values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from patients.access import everywhere
from patients.errors import Stale
from patients.models import Patient, Site
from patients.services import sites
from tests.factories.people import PatientFactory, make_site, make_staff
from tests.services.racing import racing
from tests.services.ready import DAY0, NOON
from workflow.models import Act, TaskDue
from workflow.services import bookings, pathways, plan, steroids, worklist

LATER = NOON + timedelta(hours=6)


class Record:
    """One patient, and each thing of it that two people can change; `n` makes every try another value."""

    def __init__(self) -> None:
        with everywhere(by="t"):
            self.site = make_site("north")
        with everywhere(by="t"):
            self.team = [make_staff(self.site, "coordinator", name).username for name in ("ana", "ben")]
            self.patient = PatientFactory(site=self.site, at=NOON).pk
            plan.book(patient=self.patient, infusion_on=DAY0 + timedelta(9), by="t")
            step = {"from": DAY0, "to": None, "mg_per_day": Decimal(60)}
            fields = {"started_on": DAY0, "steps": [step], "alternative_cause": ""}
            self.course = steroids.start(patient=self.patient, fields=fields, by="t")
            self.task = TaskDue.objects.filter(patient=self.patient, ended_as=None).order_by("key")[0].key
            self.panel = "liver-panel:w03"

    def version(self, what: str) -> Any:
        """What a page or an ETag would have told."""
        if what == "demographics":
            return Patient.objects.get(pk=self.patient).version
        if what == "site":
            return Site.objects.get(pk=self.site.pk).version
        if what == "task":
            return TaskDue.objects.get(patient=self.patient, key=self.task).assignee
        return self.acts(what).count()

    def acts(self, what: str) -> Any:
        kind, key = {
            "plan": ("plan", ""),
            "course": ("steroid", self.course),
            "booking": ("book", self.panel),
            "task": ("assign", self.task),
            "demographics": ("demographics", ""),
        }[what]
        return Act.objects.filter(patient=self.patient, kind=kind, key=key)

    def save(self, what: str, seen: Any, n: int) -> None:
        by, on = self.team[n % 2], DAY0 + timedelta(10 + n)
        common = {"patient": self.patient, "by": by}
        if what == "demographics":
            pathways.change_demographics(fields={"family_name": f"Muster-{n}"}, expected=seen, **common)
        elif what == "site":
            sites.change_site(site=self.site.pk, fields={"name": f"Centre {n}"}, expected=seen)
        elif what == "plan":
            plan.book(infusion_on=on, booked="keep", expected=seen, **common)
        elif what == "course":
            step = {"from": DAY0, "to": None, "mg_per_day": Decimal(n + 1)}
            steroids.change(course=self.course, fields={"steps": [step]}, expected=seen, **common)
        elif what == "booking":
            bookings.book(key=self.panel, on=on + timedelta(30), expected=seen, **common)
        elif what == "task":
            worklist.assign(key=self.task, assignee=self.team[n % 2], seen=seen, **common)


@pytest.fixture(scope="module")
def record(django_db_setup: None, django_db_blocker: Any) -> Iterator[Record]:
    """Committed, as the threads have connections of their own; emptied by the next test that commits."""
    from django.test import TransactionTestCase

    with django_db_blocker.unblock(), time_machine.travel(LATER, tick=True):
        yield Record()
        TransactionTestCase()._fixture_teardown()


THINGS = ("demographics", "site", "booking", "course", "plan")
"""The plan last: its races move the infusion past the dates that are booked."""


@pytest.mark.parametrize("races", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", THINGS)
def test_of_two_who_save_at_once_one_wins_and_the_other_is_told_both(
    record: Record, what: str, races: int, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        for n in range(0, 2 * races, 2):
            with everywhere(by="t"):
                seen = record.version(what)
            told = raced(record, what, seen, n)
            assert len([t for t in told if t is not None]) == 1, told
            [lost] = [t for t in told if t is not None]
            assert isinstance(lost, Stale), lost
            [(_, stored, sent)] = [both for both in lost.both() if both[0] != "booked"]
            assert stored and sent and stored != sent
            with everywhere(by="t"):
                assert record.version(what) == seen + 1, "exactly one was saved"


def raced(record: Record, what: str, seen: Any, n: int) -> list[Any]:
    turns = iter((n, n + 1))

    def one(value: int) -> Callable[[], None]:
        def run() -> None:
            with everywhere(by="t"):
                record.save(what, seen, value)

        return run

    runs = [one(value) for value in turns]
    return racing(lambda: runs.pop()(), 2)


def test_a_task_taken_by_two_is_of_one_and_the_other_is_told_whose(
    record: Record, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        told = raced(record, "task", "", 0)
        [lost] = [t for t in told if t is not None]
        with everywhere(by="t"):
            holder = record.version("task")
        [(_, stored, sent)] = lost.both()
        assert (stored, {stored, sent}) == (holder, set(record.team))
