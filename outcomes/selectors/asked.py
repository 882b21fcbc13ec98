"""A patient decided as of a date, from what was known at an instant: what status, packet and claim ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone

from patients.errors import Invalid
from workflow.selectors.decisions import Decided, decided, local_date
from workflow.selectors.facts import history


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision, the date it is for and the instant of knowledge."""

    result: Decided
    as_of: date
    as_known_at: datetime


def decided_at(
    patient: UUID,
    *,
    as_of: date | None = None,
    as_known_at: datetime | None = None,
    now: datetime | None = None,
) -> Answer:
    """Decides as of a site-local date (default: today there) from what was known at an instant (default: now).

    Raises Invalid when `as_known_at` lies in the future or before the patient was known.
    """
    now = now or timezone.now()
    if as_known_at is not None and as_known_at > now:
        raise Invalid.at("/as_known_at", "future", "“as_known_at” must not lie in the future.")
    known = history(patient)
    on = as_of or local_date(as_known_at or now, known.timezone)
    try:
        result = decided(known, as_of=on, as_known_at=as_known_at)
    except LookupError as error:
        raise Invalid.at(
            "/as_known_at", "too-early", "The patient was not yet recorded at that instant."
        ) from error
    return Answer(result, on, as_known_at or now)
