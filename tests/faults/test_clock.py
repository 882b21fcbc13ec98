"""The machine's clock jumps while reminders are told: none is skipped, none comes twice, nothing waits for a time ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from config import health
from patients.models import Heartbeat, Site
from tests.factories.people import make_staff
from tests.factories.post import Post, open_post
from tests.faults.due import Due, wants_single_mails
from tests.services.reminded import patient, store, task
from workflow.models import Notice
from workflow.rules.reminders import reminder
from workflow.selectors.derived import task_id
from workflow.services import ledger, notices, sweep

DAY = timedelta(days=1)
SPRING = date(2026, 3, 26)
"""The clocks of Berlin go forward on the fourth day of the walk."""
DAYS = 12
JUMPED = 4
HOURS, THREE_DAYS, STEP = timedelta(hours=1), 3 * DAY, timedelta(seconds=2)


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


def told(post: Post) -> list[Due]:
    rows = {f"<notice-{n.pk}@localhost>": (n.key, n.kind, n.occurrence) for n in Notice.objects.all()}
    return [(*rows[letter.id], letter.to) for letter in post.log]


def rung(at: datetime) -> None:
    """Sweep and sender are woken; they ask the machine what time it is."""
    with time_machine.travel(at, tick=False):
        sweep.sweep()
        notices.send()


@pytest.mark.parametrize("jump", [HOURS, -HOURS, THREE_DAYS, -THREE_DAYS, STEP, -STEP], ids=str)
def test_each_state_is_told_once_although_the_clock_jumps(site: Site, post: Post, jump: timedelta) -> None:
    ana = wants_single_mails(make_staff(site, "coordinator", "ana"))
    someone = patient(site)
    tasks = [
        task(key=f"visit:{n}", opens_on=SPRING + (n % 9) * DAY, due_on=SPRING + (n % 9 + n % 3) * DAY,
             closes_on=SPRING + (n % 9 + 2 + n % 4) * DAY, missed_on=SPRING + (n % 9 + 9) * DAY)
        for n in range(18)
    ]  # fmt: skip
    rung(datetime.combine(SPRING - DAY, time(12), UTC))
    store(someone, *tasks)
    wanted: set[Due] = set()
    for number in range(DAYS):
        today = SPRING + number * DAY
        for hour in (0, 12):
            at = datetime.combine(today, time(hour), UTC)
            if number == JUMPED and hour:
                rung(at + jump)
                rung(at + jump + timedelta(minutes=1))
            rung(at)
        for one in tasks:
            if found := reminder(one, today):
                key = f"task:{task_id(someone.pk, one.key)}"
                wanted.add((key, found.kind, found.on.isoformat(), ana.email))
    times = Counter(told(post))
    assert max(times.values()) == 1
    assert wanted - set(times) == set()
    assert len(set(times) - wanted) <= (len(tasks) if jump == THREE_DAYS else 0), "a clock ahead tells early"


def test_what_was_written_by_a_clock_ahead_goes_out_when_it_is_back(site: Site, post: Post) -> None:
    """An alert that is due at once, a try that failed, and the row of a sender that died."""
    ana = make_staff(site, "coordinator", "ana")
    now = datetime.combine(SPRING, time(12), UTC)
    rung(now)
    ahead = now + THREE_DAYS
    for name in ("fresh", "failed", "held"):
        ledger._enter([ledger._plain("export_ready", f"export:{name}", site.pk, ana.pk, ahead)])
    post.answers[ana.email] = "450 later"
    with time_machine.travel(ahead, tick=False):
        sweep.sweep()
        assert notices.send().deferred == 3
    post.answers.clear()
    Notice.objects.filter(key="export:fresh").update(attempts=0, next_try_at=ahead, tried_since=None)
    Notice.objects.filter(key="export:held").update(
        attempts=0, next_try_at=ahead, leased_until=ahead + notices.LEASE
    )
    rung(now + timedelta(minutes=1))
    assert len(set(post.ids())) == len(post.log) == 3
    assert set(Notice.objects.values_list("created_at", flat=True)) <= {now, now + timedelta(minutes=1)}


@pytest.mark.parametrize(("minutes", "alive"), [(0, True), (-2, False), (60, False)])
def test_a_sign_of_life_from_another_time_is_none(site: Site, minutes: int, alive: bool) -> None:
    """A clock that was set back leaves beat without a bell, and its last sign in the future."""
    now = datetime.combine(SPRING, time(12), UTC)
    with time_machine.travel(now, tick=False):
        Heartbeat.objects.create(name="beat", at=now + timedelta(minutes=minutes))
        assert health._stored(now, held=False)["beat"] is alive
