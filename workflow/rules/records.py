"""Two records of one person are decided as one: facts stay where they were written, and count for the one that stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from workflow.rules.facts import FACTS, History, Joined

OF_THE_RECORD = frozenset(
    {"pin", "plan", "demographics", "transfer-offer", "transfer", "erase-request", "merge", "unmerge",
     "packet-sent"}
)  # fmt: skip
"""Acts about a record itself, not about the person: those of a merged record wait while it is merged."""


def merged_records(history: History) -> dict[str, str]:
    """Codes of the records that are merged into the patient's, by id."""
    found: dict[str, str] = {}
    for act in sorted(history.acts, key=lambda a: (a.recorded_at, a.id)):
        if act.kind == "merge":
            found[act.key] = act.payload["code"]
        elif act.kind == "unmerge":
            found.pop(act.key, None)
    return found


def joined(stays: History, other: History, *, since: datetime) -> History:
    """What is known of the person when `other` is merged into `stays`; before `since` nobody knew that they are one."""
    told: dict[str, Any] = {name: getattr(other, name) for name in FACTS}
    told["acts"] = tuple(a for a in other.acts if a.kind not in OF_THE_RECORD)
    ids = frozenset(row.id for rows in told.values() for row in rows)
    both: dict[str, Any] = {name: (*getattr(stays, name), *rows) for name, rows in told.items()}
    return replace(stays, joined=(*stays.joined, Joined(since=since, facts=ids)), **both)
