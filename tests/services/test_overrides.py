"""Overrides and voids: two clinicians of the site, whoever asks; the person, the notice, the tasks, the races."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from outcomes.selectors.status import patient_status
from patients.access import everywhere
from patients.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from patients.models import Patient, Site
from tests.factories.people import make_site, make_staff
from tests.services.racing import racing
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Act, Infusion, InfusionSlot, Notice, TaskDue
from workflow.rules.second_person import CONFIRM_HOURS
from workflow.services import infusions, notices, overrides, sweep, voids, worklist

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def staffed(site: Site) -> Site:
    for role, name in (("clinician", "dr-a"), ("clinician", "dr-b"), ("clinician", "dr-c"), ("coordinator", "co"),
                       ("site_admin", "boss")):  # fmt: skip
        make_staff(site, role, name)
    gone = make_staff(site, "clinician", "dr-gone")
    gone.is_active = False
    gone.save()
    make_staff(make_site("elsewhere"), "clinician", "dr-far")
    return site


@pytest.fixture
def blocked(staffed: Site) -> Patient:
    """All gates pass but one."""
    return ready_patient(staffed, without="AAV5_NAB")


def infuse(patient: Patient, by: str = "dr-a", second: str = "dr-b", **more: Any) -> Infusion:
    override = {"reason": "bleeding to death", "second_person": second}
    return infusions.record(patient=patient.pk, fields=given(override=override, **more), by=by, at=NOON)


@pytest.mark.parametrize("second", ["dr-a", "co", "boss", "dr-gone", "dr-far", "nobody", "DR-B"])
def test_the_second_person_is_another_active_clinician_of_the_site(blocked: Patient, second: str) -> None:
    with pytest.raises(Invalid) as error:
        infuse(blocked, second=second)
    assert [f.pointer for f in error.value.faults] == ["/override/second_person"]
    assert not Infusion.objects.exists()


@pytest.mark.parametrize("by", ["co", "boss", "dr-gone", "dr-far", "nobody"])
def test_only_a_clinician_of_the_site_overrides(blocked: Patient, by: str) -> None:
    with pytest.raises(Forbidden):
        infuse(blocked, by=by)
    assert not Infusion.objects.exists()


def test_an_overridden_gate_is_waived_with_both_persons_and_the_reason(blocked: Patient) -> None:
    row = infuse(blocked)
    status = patient_status(blocked.pk, as_of=DAY0)
    gate = next(g for g in status["gates"] if g["code"] == "aav5-nab")
    assert (gate["verdict"], status["blocked_by"], status["ready"]) == ("waived", [], True)
    assert gate["reason"].startswith(
        "Waived by dr-a and dr-b (not yet confirmed): bleeding to death (was missing:"
    )
    told = status["infusion"]["override"]
    assert (told["state"], told["by"], told["second_person"]) == ("unconfirmed", "dr-a", "dr-b")
    assert told["gates"] == [{"code": "aav5-nab", "verdict": "missing"}]
    overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)
    status = patient_status(blocked.pk, as_of=DAY0)
    gate = next(g for g in status["gates"] if g["code"] == "aav5-nab")
    assert gate["reason"].startswith("Waived by dr-a and dr-b: bleeding to death")
    assert status["infusion"]["override"]["state"] == "confirmed"
    assert Act.objects.get(kind="override").key == str(row.pk)


def test_the_second_person_may_be_named_by_id(blocked: Patient, staffed: Site) -> None:
    second = staffed.memberships.get(user__username="dr-b").user
    infuse(blocked, second=str(second.pk))
    assert Act.objects.get(kind="override").payload["second_person"] == "dr-b"


def test_a_refused_place_of_service_can_be_overridden_too(staffed: Site) -> None:
    patient = ready_patient(staffed)
    infuse(patient, place_of_service="12")
    gate = next(g for g in patient_status(patient.pk, as_of=DAY0)["gates"] if g["code"] == "site-of-care")
    assert gate["verdict"] == "waived" and "Place of service 12" in gate["reason"]


def test_an_override_that_nothing_needs_waives_nothing(staffed: Site) -> None:
    infuse(ready_patient(staffed))
    assert not Act.objects.filter(kind="override").exists() and not Notice.objects.exists()


def test_no_override_gives_a_second_lifetime_dose(blocked: Patient) -> None:
    infuse(blocked)
    with pytest.raises(Conflict):
        infuse(blocked)


def test_only_the_named_clinician_confirms_and_once(blocked: Patient) -> None:
    with pytest.raises(NotFound):
        overrides.confirm(patient=blocked.pk, by="dr-b", at=NOON)
    infuse(blocked)
    for other in ("dr-a", "dr-c", "co", "dr-far"):
        with pytest.raises(Forbidden):
            overrides.confirm(patient=blocked.pk, by=other, at=LATER)
    overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)
    with pytest.raises(Conflict):
        overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)


def test_the_named_clinician_is_told_at_once_and_nobody_else(blocked: Patient, mailoutbox: list[Any]) -> None:
    row = infuse(blocked)
    notice = Notice.objects.get()
    assert (notice.recipient.username, notice.kind, notice.rule) == ("dr-b", "alert", "override")
    assert (
        notice.key == f"override:{row.pk}" and notice.due_at <= Act.objects.get(kind="override").recorded_at
    )
    notices.send(at=LATER)
    assert len(mailoutbox) == 1 and mailoutbox[0].to == ["dr-b@example.org"]


def test_a_confirmed_override_asks_nobody_any_more(blocked: Patient, mailoutbox: list[Any]) -> None:
    infuse(blocked)
    overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)
    notices.send(at=LATER)
    assert mailoutbox == [] and Notice.objects.get().cancelled_at is not None


def test_unconfirmed_after_a_day_is_escalated_once(blocked: Patient, mailoutbox: list[Any]) -> None:
    infuse(blocked)
    notices.send(at=NOON)
    asked = Act.objects.get(kind="override").recorded_at
    just, over = asked + timedelta(hours=CONFIRM_HOURS, seconds=-1), asked + timedelta(hours=CONFIRM_HOURS)
    told = Notice.objects.filter(kind="escalation").values_list("recipient__username", flat=True)
    for moment, people in (
        (just, []),
        (over, ["boss", "dr-a", "dr-b", "dr-c"]),
        (over, ["boss", "dr-a", "dr-b", "dr-c"]),
    ):
        sweep.sweep(at=moment)
        assert sorted(told.all()) == people
    notices.send(at=over)
    assert sum("Override not confirmed" in m.subject for m in mailoutbox) == 4


def test_the_tasks_of_an_override(blocked: Patient) -> None:
    row = infuse(blocked)
    tasks = {t["kind"]: t for t in patient_status(blocked.pk, as_of=DAY0)["tasks"]}
    asked, late = tasks["override-confirm"], tasks["escalation"]
    assert (asked["key"], asked["assignee"], asked["state"]) == (f"override-confirm:{row.pk}", "dr-b", "open")
    assert (late["opens_on"], late["state"]) == (str(DAY0 + timedelta(1)), "upcoming")
    with pytest.raises(Conflict, match="named clinician"):
        worklist.complete(patient=blocked.pk, key=asked["key"], reason="x", by="co", at=LATER)
    overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)
    assert set(TaskDue.objects.filter(key__startswith="override").values_list("key", "ended_as")) == {
        (asked["key"], "done")
    }


def test_a_late_confirmation_ends_the_escalation(blocked: Patient) -> None:
    infuse(blocked)
    with time_machine.travel(NOON + timedelta(days=3), tick=False):
        overrides.confirm(patient=blocked.pk, by="dr-b")
    ended = set(TaskDue.objects.filter(key__startswith="override").values_list("kind", "ended_as"))
    assert ended == {("override-confirm", "done_out_of_window"), ("escalation", "done_out_of_window")}


def ask(patient: Patient, by: str = "dr-a", **more: Any) -> Act:
    return voids.ask(patient=patient.pk, fields={"reason": "wrong patient", **more}, by=by, at=LATER)


def confirm(patient: Patient, by: str = "dr-b") -> Act:
    return voids.confirm(patient=patient.pk, by=by, at=LATER)


@pytest.fixture
def infused(staffed: Site) -> Patient:
    patient = ready_patient(staffed)
    infusions.record(patient=patient.pk, fields=given(), by="co", at=NOON)
    return patient


def test_two_clinicians_void_an_infusion_and_everything_is_decided_again(infused: Patient) -> None:
    ask(infused)
    status = patient_status(infused.pk, as_of=DAY0)
    assert status["infusion"] and InfusionSlot.objects.get().active
    confirm(infused)
    status = patient_status(infused.pk, as_of=DAY0)
    assert (status["infusion"], status["phase"], status["tasks"]) == (None, "cleared", [])
    assert not InfusionSlot.objects.get().active and Infusion.objects.count() == 1
    assert Act.objects.get(kind="void").reason == "wrong patient"
    infusions.record(patient=infused.pk, fields=given(), by="co", at=LATER)
    assert patient_status(infused.pk, as_of=DAY0)["infusion"]


def test_before_the_void_was_known_the_infusion_is_still_there(infused: Patient) -> None:
    ask(infused)
    before = Act.objects.get(kind="void-request").recorded_at
    confirm(infused)
    with time_machine.travel(LATER + timedelta(hours=1), tick=False):
        assert patient_status(infused.pk, as_of=DAY0, as_known_at=before)["infusion"]


@pytest.mark.parametrize("by", ["dr-a", "co", "boss", "dr-gone", "dr-far"])
def test_who_may_not_confirm_a_void(infused: Patient, by: str) -> None:
    ask(infused)
    with pytest.raises(Forbidden):
        confirm(infused, by)
    assert InfusionSlot.objects.get().active


@pytest.mark.parametrize("by", ["co", "boss", "dr-gone", "dr-far"])
def test_who_may_not_ask_for_a_void(infused: Patient, by: str) -> None:
    with pytest.raises(Forbidden):
        ask(infused, by)
    assert not Act.objects.filter(kind="void-request").exists()


def test_a_named_second_person_alone_is_told_and_confirms(infused: Patient) -> None:
    with pytest.raises(Invalid) as error:
        ask(infused, second_person="dr-far")
    assert error.value.faults[0].pointer == "/second_person"
    ask(infused, second_person="dr-c")
    assert [n.recipient.username for n in Notice.objects.filter(rule="void")] == ["dr-c"]
    with pytest.raises(Forbidden):
        confirm(infused, "dr-b")
    confirm(infused, "dr-c")


def test_a_void_is_asked_for_once_and_confirmed_once(infused: Patient) -> None:
    with pytest.raises(Conflict, match="Nobody has asked"):
        confirm(infused)
    ask(infused)
    with pytest.raises(Conflict, match="has been asked"):
        ask(infused, "dr-b")
    confirm(infused)
    with pytest.raises(NotFound):
        confirm(infused, "dr-c")
    with pytest.raises(NotFound):
        ask(infused)


def test_a_voided_override_needs_no_confirmation(blocked: Patient) -> None:
    infuse(blocked)
    ask(blocked)
    confirm(blocked)
    sweep.sweep(at=NOON + timedelta(days=2))
    assert not Notice.objects.filter(kind="escalation").exists()
    assert not TaskDue.objects.filter(key__startswith="override").exists()
    with pytest.raises(NotFound):
        overrides.confirm(patient=blocked.pk, by="dr-b", at=LATER)


def _quietly(verb: Any, **named: Any) -> str:
    try:
        with everywhere(by="t"):
            verb(**named)
        return "done"
    except DomainError as error:
        return error.code


@pytest.mark.django_db(transaction=True)
def test_after_a_void_fifty_people_at_once_record_one_infusion() -> None:
    with everywhere(by="t"):
        site = make_site("race")
        for name in ("dr-a", "dr-b", "dr-c"):
            make_staff(site, "clinician", name)
    with everywhere(by="t"):
        patient = ready_patient(site)
        infusions.record(patient=patient.pk, fields=given(), by="co", at=NOON)
        ask(patient)
    voided = racing(lambda: _quietly(voids.confirm, patient=patient.pk, by="dr-b", at=LATER), threads=8)
    assert sorted(voided) == ["done"] + ["not-found"] * 7
    fields = given(started_at=NOON - timedelta(hours=2), ended_at=NOON)
    again = racing(
        lambda: _quietly(infusions.record, patient=patient.pk, fields=fields, by="co", at=LATER), threads=50
    )
    assert sorted(again) == ["conflict"] * 49 + ["done"]
    with everywhere(by="t"):
        assert (Infusion.objects.count(), InfusionSlot.objects.filter(active=True).count()) == (2, 1)
        assert patient_status(patient.pk, as_of=date(2026, 3, 2))["infusion"]
