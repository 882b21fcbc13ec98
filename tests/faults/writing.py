"""Somebody who enters one value after another, each until it is acknowledged, and what is then stored of them."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

from patients.access import everywhere
from patients.models import Result
from tests.services.ready import NOON

Write = tuple[UUID, datetime]
"""Patient and time of a sample, no two alike."""


@dataclass
class Writer:
    """`stored`: what was acknowledged, and when (seconds on the monotonic clock); `statuses`: every answer, 0 for none."""

    port: int
    token: str
    patients: Sequence[UUID]
    stored: dict[Write, float] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    last: Write | None = None

    def write(self, over: threading.Event) -> None:
        for number in count():
            write = self.patients[number % len(self.patients)], NOON - timedelta(hours=number)
            self.last, key = write, str(uuid4())
            while not self._posted(write, key):
                if over.wait(0.05):
                    return
            self.stored[write] = time.monotonic()
            if over.is_set():
                return

    def _posted(self, write: Write, key: str) -> bool:
        patient, at = write
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/patients/{patient}/results/",
            json.dumps({"analyte": "ALT", "value": "25", "unit": "U/L", "reference_high": "40",
                        "collected_at": at.isoformat()}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key},
        )  # fmt: skip
        status = 0
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            pass
        self.statuses[status] += 1
        return status == 201

    def goes_on(self, since: float) -> bool:
        """Whether something that was sent after an instant is acknowledged."""
        return any(at > since for at in list(self.stored.values())[-2:])


@contextmanager
def writing(writer: Writer) -> Iterator[None]:
    over = threading.Event()
    hand = threading.Thread(target=writer.write, args=[over], daemon=True)
    hand.start()
    try:
        yield
    finally:
        over.set()
        hand.join(40)


def differing(writer: Writer) -> dict[str, int]:
    """Acknowledged values that are not there, values that are there more than once, and those nobody sent."""
    with everywhere(by="t"):
        rows = Counter(Result.objects.filter(analyte="ALT").values_list("patient_id", "collected_at"))
    sent = {*writer.stored, *([writer.last] if writer.last else [])}
    return {
        "lost": len(writer.stored.keys() - rows.keys()),
        "twice": sum(times > 1 for times in rows.values()),
        "strange": len(rows.keys() - sent),
    }
