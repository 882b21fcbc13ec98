"""Reminders that are due now, and the comparison of what a mail server took with what was due."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from patients.access import everywhere
from patients.models import Site, User
from tests.factories.post import Letter
from tests.services.reminded import patient, store, task
from workflow.models import Notice
from workflow.rules.effects import Task
from workflow.rules.reminders import reminder
from workflow.selectors.decisions import local_date
from workflow.selectors.derived import task_id

Due = tuple[str, str, str, str]
"""Key, kind and occurrence of a notice, and the address it is for."""
PER_PATIENT = 200


def wants_single_mails(person: User) -> User:
    """Each reminder is a mail of its own, from midnight on."""
    person.mail_single, person.mail_digest, person.digest_hour = True, False, 0
    person.save()
    return person


def told_to(site: Site, people: Iterable[User], count: int) -> set[Due]:
    """Makes `count` tasks at the site that are due today, and says by the rule alone who is to be told of each."""
    today, found = local_date(timezone.now(), site.timezone), set()
    people = list(people)
    for first in range(0, count, PER_PATIENT):
        tasks = [_due_today(n, today) for n in range(first, min(first + PER_PATIENT, count))]
        with everywhere(by="t"):
            someone = patient(site)
            store(someone, *tasks)
        for one in tasks:
            asked = reminder(one, today)
            assert asked is not None
            key = f"task:{task_id(someone.pk, one.key)}"
            found |= {(key, asked.kind, asked.on.isoformat(), person.email) for person in people}
    return found


def _due_today(number: int, today: date) -> Task:
    days = timedelta(days=10)
    return task(
        key=f"visit:{number}",
        opens_on=today - days,
        due_on=today,
        closes_on=today + days,
        missed_on=today + 2 * days,
    )


@dataclass(frozen=True)
class Compared:
    """What the mail server's log says of what was due. `copies`: mails beyond the first of each."""

    lost: int
    strangers: int
    distinct: int
    copies: int
    most: int
    differing: int


def compared(log: Iterable[Letter], due: set[Due]) -> Compared:
    """Mail by mail: which due notice it tells. Copies must be alike in Message-ID and body."""
    letters = list(log)
    rows = _rows()
    told = [(*rows.get(_number(letter), ("", "", "")), letter.to) for letter in letters]
    times = Counter(letter.id for letter in letters)
    bodies = {(letter.id, letter.body) for letter in letters}
    return Compared(
        lost=len(due - set(told)),
        strangers=len(set(told) - due),
        distinct=len(times),
        copies=len(letters) - len(times),
        most=max(times.values(), default=0),
        differing=len(bodies) - len(times),
    )


def _rows() -> dict[str, tuple[str, str, str]]:
    with everywhere(by="t"):
        rows = Notice.objects.values_list("pk", "key", "kind", "occurrence")
        return {str(pk): (key, kind, occurrence) for pk, key, kind, occurrence in rows}


def _number(letter: Letter) -> str:
    found = re.match(r"<notice-([0-9a-f-]+)@", letter.id)
    return found[1] if found else letter.id
