"""A real worker is killed while it sends, its broker emptied and taken away, itself made deaf: no mail is lost.

The worker runs as the supervisor starts it, so each fault meets the product's own processes. The log of the
mail server is compared with what the rule says was due.
"""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import time_machine
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from config import serve
from config.embedded import revive
from patients.access import as_owner, everywhere
from patients.models import Patient, Run, Site, User
from patients.services.sites import create_source
from tests.factories.people import make_site, make_staff
from tests.faults.due import Compared, Due, compared, told_to, wants_single_mails
from tests.faults.plant import Plant, running, until
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Alert, Pathway
from workflow.services import imports, infusions, notices

SLOW_MAIL = 0.01
"""Seconds before and after the server takes a mail."""


@pytest.fixture
def plant(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[Plant]:
    with running(tmp_path, settings) as plant:
        plant.post.before = plant.post.after = SLOW_MAIL
        yield plant


@pytest.fixture
def team(transactional_db: None) -> tuple[Site, User]:
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        return site, wants_single_mails(make_staff(site, "coordinator", "ana"))


def told(plant: Plant, team: tuple[Site, User], count: int) -> set[Due]:
    """So many reminders fall due, and the bell rings for sweep and sender."""
    site, ana = team
    due = told_to(site, [ana], count)
    plant.ring("workflow.heartbeat", "workflow.sweep", "workflow.send_notices")
    return due


def after_the_leases(plant: Plant) -> None:
    """What killed senders held is free again, once the living one has nothing in hand: it would be sent twice."""
    seen = -1
    while seen != len(plant.post.log):
        seen = len(plant.post.log)
        time.sleep(2)
    notices.send(at=timezone.now() + notices.LEASE + timedelta(seconds=1))


def settled(plant: Plant, due: set[Due]) -> Compared:
    """The comparison once the worker has sent what it holds itself."""
    until(lambda: compared(plant.post.log, due).lost == 0, 60, 0.2)
    return compared(plant.post.log, due)


def answered_quickly(client: Client, path: str) -> Any:
    """Within a second: the best of three, as the machine may be busy with something else."""
    for _ in range(3):
        begun = time.monotonic()
        answer = client.get(path)
        if time.monotonic() - begun < 1:
            return answer
    raise AssertionError(path)


def ready(client: Client) -> dict[str, Any]:
    return answered_quickly(client, "/readyz").json()


def test_a_worker_killed_robbed_cut_off_and_deaf_loses_no_mail(
    plant: Plant, team: tuple[Site, User], client: Client
) -> None:
    due = killed(plant, team)
    client.force_login(team[1])
    due |= broker_gone(plant, team, client, due)
    deaf(plant, team, client, due)
    silent_about_patients(plant, team)


def killed(plant: Plant, team: tuple[Site, User], count: int = 60, kills: int = 6) -> set[Due]:
    due = told(plant, team, count)
    for number in range(1, kills + 1):
        assert plant.took(number * count // (kills + 2))
        plant.kill_sender()
    assert plant.took(count - kills)
    until(lambda: len(set(plant.post.ids())) >= count - kills, 10)
    after_the_leases(plant)
    found = settled(plant, due)
    assert (found.lost, found.strangers, found.differing, found.distinct) == (0, 0, 0, count)
    assert found.copies <= kills and found.most <= 2
    return due


def broker_gone(
    plant: Plant, team: tuple[Site, User], client: Client, before: set[Due], count: int = 40
) -> set[Due]:
    """Emptied while it is in use, then killed: sessions and lock-outs are elsewhere, and all comes back by itself."""
    kept = locked_out(client)
    start = len(plant.post.log)
    due = told(plant, team, count)
    assert plant.took(start + count // 4)
    redis.Redis.from_url(plant.valkey.url).flushall()
    assert plant.took(start + count // 2)
    os.kill(int((plant.valkey.home / "pid").read_text()), signal.SIGKILL)
    assert until(lambda: not plant.valkey.running(), 5)
    assert ready(client)["broker"] is False
    assert answered_quickly(client, "/admin/me/mail/").status_code == 200
    assert plant.took(start + count), "a run that has begun needs no broker"
    revive(plant.valkey)
    assert ready(client)["broker"] is True
    assert locked_out(client) == kept
    more = told(plant, team, 10)
    assert plant.took(start + count + 10), "the worker has found the broker again"
    found = compared(plant.post.log, before | due | more)
    assert (found.lost, found.strangers, found.differing) == (0, 0, 0)
    return due | more


def locked_out(client: Client) -> tuple[set[str], set[str]]:
    """Sessions, and who may not sign in after five wrong passwords."""
    if not AccessAttempt.objects.exists():
        for _ in range(6):
            client.post("/accounts/login/", {"login": "mallory", "password": "wrong"})
    return set(Session.objects.values_list("session_key", flat=True)), set(
        AccessAttempt.objects.values_list("username", flat=True)
    )


def deaf(plant: Plant, team: tuple[Site, User], client: Client, before: set[Due], count: int = 20) -> None:
    """Alive but stopped: readiness turns red, and the supervisor puts another in its place."""
    start = len(plant.post.log)
    due = told(plant, team, count)
    assert plant.took(start + count // 4)
    assert until(lambda: ready(client)["beat"], 60)
    stopped = plant.stop_worker()
    with time_machine.travel(timezone.now() + timedelta(seconds=91), tick=True):
        assert ready(client)["beat"] is False
    with time_machine.travel(timezone.now() - timedelta(hours=1), tick=True):
        assert ready(client)["beat"] is False, "a clock that was set back leaves beat without a bell"
        serve._replace_deaf([plant.worker, serve.Child("beat", {})])
    assert until(plant.started, 10)
    assert plant.worker.process is not None and plant.worker.process.pid != stopped
    plant.ring("workflow.heartbeat", "workflow.send_notices")
    assert plant.took(start + count - 1)
    assert until(lambda: ready(client)["beat"], 60)
    after_the_leases(plant)
    found = settled(plant, before | due)
    assert (found.lost, found.strangers, found.differing) == (0, 0, 0) and found.most <= 2
    assert len(plant.post.log) <= start + count + 1


FAMILY, GIVEN, MRN, VALUE, BORN = "Quintzwald", "Xaverine", "MRN-90417", "7731.5", date(1961, 2, 3)


def silent_about_patients(plant: Plant, team: tuple[Site, User]) -> None:
    """An import, an alert, reminders and an error in the middle: nothing of it leaves the database but bare mail."""
    site, _ = team
    with everywhere(by="t"):
        someone = ready_patient(site, family_name=FAMILY, given_name=GIVEN, mrn=MRN, birth_date=BORN)
        infusions.record(patient=someone.pk, fields=given(), by="t", at=NOON)
        source = create_source(code="lab", site=site)
        imports.keep(name=f"{FAMILY}.hl7", stream=io.BytesIO(message()), site=site.pk, source=source, by="ana",
                     queued=True)  # fmt: skip
    plant.ring("workflow.run_imports")
    assert until(lambda: rows(Alert) == 1, 120)
    wakes_every_service(plant, someone)
    assert until(lambda: any("safety alert" in letter.mail["Subject"] for letter in plant.post.log), 120)
    with speaking_errors(someone):
        told(plant, team, 1)
        assert until(lambda: '"exception": "ProgrammingError"' in plant.log, 120)
    canaries = [FAMILY, GIVEN, MRN, VALUE, someone.code, str(someone.pk), "1961-02-03", "19610203", "hemgenix", "etranacogene", "Hemophilia",
                "ALT", "1742-6", "FIX", "AAV5", "liver"]  # fmt: skip
    mails = "\n".join(str(part) for m in plant.post.log for part in (*m.mail.items(), *m.parts.values()))
    for place in (plant.log, said("\n".join(plant.wire)), said(plant.stored()), mails):
        assert len(place) > 100
        assert [c for c in canaries if re.search(rf"\b{re.escape(c)}\b", place, re.I)] == []


def wakes_every_service(plant: Plant, someone: Patient) -> None:
    """A bell rings, the service does the work."""
    with everywhere(by="t"):
        Pathway.objects.filter(pk=someone.pk).update(next_change_on=timezone.now().date() - timedelta(days=1))
    seq = pathway(someone).decided_seq
    plant.ring("workflow.redecide", "workflow.sweep", "workflow.send_notices", "patients.seal")
    assert until(lambda: pathway(someone).decided_seq > seq, 120)
    plant.ring("outcomes.assess")
    assert until(lambda: (pathway(someone).assessed_seq or 0) > seq, 120)
    assert Run.objects.get(name="workflow.sweep").ok and Run.objects.get(name="patients.seal").ok


def pathway(someone: Patient) -> Pathway:
    with everywhere(by="t"):
        return Pathway.objects.get(pk=someone.pk)


def message() -> bytes:
    return "\r".join(
        [
            r"MSH|^~\&|LAB|X|D|Y|20260330090000||ORU^R01|M1|P|2.5",
            f"PID|1||{MRN}||{FAMILY}^{GIVEN}||{BORN:%Y%m%d}",
            "OBR|1||F1|24323-8^CMP^LN|||202603300800",
            f"OBX|1|NM|1742-6^ALT^LN||{VALUE}|U/L|0-40|H|||F|||202603300800+0200",
        ]
    ).encode()


def said(text: str) -> str:
    """With the bodies of the messages in plain text."""
    bodies = re.findall(r'"body": "([A-Za-z0-9+/=]+)"', text.replace('\\"', '"'))
    assert bodies
    return text + "\n".join(base64.b64decode(body).decode() for body in bodies)


def rows(model: Any) -> int:
    with everywhere(by="t"):
        return int(model.objects.count())


@contextmanager
def speaking_errors(someone: Patient) -> Iterator[None]:
    """The database refuses new notices, and says about whom."""
    about = f"{someone.family_name} {someone.mrn} {VALUE}"
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "create function speak() returns trigger language plpgsql as"
            f" $$ begin raise exception '{about}'; end $$;"
            " create trigger speak before insert on workflow_notice for each row execute function speak()"
        )
    try:
        yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("drop trigger speak on workflow_notice; drop function speak()")
