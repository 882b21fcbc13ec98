"""Two bells ring, twenty hands reach for the same work: one row and one mail of each, and nobody sees an error."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
from django.utils import timezone

from patients.access import everywhere
from tests.factories.people import make_site, make_staff
from tests.factories.post import Post, open_post
from tests.faults.due import compared, told_to, wants_single_mails
from tests.services.racing import racing
from tests.services.ready import NOON, given, ready_patient
from workflow.models import Alert, Notice
from workflow.services import infusions, intake, notices, sweep

HANDS = 20


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


def test_twenty_hands_make_one_row_and_one_mail_of_each(transactional_db: None, post: Post) -> None:
    with everywhere(by="t"):
        site = make_site("north")
    with everywhere(by="t"):
        people = [wants_single_mails(make_staff(site, "coordinator", name)) for name in ("ana", "ben")]
        patient = ready_patient(site)
        infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    due = told_to(site, people, 30)
    turn, values = threading.Lock(), iter(range(100))

    def risen() -> None:
        """ALT above the limit, each time of another day."""
        with turn:
            day = next(values)
        item = {"analyte": "ALT", "value": str(77 + day), "unit": "U/L", "reference_high": "40",
                "collected_at": (NOON + timedelta(days=28 + day)).isoformat()}  # fmt: skip
        with everywhere(by="t"):
            intake.record_results(patient=patient.pk, items=[item], by="t")

    work = cycle([sweep.sweep, notices.send, risen, sweep.redecide])

    def reach() -> None:
        with turn:
            mine = [next(work) for _ in range(3)]
        for what in mine:
            what()

    answers = racing(reach, HANDS)
    assert [a for a in answers if a is not None] == []
    sweep.sweep()
    notices.send(at=timezone.now() + timedelta(seconds=1))
    with everywhere(by="t"):
        opened = list(Alert.objects.filter(patient=patient, state="open").values_list("pk", flat=True))
        rows = Notice.objects.filter(kind__in=("due", "alert")).values_list("key", "rule", "recipient")
        assert max(Counter(rows).values()) == 1, "no second occurrence either"
        about = set(Notice.objects.filter(patient=patient, kind="alert").values_list("key", flat=True))
    assert opened and about == {f"alert:{pk}" for pk in opened}
    alerts = {letter.id for letter in post.log if "safety alert" in letter.mail["Subject"]}
    assert len(alerts) == len(opened) * len(people), "told to each once, however often it rose further"
    found = compared(post.log, due)
    assert (found.lost, found.copies) == (0, 0)
