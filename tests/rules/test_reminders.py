"""When a task asks for a reminder, and at which instant a person gets it: on any day, in any time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import data
from workflow.rules import reminders
from workflow.rules.effects import Task
from workflow.rules.reminders import instant, parse_reminders, reminder, wait
from workflow.rules.site_settings import Setting
from workflow.rules.windows import state

DAY = timedelta(days=1)
OPENS = date(2026, 3, 9)
ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
)


def task(**more: object) -> Task:
    """A window of a week, 9 to 15 March, due in its middle, with a week of grace days."""
    plain: dict[str, object] = {
        "key": "visit:1", "kind": "visit", "title": "Visit", "opens_on": OPENS, "due_on": OPENS + 3 * DAY,
        "closes_on": OPENS + 6 * DAY, "missed_on": OPENS + 14 * DAY,
    }  # fmt: skip
    return Task(**{**plain, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(("day", "kind", "since"), [
    (-1, None, None), (0, "opening", 0), (2, "opening", 0), (3, "due", 3), (6, "due", 3), (7, "overdue", 7),
    (13, "overdue", 7), (14, None, None), (400, None, None),
])  # fmt: skip
def test_overdue_beats_due_beats_opening(day: int, kind: str | None, since: int | None) -> None:
    found = reminder(task(), OPENS + day * DAY)
    assert (
        (found.kind, found.on) == (kind, OPENS + since * DAY)
        if since is not None and found
        else found is None
    )


@pytest.mark.parametrize(("day", "kind", "since"), [
    (0, None, None), (3, None, None), (4, None, None), (5, "due", 5), (6, "due", 5), (7, "overdue", 7),
])  # fmt: skip
def test_a_booked_task_is_due_on_its_appointment(day: int, kind: str | None, since: int | None) -> None:
    found = reminder(task(booked_on=OPENS + 5 * DAY), OPENS + day * DAY)
    assert (found and (found.kind, found.on)) == (kind and (kind, OPENS + (since or 0) * DAY))


@pytest.mark.parametrize(
    ("day", "expected"), [(3, None), (4, None), (5, ("due", 5)), (6, ("due", 5)), (7, ("overdue", 7))]
)
def test_a_snoozed_task_is_quiet_until_the_day_and_then_speaks_anew(
    day: int, expected: tuple[str, int] | None
) -> None:
    found = reminder(task(snoozed_until=OPENS + 5 * DAY), OPENS + day * DAY)
    assert (found and (found.kind, (found.on - OPENS).days)) == expected


@pytest.mark.parametrize("ended", ["done", "done_out_of_window", "waived", "cancelled", "missed"])
def test_what_has_ended_says_nothing(ended: str) -> None:
    assert all(reminder(task(ended_as=ended), OPENS + n * DAY) is None for n in range(-1, 16))


@given(st.integers(-5, 30), st.none() | st.integers(-3, 20), st.none() | st.integers(-3, 20))
def test_there_is_a_reminder_only_while_the_task_is_open_or_overdue(
    day: int, booked: int | None, held: int | None
) -> None:
    today = OPENS + day * DAY
    one = task(
        booked_on=None if booked is None else OPENS + booked * DAY,
        snoozed_until=None if held is None else OPENS + held * DAY,
    )
    found = reminder(one, today)
    if found is not None:
        assert (found.kind == "overdue") == (state(one, today) == "overdue")
        assert found.on <= today
    elif held is None and booked is None:
        assert state(one, today) in ("upcoming", "missed")


@pytest.mark.parametrize("zone", ZONES)
def test_seven_in_the_morning_is_seven_on_every_day_of_years(zone: str) -> None:
    """Both changes of the clock and 29 February included."""
    on = date(2027, 12, 1)
    while on < date(2028, 12, 1):
        local = instant(on, 7, zone).astimezone(ZoneInfo(zone))
        assert (local.date(), local.hour, local.minute) == (on, 7, 0)
        on += DAY


@pytest.mark.parametrize(("on", "hour", "utc"), [
    (date(2026, 3, 29), 1, "2026-03-29T00:00"), (date(2026, 3, 29), 2, "2026-03-29T01:00"),
    (date(2026, 3, 29), 3, "2026-03-29T01:00"), (date(2026, 10, 25), 1, "2026-10-24T23:00"),
    (date(2026, 10, 25), 2, "2026-10-25T01:00"), (date(2026, 10, 25), 3, "2026-10-25T02:00"),
])  # fmt: skip
def test_hours_that_the_clock_skips_or_shows_twice(on: date, hour: int, utc: str) -> None:
    assert instant(on, hour, "Europe/Berlin") == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_waiting_doubles_up_to_an_hour() -> None:
    minutes = [wait(n).total_seconds() / 60 for n in range(1, 100)]
    assert minutes[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(minutes[7:]) == {60}


def setting(role: str, days: int, **more: object) -> Setting:
    plain = {"kind": "escalation", "key": role, "payload": {"value": days}}
    return Setting(recorded_at=datetime(2026, 1, 1, tzinfo=UTC), **{**plain, **more})  # type: ignore[arg-type]


def test_a_site_sets_its_own_days_of_silence() -> None:
    file = data.reminders()
    assert reminders.days_at(file, [], OPENS) == {"clinician": 2, "site_admin": 7}
    own = [
        setting("clinician", 4),
        setting("site_admin", 9, from_on=OPENS),
        setting("clinician", 1, kind="override"),
    ]
    assert reminders.days_at(file, own, OPENS - DAY) == {"clinician": 4, "site_admin": 7}
    assert reminders.days_at(file, own, OPENS) == {"clinician": 4, "site_admin": 9}


def test_the_files_faults_are_told_at_once() -> None:
    file, faults = parse_reminders(
        {"code": "reminders", "version": "1", "title": "t", "status": "released", "effective_from": OPENS, "more": 1,
         "tasks": {"clinician_days": 2, "tells_for_days": 3}, "alerts": {"second_person_hours": "24"}}
    )  # fmt: skip
    assert file is None
    assert {f.key for f in faults} >= {
        "tasks.clinician_days",
        "tasks.site_admin_days",
        "alerts.second_person_hours",
        "more",
    }


def test_every_hour_of_a_leap_year_on_six_clocks() -> None:
    """Against the clocks themselves, read forward from half hour to half hour: both changes and 29 February included."""
    first, days, half = date(2027, 12, 31), 368, timedelta(minutes=30)
    cases = 0
    for zone in map(ZoneInfo, ZONES):
        begun = datetime.combine(first - DAY, time(), UTC)
        walk = [begun + n * half for n in range((days + 3) * 48)]
        shows = [(at.astimezone(zone).replace(tzinfo=None), at) for at in walk]
        last = dict(shows)
        for n in range(days * 24):
            wall = datetime.combine(first, time()) + n * timedelta(hours=1)
            wanted = last.get(wall) or next(at for shown, at in shows if shown > wall)
            assert instant(wall.date(), wall.hour, zone.key) == wanted, (zone, wall)
            cases += 1
    assert cases > 50_000
