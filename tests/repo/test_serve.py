"""The supervisor refuses a port in use, and starts what ended again; what it wakes is woken soon after a crash."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from celery.beat import Scheduler

from config import env, serve
from config.celery import BELLS, app


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = str(other.getsockname()[1])
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        done = subprocess.run(
            [sys.executable, "-m", "config.serve"], cwd=env.ROOT, capture_output=True, text=True, timeout=60,
            env={**environment, "PORT": port, "DAYMARK_VAR": str(tmp_path)}, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} cannot be used (Address already in use). Name another: PORT=8001" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "waits"), [(1, [0, 1, 3, 7, 15, 30, 30]), (-9, [0, 1, 1, 1, 1, 1, 1])])
def test_a_child_that_fails_waits_longer_each_time_and_one_that_was_killed_never_long(
    status: int, waits: list[float]
) -> None:
    child = serve.Child("web", {})
    for wait in waits:
        child._ended(100.0, status)
        assert child.start_after == 100.0 + wait


def test_a_killed_child_is_started_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(serve.COMMANDS, "web", ["python", "-c", "import time; time.sleep(60)"])
    child = serve.Child("web", dict(os.environ))
    try:
        child.ensure()
        first = child.process
        assert first is not None
        first.kill()
        first.wait()
        child.ensure()
        assert child.process is not None and child.process.pid != first.pid
        assert child.failures == 1
        child.started_at -= serve.STEADY + 1
        child.ensure()
        assert child.failures == 0
    finally:
        child.replace()


def test_beat_rings_every_bell_as_soon_as_it_has_started() -> None:
    """One that is killed every minute would else never ring what is rung once a minute."""
    entries = Scheduler(app).schedule.values()
    assert {entry.name for entry in entries} == BELLS.keys()
    for entry in entries:
        assert entry.is_due().is_due
        assert not next(entry).is_due().is_due
