"""What every benchmark shares: a throw-away database, a clock of CPU, and figures beside their targets."""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `must` and `stretch` are bounds, upper ones unless `least`; None: shown only."""

    name: str
    value: float
    unit: str = ""
    must: float | None = None
    stretch: float | None = None
    least: bool = False

    @property
    def verdict(self) -> str:
        """“stretch”, “met”, “MISSED”, or nothing where there is no target."""
        for bound, word in ((self.stretch, "stretch"), (self.must, "met")):
            if bound is not None and (self.value >= bound if self.least else self.value <= bound):
                return word
        return "" if self.must is None else "MISSED"

    def shown(self) -> str:
        bound = "" if self.must is None else f"must {'>=' if self.least else '<='} {self.must:g}"
        return f"{self.name:72} {self.value:12.2f} {self.unit:14} {bound:14} {self.verdict}"


@contextmanager
def database() -> Iterator[None]:
    """A migrated PostgreSQL of one's own, Django set up on it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="daymark-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "DAYMARK_VAR": folder,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        from config import embedded

        server = embedded.start_throwaway(Path(folder))
        os.environ["DATABASE_URL"] = server.url
        try:
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            yield
        finally:
            server.stop()


AROUND = ("savepoint", "release", "begin", "commit", "rollback", "set ")
CONTEXT = re.compile(r"^select set_config\('pghistory[^;]*; ")


def statements(captured: Iterable[Mapping[str, str]]) -> list[str]:
    """What was asked of the database, in small letters, without transaction control and the audit's context."""
    sent = (CONTEXT.sub("", query["sql"].lower()) for query in captured)
    return [text for text in sent if not text.startswith(AROUND)]


class Meter:
    """Seconds of CPU of this process and of the PostgreSQL backend that serves its connection."""

    def __init__(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            self.backend = int(cursor.fetchone()[0])

    def now(self) -> float:
        served = int(Path(f"/proc/{self.backend}/schedstat").read_text().split()[0]) / 1e9
        return time.process_time() + served

    def spent(self, work: Callable[[], Any]) -> float:
        begin = self.now()
        work()
        return self.now() - begin

    def median(self, work: Callable[[], Any], runs: int = 7) -> float:
        return statistics.median(self.spent(work) for _ in range(runs))
