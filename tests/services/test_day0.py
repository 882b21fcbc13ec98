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
from patients.models import Patient, Site
from patients.services import sites
from patients.services.shapes import checked
from tests.factories.people import make_site
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow import data
from workflow.models import Infusion, InfusionSlot
from workflow.services import facts, infusions, plan, settings, shapes

WITHOUT = {
    "diagnosis": "hemophilia-b-diagnosis", "indication": "regimens", "prior-gene-therapy": "no-prior-gene-therapy",
    "fix-inhibitor": "FIX_INH", "aav5-nab": "AAV5_NAB", "hepatitis-b": "HBSAG", "hepatitis-c": "HCV_AB",
    "hiv": "HIV_AGAB", "liver-enzymes": "ALT", "liver-imaging": "LIVER_US", "weight": "WEIGHT",
    "attestations": "lft-plan",
}  # fmt: skip
POLICIES = ("label-us", "us-standard", "ca-cda", "tx-medicaid")
BLOCKING = [
    (policy, gate.code)
    for policy in POLICIES
    for gate in data.protocol("hemgenix", None, policy, None).gates
    if gate.blocking
]


def patient_failing(gate: str, site: Site, policy: str) -> Patient:
    """A patient of whom every gate passes but this one."""
    if gate == "age":
        return ready_patient(site, policy=policy, birth_date=DAY0.replace(year=DAY0.year - 17))
    if gate == "site-of-care":
        return ready_patient(make_site("east", certified_from=date(2027, 1, 1)), policy=policy)
    return ready_patient(site, policy=policy, without=WITHOUT[gate])


def record(patient: Any, **more: Any) -> Infusion:
    return infusions.record(patient=patient.pk, fields=given(**more), by="t", at=NOON)


@pytest.mark.parametrize(("policy", "gate"), BLOCKING)
def test_each_blocking_gate_of_the_files_refuses_alone(site: Site, policy: str, gate: str) -> None:
    patient = patient_failing(gate, site, policy)
    with pytest.raises(Invalid) as error:
        record(patient)
    assert [(f.pointer, f.code, f.extra["gate"]) for f in error.value.faults] == [("/", "gate-blocked", gate)]
    assert Infusion.objects.count() == 0


def test_a_certificate_ends_by_a_later_row_and_begins_again_by_a_newer_one(site: Site) -> None:
    patient = ready_patient(site)
    row: dict[str, Any] = {"site": site, "pathway": "hemgenix", "by": "test", "from_on": date(2020, 1, 1)}
    settings.certify(**row, to_on=date(2026, 2, 1))
    sites.set_up(site=site, kind="certification", key="hemgenix", by="test", from_on=row["from_on"])
    with pytest.raises(Invalid) as error:
        record(patient)
    assert [f.extra["gate"] for f in error.value.faults] == ["site-of-care"]
    again = [settings.certify(**row) for _ in range(2)]
    assert again[0] == again[1]
    assert record(patient).day0 == date(2026, 3, 2)


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
    ("12", "tx-medicaid", False), ("11", "tx-medicaid", True), ("12", "label-us", True),
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


DOSES = [
    ("72", "144", 15, 15, None), ("70", "140", 14, 14, None), ("50.1", "100.2", 11, 11, None),
    ("45", "90", 9, None, "no-kit-listed"), ("240.5", "481", 49, None, "no-kit-listed"), ("46", "92", 10, 10, None),
    ("240", "480", 48, 48, None),
]  # fmt: skip


@pytest.mark.parametrize(("kg", "ml", "vials", "kit", "flag"), DOSES)
def test_the_dose_of_a_weight(
    site: Site, kg: str, ml: str, vials: int, kit: int | None, flag: str | None
) -> None:
    """Outside the kit sizes the infusion is recorded and says so; only an order is refused."""
    row = record(ready_patient(site), weight_kg=Decimal(kg), volume_ml=Decimal(ml))
    dose = patient_status(row.patient_id, as_of=DAY0)["infusion"]["dose"]
    assert (dose["volume_ml"], dose["vials"], dose["kit_vials"], dose["flag"]) == (ml, vials, kit, flag)
    assert bool(dose["ndc"]) is (kit is not None)
    assert [w for w in row.warnings if "No kit is listed" in w] == (
        [f"No kit is listed for {vials} vials; kits have 10 to 48."] if flag else []
    )


