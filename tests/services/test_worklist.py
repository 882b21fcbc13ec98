"""Acts on tasks, one and many: who was first is told to the second, and saying a thing twice says it once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from patients.access import everywhere
from patients.errors import Conflict, DomainError, Invalid, NotFound, Stale
from patients.models import Patient, Site
from tests.factories.people import make_site, make_staff
from tests.services.racing import racing
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Act, TaskDue
from workflow.selectors.acts import contacts
from workflow.services import bulk, infusions, intake, worklist

AT = datetime(2026, 4, 4, 9, tzinfo=UTC)
"""Saturday; the panel of week 5 opens on 3 April, is due on 6 and closes on 9 April."""
KEY = "liver-panel:w05"
CLOSES = date(2026, 4, 9)
CALL = {"who": "patient", "how": "phone", "outcome": "no_answer"}


def infused(site: Site, mrn: str = "W1") -> Patient:
    patient = ready_patient(site, mrn=mrn)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    return patient


@pytest.fixture
def patient(site: Site) -> Patient:
    for name in ("ana", "ben"):
        make_staff(site, "coordinator", name)
    return infused(site)


def task(patient: Patient, key: str = KEY) -> TaskDue:
    return TaskDue.objects.get(patient_id=patient.pk, key=key)


def say(verb: str, patient: Patient, by: str = "ana", at: datetime = AT, **more: Any) -> Any:
    return getattr(worklist, verb)(patient=patient.pk, key=KEY, by=by, at=at, **more)


HOLDS = [
    (date(2026, 4, 4), date(2026, 4, 4), "past"),
    (date(2026, 4, 4), date(2026, 4, 5), ""),
    (date(2026, 4, 4), CLOSES, ""),
    (date(2026, 4, 4), date(2026, 4, 10), "beyond-window"),
    (CLOSES, date(2026, 4, 10), "beyond-window"),
    (date(2026, 4, 11), date(2026, 4, 12), "beyond-window"),
]


def test_a_task_is_on_hold_at_most_to_the_end_of_its_window(patient: Patient) -> None:
    """Today, until when, and why it is refused; then it is taken off hold again."""
    for today, until, code in HOLDS:
        at = datetime(today.year, today.month, today.day, 9, tzinfo=UTC)
        before = task(patient).snoozed_until
        if not code:
            say("snooze", patient, at=at, until=until, reason="away")
            assert task(patient).snoozed_until == until
            continue
        with pytest.raises(Invalid) as error:
            say("snooze", patient, at=at, until=until, reason="away")
        assert [(f.pointer, f.code) for f in error.value.faults] == [("/until", code)]
        assert task(patient).snoozed_until == before
    say("snooze", patient, until=None, reason="is back")
    assert task(patient).snoozed_until is None


def test_the_second_is_told_who_was_first_and_when(patient: Patient) -> None:
    say("complete", patient, "ben", reason="seen elsewhere")
    for verb in ("complete", "waive", "miss"):
        with pytest.raises(Conflict, match=r"ended by ben on 4 Apr 2026 at 11:00 \(Done\)") as error:
            say(verb, patient, at=AT + timedelta(hours=1), reason="r")
        assert error.value.extra["ended_by"] == "ben"
        assert error.value.extra["ended_at"] == "2026-04-04T09:00:00Z"
    with pytest.raises(Conflict, match="ben"):
        say("assign", patient, assignee="ana")


def test_a_result_that_fulfilled_the_task_meanwhile_is_named(patient: Patient) -> None:
    items = [
        {
            "analyte": a,
            "value": "20",
            "unit": u,
            "collected_at": "2026-04-06T08:00:00Z",
            "reference_high": "40",
        }
        for a, u in (("ALT", "U/L"), ("AST", "U/L"), ("ALP", "U/L"), ("TBIL", "umol/L"))
    ]
    intake.record_results(patient=patient.pk, items=items, by="lab", at=AT + timedelta(days=3), listed=True)
    with pytest.raises(Conflict, match="A result that lab on 7 Apr 2026 at 11:00 recorded"):
        say("complete", patient, at=AT + timedelta(days=3), reason="r")


def test_a_task_taken_meanwhile_is_not_taken_back_unseen(patient: Patient) -> None:
    say("assign", patient, "ben", assignee="ben", seen="")
    with pytest.raises(Stale, match="ben gave this task to ben on 4 Apr 2026 at 11:00") as error:
        say("assign", patient, assignee="ana", seen="")
    assert error.value.extra == {"current": {"assignee": "ben"}, "submitted": {"assignee": "ana"}}
    say("assign", patient, assignee="ana", seen="ben", reason="ben is away")
    assert task(patient).assignee == "ana"
    assert Act.objects.get(kind="assign", payload__assignee="ana").reason == "ben is away"


def test_giving_a_task_to_whom_it_belongs_writes_nothing(patient: Patient) -> None:
    say("assign", patient, assignee="ana")
    assert say("assign", patient, "ben", assignee="ana", seen="") is None
    assert Act.objects.filter(kind="assign").count() == 1


def test_a_contact_is_logged_once_with_the_day_on_which_it_was_made(patient: Patient) -> None:
    made = AT - timedelta(days=1)
    for _ in range(3):
        say("contact", patient, contact={**CALL, "at": made, "note": "voice box full"})
    (act,) = contacts(patient.pk, KEY)
    assert (act.payload["at"], act.true_on, act.reason) == (
        "2026-04-03T09:00:00Z",
        date(2026, 4, 3),
        "voice box full",
    )
    assert task(patient).payload["contacts"]["count"] == 1
    say("contact", patient, "ben", contact={**CALL, "at": made, "note": "voice box full"})
    assert task(patient).payload["contacts"]["count"] == 2, "another person called as well"


def test_a_contact_may_follow_the_end_of_a_task_but_not_the_clock(patient: Patient) -> None:
    say("complete", patient, reason="done by phone")
    say("contact", patient, contact={**CALL, "outcome": "reached"})
    with pytest.raises(Invalid) as error:
        say("contact", patient, contact={**CALL, "at": AT + timedelta(minutes=1)})
    assert [f.code for f in error.value.faults] == ["future"]
    with pytest.raises(NotFound):
        worklist.contact(patient=patient.pk, key="liver-panel:w99", contact=CALL, by="ana", at=AT)


def test_a_contact_is_known_from_the_instant_it_was_recorded(patient: Patient) -> None:
    from workflow.selectors.decisions import decided
    from workflow.selectors.facts import history

    say("contact", patient, contact=CALL)

    def count(known_at: datetime) -> int:
        found = decided(history(patient.pk), as_of=AT.date(), as_known_at=known_at).decision.tasks
        return next(t.contacts for t in found if t.key == KEY)

    assert (count(AT - timedelta(seconds=1)), count(AT)) == (0, 1)


ACTS: list[tuple[str, dict[str, Any]]] = [
    ("assign", {"assignee": "ana"}),
    ("assign", {"assignee": "ben"}),
    ("assign", {"assignee": ""}),
    ("snooze", {"until": date(2026, 4, 8), "reason": "away"}),
    ("snooze", {"until": None, "reason": "back"}),
    ("contact", {"contact": {**CALL, "at": AT}}),
    ("contact", {"contact": {**CALL, "at": AT - timedelta(hours=1)}}),
    ("miss", {"reason": "no show"}),
    ("complete", {"reason": "done"}),
]


@pytest.mark.parametrize("seed", [1, 2])
def test_acts_said_again_change_nothing_more(patient: Patient, seed: int) -> None:
    """Any sequence of acts, each said three times at once, ends like the sequence said once."""
    chance, other = Random(seed), infused(patient.site, "W2")
    for number, (verb, fields) in enumerate(chance.choices(ACTS, k=9)):
        at = AT + timedelta(minutes=number)
        for who, times in ((patient, 1), (other, 3)):
            for _ in range(times):
                try:
                    say(verb, who, at=at, **fields)
                except DomainError:
                    continue
    columns = ("assignee", "snoozed_until", "ended_as", "ended_on")
    once, thrice = task(patient), task(other)
    assert [getattr(once, c) for c in columns] == [getattr(thrice, c) for c in columns]
    assert once.payload["contacts"] == thrice.payload["contacts"]


def test_many_are_assigned_and_those_that_moved_on_are_named(patient: Patient) -> None:
    other = infused(patient.site, "W2")
    say("complete", other, "ben", reason="done")
    taken = task(patient, "fix-activity:w05")
    worklist.assign(patient=patient.pk, key=taken.key, assignee="ben", by="ben", at=AT)
    rows = {task(patient).pk: "", taken.pk: "", task(other).pk: ""}
    found = bulk.assign(tasks=rows, sites=[patient.site_id], assignee="ana", reason="", by="ana", at=AT)
    assert found.done == 1 and task(patient).assignee == "ana"
    told = {r.title: r.why for r in found.refused}
    assert "ended by ben" in told["Liver panel, week 5"]
    assert "ben gave this task to ben" in told["Factor IX activity, week 5"]


def test_many_are_put_on_hold_each_within_its_own_window(patient: Patient) -> None:
    rows = [task(patient).pk, task(patient, "liver-panel:w08").pk, task(patient, "liver-panel:w04").pk]
    until = date(2026, 4, 20)
    found = bulk.snooze(tasks=rows, sites=[patient.site_id], until=until, reason="away", by="ana", at=AT)
    assert found.done == 1 and task(patient, "liver-panel:w08").snoozed_until == until
    assert len(found.refused) == 2 and all("window ends on" in r.why for r in found.refused)


def test_a_task_of_another_site_is_not_there(patient: Patient) -> None:
    south = make_site("south")
    with everywhere(by="t"):
        theirs = infused(south, "S1")
        rows = {task(theirs).pk: "", task(patient).pk: ""}
        found = bulk.assign(tasks=rows, sites=[patient.site_id], assignee="ana", reason="", by="ana", at=AT)
        assert (found.done, [r.why for r in found.refused]) == (1, [bulk.GONE])
        assert task(theirs).assignee == ""


def test_too_many_at_once_are_refused() -> None:
    from patients.ids import new_id

    with pytest.raises(Invalid):
        bulk.snooze(tasks=[new_id() for _ in range(201)], sites=[], until=None, reason="r", by="ana")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_complete_a_task_at_once_one_is_told_about_the_other() -> None:
    with everywhere(by="t"):
        site = make_site("race")
    with everywhere(by="t"):
        patient = infused(site)

    def complete() -> Any:
        with everywhere(by="t"):
            return worklist.complete(patient=patient.pk, key=KEY, reason="done", by="ana", at=AT)

    answers = racing(complete)
    assert sum(isinstance(a, Act) for a in answers) == 1
    assert sum(isinstance(a, Conflict) and "ended by ana" in a.detail for a in answers) == 3
