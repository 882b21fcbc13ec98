"""The whole product as `make demo` starts it, on data of its own, with its mail taken by a server that keeps a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings as django_settings
from django.db import connection

from config import env
from config.embedded import Postgres, Valkey
from tests.factories.post import Post, free_port, open_post
from tests.faults.plant import until

FIGURES: list[dict[str, Any]] = []
WORDS = {"worker": ("worker", "--queues", "celery"), "beat": ("beat",), "web": ("config.wsgi:application",)}
"""By what the command line of each process is known."""


@dataclass
class Product:
    """`answers`: seconds and status of what the web process answered to somebody who asks all the time.

    `refused`: address, status and first words of each answer that was an error.
    """

    home: Path
    port: int
    post: Post
    process: subprocess.Popen[bytes]
    postgres: Postgres
    valkey: Valkey
    answers: list[tuple[float, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def group(self, name: str) -> list[psutil.Process]:
        """The process of that name, and the processes it started."""
        heads = [p for p in psutil.Process(self.process.pid).children() if _is(p, name)]
        return [p for head in heads for p in (head, *head.children())]

    def kill(self, name: str) -> None:
        """`kill -9`, or for PostgreSQL an immediate shutdown."""
        if name == "postgres":
            self.postgres._run(
                "pg_ctl", "stop", "-D", str(self.postgres.data), "-m", "immediate", check=False
            )
        elif name == "redis":
            with suppress(OSError, ValueError):
                os.kill(int((self.valkey.home / "pid").read_text()), signal.SIGKILL)
        else:
            for process in self.group(name):
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def rss(self) -> int:
        """Memory of everything the supervisor started and of itself, in bytes."""
        return sum(_told(p, lambda p: p.memory_info().rss) for p in self.processes())

    def handles(self) -> int:
        return sum(_told(p, lambda p: p.num_fds()) for p in self.processes())

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def ask(self, path: str, token: str = "") -> int:
        """The status of the answer, 0 for none; its time is noted."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if token:
            asked.add_header("Authorization", f"Bearer {token}")
        begun, status = time.monotonic(), 0
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            self.refused.append(f"{path} {status} {error.read(300).decode()}")
        except OSError:
            pass
        self.answers.append((time.monotonic() - begun, status))
        return status


def _is(process: psutil.Process, name: str) -> bool:
    line: list[str] = _told(process, lambda p: p.cmdline()) or []
    return all(word in line for word in WORDS[name])


def _told(process: psutil.Process, what: Callable[[psutil.Process], Any]) -> Any:
    try:
        return what(process)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


@contextmanager
def started(home: Path, settings: Any, blocker: Any) -> Iterator[Product]:
    """Starts it, points this process's database connection and mail at it, and stops it in order."""
    home.chmod(0o755)
    (home / "demo").mkdir()
    (home / "demo" / "sign-ins.txt").touch(mode=0o600)  # somebody has been here: nothing is seeded
    kept = dict(connection.settings_dict)
    with open_post(settings) as post, blocker.unblock(), (home / "log").open("wb") as log:
        port = free_port()
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")} | {
            "DAYMARK_VAR": str(home), "PORT": str(port), "EMAIL_URL": f"smtp://127.0.0.1:{post.port}",
            "DJANGO_SETTINGS_MODULE": "config.settings", "DAYMARK_ENV": "demo",
            "FIELD_KEYS": ",".join(settings.FIELD_KEYS), "SEAL_KEY": ",".join(settings.SEAL_KEYS),
        }  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "config.serve"], cwd=env.ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            said = home / "log"
            assert until(lambda: b"URL:" in said.read_bytes(), 300), said.read_text()[-2000:]
            product = Product(home, port, post, process, Postgres(home / "postgres"), Valkey(home / "valkey"))
            assert until(lambda: product.ask("/healthz") == 200, 300), said.read_text()[-2000:]
            product.answers.clear()
            connection.close()
            wanted = env.database(product.postgres.url, django_settings.DATABASE_ROLE)
            connection.settings_dict.update(wanted)
            yield product
        finally:
            connection.close()
            process.send_signal(signal.SIGTERM)
            process.wait(120)
            connection.settings_dict.update(kept)


@contextmanager
def asked_all_the_time(product: Product, path: str, token: str = "", pause: float = 0.5) -> Iterator[None]:
    """Somebody who looks at the same page again and again."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(pause):
            product.ask(path, token)

    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    try:
        yield
    finally:
        over.set()
        asker.join(40)


def reported(name: str, **figures: Any) -> None:
    """Keeps figures for the end of the run."""
    FIGURES.append({"fault": name, **figures})
