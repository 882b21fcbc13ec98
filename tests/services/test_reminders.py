"""Reminders in the ledger: written when they fall due, told to whose task it is, withdrawn when they are no longer so."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import uuid4

import pytest

from patients.models import Site, User
from tests.factories.people import make_site, make_staff
from tests.rules.test_reminders import ZONES
from tests.services.ready import NOON, given, ready_patient
from tests.services.reminded import DAY, MONDAY, at, patient, rows, store, task
from workflow.models import Act, Alert, Notice, TaskDue
from workflow.rules.reminders import instant, reminder
from workflow.selectors.decisions import local_date
from workflow.selectors.derived import _task_columns
from workflow.services import infusions, intake, settings, sweep, worklist


@pytest.fixture
def ana(site: Site) -> User:
    return make_staff(site, "coordinator", "ana")


@pytest.fixture
def team(site: Site, ana: User) -> dict[str, User]:
    """Two coordinators, a clinician and an administrator; the clock has been swept up to the Friday before."""
    people = {"ana": ana, "ben": make_staff(site, "coordinator", "ben"), "cleo": make_staff(site, "clinician", "cleo"),
              "adam": make_staff(site, "site_admin", "adam")}  # fmt: skip
    sweep.sweep(at=at(-3))
    return people


def swept(*days: int) -> list[tuple[str, str, str]]:
    """What holds in the ledger after sweeps at noon of these days."""
    for day in days:
        sweep.sweep(at=at(day))
    return rows()


def told(*days: int) -> list[tuple[str, str, str]]:
    """The same as if all that holds were sent at once each time: what was ever told."""
    for day in days:
        sweep.sweep(at=at(day))
        Notice.objects.filter(cancelled_at=None, sent_at=None).update(sent_at=at(day))
    return rows()


def test_each_state_is_told_once_when_it_begins(site: Site, ana: User) -> None:
    store(patient(site), task())
    assert told(-1) == []
    assert told(0, 0, 1, 2) == [("opening", "03-09", "ana")]
    assert told(3, 4, 6)[1:] == [("due", "03-12", "ana")]
    assert told(7, 8)[2:] == [("overdue", "03-16", "ana")]


def test_a_task_that_is_recorded_late_is_told_as_it_stands(site: Site, ana: User) -> None:
    told(4)
    store(patient(site), task())
    assert told(4) == [("due", "03-12", "ana")]


@pytest.mark.parametrize(
    ("day", "expected"), [(2, "opening"), (5, "due"), (9, "overdue"), (14, None), (60, None)]
)
def test_after_any_downtime_only_what_is_so_now_is_told(
    site: Site, ana: User, day: int, expected: str | None
) -> None:
    store(patient(site), task())
    told(-1)
    assert [kind for kind, _, _ in told(day)] == ([expected] if expected else [])


def test_it_goes_to_whose_task_it_is_else_to_all_coordinators(site: Site, team: dict[str, User]) -> None:
    mine, gone = task(key="a:1", assignee="cleo"), task(key="b:1", assignee="somebody who left")
    store(patient(site), task(key="c:1"), mine, gone)
    assert sorted(person for _, _, person in told(0)) == ["ana", "ana", "ben", "ben", "cleo"]


def test_giving_a_task_to_somebody_withdraws_the_others_mail(site: Site, team: dict[str, User]) -> None:
    one = patient(site)
    store(one, task())
    swept(0)
    store(one, task(assignee="ben"))
    assert swept(0) == [("opening", "03-09", "ben")]
    store(one, task())
    assert swept(0) == [("opening", "03-09", "ana"), ("opening", "03-09", "ben")]


@pytest.mark.parametrize("ended", ["done", "waived", "cancelled", "missed"])
def test_what_has_ended_is_withdrawn(site: Site, ana: User, ended: str) -> None:
    one = patient(site)
    store(one, task())
    swept(0)
    store(one, task(ended_as=ended))
    assert swept(0, 3, 7) == []
    assert [kind for kind, _, _ in rows(live=False)] == ["opening"]


def test_a_moved_window_is_told_anew_and_moving_back_revives_the_old(site: Site, ana: User) -> None:
    one, later = (
        patient(site),
        {
            n: MONDAY + d * DAY
            for n, d in zip(("opens_on", "due_on", "closes_on", "missed_on"), (-1, 4, 6, 9), strict=True)
        },
    )
    store(one, task())
    swept(0)
    store(one, task(**later))
    assert swept(0) == [("opening", "03-08", "ana")]
    store(one, task())
    assert swept(0) == [("opening", "03-09", "ana")]
    assert sorted(occurrence for _, occurrence, _ in rows(live=False)) == ["03-08", "03-09"]


def test_a_booked_task_is_told_on_its_appointment_only(site: Site, ana: User) -> None:
    store(patient(site), task(booked_on=MONDAY + 5 * DAY))
    assert told(0, 3, 4) == []
    assert told(5) == [("due", "03-14", "ana")]


def test_a_snoozed_task_is_quiet_and_speaks_again_on_the_day(site: Site, ana: User) -> None:
    one = patient(site)
    store(one, task())
    swept(0)
    store(one, task(snoozed_until=MONDAY + 2 * DAY))
    assert swept(1) == []
    assert swept(2) == [("opening", "03-11", "ana")]


def test_a_sent_reminder_is_neither_withdrawn_nor_repeated(site: Site, ana: User) -> None:
    one = patient(site)
    store(one, task())
    told(0)
    store(one, task(ended_as="done"))
    told(0)
    store(one, task())
    assert told(0) == [("opening", "03-09", "ana")]


def test_a_clock_that_was_days_ahead_loses_nothing_when_it_goes_back(site: Site, ana: User) -> None:
    store(patient(site), task())
    swept(-1)
    assert swept(8) == [("overdue", "03-16", "ana")]
    assert swept(1) == [("opening", "03-09", "ana")]
    assert swept(3) == [("due", "03-12", "ana")]
    assert swept(7) == [("overdue", "03-16", "ana")]


def test_nobody_acts_then_a_clinician_hears_of_it_then_the_administrator(
    site: Site, team: dict[str, User]
) -> None:
    store(patient(site), task(assignee="ana"))
    told(7, 8)
    assert told(9)[1:] == [("escalation-clinician", "03-16", "cleo")]
    assert told(13)[2:] == []
    assert told(14)[2:] == [("escalation-site_admin", "03-16", "adam")]
    escalated = Notice.objects.get(rule="escalation-clinician")
    assert (escalated.kind, escalated.urgency) == ("escalation", 0)
    assert escalated.due_at == instant(MONDAY + 9 * DAY, 7, "Europe/Berlin")
    assert escalated.next_try_at == escalated.created_at, "written later than due: it has not waited before"


def test_what_was_missed_while_daymark_was_down_is_escalated(site: Site, team: dict[str, User]) -> None:
    store(patient(site), task())
    assert {kind for kind, _, _ in told(16)} == {"escalation-clinician", "escalation-site_admin"}


def test_gaps_in_the_past_of_a_patient_who_is_taken_over_are_not_escalated(
    site: Site, team: dict[str, User]
) -> None:
    told(16)
    store(patient(site), task())
    assert told(16, 17, 30) == []


def test_an_escalation_of_a_task_that_was_done_meanwhile_is_withdrawn(
    site: Site, team: dict[str, User]
) -> None:
    one = patient(site)
    store(one, task())
    swept(7, 9)
    store(one, task(ended_as="done_out_of_window"))
    assert swept(9) == []


def test_a_site_that_gives_its_team_longer_is_escalated_later(site: Site, team: dict[str, User]) -> None:
    settings.escalate(site=site, role="clinician", days=4, by="t", at=at(-5))
    store(patient(site), task(assignee="ana"))
    assert [kind for kind, _, _ in told(7, 9, 10)] == ["overdue"]
    assert [kind for kind, _, _ in told(11)] == ["overdue", "escalation-clinician"]


def test_a_site_that_shortens_its_patience_hears_at_once(site: Site, team: dict[str, User]) -> None:
    settings.escalate(site=site, role="clinician", days=10, by="t", at=at(-5))
    store(patient(site), task(assignee="ana"))
    assert len(told(7, 12)) == 1
    settings.escalate(site=site, role="clinician", days=3, by="t", at=at(12))
    assert told(12)[1:] == [("escalation-clinician", "03-16", "cleo")]


def alert_of(site: Site) -> Alert:
    someone = ready_patient(site)
    infusions.record(patient=someone.pk, fields=given(), by="t", at=NOON)
    item = {
        "analyte": "ALT",
        "value": "77",
        "unit": "U/L",
        "collected_at": "2026-03-08T08:00:00Z",
        "reference_high": "40",
    }
    intake.record_results(patient=someone.pk, items=[item], by="t", at=at(0))
    return Alert.objects.get()


def test_an_alert_nobody_answers_goes_to_a_second_person_after_a_day(
    site: Site, team: dict[str, User]
) -> None:
    alert = alert_of(site)

    def escalated() -> list[str]:
        found = Notice.objects.filter(rule="alert-escalation").order_by("recipient__username")
        return list(found.values_list("recipient__username", flat=True))

    sweep.sweep(at=at(1, 11))
    assert escalated() == []
    sweep.sweep(at=at(1, 12) + timedelta(minutes=1))
    assert escalated() == ["adam", "cleo"]
    sweep.sweep(at=at(2))
    assert escalated() == ["adam", "cleo"]
    assert set(Notice.objects.filter(rule="alert-escalation").values_list("key", "urgency")) == {
        (f"alert:{alert.pk}", 0)
    }


def test_an_alert_that_was_answered_in_time_goes_to_nobody_else(site: Site, team: dict[str, User]) -> None:
    alert = alert_of(site)
    Alert.objects.update(state="acknowledged")
    sweep.sweep(at=at(3))
    assert not Notice.objects.filter(rule="alert-escalation").exists()
    assert Notice.objects.filter(key=f"alert:{alert.pk}", rule="alert").count() == 3


def test_an_alert_reaches_the_administrator_where_nobody_else_has_an_address(site: Site) -> None:
    make_staff(site, "site_admin", "adam")
    alert_of(site)
    assert list(Notice.objects.values_list("rule", "recipient__username")) == [("alert", "adam")]


def test_acts_on_a_task_of_a_real_patient_are_followed(site: Site, ana: User) -> None:
    """From the infusion to the ledger, and from a waiver and a snooze back out of it."""
    someone = ready_patient(site)
    infusions.record(patient=someone.pk, fields=given(), by="t", at=NOON)
    sweep.sweep(at=at(0))
    live = [n.key for n in Notice.objects.filter(key__startswith="task:", cancelled_at=None)]
    first, second = (TaskDue.objects.get(pk=key.partition(":")[2]) for key in live[:2])
    worklist.waive(patient=someone.pk, key=first.key, reason="elsewhere", by="t", at=at(0))
    worklist.snooze(
        patient=someone.pk, key=second.key, until=MONDAY + 2 * DAY, reason="away", by="t", at=at(0)
    )
    sweep.sweep(at=at(0, 13))
    assert not Notice.objects.filter(key__in=live[:2], cancelled_at=None).exists()
    assert Act.objects.filter(kind__in=("waive", "snooze")).count() == 2


def test_ten_thousand_times_are_those_of_the_rule(everywhere: None) -> None:
    """Six time zones, a year with both changes of the clock and a leap day: the statement against the pure rule."""
    wanted: dict[str, tuple[str, str, datetime]] = {}
    now = datetime.combine(MONDAY.replace(year=2028, month=3, day=1), time(18), at().tzinfo)
    stored: list[TaskDue] = []
    for number, zone in enumerate(ZONES):
        place = make_site(f"zone{number}", timezone=zone)
        person = make_staff(place, "coordinator", f"c{number}")
        person.digest_hour = number * 4
        person.save()
        someone = patient(place)
        for n in range(1700):
            opens = now.date() + (n % 425 - 400) * DAY
            one = task(
                key=f"visit:{n}", opens_on=opens, due_on=opens + (n % 7) * DAY, closes_on=opens + (10 + n % 300) * DAY,
                missed_on=opens + (17 + n % 400 + n % 300) * DAY,
                booked_on=opens + (n % 11) * DAY if n % 5 == 0 else None,
                snoozed_until=opens + (n % 40) * DAY if n % 3 == 0 else None,
                ended_as="done" if n % 50 == 0 else None,
            )  # fmt: skip
            row = TaskDue(
                id=uuid4(),
                patient=someone,
                site=place,
                key=one.key,
                fingerprint="",
                derived_by="t",
                **_task_columns(one, zone),
            )
            stored.append(row)
            found = reminder(one, local_date(now, zone))
            if found is not None:
                wanted[f"task:{row.pk}"] = (
                    found.kind,
                    found.on.isoformat(),
                    instant(found.on, person.digest_hour, zone),
                )
    TaskDue.objects.bulk_create(stored, batch_size=2000)
    sweep.sweep(at=now)
    written = {
        n.key: (n.kind, n.occurrence, n.due_at) for n in Notice.objects.filter(key__startswith="task:")
    }
    assert len(stored) > 10_000 and len(written) > 4000
    assert {kind for kind, _, _ in written.values()} == {"opening", "due", "overdue"}
    assert written == wanted
