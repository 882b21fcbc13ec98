"""What beat wakes in this room."""

from __future__ import annotations

from celery import shared_task

from patients.services import seals


@shared_task(name="patients.seal")
def seal() -> None:
    """Seals the audit rows of the last minute."""
    seals.seal()
