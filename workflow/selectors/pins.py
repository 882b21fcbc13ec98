"""What a move to another pathway or policy version would change, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from workflow.rules.effects import Decision
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import known
from workflow.selectors.decisions import pinned, protocol_for
from workflow.selectors.facts import history
from workflow.selectors.shown import day


def pin_changes(patient: UUID, pins: Mapping[str, Mapping[str, str]], *, today: date) -> dict[str, Any]:
    """Gates and tasks that would differ, each with old and new; LookupError for versions that do not exist."""
    facts = known(history(patient), as_of=today)
    moved = protocol_for(facts, pins["pathway"], pins["policy"])
    owed = obligations_from(facts)
    old, new = evaluate(facts, pinned(facts), owed, today), evaluate(facts, moved, owed, today)
    return {
        **pins,
        "gates": differences(_gates(old), _gates(new)),
        "tasks": differences(_tasks(old), _tasks(new)),
        "blocked_by": {"old": list(old.blocked_by), "new": list(new.blocked_by)},
    }


def _gates(decision: Decision) -> dict[str, dict[str, Any]]:
    return {
        g.code: {"verdict": g.verdict, "blocking": g.blocking, "authority": g.authority, "reason": g.reason}
        for g in decision.gates
    }


def _tasks(decision: Decision) -> dict[str, dict[str, Any]]:
    return {
        t.key: {"opens_on": day(t.opens_on), "due_on": day(t.due_on), "closes_on": day(t.closes_on)}
        for t in decision.tasks
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs by key, each with old and new (None: not there)."""
    return [
        {"key": key, "old": old.get(key), "new": new.get(key)}
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
