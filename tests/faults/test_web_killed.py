"""The web process is killed while it writes: what it acknowledged is there, once, and it is back within seconds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from knox.models import AuthToken

from config import serve
from config.embedded import free_port
from patients.access import everywhere
from tests.factories.people import PatientFactory, make_site, make_staff
from tests.faults.plant import until
from tests.faults.writing import Writer, differing, writing

RECOVERED = 10.0
"""Seconds from the kill to the next value that is stored."""


def writer_at(port: int, patients: int) -> Writer:
    """A coordinator with a token, and patients to write about."""
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        people = [PatientFactory(site=site).pk for _ in range(patients)]
        token = AuthToken.objects.create(make_staff(site, "coordinator", "ana"))[1]
    return Writer(port, token, people)


def started(web: serve.Child) -> bool:
    """What the supervisor does twice a second."""
    web.ensure()
    return web.process is not None


def loaded(web: serve.Child) -> set[str]:
    """The files that the processes have in memory."""
    assert web.process is not None
    head = psutil.Process(web.process.pid)
    return {part.path for process in (head, *head.children()) for part in process.memory_maps()}


def test_a_web_process_killed_while_it_writes_loses_nothing_it_acknowledged(
    transactional_db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port(0)
    monkeypatch.setitem(
        serve.COMMANDS, "web", [a.replace(f":{serve.PORT}", f":{port}") for a in serve.COMMANDS["web"]]
    )
    writer = writer_at(port, 1)
    web = serve.Child(
        "web",
        {
            **os.environ, "REDIS_URL": settings.REDIS_URL, "DAYMARK_VAR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "config.settings", "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
            "SEAL_KEY": ",".join(settings.SEAL_KEYS),
        },
    )  # fmt: skip
    try:
        web.ensure()
        with writing(writer):
            assert until(lambda: len(writer.stored) >= 5, 60)
            assert not any("numpy" in where for where in loaded(web)), (
                "what draws sheets and reads tables comes later"
            )
            web.replace()
            killed = time.monotonic()
            assert until(lambda: started(web) and writer.goes_on(killed), RECOVERED)
    finally:
        web.replace()
    assert differing(writer) == {"lost": 0, "twice": 0, "strange": 0}
    assert writer.statuses.keys() <= {0, 201, 409}, "a twin of a request that died may still hold its lock"
