"""Results through the one door: late, corrected, retracted, repeated, conflicting; any order gives one status."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outcomes.selectors.status import patient_status
from patients.errors import Conflict, Invalid, Malformed, NotFound
from patients.ids import new_id
from patients.models import QuarantineItem, Result, ResultHead, Site
from tests.factories.people import PatientFactory
from tests.services.random_facts import infuse_unchecked
from workflow.models import Pathway
from workflow.services import intake

AT = datetime(2026, 2, 2, 9, tzinfo=UTC)
CREATED = datetime(2025, 11, 1, tzinfo=UTC)


def item(value: str = "30", day: int = 0, **more: Any) -> dict[str, Any]:
    collected = AT + timedelta(days=day)
    return {
        "analyte": "ALT",
        "value": value,
        "unit": "U/L",
        "collected_at": collected.isoformat(),
        "reported_at": (collected + timedelta(hours=4)).isoformat(),
        "reference_high": "40",
        "source": "lab",
        "source_id": f"a{day}",
        **more,
    }


@pytest.fixture
def patient(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    row = PatientFactory(site=site, at=CREATED)
    infuse_unchecked(row.pk, monkeypatch)
    return row


def send(patient: Any, *items: dict[str, Any], at: datetime = AT + timedelta(days=30)) -> list[str]:
    outcomes = intake.record_results(patient=patient.pk, items=list(items), by="t", at=at, listed=True)
    return [o.disposition for o in outcomes]


def counting(patient: Any) -> list[str]:
    heads = ResultHead.objects.filter(patient_id=patient.pk, active=True, suspect=False)
    return sorted(format(Result.objects.get(pk=h.result).value.normalize(), "f") for h in heads)


def test_the_same_result_twice_is_a_duplicate_and_changes_nothing(patient: Any) -> None:
    assert send(patient, item()) == ["result"]
    before = Pathway.objects.get(pk=patient.pk).decided_seq
    assert send(patient, item()) == ["duplicate"]
    assert Result.objects.filter(patient_id=patient.pk).count() == 1
    assert Pathway.objects.get(pk=patient.pk).decided_seq == before


def test_equal_numbers_are_equal(patient: Any) -> None:
    assert send(patient, item("27.0"), item("27")) == ["result", "duplicate"]


def test_a_correction_replaces_and_the_old_version_stays_readable(patient: Any) -> None:
    send(patient, item("90"))
    assert send(patient, item("30", status="corrected", reported_at="2026-02-05T00:00:00Z")) == ["result"]
    assert counting(patient) == ["30"]
    assert Result.objects.filter(patient_id=patient.pk).count() == 2


def test_an_older_report_is_history_only(patient: Any) -> None:
    send(patient, item("30", status="corrected", reported_at="2026-02-05T00:00:00Z"))
    send(patient, item("90"))
    assert counting(patient) == ["30"]


def test_a_changed_final_without_a_correction_flag_keeps_the_old_and_opens_a_review(patient: Any) -> None:
    send(patient, item("22"))
    assert send(patient, item("23", reported_at="2026-02-09T00:00:00Z")) == ["quarantine"]
    assert counting(patient) == ["22"]
    row = QuarantineItem.objects.get(patient_id=patient.pk)
    assert row.reason == "final-changed-without-correction"


def test_a_retraction_hides_and_a_later_report_shows_again(patient: Any) -> None:
    send(patient, item("90"))
    result = Result.objects.get(patient_id=patient.pk)
    intake.retract_result(result=result, reason="wrong tube", by="t", at=AT + timedelta(days=31))
    assert counting(patient) == []
    with pytest.raises(Conflict):
        intake.retract_result(result=result, reason="again", by="t")
    send(patient, item("31", reported_at="2026-03-20T00:00:00Z"), at=AT + timedelta(days=60))
    assert counting(patient) == ["31"]


def test_the_same_draw_from_two_sources_counts_once(patient: Any) -> None:
    send(patient, item("30"), item("30", source="other", source_id="z"))
    assert counting(patient) == ["30"]
    assert ResultHead.objects.filter(patient_id=patient.pk, suspect=True).count() == 1


FAULTS = [
    ({"unit": "furlong"}, "unit-unknown"),
    ({"unit": "%"}, "unit-dimension"),
    ({"value": "99999999"}, "implausible"),
    ({"value": "25000"}, "implausible"),
    ({"value": "high"}, "value-unparseable"),
    ({"analyte": "", "loinc": "9999-9"}, "unmapped-code"),
    ({"analyte": "NOPE"}, "unmapped-code"),
    ({"status": "weird"}, "status-unknown"),
    ({"status": "R"}, "status-unverified"),
    ({"collected_at": "2027-01-01T00:00:00Z"}, "future-timestamp"),
    ({"collected_at": "1950-01-01"}, "bad-timestamp"),
]


@pytest.mark.parametrize(("change", "reason"), FAULTS)
def test_what_cannot_be_judged_waits_with_its_reason(
    patient: Any, change: dict[str, Any], reason: str
) -> None:
    assert send(patient, item(**change)) == ["quarantine"]
    assert QuarantineItem.objects.get(patient_id=patient.pk).reason == reason
    assert Result.objects.filter(patient_id=patient.pk).count() == 0


@pytest.mark.parametrize(
    ("change", "disposition"),
    [
        ({"value": "pending"}, "pending"),
        ({"status": "cancelled", "value": ""}, "cancelled"),
        ({"analyte": "", "loinc": "2345-7"}, "untracked"),
        ({"status": "entered-in-error", "value": ""}, "retract"),
    ],
)
def test_items_that_are_no_value(patient: Any, change: dict[str, Any], disposition: str) -> None:
    assert send(patient, item(**change)) == [disposition]
    assert counting(patient) == []


def test_every_fault_of_a_list_is_reported_and_nothing_is_stored(patient: Any) -> None:
    with pytest.raises(Invalid) as error:
        send(patient, item(), {"value": "3"}, item(collected_at="yesterday"))
    assert [f.pointer for f in error.value.faults] == ["/1/collected_at", "/2/collected_at"]
    with pytest.raises(Malformed):
        send(patient, {**item(), "colour": "red"})
    assert Result.objects.count() == 0


def test_an_unknown_patient_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        intake.record_results(patient=new_id(), items=[item()], by="t")


def stripped(value: Any) -> Any:
    """A status without ids and instants of recording."""
    gone = {
        "id",
        "raised_on",
        "decided_on",
        "as_known_at",
        "fact",
        "fulfilled_by",
        "patient",
        "key",
        "evidence",
    }
    if isinstance(value, dict):
        return {k: stripped(v) for k, v in value.items() if k not in gone}
    return [stripped(v) for v in value] if isinstance(value, list) else value


STORY = [
    item("24", -33), item("60", 0), item("95", 7), item("29", 7, status="corrected", reported_at="2026-02-20T00:00:00Z"),
    item("70", 14, status="preliminary"), item("72", 14, reported_at="2026-02-17T00:00:00Z"), item("44", 21),
    item("45", 21, reported_at="2026-02-26T00:00:00Z"), item("60", 23, unit="furlong"),
    item("50", 24), item("", 24, status="entered-in-error", reported_at="2026-02-28T00:00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_repetition_gives_the_same_status(
    site: Site, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(items: list[dict[str, Any]]) -> Any:
        row = PatientFactory(site=site, at=CREATED)
        infuse_unchecked(row.pk, monkeypatch)
        for number, one in enumerate(items):
            send(row, one, at=AT + timedelta(days=30, minutes=number))
        return stripped(patient_status(row.pk))

    chance = random.Random(seed)
    shuffled = [*STORY, *chance.choices(STORY, k=4)]
    chance.shuffle(shuffled)
    assert told(shuffled) == told(STORY)


def test_a_status_of_600_results_stays_under_12_queries(patient: Any) -> None:
    analytes = {"ALT": "30", "AST": "22", "ALP": "80", "TBIL": "0.7", "FIX_OS": "35", "FIX_CH": "15"}
    units = {"TBIL": "mg/dL", "FIX_OS": "%", "FIX_CH": "%"}
    items = [
        item(value, day, analyte=analyte, unit=units.get(analyte, "U/L"), source_id=f"{analyte}{day}")
        for day in range(-70, 30)
        for analyte, value in analytes.items()
    ]
    assert set(send(patient, *items)) == {"result"}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        status = patient_status(patient.pk)
    assert len(items) == 600
    assert len(queries) < 12, [q["sql"][:80] for q in queries]
    assert len(status["tasks"]) > 40


def test_a_past_status_can_be_asked_for_again(patient: Any) -> None:
    send(patient, item("60", 0), at=AT + timedelta(days=1))
    known_at = AT + timedelta(days=2)
    before = patient_status(patient.pk, as_of=known_at.date(), as_known_at=known_at)
    send(
        patient,
        item("20", 0, status="corrected", reported_at="2026-02-10T00:00:00Z"),
        item("70", -3),
        at=AT + timedelta(days=9),
    )
    assert patient_status(patient.pk, as_of=known_at.date(), as_known_at=known_at) == before
    assert patient_status(patient.pk, as_of=known_at.date())["alerts"] != before["alerts"]


def test_recording_times_never_stand_still(patient: Any) -> None:
    moment = AT + timedelta(days=30)
    send(patient, item("30", 1), at=moment)
    send(patient, item("31", 2), at=moment)
    send(patient, item("32", 3), at=moment - timedelta(days=5))
    times = list(
        Result.objects.filter(patient_id=patient.pk)
        .order_by("recorded_at")
        .values_list("recorded_at", flat=True)
    )
    assert [t - times[0] for t in times] == [timedelta(microseconds=n) for n in range(3)]
