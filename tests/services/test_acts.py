"""What people decide: plans, tasks, alerts and steroid courses; each an act, with the patient decided again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outcomes.selectors.status import patient_status
from patients.errors import Conflict, Invalid, NotFound, Stale
from patients.ids import new_id
from patients.models import Patient, Result, Site
from patients.services import sites
from tests.factories.people import PatientFactory, make_site, make_staff
from tests.services.ready import DAY0, NOON, given, ready_patient
from workflow.models import Act, Alert, Pathway, TaskDue
from workflow.services import acts, alerts, infusions, intake, plan, steroids, worklist

LATER = datetime(2026, 4, 1, 9, tzinfo=UTC)


@pytest.fixture
def infused(site: Site) -> Patient:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    return patient


def alt(patient: Patient, value: str, on: str, at: datetime = LATER, **more: Any) -> None:
    item = {
        "analyte": "ALT", "value": value, "unit": "U/L", "collected_at": f"{on}T08:00:00Z", "reference_high": "40",
        "source": "lab", "source_id": f"alt{on}", **more,
    }  # fmt: skip
    intake.record_results(patient=patient.pk, items=[item], by="t", at=at)


@pytest.fixture
def raised(infused: Patient) -> Alert:
    alt(infused, "77", "2026-03-30")
    return Alert.objects.get(rule="alt-rise")


def status(patient: Patient) -> dict[str, Any]:
    return patient_status(patient.pk, as_of=LATER.date())


# Plan


def test_a_booking_may_stand_beside_blocking_gates_and_is_taken_back(site: Site) -> None:
    patient = PatientFactory(site=site, at=NOON)
    plan.book(patient=patient.pk, infusion_on=date(2026, 5, 4), by="kim", at=NOON)
    row = Pathway.objects.get(pk=patient.pk)
    assert (row.planned_on, row.ready, bool(row.blocked_by)) == (date(2026, 5, 4), False, True)
    plan.cancel(patient=patient.pk, by="kim", at=NOON)
    assert Pathway.objects.get(pk=patient.pk).planned_on is None
    told = Act.objects.filter(patient_id=patient.pk, kind="plan").order_by("recorded_at")
    assert [a.payload["infusion_on"] for a in told] == ["2026-05-04", None]
    assert {a.by for a in told} == {"kim"}


@pytest.mark.parametrize(("days", "allowed"), [(-1, False), (0, True), (1, True)])
def test_a_date_that_has_passed_at_the_site_is_refused(site: Site, days: int, allowed: bool) -> None:
    patient = ready_patient(site)
    on = DAY0 + timedelta(days=days)
    if allowed:
        assert plan.book(patient=patient.pk, infusion_on=on, by="t", at=NOON).payload["infusion_on"] == str(
            on
        )
        return
    with pytest.raises(Invalid) as error:
        plan.book(patient=patient.pk, infusion_on=on, by="t", at=NOON)
    assert [(f.pointer, f.code) for f in error.value.faults] == [("/infusion_on", "past")]


def test_a_given_dose_leaves_nothing_to_plan(infused: Patient) -> None:
    with pytest.raises(Conflict):
        plan.book(patient=infused.pk, infusion_on=date(2026, 6, 1), by="t", at=LATER)
    with pytest.raises(Conflict):
        plan.cancel(patient=infused.pk, by="t", at=LATER)


def test_a_plan_for_nobody_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        plan.book(patient=new_id(), infusion_on=date(2026, 6, 1), by="t", at=NOON)


# Worklist


def task(patient: Patient, key: str = "liver-panel:w05") -> TaskDue:
    return TaskDue.objects.get(patient_id=patient.pk, key=key)


@pytest.mark.parametrize(
    ("verb", "ended"),
    [(worklist.complete, "done"), (worklist.waive, "waived"), (worklist.miss, "missed")],
)
def test_an_ended_task_keeps_who_and_why(infused: Patient, verb: Callable[..., Act], ended: str) -> None:
    act = verb(patient=infused.pk, key="liver-panel:w05", reason="seen elsewhere", by="kim", at=LATER)
    assert (task(infused).ended_as, act.reason, act.by) == (ended, "seen elsewhere", "kim")
    states = {t["key"]: t["state"] for t in status(infused)["tasks"]}
    assert states["liver-panel:w05"] == ended


@pytest.mark.parametrize("first", [worklist.complete, worklist.waive])
def test_a_task_ends_once(infused: Patient, first: Callable[..., Act]) -> None:
    first(patient=infused.pk, key="liver-panel:w05", reason="r", by="t", at=LATER)
    before = Pathway.objects.get(pk=infused.pk).decided_seq
    for again in (worklist.complete, worklist.waive, worklist.miss):
        with pytest.raises(Conflict):
            again(patient=infused.pk, key="liver-panel:w05", reason="r", by="t", at=LATER)
    assert Pathway.objects.get(pk=infused.pk).decided_seq == before, "a refused act decides nothing"


def test_what_was_called_missed_may_still_be_completed(infused: Patient) -> None:
    worklist.miss(patient=infused.pk, key="liver-panel:w05", reason="no show", by="t", at=LATER)
    worklist.complete(patient=infused.pk, key="liver-panel:w05", reason="came late", by="t", at=LATER)
    assert task(infused).ended_as == "done"


def test_a_snooze_moves_no_date(infused: Patient) -> None:
    before = task(infused)
    tomorrow = LATER.date() + timedelta(days=1)
    worklist.snooze(patient=infused.pk, key=before.key, until=tomorrow, reason="away", by="t", at=LATER)
    after = task(infused)
    assert after.snoozed_until == tomorrow
    assert (after.opens_on, after.due_on, after.closes_on) == (
        before.opens_on,
        before.due_on,
        before.closes_on,
    )
    with pytest.raises(Invalid, match="after today"):
        worklist.snooze(patient=infused.pk, key=before.key, until=LATER.date(), reason="", by="t", at=LATER)


def test_a_task_is_given_to_people_of_its_site_only(infused: Patient, site: Site) -> None:
    make_staff(site, "coordinator", "kim")
    make_staff(site, "auditor", "aud")
    make_staff(make_site("south"), "clinician", "lee")
    worklist.assign(patient=infused.pk, key="liver-panel:w05", assignee="kim", by="t", at=LATER)
    assert task(infused).assignee == "kim"
    for stranger in ("aud", "lee", "nobody"):
        with pytest.raises(Invalid, match="Nobody of that name"):
            worklist.assign(patient=infused.pk, key="liver-panel:w05", assignee=stranger, by="t", at=LATER)
    worklist.assign(patient=infused.pk, key="liver-panel:w05", assignee="", by="t", at=LATER)
    assert task(infused).assignee == ""


def test_a_person_belongs_to_the_team_from_their_first_local_day(infused: Patient, site: Site) -> None:
    """At 22:30 UTC on 1 April it is 2 April in Berlin, the first day."""
    sites.create_staff(
        username="new", email="n@example.org", role="clinician", site=site, since=date(2026, 4, 2)
    )
    evening = LATER.replace(hour=22, minute=30)
    worklist.assign(patient=infused.pk, key="liver-panel:w05", assignee="new", by="t", at=evening)
    assert task(infused).assignee == "new"


def test_an_unknown_task_is_not_found(infused: Patient) -> None:
    with pytest.raises(NotFound):
        worklist.complete(patient=infused.pk, key="liver-panel:w99", reason="r", by="t", at=LATER)


# Alerts


def acknowledge(alert: Alert, decision: str = "observe", at: datetime = LATER) -> Act:
    return alerts.acknowledge(
        patient=alert.patient_id, alert=alert.pk, decision=decision, note="seen", by="lee", at=at
    )


def test_an_answer_lists_the_results_it_saw(raised: Alert) -> None:
    act = acknowledge(raised)
    assert act.payload["hits"] == [h["lineage"] for h in raised.payload["hits"]] != []
    raised.refresh_from_db()
    assert raised.state == "acknowledged"


def test_a_later_hit_opens_the_answered_alert_again(infused: Patient, raised: Alert) -> None:
    acknowledge(raised)
    alt(infused, "95", "2026-03-31")
    again = Alert.objects.get(rule="alt-rise")
    assert (again.pk, again.state, len(again.payload["hits"])) == (raised.pk, "open", 2)
    acknowledge(again)
    assert Alert.objects.get(pk=raised.pk).state == "acknowledged"


def test_an_answer_does_not_cover_what_arrives_late_from_before_it(infused: Patient, raised: Alert) -> None:
    """The episode now begins earlier, so the earlier alert lives and is open: nobody has seen that result."""
    acknowledge(raised)
    alt(infused, "60", "2026-03-24", at=LATER + timedelta(days=1))
    assert "open" in set(Alert.objects.filter(rule="alt-rise").values_list("state", flat=True))


@pytest.mark.parametrize(("answered", "state"), [(False, "withdrawn"), (True, "acknowledged")])
def test_a_correction_below_the_limit(infused: Patient, raised: Alert, answered: bool, state: str) -> None:
    if answered:
        acknowledge(raised)
    alt(infused, "30", "2026-03-30", status="corrected", reported_at="2026-04-01T00:00:00Z")
    told = [a for a in status(infused)["alerts"] if a["id"] == str(raised.pk)]
    assert [(a["state"], a["superseded_evidence"]) for a in told] == [(state, True)]


def test_a_withdrawn_alert_needs_no_answer(infused: Patient, raised: Alert) -> None:
    alt(infused, "30", "2026-03-30", status="corrected", reported_at="2026-04-01T00:00:00Z")
    with pytest.raises(Conflict):
        acknowledge(raised)


def test_a_clinician_ends_an_episode_that_has_no_baseline(infused: Patient, raised: Alert) -> None:
    with pytest.raises(Invalid, match="There is a baseline"):
        alerts.acknowledge(patient=infused.pk, alert=raised.pk, decision="observe", note="", by="lee", at=LATER,
                           episode_over=True)  # fmt: skip
    before = Result.objects.filter(patient_id=infused.pk, analyte="ALT", collected_at__lt=NOON)
    for row in before:
        intake.retract_result(result=row, reason="mixed up", by="t", at=LATER)
    alerts.acknowledge(patient=infused.pk, alert=raised.pk, decision="observe", note="", by="lee", at=LATER,
                       episode_over=True)  # fmt: skip
    raised.refresh_from_db()
    assert raised.state == "resolved"


def test_an_alert_of_another_patient_is_not_found(site: Site, raised: Alert) -> None:
    other = PatientFactory(site=site, at=NOON)
    with pytest.raises(NotFound):
        alerts.acknowledge(patient=other.pk, alert=raised.pk, decision="observe", note="", by="t", at=LATER)


# Steroid courses


def start(patient: Patient, **more: Any) -> str:
    fields = {"started_on": LATER.date(), "template": "default", **more}
    return steroids.start(patient=patient.pk, fields=fields, by="lee", at=LATER)


def test_starting_a_course_answers_its_alert_at_once(infused: Patient, raised: Alert) -> None:
    course = start(infused, alert=raised.pk)
    assert Alert.objects.get(pk=raised.pk).state == "acknowledged"
    told = status(infused)["steroid_courses"]
    assert [(c["id"], c["started_on"]) for c in told] == [(course, "2026-04-01")]
    assert told[0]["steps"][0]["mg_per_day"] == "60"


def test_a_course_for_an_unknown_alert_is_not_started(infused: Patient) -> None:
    with pytest.raises(NotFound):
        start(infused, alert=new_id())
    assert not Act.objects.filter(kind="steroid").exists()


def test_own_steps_replace_the_template(infused: Patient) -> None:
    step = {"from": LATER.date(), "to": date(2026, 4, 7), "mg_per_day": Decimal("40.0")}
    start(infused, steps=[step])
    told = status(infused)["steroid_courses"][0]["steps"]
    assert told == [{"from": "2026-04-01", "to": "2026-04-07", "mg_per_day": "40"}]


def test_of_two_who_change_a_course_the_second_is_told(infused: Patient) -> None:
    course = start(infused)

    def end(on: date) -> None:
        steroids.change(
            patient=infused.pk, course=course, fields={"ended_on": on}, expected=1, by="lee", at=LATER
        )

    end(date(2026, 4, 20))
    with pytest.raises(Stale) as error:
        end(date(2026, 4, 21))
    assert error.value.extra["current"]["ended_on"] == "2026-04-20"
    assert error.value.extra["submitted"] == {"ended_on": "2026-04-21"}
    assert len(acts.on_key(infused.pk, "steroid", course)) == 2


def test_a_course_does_not_end_before_it_starts(infused: Patient) -> None:
    course = start(infused)
    with pytest.raises(Invalid, match="before it starts"):
        steroids.change(patient=infused.pk, course=course, fields={"ended_on": date(2026, 3, 31)}, expected=1,
                        by="lee", at=LATER)  # fmt: skip


@pytest.mark.parametrize(
    ("ended_on", "on_the_7th", "on_the_10th"),
    [
        (date(2026, 4, 5), "ended", "ended"),
        (date(2026, 4, 10), "running", "running"),
        (date(2026, 4, 20), "running", "running"),
    ],
)
def test_an_end_told_late_holds_from_its_own_day(
    infused: Patient, ended_on: date, on_the_7th: str, on_the_10th: str
) -> None:
    """Told on 10 April: what is shown for 7 April is what would have been shown then."""
    course = start(infused)
    steroids.change(
        patient=infused.pk, course=course, fields={"ended_on": ended_on}, expected=1, by="lee",
        at=LATER + timedelta(days=9),
    )  # fmt: skip
    told = {on: patient_status(infused.pk, as_of=date(2026, 4, on))["steroid_courses"][0] for on in (7, 10)}
    assert (told[7]["state"], told[10]["state"]) == (on_the_7th, on_the_10th)
    assert told[10]["ended_on"] == str(ended_on)
    seen_early = str(ended_on) if ended_on < date(2026, 4, 7) else None
    assert told[7]["ended_on"] == seen_early


def test_doses_belong_to_a_course_of_the_patient(infused: Patient, site: Site) -> None:
    course = start(infused)
    steroids.dose(patient=infused.pk, course=course, on=LATER.date(), mg=Decimal("60.00"), by="t", at=LATER)
    assert Act.objects.get(kind="steroid-dose").payload == {"on": "2026-04-01", "mg": "60"}
    other = PatientFactory(site=site, at=NOON)
    with pytest.raises(NotFound):
        steroids.dose(patient=other.pk, course=course, on=LATER.date(), mg=Decimal(60), by="t", at=LATER)
