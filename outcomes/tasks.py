"""What beat wakes in this room."""

from __future__ import annotations

from celery import shared_task

from outcomes.services import assessments, export_run


@shared_task(name="outcomes.assess")
def assess() -> None:
    """Refreshes stored milestone verdicts of patients that were decided since."""
    assessments.refresh()


@shared_task(name="outcomes.run_exports", time_limit=3600, soft_time_limit=3540)
def run_exports() -> None:
    """Makes the exports that wait; one that was cut off begins anew."""
    export_run.run_open()
