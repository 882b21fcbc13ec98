"""The infusion: refused for every single blocking gate, given once, told with its warnings."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from outcomes.selectors.status import patient_status
from patients.access import everywhere
from patients.errors import Conflict, Invalid
from patients.models import Site
from tests.factories.people import make_site
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Infusion, InfusionSlot
from workflow.services import infusions, plan

BLOCKED_BY = [
    ("hemophilia-b-diagnosis", "diagnosis"), ("regimens", "indication"), ("no-prior-gene-therapy", "prior-gene-therapy"),
    ("FIX_INH", "fix-inhibitor"), ("AAV5_NAB", "aav5-nab"), ("HBSAG", "hepatitis-b"), ("HCV_AB", "hepatitis-c"),
    ("HIV_AGAB", "hiv"), ("ALT", "liver-enzymes"), ("LIVER_US", "liver-imaging"), ("WEIGHT", "weight"),
    ("lft-plan", "attestations"),
]  # fmt: skip


def record(patient: Any, **more: Any) -> Infusion:
    return infusions.record(patient=patient.pk, fields=given(**more), by="t", at=NOON)


@pytest.mark.parametrize(("without", "gate"), BLOCKED_BY)
def test_each_blocking_gate_refuses_alone(site: Site, without: str, gate: str) -> None:
    patient = ready_patient(site, without=without)
    with pytest.raises(Invalid) as error:
        record(patient)
    assert [(f.pointer, f.code, f.extra["gate"]) for f in error.value.faults] == [("/", "gate-blocked", gate)]
    assert Infusion.objects.count() == 0


def test_a_site_that_is_not_certified_refuses(everywhere: None) -> None:
    patient = ready_patient(make_site("east", certified_from=date(2027, 1, 1)))
    with pytest.raises(Invalid) as error:
        record(patient)
    assert [f.extra["gate"] for f in error.value.faults] == ["site-of-care"]


def test_with_all_gates_passing_it_is_recorded_and_starts_the_calendar(site: Site) -> None:
    patient = ready_patient(site)
    record(patient)
    status = patient_status(patient.pk, as_of=date(2026, 3, 5))
    assert (status["phase"], status["infusion"]["day0"], status["plan"]) == ("monitoring", "2026-03-02", None)
    assert {g["verdict"] for g in status["gates"] if g["blocking"]} == {"pass"}
    assert any(t["key"] == "liver-panel:w01" for t in status["tasks"])


def test_a_second_infusion_is_a_conflict(site: Site) -> None:
    patient = ready_patient(site)
    record(patient)
    with pytest.raises(Conflict):
        record(patient)
    with pytest.raises(Conflict):
        plan.book(patient=patient.pk, infusion_on=date(2026, 4, 1), by="t", at=NOON)


@pytest.mark.parametrize(("place", "policy", "allowed"), [
    ("22", "us-standard", True), ("19", "us-standard", True), ("11", "us-standard", False), ("49", "us-standard", False),
    ("12", "tx-medicaid", False), ("11", "tx-medicaid", True),
])  # fmt: skip
def test_place_of_service(site: Site, place: str, policy: str, allowed: bool) -> None:
    patient = ready_patient(site, policy=policy)
    if allowed:
        assert record(patient, place_of_service=place).place_of_service == place
        return
    with pytest.raises(Invalid) as error:
        record(patient, place_of_service=place)
    assert error.value.faults[0].extra["gate"] == "site-of-care"


def test_an_abandoned_infusion_uses_no_dose(site: Site) -> None:
    patient = ready_patient(site)
    record(patient, outcome="abandoned", volume_ml=Decimal(0))
    assert InfusionSlot.objects.count() == 0
    assert patient_status(patient.pk, as_of=date(2026, 3, 2))["phase"] == "cleared"
    assert record(patient).outcome == "complete"


def test_a_partial_infusion_is_still_the_one_dose(site: Site) -> None:
    patient = ready_patient(site)
    record(patient, outcome="partial", volume_ml=Decimal(70), percent_given=Decimal(49))
    with pytest.raises(Conflict):
        record(patient)


def test_what_is_odd_is_kept_as_a_warning(site: Site) -> None:
    row = record(ready_patient(site), volume_ml=Decimal(104), rate_ml_h=Decimal(900), observed_until=None,
                 diluted_at=given()["started_at"] - timedelta(hours=25))  # fmt: skip
    told = " ".join(row.warnings)
    for word in ("104 mL", "144 mL", "900 mL/h", "24 hours after dilution", "Observation"):
        assert word in told


def test_nothing_odd_no_warning(site: Site) -> None:
    assert record(ready_patient(site)).warnings == []


@pytest.mark.django_db(transaction=True)
def test_fifty_people_at_once_record_one_infusion() -> None:
    with everywhere(by="t"):
        site = make_site("race")
    with everywhere(by="t"):
        patient = ready_patient(site)
    answers: list[str] = []

    def try_it() -> None:
        try:
            with everywhere(by="t"):
                record(patient)
            answers.append("recorded")
        except Conflict:
            answers.append("conflict")
        except Exception as error:  # anything else is a failure of the test
            answers.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(answers)) == ["conflict", "recorded"]
    assert answers.count("recorded") == 1
    with everywhere(by="t"):
        assert Infusion.objects.count() == 1
