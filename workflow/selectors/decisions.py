"""A patient decided: history cut to a date and an instant, the pinned protocol, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from workflow import data
from workflow.rules import overrides
from workflow.rules.effects import Decision
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import History, PatientFacts, known, next_true_on
from workflow.rules.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Decided:
    """Facts that count, the protocol they were judged by, and the decision."""

    facts: PatientFacts
    protocol: Protocol
    decision: Decision


def local_date(moment: datetime, timezone: str) -> date:
    """The site's calendar date at an instant."""
    return moment.astimezone(ZoneInfo(timezone)).date()


@lru_cache(maxsize=16_384)
def site_midnight(day: date, timezone: str) -> datetime:
    """The instant at which a calendar date begins at the site, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def pinned(facts: PatientFacts) -> Protocol:
    """The protocol this patient is pinned to: the newest pin of pathway and of policy, with the site's numbers."""
    pathway, policy = facts.last_act("pin", "pathway"), facts.last_act("pin", "policy")
    if pathway is None or policy is None:
        raise LookupError("the patient has no pinned pathway or policy at this instant")
    return protocol_for(facts, pathway.payload, policy.payload)


def protocol_for(facts: PatientFacts, pathway: Mapping[str, str], policy: Mapping[str, str]) -> Protocol:
    """One pathway version under one policy version ({"id", "version"} each), with the site's own numbers."""
    protocol = data.protocol(pathway["id"], pathway["version"], policy["id"], policy["version"])
    return overrides.for_site(protocol, facts)


def decided(history: History, *, as_of: date, as_known_at: datetime | None = None) -> Decided:
    """What would be shown on `as_of` from the facts recorded by `as_known_at` (None: all)."""
    facts = known(history, as_of=as_of, as_known_at=as_known_at)
    protocol = pinned(facts)
    decision = evaluate(facts, protocol, obligations_from(facts), as_of)
    later = next_true_on(history, after=as_of, as_known_at=as_known_at)
    dates = [d for d in (decision.next_change_on, later) if d is not None]
    return Decided(facts, protocol, replace(decision, next_change_on=min(dates, default=None)))
