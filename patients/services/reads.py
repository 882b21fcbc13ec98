"""The log of readings: one statement that also finds out which patients an answer is about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from patients.selectors import reading

WRITE = """
insert into patients_readlog (at, user_id, route, method, subject, patients, sites, status, emergency)
select %(at)s, %(user)s, %(route)s, %(method)s, %(subject)s,
    array(select id from patients_patient where id = any(%(named)s){owner} order by 1), %(sites)s::jsonb, %(status)s,
    %(emergency)s
"""


def log(
    *, user: UUID, route: str, method: str, subject: str, named: list[UUID], thing: UUID | None,
    sites: Iterable[UUID], status: int, at: datetime, emergency: UUID | None = None,
) -> None:  # fmt: skip
    """Writes down who was answered what about whom, in the reader's transaction: if it fails, nothing is shown.

    `named`: ids in the answer, of which the patients in view are kept. `thing`: what was asked for, where that is
    no patient; its owner counts as named. `emergency`: the emergency access by which it was read.
    """
    told: dict[str, Any] = {
        "at": at, "user": user, "route": route, "method": method, "subject": subject, "status": status,
        "named": named, "thing": thing, "sites": json.dumps([str(site) for site in sites]),
        "emergency": emergency,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WRITE.format(owner=f" union {reading.owner()}" if thing else ""), told)
