"""Answers to safety alerts. An alert is a signal to a clinician, never an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from patients.errors import Conflict, Invalid, NotFound
from workflow.models import Act, Alert
from workflow.services import acts
from workflow.services.door import Entry, the_door

BASELINE_KNOWN = "There is a baseline: the episode ends by itself when a value is back."


def acknowledge(
    *,
    patient: UUID,
    alert: UUID,
    decision: str,
    note: str,
    by: str,
    at: datetime | None = None,
    episode_over: bool = False,
    expected: int | None = None,
) -> Act:
    """Records what was decided on seeing the alert, and which results were seen.

    A later hit of the same episode that this answer has not seen opens the alert again. Without a baseline
    no later value may be able to end the episode: then a clinician says that it is over (`episode_over`).
    `expected` is the number of answers the caller has seen (None: whatever there is). Raises NotFound,
    Conflict when the alert was withdrawn, Stale when somebody answered meanwhile, or Invalid when an episode
    that ends by its values is called over.
    """
    with the_door(patient=patient, by=by, at=at) as entry:
        if expected is not None:
            acts.must_be(answers(patient, alert), expected, submitted={"decision": decision, "note": note})
        return answer(entry, alert=alert, decision=decision, note=note, episode_over=episode_over)


def answers(patient: UUID, alert: UUID) -> Sequence[Act]:
    """Every answer to the alert, oldest first."""
    return acts.on_key(patient, "acknowledge", str(alert))


def answer(entry: Entry, *, alert: UUID, decision: str, note: str, episode_over: bool = False) -> Act:
    """The same within an open door, so that starting a course answers its alert in one transaction."""
    row = Alert.objects.filter(patient_id=entry.pathway.pk, id=alert).first()
    if row is None:
        raise NotFound("There is no such alert.")
    if row.state == "withdrawn":
        raise Conflict("This alert was withdrawn; there is nothing to answer.")
    if episode_over and row.payload["baseline"] is not None:
        raise Invalid.at("/episode_over", "baseline-known", BASELINE_KNOWN)
    seen = [hit["lineage"] for hit in row.payload["hits"]]
    payload = {"decision": decision, "note": note, "hits": seen, "episode_over": episode_over}
    return acts.write(entry, kind="acknowledge", key=str(alert), payload=payload, reason=note)
