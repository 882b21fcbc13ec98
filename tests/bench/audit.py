"""What the audit costs: the same writes with and without its triggers, each undone again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.bench.measuring import Figure, Meter

ROWS = 1000


def figures() -> Iterator[Figure]:
    from django.db import connection, transaction
    from django.utils import timezone

    from patients.access import as_owner, everywhere
    from patients.ids import new_id
    from patients.models import Bleed, Patient

    now = timezone.now()
    with everywhere(by="bench"):
        patient = Patient.objects.order_by("mrn").first()
        assert patient is not None

    def bulk() -> None:
        Bleed.objects.bulk_create(
            Bleed(
                id=new_id(), patient=patient, site_id=patient.site_id, recorded_site_id=patient.site_id, by="bench",
                recorded_at=now, onset_at=now - timedelta(hours=n), onset_on=now.date(), body_site="knee", joint=True,
                cause="unknown", treated=True,
            )
            for n in range(ROWS)
        )  # fmt: skip

    def singly() -> None:
        for _ in range(50):
            patient.save(update_fields=["given_name"])

    def all_at_once() -> None:
        Patient.objects.update(given_name="Kim")

    def cost(work: Callable[[], Any], role: str) -> float:
        spent = []
        for _ in range(7):
            with as_owner(), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"set local session_replication_role = {role}")
                spent.append(Meter().spent(work))
                transaction.set_rollback(True)
        return sorted(spent)[len(spent) // 2]

    for name, work, must, stretch in (
        (f"audit on a bulk insert of {ROWS} rows", bulk, 1.4, 1.25),
        ("audit on single saves", singly, 1.3, 1.2),
        ("audit on a mass update", all_at_once, 3.5, 2.0),
    ):
        with everywhere(by="bench"):
            yield Figure(name, cost(work, "origin") / cost(work, "replica"), "x", must, stretch)
