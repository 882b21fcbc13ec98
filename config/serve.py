"""`python -m config.serve`: web, worker and beat under one supervisor, in the foreground.

Embedded servers are started first and outlive a child's crash; one that dies is started again at its old
address. A child that ends is started again, later each time; a worker whose heartbeat is older than a minute is
replaced. Large imports and exports have a worker of their own, so that no mail waits for them. Ctrl-C stops
everything in order.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from config import embedded, env

PORT = os.environ.get("PORT", "8000")
WORKER_ROLE = {"DAYMARK_DB_ROLE": "daymark_worker"}
COMMANDS: dict[str, list[str]] = {
    "web": [
        "gunicorn", "config.wsgi:application", "--bind", f"0.0.0.0:{PORT}", "--workers", "1", "--threads", "8",
        "--timeout", "120", "--no-control-socket",
    ],
    "worker": [
        "celery", "--quiet", "--skip-checks", "-A", "config", "worker", "--queues", "celery", "--concurrency", "1",
        "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
    ],
    "long": [
        "celery", "--quiet", "--skip-checks", "-A", "config", "worker", "--queues", "long", "--hostname", "long@%h",
        "--concurrency", "1", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
    ],
    "beat": ["celery", "--quiet", "-A", "config", "beat", "--loglevel", "WARNING", "--scheduler", "celery.beat:Scheduler"],
}  # fmt: skip
STALE_SECONDS, LONGEST_WAIT, GRACE = 60, 30.0, 20.0
KILLED_WAIT = 1.0
"""Seconds. What a signal ended did nothing wrong of its own: it is never kept waiting for longer."""
STEADY = 10.0
"""Seconds. What has run for as long has started well: if it ends, it is started again soon."""


@dataclass
class Child:
    """One supervised process."""

    name: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    start_after: float = field(default=0.0)

    def ensure(self) -> None:
        """Starts the process if it is not running and its back-off is over."""
        now = time.monotonic()
        status = self.process.poll() if self.process is not None else None
        if self.process is not None and status is None:
            if now - self.started_at > STEADY:
                self.failures = 0
            return
        if status is not None:
            self._ended(now, status)
        if now >= self.start_after:
            self._start(now)

    def _ended(self, now: float, status: int) -> None:
        """The first start comes at once, then after 1, 3, 7 … seconds."""
        longest = KILLED_WAIT if status < 0 else LONGEST_WAIT
        wait = min(2.0**self.failures - 1, longest)
        self.failures, self.start_after, self.process = self.failures + 1, now + wait, None
        print(f"{self.name} ended ({status}); next start in {wait:.0f} s", file=sys.stderr, flush=True)

    def _start(self, now: float) -> None:
        program, *arguments = COMMANDS[self.name]
        command = [str(Path(sys.executable).parent / program), *arguments]
        self.process = subprocess.Popen(command, env=self.environment, cwd=env.ROOT, start_new_session=True)
        self.started_at = now

    def stop(self, seconds: float = GRACE) -> None:
        """Asks the process and its children to end, then ends them."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def replace(self) -> None:
        """Ends a process that lives but does not work; `ensure` starts another."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main() -> None:
    _port_is_free()
    servers = embedded.ours()
    environment = {**os.environ, "DATABASE_URL": embedded.database_url(), "REDIS_URL": embedded.redis_url()}
    os.environ.update(environment)
    stop = _stop_flag()
    _prepare()
    children = [
        Child("web", environment),
        Child("worker", {**environment, **WORKER_ROLE}),
        Child("long", {**environment, **WORKER_ROLE}),
        Child("beat", {**environment, **WORKER_ROLE}),
    ]
    try:
        _watch(children, servers, stop)
    finally:
        for child in children:
            child.stop()


def _port_is_free() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", int(PORT)))  # noqa: S104 (the address the web process takes)
        except OSError as error:
            raise SystemExit(
                f"Port {PORT} cannot be used ({error.strerror}). Name another: PORT=8001"
            ) from None


def _stop_flag() -> Callable[[], bool]:
    """Whether somebody asked to stop (Ctrl-C or SIGTERM)."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return lambda: bool(asked)


def _prepare() -> None:
    """Migrates, collects static files, and seeds the demonstration once."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not env.production():
        _demonstrate(call_command)
    print(f"URL: {settings.BASE_URL}/", flush=True)
    if not env.production():
        print(f"Mail: {env.VAR / 'demo' / 'mail'}", flush=True)
        print(_sign_ins().read_text(), end="", flush=True)


def _demonstrate(call_command: Callable[..., object]) -> None:
    """Seeds 26 people; sign-ins are kept in a file only the owner reads, so they are printed at every start."""
    path = _sign_ins()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        said = io.StringIO()
        call_command("seed_cohort", patients=26, seed=1, stdout=said)
        path.touch(mode=0o600)
        path.write_text(
            "".join(f"{line}\n" for line in said.getvalue().splitlines() if line.startswith("Sign-in:"))
        )


def _sign_ins() -> Path:
    return env.VAR / "demo" / "sign-ins.txt"


def _watch(
    children: list[Child], servers: Sequence[embedded.Postgres | embedded.Valkey], stop: Callable[[], bool]
) -> None:
    """Keeps servers and children running until somebody asks to stop."""
    checked = time.monotonic()
    while not stop():
        for server in servers:
            _revive(server)
        for child in children:
            child.ensure()
        if time.monotonic() - checked > STALE_SECONDS / 4:
            checked = time.monotonic()
            _replace_deaf(children)
        time.sleep(0.5)


def _revive(server: embedded.Postgres | embedded.Valkey) -> None:
    try:
        embedded.revive(server)
    except embedded.EmbeddedError as error:
        print(error, file=sys.stderr, flush=True)


def _replace_deaf(children: list[Child]) -> None:
    """Without a heartbeat for a minute the worker is deaf or beat is dumb: both are started anew."""
    worker, beat = (next(c for c in children if c.name == name) for name in ("worker", "beat"))
    if time.monotonic() - worker.started_at < STALE_SECONDS or heartbeat_age() < STALE_SECONDS:
        return
    print("no heartbeat; worker and beat are replaced", file=sys.stderr, flush=True)
    worker.replace()
    beat.replace()


def heartbeat_age() -> float:
    """Seconds since a worker last said that it works; 0 when the database does not answer.

    A sign of life from the future says nothing: the clock was set back, after which beat rings no bell.
    """
    from django.db import DatabaseError, connection
    from django.utils import timezone

    from patients.models import Heartbeat

    try:
        last = Heartbeat.objects.filter(name="worker").values_list("at", flat=True).first()
        return abs((timezone.now() - last).total_seconds()) if last else STALE_SECONDS + 1.0
    except DatabaseError:
        return 0.0
    finally:
        connection.close()


if __name__ == "__main__":
    main()
