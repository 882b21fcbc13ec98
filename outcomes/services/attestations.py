"""A clinician signs a milestone: an act that freezes it, with what was shown, who signed, when and its hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from outcomes import data
from outcomes.rules import signing
from outcomes.rules.milestone_json import milestone_json
from outcomes.rules.milestones import at_month, to_sign
from outcomes.rules.verdicts import MilestoneState
from outcomes.selectors.milestones import enrolled
from outcomes.selectors.versions import changed_because
from outcomes.services import assessments
from patients.access import staff_at
from patients.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from patients.models import User
from workflow.rules.facts import History, PatientFacts, known
from workflow.rules.version import RULES_VERSION
from workflow.selectors.facts import history
from workflow.selectors.shown import instant
from workflow.services import acts
from workflow.services.door import Entry, the_door


@dataclass(frozen=True, slots=True)
class Asked:
    """A milestone that is about to be signed: as it stands, and as it is once it is signed."""

    history: History
    facts: PatientFacts
    now: MilestoneState
    signed: MilestoneState


def asked(known_history: History, contract: str, month: int, today: date) -> Asked:
    """Raises NotFound when the patient has no such milestone."""
    facts = known(known_history, as_of=today)
    terms, rules = next((c for c in enrolled(facts) if c.code == contract), None), data.measure_rules()
    now = at_month(facts, terms, month, today, rules) if terms else None
    signed = to_sign(facts, terms, month, today, rules) if terms else None
    if now is None or signed is None:
        raise NotFound("There is no such milestone.")
    return Asked(known_history, facts, now, signed)


def shown_digest(state: MilestoneState) -> str:
    """The SHA-256 of a milestone as a signer is shown it."""
    return signing.digest(milestone_json(state))


def attest(
    *,
    patient: UUID,
    contract: str,
    month: int,
    by: str,
    note: str = "",
    seen: str = "",
    at: datetime | None = None,
) -> MilestoneState:
    """Signs the milestone as it stands today and returns it. `seen`: the digest of what the signer was shown.

    The signer has said again who they are before this is called. Raises Forbidden for anybody but a clinician
    of the site, NotFound without such a milestone, Invalid while it is pending, Conflict when this version is
    signed already, Stale when what was shown has changed.
    """
    with transaction.atomic():
        with the_door(patient=patient, by=by, at=at) as entry:
            signer = _clinician(entry)
            found = asked(history(patient), contract, month, entry.today)
            _check(found, seen)
            acts.write(
                entry,
                kind=signing.KIND,
                key=signing.key_of(contract, month),
                payload=_payload(found, signer, note, entry),
                reason=note,
            )
        assessments.store(patient, at=entry.recorded_at)
        return found.signed


def _clinician(entry: Entry) -> User:
    people = staff_at(entry.pathway.site_id, ("clinician",), today=entry.today)
    found = next((p for p in people if p.username == entry.by), None)
    if found is None:
        raise Forbidden("Only a clinician of the patient's site attests a milestone.")
    return found


def _check(found: Asked, seen: str) -> None:
    now = found.now
    if now.verdict == "pending":
        text = f"The window of month {now.month} opens on {now.opens_on.isoformat()}; attest it from then on."
        raise Invalid.at("/", "pending", text)
    if now.attested:
        raise Conflict("This version of the milestone is attested already.")
    if seen and seen != shown_digest(found.signed):
        raise Stale(
            "The milestone has changed since it was shown; look at it again.",
            current=milestone_json(found.signed),
            submitted={"sha256": seen},
        )


def _payload(found: Asked, signer: User, note: str, entry: Entry) -> dict[str, Any]:
    before = signing.signed(found.facts, found.now.contract).get(found.now.month, ())
    return signing.payload(
        found.signed,
        username=entry.by,
        printed_name=signer.get_full_name() or signer.username,
        signed_at=instant(entry.recorded_at),
        meaning=signing.MEANING,
        note=note,
        rules_version=RULES_VERSION,
        measures_version=data.measure_rules().version,
        changed_because=changed_because(found.history, found.now, before, entry.today),
    )