CODES = [
    ("0053-0150-15", "00053-0150-15", ""), ("00053-0150-15", "00053-0150-15", ""), ("00053015015", "00053-0150-15", ""),
    ("0053015015", "00053-0150-15", ""), ("63833-0876-01", "63833-0876-01", ""), ("63833-876-01", "63833-0876-01", ""),
    ("0053-0300-30", "00053-0300-30", "of a kit of 30 vials; 72 kg need 15"),
    ("12345-6789-01", "12345-6789-01", "not in the catalogue"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kept", "warning"), CODES)
def test_drug_codes_are_kept_in_the_11_digit_form(site: Site, text: str, kept: str, warning: str) -> None:
    row = record(ready_patient(site), ndc=text)
    assert row.ndc == kept
    assert (warning in " ".join(row.warnings)) if warning else row.warnings == []


@pytest.mark.parametrize("text", ["1234567890", "123456789", "0053-0150", "abc"])
def test_a_code_that_fits_no_listed_one_is_refused(site: Site, text: str) -> None:
    with pytest.raises(Invalid) as error:
        record(ready_patient(site), ndc=text)
    assert [f.pointer for f in error.value.faults] == ["/ndc"]


def kit(patient: Patient, **more: Any) -> facts.Stored:
    plain = {"ordered_on": "2026-02-05", "weight_kg": "72", "vials": 15, "ndc": "0053-0150-15"}
    return facts.record(patient=patient.pk, kind="kit", data={**plain, **more}, by="t", at=NOON)


@pytest.mark.parametrize("vials", [9, 49, 1000])
def test_a_kit_that_is_not_listed_is_not_ordered(site: Site, vials: int) -> None:
    with pytest.raises(Invalid) as error:
        kit(ready_patient(site), vials=vials, ndc="nonsense")
    assert [(f.pointer, f.code) for f in error.value.faults] == [("/vials", "no-kit-listed"), ("/ndc", "ndc")]


def test_a_kit_on_another_weight_warns_at_the_gate_and_on_day_0(site: Site) -> None:
    patient = ready_patient(site)
    assert kit(patient, weight_kg="66", vials=14).row.ndc == "00053-0150-15"
    told = patient_status(patient.pk, as_of=DAY0)
    assert told["kit"]["drift_percent"] == "9.1" and len(told["kit"]["warnings"]) == 2
    assert "9.1 %" in next(g["reason"] for g in told["gates"] if g["code"] == "weight")
    assert any("9.1 % from the 66 kg" in w for w in record(patient).warnings)


def test_the_kit_is_ordered_in_time_for_the_booked_date(site: Site) -> None:
    patient = ready_patient(site)
    plan.book(patient=patient.pk, infusion_on=date(2026, 4, 1), by="t", at=NOON)
    told = patient_status(patient.pk, as_of=DAY0)
    assert told["kit"]["order_by"] == "2026-03-11"
    (task,) = [t for t in told["tasks"] if t["kind"] == "kit-order"]
    assert (task["due_on"], task["state"]) == ("2026-03-11", "open")
    kit(patient, ordered_on="2026-03-02")
    assert [t["state"] for t in patient_status(patient.pk, as_of=DAY0)["tasks"]] == ["done"]


def test_what_happened_on_day_0_is_kept_as_posted(site: Site) -> None:
    posted = {
        **{k: str(v) if isinstance(v, Decimal) else v for k, v in given().items()},
        "diluted_at": "2026-03-02T07:00:00Z",
        "premedication": ["paracetamol", {"product": "cetirizine", "dose": "10 mg", "given_at": "2026-03-02T08:30:00Z"}],
        "interruptions": [{"from": "2026-03-02T09:10:00Z", "to": "2026-03-02T09:20:00Z", "reason": "headache"}],
        "reactions": [{"at": "2026-03-02T09:10:00Z", "what": "headache", "severity": "mild"}],
        "vitals": [{"at": "2026-03-02T12:00:00Z", "systolic": "120", "diastolic": 80, "temperature_c": "36.60"}],
        "note": "pump changed",
    }  # fmt: skip
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=checked(shapes.InfusionIn, posted), by="t", at=NOON)
    told = patient_status(patient.pk, as_of=DAY0)["infusion"]
    assert told["premedication"] == [{"note": "paracetamol"}, posted["premedication"][1]]
    assert told["interruptions"] == posted["interruptions"] and told["reactions"] == posted["reactions"]
    assert told["vitals"] == [
        {"at": "2026-03-02T12:00:00Z", "systolic": "120", "diastolic": "80", "temperature_c": "36.6"}
    ]
    assert (told["note"], told["diluted_at"]) == ("pump changed", "2026-03-02T07:00:00Z")


FAULTY = [
    ({"vitals": [{"systolic": "many"}]}, "/vitals/0/systolic"), ({"vitals": [{}]}, "/vitals/0"),
    ({"vitals": "fine"}, "/vitals"), ({"premedication": [3]}, "/premedication/0"),
    ({"premedication": ["\x00"]}, "/premedication/0/note"), ({"reactions": [{"severity": "bad"}]}, "/reactions/0/severity"),
    ({"reactions": [{"mood": "bad"}]}, "/reactions/0/mood"),
    ({"interruptions": [{"from": "2026-03-02T09:20:00Z", "to": "2026-03-02T09:10:00Z"}]}, "/interruptions/0/to"),
    ({"diluted_at": "2026-03-02T09:30:00Z"}, "/diluted_at"), ({"note": "\x00"}, "/note"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer"), FAULTY)
def test_faulty_entries_of_day_0_are_named(changes: dict[str, Any], pointer: str) -> None:
    posted = {k: str(v) if isinstance(v, Decimal) else v for k, v in given().items()}
    with pytest.raises(Invalid) as error:
        checked(shapes.InfusionIn, {**posted, **changes})
    assert [f.pointer for f in error.value.faults] == [pointer]


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
