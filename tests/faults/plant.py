"""A worker of its own on a broker of its own, mail to a server that keeps a log: what the faults are done to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis
from celery import Celery

from config import serve
from config.embedded import Valkey
from tests.factories.post import Post, open_post


@dataclass
class Plant:
    """`wire`: every command the broker ever got; `log`: what the worker said."""

    home: Path
    valkey: Valkey
    post: Post
    worker: serve.Child
    wire: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.home / "worker.log").read_text(encoding="utf-8")

    def ring(self, *names: str) -> None:
        """Wakes the worker, as beat does."""
        with Celery(broker=self.valkey.url) as bell:
            for name in names:
                bell.send_task(name, queue="celery")

    def senders(self) -> list[psutil.Process]:
        """The processes in which tasks run."""
        assert self.worker.process is not None
        return psutil.Process(self.worker.process.pid).children()

    def kill_sender(self) -> None:
        """`kill -9` while it is at work; the worker starts another."""
        before = {p.pid for p in self.senders()}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: any(p.pid not in before for p in self.senders()), 60)

    def stop_worker(self) -> int:
        """Makes it deaf: it lives, and does nothing. Returns its number."""
        assert self.worker.process is not None
        for process in (psutil.Process(self.worker.process.pid), *self.senders()):
            process.suspend()
        self.worker.started_at -= serve.STALE_SECONDS
        return self.worker.process.pid

    def started(self) -> bool:
        """What the supervisor does twice a second: whether the worker runs. It speaks into its log."""
        with (self.home / "worker.log").open("ab") as log, _said_into(log):
            self.worker.ensure()
        return self.worker.process is not None

    def took(self, number: int, seconds: float = 120) -> bool:
        """Whether the mail server has so many mails in time."""
        return until(lambda: len(self.post.log) >= number, seconds, 0.002)

    def stored(self) -> str:
        """Everything the broker holds, in words."""
        server = redis.Redis.from_url(self.valkey.url, decode_responses=True)
        reads: dict[str, Callable[[str], Any]] = {
            "string": server.get, "hash": server.hgetall, "set": server.smembers,
            "list": lambda key: server.lrange(key, 0, -1), "zset": lambda key: server.zrange(key, 0, -1),
        }  # fmt: skip
        return "\n".join(f"{key} {reads[server.type(key)](key)}" for key in server.scan_iter())


def until(true: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    deadline = time.monotonic() + seconds
    while not (so := true()) and time.monotonic() < deadline:
        time.sleep(pause)
    return so


@contextmanager
def running(home: Path, settings: Any) -> Iterator[Plant]:
    """The worker of the supervisor, in the worker's database role, and all it needs."""
    valkey = Valkey(home / "valkey")
    valkey.ensure()
    with open_post(settings) as post:
        settings.REDIS_URL = valkey.url
        environment = {
            **os.environ, **serve.WORKER_ROLE, "REDIS_URL": valkey.url, "DAYMARK_VAR": str(home),
            "EMAIL_URL": f"smtp://127.0.0.1:{post.port}", "DJANGO_SETTINGS_MODULE": "config.settings",
            "FIELD_KEYS": ",".join(settings.FIELD_KEYS), "SEAL_KEY": ",".join(settings.SEAL_KEYS),
        }  # fmt: skip
        plant = Plant(home, valkey, post, serve.Child("worker", environment))
        try:
            with _listening(plant):
                assert plant.started()
                yield plant
        finally:
            plant.worker.replace()
            valkey.stop()


@contextmanager
def _said_into(log: Any) -> Iterator[None]:
    """What children write to stderr while this lasts goes into a file."""
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _listening(plant: Plant) -> Iterator[None]:
    """Notes all that goes to the broker, also after it was away."""
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            with suppress(redis.RedisError, OSError):
                server = redis.Redis.from_url(plant.valkey.url, socket_timeout=1)
                with server.monitor() as monitor:
                    while not over.is_set():
                        plant.wire.append(str(monitor.next_command()["command"]))
            over.wait(0.05)

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    try:
        yield
    finally:
        over.set()
        ear.join(5)
