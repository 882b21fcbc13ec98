"""Follow-ups are booked before the infusion and after it; a move of the infusion keeps what it did to them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from patients.errors import Conflict, Invalid, NotFound, Stale
from patients.models import Patient, Site
from tests.factories.people import PatientFactory
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Act, Pathway, TaskDue
from workflow.selectors import bookings as selector
from workflow.selectors.plan import preview
from workflow.services import bookings, infusions, plan, worklist

W1, W3, FIX3, M6 = "liver-panel:w01", "liver-panel:w03", "fix-activity:w03", "liver-panel:m06"
PLANNED = DAY0 + timedelta(days=10)


@pytest.fixture
def planned(site: Site) -> Patient:
    patient = ready_patient(site)
    plan.book(patient=patient.pk, infusion_on=PLANNED, by="kim", at=NOON)
    return patient


def book(patient: Patient, key: str, on: date | None, **more: Any) -> Any:
    return bookings.book(patient=patient.pk, key=key, on=on, by="kim", at=NOON, **more)


def booked(patient: Patient) -> dict[str, tuple[str, int]]:
    """Booked date and days from the target, by task."""
    rows = selector.rows(patient.pk, today=DAY0)
    return {r["key"]: (r["booked_on"], r["booked_delta_days"]) for r in rows}


def move(patient: Patient, days: int, how: str = "") -> Act:
    on = PLANNED + timedelta(days=days)
    return plan.book(patient=patient.pk, infusion_on=on, booked=how, by="kim", at=NOON)


def day(after_plan: int) -> date:
    return PLANNED + timedelta(days=after_plan)


def test_follow_ups_are_booked_for_the_planned_infusion(planned: Patient) -> None:
    book(planned, W3, day(23))
    assert booked(planned) == {W3: (str(day(23)), 2)}
    assert not TaskDue.objects.filter(key=W3).exists(), "no calendar is owed before the infusion"
    book(planned, W3, None)
    assert booked(planned) == {}


def test_one_visit_does_everything_that_is_due_that_day(planned: Patient) -> None:
    book(planned, W3, day(22), visit=True)
    assert booked(planned) == {W3: (str(day(22)), 1), FIX3: (str(day(22)), 1)}


@pytest.mark.parametrize(
    ("on", "code"),
    [(DAY0 - timedelta(1), "past"), (PLANNED, "order"), (PLANNED + timedelta(1), "")],
)
def test_a_follow_up_comes_after_today_and_after_the_infusion(planned: Patient, on: date, code: str) -> None:
    if not code:
        assert book(planned, W1, on)
        return
    with pytest.raises(Invalid) as error:
        book(planned, W1, on)
    assert [(f.pointer, f.code) for f in error.value.faults] == [("/on", code)]
    assert not Act.objects.filter(kind="book").exists()


@pytest.mark.parametrize("key", ["liver-panel:w99", "kit-order", "", "plan-passed"])
def test_what_is_no_follow_up_is_not_found(planned: Patient, key: str) -> None:
    with pytest.raises(NotFound):
        book(planned, key, day(30))


def test_without_a_planned_infusion_nothing_can_be_booked(site: Site) -> None:
    with pytest.raises(NotFound):
        book(PatientFactory(site=site, at=NOON), W1, day(30))


def test_of_two_who_book_the_second_is_told_when_it_says_what_it_has_seen(planned: Patient) -> None:
    book(planned, W3, day(21), expected=0)
    with pytest.raises(Stale) as error:
        book(planned, W3, day(22), expected=0)
    assert error.value.extra == {"current": {"on": str(day(21))}, "submitted": {"on": str(day(22))}}
    book(planned, W3, day(22), expected=1)
    assert booked(planned)[W3] == (str(day(22)), 1)


@pytest.mark.parametrize(
    ("how", "after"),
    [("shift", {W3: 2, M6: -1}), ("keep", {W3: 2 - 5, M6: -1 - 5})],
)
def test_moving_the_infusion_shifts_or_keeps_and_the_act_keeps_the_diff(
    planned: Patient, how: str, after: dict[str, int]
) -> None:
    book(planned, W3, day(23))
    month6 = next(t for t in preview(planned.pk, infusion_on=PLANNED, today=DAY0)["tasks"] if t["key"] == M6)
    book(planned, M6, date.fromisoformat(month6["due_on"]) - timedelta(1))
    before = booked(planned)
    shown = {b["key"]: b for b in preview(planned.pk, infusion_on=day(5), today=DAY0)["bookings"]}
    assert booked(planned) == before, "a preview saves nothing"
    act = move(planned, 5, how)
    assert {key: delta for key, (_, delta) in booked(planned).items()} == after
    assert {key: on for key, (on, _) in booked(planned).items()} == {
        k: b[how]["on"] for k, b in shown.items()
    }
    assert act.payload["booked"] == how
    assert act.payload["bookings"] == [
        {"key": key, "old": before[key][0], "new": shown[key][how]["on"]} for key in (W3, M6)
    ]
    assert {c["key"] for c in act.payload["changes"]} >= {W3, M6}


def test_a_preview_says_what_a_choice_means(planned: Patient, site: Site) -> None:
    book(planned, W3, day(23))
    (row,) = preview(planned.pk, infusion_on=day(5), today=DAY0)["bookings"]
    assert (row["booked_on"], row["old_target"], row["target"]) == (str(day(23)), str(day(21)), str(day(26)))
    assert row["shift"]["against"] == "2 days after target" and row["shift"]["in_window"]
    assert row["keep"]["against"] == "3 days before target"
    assert (row["keep"]["weekend"], row["shift"]["weekend"]) == (
        day(23).weekday() >= 5,
        day(28).weekday() >= 5,
    )


def test_a_move_must_say_what_happens_to_bookings(planned: Patient) -> None:
    move(planned, 1)
    book(planned, W3, day(23))
    with pytest.raises(Invalid) as error:
        move(planned, 5)
    assert [f.pointer for f in error.value.faults] == ["/booked"]
    move(planned, 1)
    assert Pathway.objects.get(pk=planned.pk).planned_on == day(1), "the same date moves nothing"


def test_there_and_back_again(planned: Patient) -> None:
    book(planned, W1, day(9))
    book(planned, W3, day(20))
    before = booked(planned)
    for days in (5, 40, 3, 0):
        move(planned, days, "shift")
    assert booked(planned) == before


def test_after_a_plan_is_taken_back_bookings_find_the_next_one(planned: Patient) -> None:
    book(planned, W3, day(23))
    plan.cancel(patient=planned.pk, by="kim", at=NOON)
    move(planned, 7, "shift")
    assert booked(planned) == {W3: (str(day(30)), 2)}


def test_the_infusion_on_another_day_leaves_appointments_and_shows_the_distance(site: Site) -> None:
    patient = ready_patient(site)
    plan.book(patient=patient.pk, infusion_on=DAY0 + timedelta(2), by="kim", at=NOON)
    book(patient, W3, DAY0 + timedelta(23))
    infusions.record(patient=patient.pk, fields=given(), by="kim", at=NOON)
    assert booked(patient) == {W3: (str(DAY0 + timedelta(23)), 2)}
    assert TaskDue.objects.get(key=W3).booked_on == DAY0 + timedelta(23)


def test_an_ended_follow_up_is_not_booked_and_a_booking_ends_nothing(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="kim", at=NOON)
    book(patient, W3, DAY0 + timedelta(21), visit=True)
    row = TaskDue.objects.get(key=FIX3)
    assert (row.booked_on, row.ended_as, row.due_on) == (DAY0 + timedelta(21), None, DAY0 + timedelta(21))
    worklist.waive(patient=patient.pk, key=FIX3, reason="not wanted", by="kim", at=NOON)
    with pytest.raises(Conflict):
        book(patient, FIX3, DAY0 + timedelta(22))
    book(patient, W3, DAY0 + timedelta(22), visit=True)
    assert {k: on for k, (on, _) in booked(patient).items()} == {
        W3: str(DAY0 + timedelta(22)), FIX3: str(DAY0 + timedelta(21)),
    }  # fmt: skip
