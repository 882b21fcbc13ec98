"""The one door under a crowd: writers of one patient wait in line, and nothing is lost or done twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from patients.access import everywhere, site_context
from patients.errors import Conflict, DomainError, NotFound, Stale
from patients.models import Bleed, Patient, Result
from tests.factories.people import make_site
from tests.services.racing import racing
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Act, Pathway, TaskDue
from workflow.selectors.drift import drift
from workflow.services import facts, infusions, intake, steroids, worklist

LATER = datetime(2026, 4, 1, 9, tzinfo=UTC)
BLEED = {"onset_at": "2026-03-20", "site": "knee", "joint": True, "cause": "unknown", "treated": False}


@pytest.fixture
def infused(transactional_db: None) -> Iterator[Patient]:
    with everywhere(by="t"):
        place = make_site("crowd")
    with everywhere(by="t"):
        patient = ready_patient(place)
        infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    yield patient


def outcome(what: Callable[[], Any]) -> Any:
    """What happened, with a refusal as its class."""
    try:
        with everywhere(by="t"):
            return what()
    except DomainError as error:
        return type(error)


def alt(number: int) -> dict[str, Any]:
    return {
        "analyte": "ALT", "value": str(20 + number), "unit": "U/L", "collected_at": f"2026-03-{10 + number}T08:00:00Z",
        "reference_high": "40", "source": "lab", "source_id": f"n{number}",
    }  # fmt: skip


def test_twelve_writers_at_one_instant_are_recorded_in_a_strict_order(infused: Patient) -> None:
    numbers = itertools.count()

    def send() -> Any:
        items = [alt(next(numbers))]
        return intake.record_results(patient=infused.pk, items=items, by="t", at=LATER)

    with everywhere(by="t"):
        before = Pathway.objects.get(pk=infused.pk).decided_seq
    answers = racing(lambda: outcome(send), threads=12)
    assert not [a for a in answers if isinstance(a, type | Exception)], answers
    with everywhere(by="t"):
        rows = Result.objects.filter(patient_id=infused.pk, source_id__startswith="n")
        times = set(rows.values_list("recorded_at", flat=True))
        assert (len(times), min(times) >= LATER) == (12, True)
        assert Pathway.objects.get(pk=infused.pk).decided_seq == before + 12
        assert [line for line in drift() if "not decided again" not in line] == []


def test_the_same_result_from_eight_senders_is_one(infused: Patient) -> None:
    def send() -> str:
        return intake.record_results(patient=infused.pk, items=[alt(1)], by="t", at=LATER)[0].disposition

    assert Counter(racing(lambda: outcome(send), threads=8)) == {"result": 1, "duplicate": 7}


def test_the_same_bleed_from_eight_senders_is_one(infused: Patient) -> None:
    def send() -> bool:
        return facts.record(patient=infused.pk, kind="bleeds", data=BLEED, by="t", at=LATER).duplicate

    assert Counter(racing(lambda: outcome(send), threads=8)) == {False: 1, True: 7}
    with everywhere(by="t"):
        assert Bleed.objects.count() == 1


def test_of_those_who_end_a_task_at_once_one_does(infused: Patient) -> None:
    def end() -> str:
        act = worklist.waive(patient=infused.pk, key="liver-panel:w05", reason="r", by="t", at=LATER)
        return act.kind

    assert Counter(racing(lambda: outcome(end), threads=6)) == {"waive": 1, Conflict: 5}
    with everywhere(by="t"):
        assert TaskDue.objects.get(patient_id=infused.pk, key="liver-panel:w05").ended_as == "waived"


def test_of_those_who_change_a_course_at_once_one_does(infused: Patient) -> None:
    with everywhere(by="t"):
        course = steroids.start(
            patient=infused.pk, fields={"started_on": LATER.date(), "template": "default"}, by="t", at=LATER
        )

    def end() -> str:
        steroids.change(patient=infused.pk, course=course, fields={"ended_on": date(2026, 4, 20)}, expected=1,
                        by="t", at=LATER)  # fmt: skip
        return "changed"

    assert Counter(racing(lambda: outcome(end), threads=6)) == {"changed": 1, Stale: 5}
    with everywhere(by="t"):
        assert Act.objects.filter(kind="steroid", key=course).count() == 2


def test_a_fault_within_the_door_leaves_nothing_behind(infused: Patient, monkeypatch: Any) -> None:
    """The fact and what follows from it are one transaction: if deciding fails, the fact is not there."""

    class Broken(Exception):
        pass

    def broken(*_: Any, **__: Any) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr("workflow.services.apply.decide_all", broken)
        with everywhere(by="t"), pytest.raises(Broken):
            facts.record(patient=infused.pk, kind="bleeds", data=BLEED, by="t", at=LATER)
    with everywhere(by="t"):
        assert Bleed.objects.count() == 0
        assert not facts.record(patient=infused.pk, kind="bleeds", data=BLEED, by="t", at=LATER).duplicate


def test_the_door_of_another_site_is_not_there(infused: Patient) -> None:
    with everywhere(by="t"):
        other = make_site("other")
    with site_context([other.pk], by="t"), pytest.raises(NotFound):
        facts.record(patient=infused.pk, kind="bleeds", data=BLEED, by="t", at=LATER)
