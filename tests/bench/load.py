"""Coordinators at work at once over real HTTP: the web process as it runs in production, on one machine.

Each of them opens Today, a patient, the cohort and enters a result over the API, and thinks for a second in between.
Answers are wall times, so other work on the machine counts.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.bench.measuring import Figure

PEOPLE, SECONDS, THINKING = 50, 60, 1.0


@dataclass
class Seen:
    """Seconds per answer, by what was asked; answers that were not as expected."""

    times: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def figures(people: int = PEOPLE, seconds: float = SECONDS) -> Iterator[Figure]:
    staff, patients = _staff(people), _patients()
    seen = Seen()
    with _web() as port:
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=_works, args=(port, cookie, token, patients, until, seen))
            for cookie, token in staff
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    times = sorted(t * 1000 for rows in seen.times.values() for t in rows)
    yield Figure(f"answers to {people} people", float(len(times)))
    for name, rows in seen.times.items():
        yield Figure(f"{name}, median", statistics.median(rows) * 1000, "ms")
    yield Figure("95th percentile of all", times[len(times) * 95 // 100], "ms", 500)
    yield Figure("99th percentile of all", times[len(times) * 99 // 100], "ms", 1500)
    yield Figure("faults", float(len(seen.faults)), "", 0)


def _staff(people: int) -> list[tuple[str, str]]:
    """A session's cookie and a token for each."""
    from django.conf import settings
    from django.test import Client
    from knox.models import get_token_model

    from patients.access import everywhere
    from patients.models import Site
    from tests.factories.people import make_staff

    found = []
    for n in range(people):
        with everywhere(by="bench"):
            person = make_staff(Site.objects.get(code="bench"), "coordinator", f"load-{n}")
        client = Client()
        client.force_login(person)
        token = get_token_model().objects.create(person)[1]
        found.append(
            (f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", token)
        )
    return found


def _patients() -> list[str]:
    from patients.access import everywhere
    from patients.models import Patient

    with everywhere(by="bench"):
        return [str(pk) for pk in Patient.objects.values_list("pk", flat=True)[:500]]


@contextmanager
def _web() -> Iterator[int]:
    from config.serve import COMMANDS

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [f"127.0.0.1:{port}" if part.startswith("0.0.0.0:") else part for part in COMMANDS["web"]]
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=os.environ.copy(), stderr=subprocess.DEVNULL
    )
    try:
        _until_it_answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _until_it_answers(port: int) -> None:
    for _ in range(300):
        try:
            if _asked(port, "GET", "/healthz", {}) == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("The web process does not answer.")


def _works(port: int, cookie: str, token: str, patients: list[str], until: float, seen: Seen) -> None:
    chance = random.Random(cookie)
    time.sleep(chance.random() * THINKING)
    while time.monotonic() < until:
        patient = chance.choice(patients)
        for name, method, path, body in (
            ("Today", "GET", "/admin/today/", None),
            ("patient page", "GET", f"/admin/patients/{patient}/", None),
            ("cohort", "GET", "/admin/cohort/", None),
            ("one result", "POST", f"/api/v1/patients/{patient}/results/", _result(chance)),
        ):
            headers = {"Cookie": cookie} if body is None else {"Authorization": f"Bearer {token}"}
            begin = time.perf_counter()
            try:
                status: Any = _asked(port, method, path, headers, body)
            except OSError as error:
                status = repr(error)
            seen.times.setdefault(name, []).append(time.perf_counter() - begin)
            if status not in (200, 201, 202):
                seen.faults.append(f"{path} {status}")
            time.sleep(THINKING)


def _result(chance: random.Random) -> dict[str, str]:
    from django.utils import timezone

    drawn = timezone.now() - timedelta(minutes=chance.randrange(10_000))
    return {"analyte": "ALT", "value": str(chance.randrange(15, 40)), "unit": "U/L", "reference_high": "45",
            "collected_at": drawn.isoformat()}  # fmt: skip


def _asked(port: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = None if body is None else json.dumps(body)
        told = {**headers, "Host": "localhost"} | ({"Content-Type": "application/json"} if sent else {})
        connection.request(method, path, sent, told)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
