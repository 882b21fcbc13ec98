"""What beat wakes in this room."""

from __future__ import annotations

from celery import shared_task

from outcomes.services import assessments


@shared_task(name="outcomes.assess")
def assess() -> None:
    """Refreshes stored milestone verdicts of patients that were decided since."""
    assessments.refresh()
