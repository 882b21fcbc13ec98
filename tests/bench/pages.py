"""What pages cost: queries and CPU of Today and of the patient page, through Django's whole request cycle.

Queries for the session, the user, memberships, the context and the read log are not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.measuring import Figure, statements

FRAME = (
    "django_session", 'from "patients_user"', 'from "patients_membership"', "set_config", "patients_readlog",
)  # fmt: skip


def figures() -> Iterator[Figure]:
    from django.test import Client

    from patients.access import everywhere
    from patients.models import Patient, Site
    from tests.factories.people import make_staff

    with everywhere(by="bench"):
        person = make_staff(Site.objects.get(code="bench"), "coordinator")
        patient = Patient.objects.get(mrn="B1").pk
    client = Client()
    client.force_login(person)
    for name, path, queries, cpu in (
        ("Today", "/admin/today/", (6, 3), (20, 10)),
        ("patient page", f"/admin/patients/{patient}/", (12, 8), (40, 20)),
    ):
        count, spent = page(client, path)
        yield Figure(f"{name}, queries", float(count), "", *queries)
        yield Figure(f"{name}, client", spent, "ms CPU", *cpu)


def page(client: Any, path: str) -> tuple[int, float]:
    """Queries of one page and the median milliseconds of this process's CPU."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        getattr(answer, "rendered_content", None)
    told = [s for s in statements(captured) if not any(f in s for f in FRAME)]
    spent = []
    for _ in range(9):
        begin = time.process_time()
        client.get(path)
        spent.append((time.process_time() - begin) * 1000)
    return len(told), statistics.median(spent)
