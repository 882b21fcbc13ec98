"""A patient's milestones with all their versions: those that were signed, and the one that stands now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from outcomes import data
from outcomes.rules import changes
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.signing import KIND, Signed, key_of, milestone_id, signed, sound
from outcomes.rules.verdicts import DECIDED, MilestoneState
from outcomes.selectors.milestones import states
from workflow.rules.facts import History, PatientFacts, known
from workflow.selectors.decisions import site_midnight
from workflow.selectors.shown import instant


def milestones(history: History, today: date, contract: str = "") -> Iterator[dict[str, Any]]:
    """Rows of all contracts, or of one, as of a date: the public milestone, its id, patient and versions."""
    facts = known(history, as_of=today)
    for state in states(facts, today):
        if contract in ("", state.contract):
            yield row(history, facts, state, today)


def milestone(history: History, contract: str, month: int, today: date) -> dict[str, Any] | None:
    """The row of one milestone; None when the patient has no such milestone."""
    return next((m for m in milestones(history, today, contract) if m["month"] == month), None)


def signed_version(history: History, contract: str, month: int, version: int) -> dict[str, Any] | None:
    """What was signed of a milestone: the whole statement, with its hash and whether that still fits."""
    acts = (a for a in history.acts if a.kind == KIND and a.key == key_of(contract, month))
    found = next((a.payload for a in acts if a.payload["version"] == version), None)
    return {**found, "sound": sound(found)} if found else None


def row(history: History, facts: PatientFacts, state: MilestoneState, today: date) -> dict[str, Any]:
    """One milestone with its versions, oldest first."""
    acts = signed(facts, state.contract).get(state.month, ())
    found = [_signed(one) for one in acts]
    if not state.attested:
        found.append(_current(history, state, acts, today))
    return {
        "id": str(milestone_id(history.person.id, state.contract, state.month)),
        "patient": str(history.person.id),
        **milestone_json(state),
        "versions": found,
    }


def _signed(one: Signed) -> dict[str, Any]:
    statement = one.act.payload["statement"]
    return {
        "version": one.version,
        "frozen": True,
        "verdict": one.milestone["verdict"],
        "decided_at": instant(one.recorded_at),
        "changed_because": statement.get("changed_because"),
        "signed_by": statement.get("printed_name"),
        "meaning": statement.get("meaning"),
        "note": statement.get("note"),
        "sha256": one.act.payload["sha256"],
    }


def _current(
    history: History, state: MilestoneState, acts: tuple[Signed, ...], today: date
) -> dict[str, Any]:
    because = changed_because(history, state, acts, today)
    at = because["at"] if because else None
    if because is None and state.verdict in DECIDED:
        at = instant(site_midnight(state.closes_on + timedelta(days=1), history.timezone))
    return {
        "version": state.version,
        "frozen": False,
        "verdict": state.verdict,
        "decided_at": at,
        "changed_because": because,
        "signed_by": None,
        "meaning": None,
        "note": None,
        "sha256": None,
    }


def changed_because(
    history: History, state: MilestoneState, acts: tuple[Signed, ...], today: date
) -> dict[str, Any] | None:
    """What differs from the version signed last, and the facts that did it; None for a first version."""
    if not acts or state.attested:
        return None
    last = acts[-1]
    contract = data.contract(state.contract, state.contract_version)
    found = changes.causes(history, contract, state.month, today, data.measure_rules(), last)
    return {
        "reason": changes.told(found),
        "at": instant(found[-1].recorded_at) if found else None,
        "facts": [
            {"fact": c.fact, "says": c.says, "recorded_at": instant(c.recorded_at), "by": c.by} for c in found
        ],
        "changes": [
            {"field": c.field, "old": c.old, "new": c.new}
            for c in changes.changes(last.milestone, milestone_json(state))
        ],
    }
