"""The form of Day 0: judged by the service that records, overridden by two clinicians, once in a lifetime."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from outcomes.selectors.status import patient_status
from patients.models import Patient, Site
from tests.admin.reading import signed_in, summary, text_of
from tests.factories.people import PASSWORD, make_site, make_staff
from tests.services.ready import DAY0, NOON, ready_patient
from tests.services.test_day0 import patient_failing
from workflow import data
from workflow.models import Act, Infusion, Notice, TaskDue
from workflow.services import plan

pytestmark = pytest.mark.django_db
FILLED = {
    "started_at": "2026-03-02T10:00", "ended_at": "2026-03-02T11:00", "observed_until": "2026-03-02T14:30",
    "weight_kg": "72", "volume_ml": "144", "outcome": "complete", "kit_lot": "L12345", "ndc": "00053-0150-15",
    "place_of_service": "22",
}  # fmt: skip
US = data.protocol("hemgenix", None, "us-standard", None)
BLOCKING = sorted(g.code for g in US.gates if g.blocking)


@pytest.fixture
def ana(staffed: Site, client: Client) -> Client:
    return signed_in(client, staffed, "ana")


@pytest.fixture
def doctor(staffed: Site, client: Client) -> Client:
    return signed_in(client, staffed, "dr-a")


def url(patient: Patient) -> str:
    return f"/admin/patients/{patient.pk}/infusion/"


def send(client: Client, patient: Patient, do: str = "save", **more: str) -> Any:
    return client.post(url(patient), {**FILLED, **more, "do": do})


def test_before_anything_is_typed_it_shows_gates_dose_and_tasks(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    assert url(patient) in ana.get(f"/admin/patients/{patient.pk}/").content.decode()
    answer = ana.get(url(patient))
    told = text_of(answer)
    assert "On Monday 2 March 2026: every blocking gate passes." in told
    assert "2 × 10¹³ vg/kg × 72 kg = 1.44 × 10¹⁵ vg = 144 mL = 15 vials of 10 mL." in told
    assert "The newest recorded weight is 72 kg of 24 Feb" in told
    made = int(re.search(r"(\d+) tasks, the first due on 9 Mar", told)[1])  # type: ignore[index]
    assert 'value="144"' not in answer.content.decode(), "the volume is measured, not proposed"
    assert not Infusion.objects.exists()
    assert send(ana, patient).status_code == 302
    assert TaskDue.objects.filter(patient_id=patient.pk).count() == made


def test_a_wrong_volume_asks_for_a_reason_and_a_second_infusion_is_refused(
    ana: Client, staffed: Site
) -> None:
    patient = ready_patient(staffed)
    wrong = send(ana, patient, weight_kg="70.0", volume_ml="104")
    assert summary(wrong) == [("volume_ml", "Volume given must be 140 mL for 70.0 kg, or give a reason.")]
    assert 'value="104"' in wrong.content.decode() and not Infusion.objects.exists()
    assert send(ana, patient, weight_kg="70.0", volume_ml="140").status_code == 302
    assert summary(send(ana, patient, weight_kg="70.0", volume_ml="140"), 409)[0][1].startswith(
        "This patient has"
    )
    again = ana.get(url(patient), follow=True)
    assert "the therapy is given once in a lifetime" in text_of(again)
    assert url(patient) not in again.content.decode()
    assert Infusion.objects.count() == 1


def test_a_reason_lets_another_volume_through_and_is_kept(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    answer = ana.post(
        url(patient),
        {**FILLED, "volume_ml": "104", "volume_reason": "Bag leaked.", "do": "save"},
        follow=True,
    )
    assert "104 mL were given; 72 kg need 144 mL" in text_of(answer)
    assert patient_status(patient.pk, as_of=DAY0)["infusion"]["note"] == "Bag leaked."


def test_everything_that_is_missing_is_told_at_once_in_the_order_of_the_form(
    ana: Client, staffed: Site
) -> None:
    patient = ready_patient(staffed)
    empty = dict.fromkeys(FILLED, "")
    assert summary(send(ana, patient, **empty, attending_npi="1234567890")) == [
        ("started_at", "Enter when the infusion started"),
        ("ended_at", "Enter when the infusion ended"),
        ("weight_kg", "Enter the weight in kg"),
        ("volume_ml", "Enter the volume given in mL"),
        ("outcome", "Choose the outcome"),
        ("kit_lot", "Enter the kit lot number"),
        ("place_of_service", "Choose the place of service"),
        ("attending_npi", "“1234567890” is no NPI: 10 digits with a check digit."),
    ]


FAULTY = [
    ({"ended_at": "2026-03-02T09:00"}, "ended_at"), ({"started_at": "2026-03-03T10:00", "ended_at": "2026-03-03T11:00"},
     "started_at"), ({"outcome": "partial"}, "percent_given"), ({"weight_kg": "72,5"}, "weight_kg"),
    ({"diluted_at": "2026-03-02T10:01"}, "diluted_at"), ({"vitals-4-systolic": "high"}, "vitals-0-systolic"),
    ({"interruptions-0-from": "10:20", "interruptions-0-to": "10:10"}, "interruptions-0-to"),
    ({"outcome": "abandoned"}, "outcome"), ({"started_at": "soon"}, "started_at"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field"), FAULTY)
def test_a_fault_leads_to_its_field(ana: Client, staffed: Site, changes: dict[str, str], field: str) -> None:
    assert [f for f, _ in summary(send(ana, ready_patient(staffed), **changes))] == [field]
    assert not Infusion.objects.exists()


def test_all_of_day_0_is_kept(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    more = {
        "diluted_at": "2026-03-02T08:15", "rate_ml_h": "144", "vial_lots": "V1\r\n V2 \r\n", "attending_npi": "1234567893",
        "note": "calm", "premedication-0-given_at": "09:30", "premedication-0-product": "cetirizine",
        "premedication-0-dose": "10 mg", "interruptions-0-from": "10:10", "interruptions-0-to": "10:20",
        "interruptions-0-reason": "headache", "reactions-1-at": "10:10", "reactions-1-what": "headache",
        "reactions-1-severity": "mild", "vitals-0-at": "10:15", "vitals-0-systolic": "120", "vitals-0-diastolic": "80",
        "vitals-3-at": "14:00", "vitals-3-temperature_c": "36.6",
    }  # fmt: skip
    assert send(ana, patient, **more).status_code == 302
    told = patient_status(patient.pk, as_of=DAY0)["infusion"]
    assert {n: told[n] for n in ("started_at", "ended_at", "diluted_at", "observed_until")} == {
        "started_at": "2026-03-02T09:00:00Z", "ended_at": "2026-03-02T10:00:00Z",
        "diluted_at": "2026-03-02T07:15:00Z", "observed_until": "2026-03-02T13:30:00Z",
    }  # fmt: skip
    assert (told["rate_ml_h"], told["vial_lots"], told["kit_lot"], told["ndc"]) == (
        "144", ["V1", "V2"], "L12345", "00053-0150-15",
    )  # fmt: skip
    assert told["premedication"] == [
        {"given_at": "2026-03-02T08:30:00Z", "product": "cetirizine", "dose": "10 mg"}
    ]
    assert told["interruptions"] == [
        {"from": "2026-03-02T09:10:00Z", "to": "2026-03-02T09:20:00Z", "reason": "headache"}
    ]
    assert told["reactions"] == [{"at": "2026-03-02T09:10:00Z", "what": "headache", "severity": "mild"}]
    assert [v["at"] for v in told["vitals"]] == ["2026-03-02T09:15:00Z", "2026-03-02T13:00:00Z"]
    assert (told["attending_npi"], told["note"], told["warnings"]) == ("1234567893", "calm", [])


def test_a_check_saves_nothing_and_says_what_is_odd(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    answer = send(ana, patient, "check", rate_ml_h="900", observed_until="", weight_kg="71")
    told = text_of(answer)
    assert answer.status_code == 200 and not Infusion.objects.exists()
    assert "At the start on Monday 2 March 2026: every blocking gate passes." in told
    assert "900 mL/h is above the nominal 500 mL/h" in told and "Observation for at least 3 hours" in told
    assert "144 mL were given; 71 kg need 142 mL" in told and "not the weight in this form" in told
    more = send(ana, patient, "more", **{"vitals-0-pulse": "70"}).content.decode()
    assert 'id="vitals-2-pulse"' in more and 'value="70"' in more


def test_a_result_of_the_day_counts_only_before_the_start(ana: Client, staffed: Site) -> None:
    """The liver panel of 09:00 UTC (10:00 there) comes after a start at 09:59 and before one at 10:01."""
    from tests.services.ready import RESULTS, ULN
    from workflow.services import intake

    patient = ready_patient(staffed, without="ALT")
    units = {a: u for _, a, _, u in RESULTS}
    item = {"analyte": "ALT", "value": "25", "unit": units["ALT"], "collected_at": "2026-03-02T09:00:00Z",
            "reference_high": ULN["ALT"]}  # fmt: skip
    intake.record_results(patient=patient.pk, items=[item], by="t", at=NOON, listed=True)
    assert "passes" in text_of(send(ana, patient, "check", started_at="2026-03-02T10:01"))
    refused = send(ana, patient, started_at="2026-03-02T09:59")
    assert [f for f, _ in summary(refused)] == ["gates"]


@pytest.mark.parametrize("gate", BLOCKING)
def test_each_blocking_gate_refuses_in_the_form_as_over_rest(ana: Client, staffed: Site, gate: str) -> None:
    """And the page says so before saving, in the words of the refusal."""
    patient = patient_failing(gate, staffed, "us-standard")
    ana.force_login(make_staff(patient.site, "coordinator", "eva"))
    shown = text_of(send(ana, patient, "check"))
    told = summary(send(ana, patient))
    assert [field for field, _ in told] == ["gates"]
    assert told[0][1] in shown and "1 reason stands against the infusion" in shown
    assert "Only a clinician" in shown and "override-password" not in shown
    body = {
        "started_at": "2026-03-02T09:00:00Z", "ended_at": "2026-03-02T10:00:00Z", "weight_kg": "72",
        "volume_ml": "144", "outcome": "complete", "place_of_service": "22",
    }  # fmt: skip
    answer = ana.post(f"/api/v1/patients/{patient.pk}/infusion/", body, content_type="application/json",
                      headers={"X-CSRFToken": ""})  # fmt: skip
    faults = answer.json()["errors"]
    assert [(f["gate"], f["detail"]) for f in faults] == [(gate, told[0][1])]
    assert not Infusion.objects.exists()


def test_a_place_that_is_not_allowed_is_a_fault_of_its_field(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    assert "12 Home, not allowed" in text_of(ana.get(url(patient)))
    assert [f for f, _ in summary(send(ana, patient, place_of_service="12"))] == ["place_of_service"]


OVERRIDE = {
    "override-reason": "bleeding to death",
    "override-second_person": "dr-b",
    "override-password": PASSWORD,
}


@pytest.fixture
def blocked(staffed: Site) -> Patient:
    return ready_patient(staffed, without="AAV5_NAB")


def test_a_clinician_overrides_with_the_password_of_a_second_one_which_confirms_at_once(
    doctor: Client, blocked: Patient
) -> None:
    html = doctor.get(url(blocked)).content.decode()
    assert re.findall(r'<option value="(dr-[ab])"', html) == ["dr-b"], "nobody is the own second person"
    assert send(doctor, blocked, **OVERRIDE).status_code == 302
    told = patient_status(blocked.pk, as_of=DAY0)["infusion"]["override"]
    assert (told["state"], told["by"], told["second_person"], told["reason"]) == (
        "confirmed", "dr-a", "dr-b", "bleeding to death",
    )  # fmt: skip
    assert Act.objects.get(kind="confirm-override").by == "dr-b"
    assert not Notice.objects.exists()
    assert TaskDue.objects.get(kind="override-confirm").ended_as == "done"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"override-password": ""}, "override-password"),
        ({"override-password": "wrong"}, "override-password"),
        ({"override-reason": " "}, "override-reason"),
        ({"override-second_person": ""}, "override-second_person"),
        ({"override-second_person": "dr-a"}, "override-second_person"),
        ({"override-second_person": "ana"}, "override-second_person"),
        ({"override-second_person": "boss"}, "override-second_person"),
    ],
)
def test_without_a_second_clinician_who_knows_the_own_password_nothing_is_recorded(
    doctor: Client, blocked: Patient, changes: dict[str, str], field: str
) -> None:
    answer = send(doctor, blocked, **{**OVERRIDE, **changes})
    assert [f for f, _ in summary(answer)] == [field]
    assert PASSWORD not in answer.content.decode() and not Infusion.objects.exists()


def test_the_second_person_cannot_be_named_past_the_password(
    doctor: Client, blocked: Patient, staffed: Site
) -> None:
    """The service takes an id too; in the form only a name of the list, whose password is checked, counts."""
    second = staffed.memberships.get(user__username="dr-b").user
    answer = send(
        doctor, blocked, **{**OVERRIDE, "override-second_person": str(second.pk), "override-password": "x"}
    )
    assert ("override-second_person", "Choose the second clinician") in summary(answer)
    assert not Infusion.objects.exists()


def test_guessing_the_password_of_a_colleague_locks_it(
    doctor: Client, blocked: Patient, client: Client
) -> None:
    for n in range(5):
        assert summary(send(doctor, blocked, **{**OVERRIDE, "override-password": f"guess {n}"}))
    told = summary(send(doctor, blocked, **OVERRIDE))
    assert told == [
        ("override-password", "Too many wrong passwords for dr-b: try again in a quarter of an hour.")
    ]
    other = Client().post("/accounts/login/", {"login": "dr-b", "password": PASSWORD})
    assert other.status_code == 429 and not Infusion.objects.exists()


def test_a_coordinator_cannot_override_by_posting_the_fields(ana: Client, blocked: Patient) -> None:
    told = summary(send(ana, blocked, **OVERRIDE), 403)
    assert told == [("gates", "Only a clinician may infuse against a blocking gate.")]
    assert not Infusion.objects.exists()


def test_nothing_given_leaves_the_dose_and_the_form(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    answer = ana.post(url(patient), {**FILLED, "outcome": "abandoned", "volume_ml": "0", "kit_lot": "", "ended_at": "",
                                     "do": "save"}, follow=True)  # fmt: skip
    assert "the one dose is not used" in text_of(answer) and url(patient) in answer.content.decode()
    assert send(ana, patient).status_code == 302


def test_the_booked_day_is_checked_unless_it_lies_ahead(ana: Client, staffed: Site) -> None:
    patient = ready_patient(staffed)
    plan.book(patient=patient.pk, infusion_on=DAY0 + timedelta(3), by="t", at=NOON)
    assert "On Monday 2 March 2026" in text_of(ana.get(url(patient)))
    with time_machine.travel(datetime(2026, 3, 7, 9, tzinfo=UTC), tick=False):
        assert "On Thursday 5 March 2026" in text_of(signed_in(ana, staffed, "ana").get(url(patient)))


def test_others_do_not_open_the_form(staffed: Site, client: Client) -> None:
    patient = ready_patient(staffed)
    assert signed_in(client, staffed, "boss").get(url(patient)).status_code == 403
    assert client.post(url(patient), FILLED).status_code == 403
    client.force_login(make_staff(make_site("far"), "clinician", "dr-far"))
    assert client.get(url(patient)).status_code == 404
