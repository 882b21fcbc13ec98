"""Time asked for again: what was known at an instant is what was told then, whatever was recorded since."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from outcomes.selectors.status import patient_status
from patients.errors import DomainError, Invalid
from patients.models import Patient, QuarantineItem, Site
from tests.factories.people import PatientFactory
from tests.services.random_facts import START, Storyteller, infuse_unchecked
from tests.services.ready import DAY0, NOON, given, ready_patient
from tests.services.test_intake import stripped
from workflow.models import Pathway
from workflow.services import facts, infusions, intake, pathways

CREATED = datetime(2025, 11, 1, tzinfo=UTC)


class Diary(Storyteller):
    """A storyteller who writes down the status after each thing told."""

    def __init__(self, patient: UUID, seed: int) -> None:
        super().__init__(patient, seed)
        self.pages: list[tuple[date, datetime, dict[str, Any]]] = []

    def write_down(self) -> None:
        known_at = Pathway.objects.get(pk=self.patient).last_recorded_at
        on = known_at.date()
        self.pages.append((on, known_at, patient_status(self.patient, as_of=on, as_known_at=known_at)))


@pytest.mark.parametrize("seed", range(4))
def test_every_earlier_status_can_be_reproduced(site: Site, seed: int, monkeypatch: Any) -> None:
    patient = PatientFactory(site=site, at=CREATED)
    if seed % 2:
        infuse_unchecked(patient.pk, monkeypatch)
    diary = Diary(patient.pk, seed)
    diary.write_down()
    for _ in range(25):
        diary.tell(2)
        diary.write_down()
    told = [patient_status(patient.pk, as_of=on, as_known_at=known_at) for on, known_at, _ in diary.pages]
    assert told == [status for _, _, status in diary.pages]
    assert len({str(stripped(status)) for status in told}) > 5, "the story must change something"


@pytest.mark.parametrize("seed", range(3))
def test_the_stored_rows_say_what_the_status_said_then(site: Site, seed: int, monkeypatch: Any) -> None:
    """What the database holds after each thing told is the status as known at that instant."""
    patient = PatientFactory(site=site, at=CREATED)
    infuse_unchecked(patient.pk, monkeypatch)
    teller = Storyteller(patient.pk, seed)
    for _ in range(12):
        teller.tell(3)
        row = Pathway.objects.get(pk=patient.pk)
        status = patient_status(patient.pk, as_of=row.decided_for, as_known_at=row.last_recorded_at)
        assert (row.phase, row.ready, row.blocked_by) == (
            status["phase"], status["ready"], status["blocked_by"],
        )  # fmt: skip


def test_a_late_laboratory_report_changes_today_and_not_what_was_known(site: Site) -> None:
    patient = ready_patient(site, without="FIX_INH")

    def blocks(**known: datetime) -> bool:
        return "fix-inhibitor" in patient_status(patient.pk, as_of=DAY0, **known)["blocked_by"]

    assert blocks(as_known_at=NOON)
    late = {"analyte": "FIX_INH", "value": "0.1", "unit": "BU", "collected_at": "2026-02-16T08:00:00Z"}
    intake.record_results(patient=patient.pk, items=[late], by="t", at=NOON + timedelta(days=1))
    assert not blocks()
    assert not blocks(as_known_at=NOON + timedelta(days=1))
    assert blocks(as_known_at=NOON)


def test_a_resolved_item_waited_until_it_was_resolved(site: Site) -> None:
    patient = ready_patient(site, without="ALT")
    arrived, resolved = NOON, NOON + timedelta(days=2)
    odd = {"analyte": "ALT", "value": "25", "unit": "furlong", "collected_at": NOON - timedelta(hours=2)}
    intake.record_results(patient=patient.pk, items=[odd], by="t", at=arrived, listed=True)
    QuarantineItem.objects.update(state="discarded", resolved_at=resolved, resolved_by="t")

    def liver(known_at: datetime) -> str:
        status = patient_status(patient.pk, as_of=DAY0 + timedelta(days=3), as_known_at=known_at)
        return next(g["verdict"] for g in status["gates"] if g["code"] == "liver-enzymes")

    moments = (arrived - timedelta(hours=1), arrived, resolved - timedelta(seconds=1), resolved)
    with time_machine.travel(resolved + timedelta(days=1), tick=False):
        assert [liver(m) for m in moments] == ["missing", "indeterminate", "indeterminate", "missing"]


def test_a_later_fact_is_not_seen_on_an_earlier_day(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    eve = patient_status(patient.pk, as_of=DAY0 - timedelta(days=1))
    assert (eve["phase"], eve["infusion"]) == ("cleared", None)
    assert patient_status(patient.pk, as_of=DAY0)["phase"] == "monitoring"


def test_an_instant_before_the_patient_or_in_the_future_is_refused(site: Site) -> None:
    patient = PatientFactory(site=site, at=CREATED)
    for moment in (CREATED - timedelta(days=1), datetime(2999, 1, 1, tzinfo=UTC)):
        with pytest.raises(Invalid) as error:
            patient_status(patient.pk, as_known_at=moment)
        assert error.value.faults[0].pointer == "/as_known_at"


def test_moved_pins_and_a_corrected_birth_date_leave_the_past_alone(site: Site) -> None:
    patient = ready_patient(site, policy="label-us")
    known_at = NOON
    before = patient_status(patient.pk, as_of=DAY0, as_known_at=known_at)
    fields = {"policy": "us-standard", "reason": "new payer"}
    pathways.move_pins(patient=patient.pk, fields=fields, by="t", at=NOON + timedelta(days=1))
    pathways.change_demographics(
        patient=patient.pk, fields={"birth_date": date(2015, 5, 17)}, expected=1, by="t",
        at=NOON + timedelta(days=2),
    )  # fmt: skip
    assert patient_status(patient.pk, as_of=DAY0, as_known_at=known_at) == before
    now = patient_status(patient.pk, as_of=DAY0)
    assert now["policy"]["id"] == "us-standard"
    assert "age" in now["blocked_by"]


def result(analyte: str, value: str, on: str, unit: str, **more: str) -> tuple[str, dict[str, Any]]:
    item = {"analyte": analyte, "value": value, "unit": unit, "collected_at": f"{on}T08:00:00Z", "source": "lab",
            "reported_at": f"{on}T16:00:00Z", "source_id": f"{analyte}{on}", **more}  # fmt: skip
    return "results", item


CHART: list[tuple[str, dict[str, Any]]] = [
    result("ALT", "24", "2025-12-01", "U/L", reference_high="40"),
    result("ALT", "61", "2026-01-05", "U/L", reference_high="40"),
    result("ALT", "90", "2026-01-12", "U/L", reference_high="40"),
    result("ALT", "33", "2026-01-12", "U/L", reference_high="40", status="corrected", reported_at="2026-01-20T08:00:00Z"),
    result("FIX_OS", "31", "2026-01-05", "%"),
    result("FIX_CH", "14", "2026-01-05", "%"),
    result("AAV5_NAB", "1:21", "2025-11-20", "", assay="clinical-study"),
    result("FIX_INH", "0.1", "2025-11-20", "BU"),
    ("regimens", {"product": "IDELVION", "iu_per_kg": "40", "interval_days": "7", "from": "2024-01-01", "to": "2025-12-05"}),
    ("regimens", {"product": "BENEFIX", "iu_per_kg": "50", "interval_days": "4", "from": "2026-01-25"}),
    ("bleeds", {"onset_at": "2026-01-08", "site": "knee", "joint": True, "cause": "traumatic", "treated": True}),
    ("factor-uses", {"product": "IDELVION", "iu": "3000", "given_on": "2026-01-08", "reason": "bleed"}),
    ("attestations", {"code": "lft-plan", "on": "2025-11-20"}),
    ("attestations", {"code": "shared-decision", "on": "2025-11-21", "value": False}),
    ("events", {"kind": "follow_up_gap", "from": "2026-01-14", "to": "2026-01-20"}),
    ("draws", {"panel": "liver-panel:w04", "drawn_at": "2026-02-02"}),
]  # fmt: skip


def _say(patient: Patient, kind: str, data: dict[str, Any], at: datetime) -> None:
    if kind == "results":
        intake.record_results(patient=patient.pk, items=[data], by="t", at=at)
    else:
        facts.record(patient=patient.pk, kind=kind, data=data, by="t", at=at)


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_all_kinds_of_facts_gives_the_same_status(
    site: Site, seed: int, monkeypatch: Any
) -> None:
    def told(chart: list[tuple[str, dict[str, Any]]]) -> Any:
        patient = PatientFactory(site=site, at=CREATED)
        infuse_unchecked(patient.pk, monkeypatch)
        for number, (kind, data) in enumerate(chart):
            _say(patient, kind, data, START + timedelta(days=40, minutes=number))
        return stripped(patient_status(patient.pk, as_of=date(2026, 2, 20)))

    chance = random.Random(seed)
    shuffled = [*CHART, *chance.choices(CHART, k=5)]
    chance.shuffle(shuffled)
    assert told(shuffled) == told(CHART)


def test_a_refused_fact_leaves_no_trace(site: Site) -> None:
    patient = ready_patient(site)
    before = patient_status(patient.pk, as_of=DAY0)
    future = {"onset_at": "2027-01-01", "site": "knee", "joint": True, "cause": "traumatic", "treated": True}
    wrong = {"code": "no-such-code", "on": "2026-02-01"}
    for kind, data in (("bleeds", future), ("attestations", wrong)):
        with pytest.raises(DomainError):
            facts.record(patient=patient.pk, kind=kind, data=data, by="t", at=NOON)
    after = patient_status(patient.pk, as_of=DAY0)
    assert {**after, "as_known_at": ""} == {**before, "as_known_at": ""}
