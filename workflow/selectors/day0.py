"""An infusion before it is recorded: what stands against it, what is odd, and what it would start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from workflow.rules import day0, dose, follow_ups, gates
from workflow.rules.day0 import Block
from workflow.rules.effects import Dose, GateVerdict, Task
from workflow.rules.facts import History, KitFact, known
from workflow.rules.infusion_checks import expected_volume
from workflow.rules.protocol import Protocol
from workflow.selectors.decisions import local_date, pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Judged by the rule that judges it when it is recorded. `dose` is by the newest weight on record."""

    day0: date
    protocol: Protocol
    gates: tuple[GateVerdict, ...]
    blocks: tuple[Block, ...]
    dose: Dose | None
    kit: KitFact | None
    warnings: tuple[str, ...]
    tasks: tuple[Task, ...]


def preview(past: History, given: Mapping[str, Any], *, started_at: datetime) -> Preview:
    """What would follow from recording it; fields that are not known yet may be left out of `given`."""
    on = local_date(started_at, past.timezone)
    facts = known(past, as_of=on)
    protocol = pinned(facts)
    infused = replace(facts, infusion=day0.candidate(given, started_at, on))
    told = {"outcome": "complete", "started_at": started_at, **given}
    if "weight_kg" in told:
        told.setdefault("volume_ml", expected_volume(protocol.dosing, told["weight_kg"]))
    return Preview(
        day0=on,
        protocol=protocol,
        gates=gates.judge_all(protocol, infused, on, on),
        blocks=day0.blocks(protocol, infused),
        dose=dose.dose(protocol.dosing, replace(facts, infusion=None), on),
        kit=facts.kits[-1] if facts.kits else None,
        warnings=day0.warnings(protocol, facts, told, on) if "weight_kg" in told else (),
        tasks=follow_ups.calendar(protocol, infused, on),
    )
