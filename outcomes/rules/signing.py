"""What a clinician signed of a milestone, and whether it still stands.

An attestation is an act: it holds the milestone as it was shown, who signed it, when, with which meaning, and
the SHA-256 of all that. A milestone stands while what was measured and judged is as it was signed; wording,
evidence of the same value and money do not matter. When it no longer stands, it is the next version, unsigned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.verdicts import MilestoneState
from workflow.rules.facts import Act, PatientFacts

KIND = "attest-milestone"
MEANING = "I have reviewed the evidence of this milestone and attest that it is as shown."
JUDGED = ("contract_version", "target_on", "opens_on", "closes_on", "verdict", "criteria", "measures")
IGNORED = frozenset({"reason", "evidence", "fact", "rule"})


@dataclass(frozen=True, slots=True)
class Signed:
    """One attestation of a milestone."""

    version: int
    milestone: Mapping[str, Any]
    on: date
    recorded_at: datetime
    act: Act


def key_of(contract: str, month: int) -> str:
    """The key of a milestone's acts, the same as that of its task."""
    return f"milestone:{contract}:m{month:02d}"


def intended(contract: str, month: int, version: int, today: date) -> Act:
    """An attestation that is about to be made, before its content is known."""
    return Act(
        id=UUID(int=0),
        recorded_at=datetime.max.replace(tzinfo=UTC),
        kind=KIND,
        key=key_of(contract, month),
        payload={"version": version, "statement": {"milestone": {}}},
        true_on=today,
    )


def payload(state: MilestoneState, **signature: Any) -> dict[str, Any]:
    """What an attestation stores: the statement that is signed, and its SHA-256.

    `signature`: username, printed_name, signed_at, meaning, note and the versions of rules and numbers.
    """
    statement = {"milestone": milestone_json(state), **signature}
    return {"version": state.version, "statement": statement, "sha256": digest(statement)}


def milestone_id(patient: UUID, contract: str, month: int) -> UUID:
    """The id of a milestone, the same for all its versions."""
    return uuid5(patient, f"milestone:{contract}:{month}")


def signed(facts: PatientFacts, contract: str) -> dict[int, tuple[Signed, ...]]:
    """All attestations of a contract's milestones by month, oldest first."""
    found: dict[int, tuple[Signed, ...]] = {}
    for act in facts.acts_by_kind.get(KIND, ()):
        code, _, month = act.key.removeprefix("milestone:").rpartition(":m")
        if code == contract:
            found[int(month)] = (*found.get(int(month), ()), _signed(act))
    return found


def _signed(act: Act) -> Signed:
    payload = act.payload
    return Signed(payload["version"], payload["statement"]["milestone"], act.true_on, act.recorded_at, act)


def superseded(acts: Iterable[Signed], version: int) -> list[Signed]:
    """Signed versions before the one that stands."""
    return [one for one in acts if one.version < version]


def compared(state: MilestoneState, acts: Iterable[Signed]) -> MilestoneState:
    """The milestone with its version, and whether that version was attested."""
    last = max(acts, key=lambda a: a.version, default=None)
    if last is None:
        return state
    stands = agrees(last.milestone, milestone_json(state))
    return replace(state, version=last.version + (not stands), attested=stands)


def agrees(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether everything that was judged then is the same now; what was not shown then does not matter."""
    return all(_same(then[name], now.get(name)) for name in JUDGED if name in then)


def _same(then: object, now: object) -> bool:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return all(_same(v, now.get(k)) for k, v in then.items() if k not in IGNORED)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_same, then, now))
    return bool(then == now)


def digest(statement: Mapping[str, Any]) -> str:
    """The SHA-256 of a statement: of its JSON with sorted keys, without blanks, in UTF-8."""
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sound(stored: Mapping[str, Any]) -> bool:
    """Whether a stored attestation still is what was signed."""
    return bool(digest(stored["statement"]) == stored["sha256"])
