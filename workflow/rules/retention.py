"""On which grounds a patient's record may be deleted, and from which date on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow.rules.protocol import Source
from workflow.rules.protocol_parse import Release, parse_release
from workflow.rules.reading import Fault, Node
from workflow.rules.windows import add_months


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground for deletion. `years` are counted from the last recording about the patient."""

    code: str
    title: str
    years: int
    only_before_infusion: bool
    needs_reference: bool
    source: Source


@dataclass(frozen=True, slots=True)
class RetentionFile:
    release: Release
    grounds: Mapping[str, Ground]


def refusal(ground: Ground, *, last_on: date, infused: bool, reference: str, today: date) -> str:
    """Why the record may not be deleted on this ground; "" when it may. `last_on`: the last recording's date."""
    if ground.only_before_infusion and infused:
        return "This patient has been infused: what was given must stay traceable."
    if ground.needs_reference and not reference:
        return "Give the reference of the order."
    until = add_months(last_on, 12 * ground.years)
    if until > today:
        return f"It must be kept until {until}, {ground.years} years after the last recording."
    return ""


def parse_retention(data: Mapping[str, Any]) -> tuple[RetentionFile | None, list[Fault]]:
    """The file, or None and every fault of it."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    release = parse_release(node)
    grounds = {code: _ground(code, table) for code, table in node.named_tables("grounds")}
    node.close()
    return (None if faults else RetentionFile(release, grounds)), faults


def _ground(code: str, node: Node) -> Ground:
    found = Ground(
        code=code,
        title=node.text("title"),
        years=node.whole("years"),
        only_before_infusion=node.flag("only_before_infusion"),
        needs_reference=node.flag("needs_reference"),
        source=node.source(),
    )
    node.close()
    return found
