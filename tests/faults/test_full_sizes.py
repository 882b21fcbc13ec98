"""The faults in full size, against the whole product: for the hours before a release (`make faults`).

Sizes come from the environment where a machine or an afternoon is too small: DAYMARK_FAULT_NOTICES,
DAYMARK_FAULT_KILLS, DAYMARK_SOAK_SECONDS.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from knox.models import AuthToken

from config import env
from patients.access import everywhere
from patients.models import Site, User
from tests.factories.people import make_site, make_staff
from tests.faults.due import Due, compared, told_to, wants_single_mails
from tests.faults.plant import Plant, running, until
from tests.faults.product import Product, asked_all_the_time, reported, started
from tests.faults.test_web_killed import RECOVERED, writer_at
from tests.faults.test_worker_faults import SLOW_MAIL
from tests.faults.writing import differing, writing
from workflow.models import Notice

pytestmark = pytest.mark.slow

NOTICES = int(os.environ.get("DAYMARK_FAULT_NOTICES", "10000"))
KILLS = int(os.environ.get("DAYMARK_FAULT_KILLS", "200"))
SOAK = int(os.environ.get("DAYMARK_SOAK_SECONDS", "7200"))
SHARES = {"worker": 8, "beat": 2, "web": 2, "redis": 4, "postgres": 4}
"""Of twenty kills."""
PAUSE = 6.0
"""Seconds between two kills."""


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)] if values else 0.0


@pytest.fixture
def plant(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[Plant]:
    with running(tmp_path, settings) as plant:
        plant.post.before = plant.post.after = SLOW_MAIL
        yield plant


def test_fifteen_hundred_reminders_and_forty_killed_senders(plant: Plant) -> None:
    """Every tenth sender is a `manage.py send_notices`; leases run out by the clock."""
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        ana = wants_single_mails(make_staff(site, "coordinator", "ana"))
    count, kills = 1500, 40
    due = told_to(site, [ana], count)
    plant.ring("workflow.sweep", "workflow.send_notices")
    begun = time.monotonic()
    for number in range(1, kills + 1):
        assert plant.took(number * count // (kills + 2), 120)
        if number % 10 == 0:
            by_hand(plant)
        else:
            plant.kill_sender()
        plant.ring("workflow.send_notices")
    killed = time.monotonic()
    while len(set(plant.post.ids())) < count and time.monotonic() < killed + 180:
        plant.ring("workflow.send_notices")
        until(lambda: len(set(plant.post.ids())) >= count, 10)
    drained = time.monotonic() - killed
    found = compared(plant.post.log, due)
    reported("killed senders", reminders=count, kills=kills, lost=found.lost, distinct=found.distinct,
             copies=found.copies, most=found.most, drained_seconds=round(drained), seconds=round(killed - begun))  # fmt: skip
    assert (found.lost, found.strangers, found.differing, found.distinct) == (0, 0, 0, count)
    assert found.copies <= kills
    assert drained <= 90


def by_hand(plant: Plant) -> None:
    """The command is killed as soon as it has sent something beside the worker."""
    environment = {**plant.worker.environment}
    command = [sys.executable, "manage.py", "send_notices"]
    process = subprocess.Popen(command, cwd=env.ROOT, env=environment, stdout=subprocess.DEVNULL)
    before = plant.post.connections
    until(lambda: plant.post.connections > before or process.poll() is not None, 30)
    process.kill()
    assert process.wait() in (0, -signal.SIGKILL), "it was at work"


@pytest.fixture
def product(settings: Any, django_db_blocker: Any) -> Iterator[Product]:
    with (
        tempfile.TemporaryDirectory(prefix="daymark-faults-") as home,
        started(Path(home), settings, django_db_blocker) as product,
    ):
        yield product


@pytest.fixture
def north(product: Product) -> Site:
    with everywhere(by="t"):
        return make_site("north")


@pytest.fixture
def ana(north: Site) -> User:
    with everywhere(by="t"):
        return wants_single_mails(make_staff(north, "coordinator", "ana"))


def back(seconds: float = 60) -> None:
    """Waits for the database."""

    def answers() -> bool:
        try:
            connection.close()
            return bool(connection.cursor())
        except DatabaseError:
            return False

    assert until(answers, seconds)


def test_everything_is_killed_again_and_again(product: Product, north: Site, ana: User) -> None:
    """Worker, beat, web, broker and database, with a second beat all the time: what is due arrives in time."""
    plan = [name for name, times in SHARES.items() for _ in range(round(times * KILLS / 20))]
    Random(7).shuffle(plan)
    due: set[Due] = set()
    since: dict[Due, float] = {}
    killed: list[tuple[str, float]] = []
    second = subprocess.Popen(
        [str(Path(sys.executable).parent / "celery"), "--quiet", "-A", "config", "beat", "--loglevel", "ERROR",
         "--scheduler", "celery.beat:Scheduler"],
        cwd=env.ROOT, env=_environment(product), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with asked_all_the_time(product, "/accounts/login/"):
            for name in plan:
                new = told_to(north, [ana], NOTICES // len(plan))
                since |= dict.fromkeys(new, time.monotonic())
                due |= new
                product.kill(name)
                killed.append((name, time.monotonic()))
                time.sleep(PAUSE)
                back()
            last = time.monotonic()
            assert until(lambda: len(set(product.post.ids())) >= len(due), 300)
            drained = time.monotonic() - last
            assert until(lambda: product.ask("/readyz") == 200, 60), "all parts work again by themselves"
    finally:
        second.kill()
        second.wait()
    found = compared(product.post.log, due)
    late = lateness(product, since)
    statuses = {status for _, status in product.answers}
    senders = plan.count("worker") + plan.count("postgres")
    reported("everything killed", notices=len(due), kills=len(plan), lost=found.lost, copies=found.copies,
             most=found.most, last_fault_to_empty_seconds=round(drained, 1), lateness_p99_seconds=round(share(late, 0.99), 1),
             lateness_most_seconds=round(max(late), 1), next_mail_after=next_mail(product, killed),
             web_p95_seconds=round(share([s for s, _ in product.answers], 0.95), 3), statuses=sorted(statuses))  # fmt: skip
    assert (found.lost, found.strangers, found.differing, found.distinct) == (0, 0, 0, len(due))
    assert found.copies <= senders and found.most <= 2
    assert NOTICES < 10_000 or found.copies <= 0.002 * len(due), "a few thousand mails are too few for a rate"
    assert drained <= 60
    assert share(late, 0.99) <= 120


def _environment(product: Product) -> dict[str, str]:
    return {
        **os.environ, "DATABASE_URL": product.postgres.url, "REDIS_URL": product.valkey.url,
        "DAYMARK_VAR": str(product.home), "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip


def next_mail(product: Product, killed: list[tuple[str, float]]) -> dict[str, list[float]]:
    """By victim: seconds from a kill to the next mail, median and most. Other kills may lie between."""
    times = [letter.at for letter in product.post.log]
    waits: dict[str, list[float]] = {}
    for name, at in killed:
        waits.setdefault(name, []).append(min((t for t in times if t > at), default=at) - at)
    return {name: [round(statistics.median(w), 1), round(max(w), 1)] for name, w in waits.items()}


def lateness(product: Product, since: dict[Due, float]) -> list[float]:
    """Seconds from when a reminder fell due to when the server took its first mail."""
    with everywhere(by="t"):
        rows = {
            f"<notice-{pk}@localhost>": (key, kind, occurrence)
            for pk, key, kind, occurrence in Notice.objects.values_list("pk", "key", "kind", "occurrence")
        }
    first: dict[Due, float] = {}
    for letter in product.post.log:
        first.setdefault((*rows[letter.id], letter.to), letter.at)
    return [first[one] - begun for one, begun in since.items()]


def test_web_and_database_are_killed_while_values_are_entered(product: Product) -> None:
    """Every tenth time the database: what was acknowledged is there once, nobody sees a fault of ours, all comes back."""
    writer, waits, random = writer_at(product.port, 20), [], Random(7)
    with writing(writer):
        for number in range(1, KILLS + 1):
            product.kill("web" if number % 10 else "postgres")
            killed = time.monotonic()
            assert until(lambda since=killed: writer.goes_on(since), 60)  # type: ignore[misc]
            waits.append(time.monotonic() - killed)
            time.sleep(random.random())
    back()
    found = differing(writer)
    reported("killed while writing", kills=KILLS, acknowledged=len(writer.stored), **found,
             statuses=dict(sorted(writer.statuses.items())), recovery_median_seconds=round(statistics.median(waits), 1),
             recovery_most_seconds=round(max(waits), 1))  # fmt: skip
    assert found == {"lost": 0, "twice": 0, "strange": 0}
    assert writer.statuses.keys() <= {0, 201, 409, 503}
    assert max(waits) <= RECOVERED


def test_hours_of_mail_and_web_leave_nothing_behind(product: Product, north: Site, ana: User) -> None:
    """Twenty mails a second and somebody at the work list: memory and handles stay, and nothing waits for long."""
    with everywhere(by="t"):
        people = [ana, *(wants_single_mails(make_staff(north, "coordinator", f"c{n}")) for n in range(9))]
        token = AuthToken.objects.create(ana)[1]
    paths = cycle(["/api/v1/worklist/", "/api/v1/patients/", "/readyz"])
    memory, handles, ages = [], [], []
    due: set[Due] = set()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < SOAK:
        due |= told_to(north, people, 20)
        until_next = begun + 10 * (len(ages) + 1)
        while time.monotonic() < until_next:
            product.ask(next(paths), token)
            time.sleep(0.2)
        ages.append(oldest())
        if passed > min(SOAK / 4, 600):
            memory.append(product.rss())
            handles.append(product.handles())
    ring = len(memory) // 5 or 1
    growth = statistics.median(memory[-ring:]) / statistics.median(memory[:ring]) - 1
    more = statistics.median(handles[-ring:]) - statistics.median(handles[:ring])
    assert until(lambda: len(set(product.post.ids())) >= len(due), 180)
    found = compared(product.post.log, due)
    bad = [status for _, status in product.answers if status != 200]
    reported("soak", seconds=SOAK, mails=len(product.post.log), lost=found.lost, copies=found.copies,
             memory_mb=round(memory[-1] / 2**20), growth_percent=round(100 * growth, 1), more_handles=more,
             outbox_age_p99_seconds=round(share(ages, 0.99), 1), answers=len(product.answers), bad=len(bad),
             web_p95_seconds=round(share([s for s, _ in product.answers], 0.95), 3))  # fmt: skip
    assert (found.lost, found.strangers, found.copies) == (0, 0, 0)
    assert growth <= 0.05
    assert abs(more) <= 5
    assert share(ages, 0.99) <= 60
    assert bad == [], set(product.refused)


def oldest() -> float:
    """Seconds for which the mail that waits longest has been due, since it was written down."""
    with everywhere(by="t"):
        waiting = Notice.objects.filter(
            sent_at=None, failed_at=None, cancelled_at=None, next_try_at__isnull=False
        )
        first = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    return (timezone.now() - first).total_seconds() if first else 0.0
