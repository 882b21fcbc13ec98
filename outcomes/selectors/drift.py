"""Do the stored milestones still follow from the facts? Rows that wait for their refresh are stale, not drift."""

from __future__ import annotations

from collections.abc import Iterator

from outcomes.models import Assessment
from outcomes.rules.milestone_json import milestone_json
from outcomes.selectors.milestones import states
from workflow.rules.facts import known
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import histories
from workflow.selectors.stale import assessed


def milestone_drift() -> Iterator[str]:
    """One sentence per stored milestone that differs from what the facts say on the day it was decided."""
    for batch in assessed(100):
        known_histories = histories(batch)
        for patient in batch:
            history = known_histories[patient]
            for row in Assessment.objects.filter(patient_id=patient, frozen=False):
                today = local_date(row.decided_at, history.timezone)
                wanted = [milestone_json(s) for s in states(known(history, as_of=today), today)]
                if row.payload not in wanted:
                    yield f"patient {patient}: milestone {row.contract} month {row.month} differs"
