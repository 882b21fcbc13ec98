"""The embedded servers: shared by processes, stopped by the last, restarted after a crash."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
USE = """
import sys, time
from config import embedded
import psycopg, redis
with psycopg.connect(embedded.database_url(), autocommit=True) as c:
    c.execute("create table if not exists seen (at timestamptz default now())")
    c.execute("insert into seen default values")
    print(c.execute("select count(*) from seen").fetchone()[0], c.info.port, flush=True)
redis.Redis.from_url(embedded.redis_url()).ping()
time.sleep(float(sys.argv[1]))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="daymark-embedded-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def use(home: Path, seconds: float) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "DAYMARK_ENV")}
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(seconds)],
        cwd=ROOT, env={**kept, "DAYMARK_VAR": str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> tuple[int, int]:
    assert process.stdout is not None
    count, port = process.stdout.readline().split()
    return int(count), int(port)


def running(home: Path) -> bool:
    return (home / "postgres" / "data" / "postmaster.pid").exists()


def test_processes_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    first = use(home, 6)
    assert told(first)[0] == 1
    second = use(home, 0)
    count, _ = told(second)
    assert count == 2
    assert second.wait(30) == 0
    assert running(home), "the first process still uses it"
    assert first.wait(60) == 0
    assert not running(home)
    third = use(home, 0)
    assert told(third)[0] == 3, "the data are kept"
    assert third.wait(60) == 0


def test_a_killed_process_leaves_a_state_that_starts_again(home: Path) -> None:
    owner = use(home, 60)
    _, port = told(owner)
    owner.kill()
    owner.wait()
    assert running(home)
    adopted = use(home, 0)
    assert told(adopted) == (2, port), "the running server is adopted"
    assert adopted.wait(60) == 0
    assert not running(home)


def test_a_killed_server_is_started_again(home: Path) -> None:
    owner = use(home, 60)
    _, port = told(owner)
    owner.kill()
    owner.wait()
    pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    again = use(home, 0)
    assert told(again) == (2, port), "at its old address, where others look for it"
    assert again.wait(60) == 0


def test_a_killed_server_that_nobody_buried_is_started_again(home: Path) -> None:
    """In some containers nothing reaps orphans: the dead server stays as a zombie with its number."""
    adopts_orphans, yes, no = 36, 1, 0
    libc = ctypes.CDLL(None)
    assert libc.prctl(adopts_orphans, yes) == 0
    try:
        owner = use(home, 60)
        told(owner)
        owner.kill()
        owner.wait()
        pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)
        again = use(home, 0)
        assert told(again)[0] == 2
        assert again.wait(60) == 0
    finally:
        libc.prctl(adopts_orphans, no)


def test_passwords_are_for_the_owner_only(home: Path) -> None:
    process = use(home, 0)
    told(process)
    process.wait(60)
    for name in ("postgres/password", "valkey/password", "valkey/valkey.conf"):
        assert (home / name).stat().st_mode & 0o077 == 0
