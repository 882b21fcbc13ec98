"""Posted rows of the lab grid, and the table of limits that goes with them.

A row sent by script and the whole form sent without one are read by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from workflow.selectors import panels
from workflow.selectors.panels import PANEL

Limits = Mapping[tuple[str, str, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A row as it was sent: whose panel, the day, the laboratory, the values typed, and what the page knew."""

    number: int
    patient: str
    key: str
    collected: str
    lab: str
    values: Mapping[str, str]
    seen: tuple[str, ...]
    keep: str

    @property
    def filled(self) -> dict[str, str]:
        return {a: text for a, text in self.values.items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a row. `state`: empty, checked, refused, asks or saved; `token` is the question asked."""

    state: str
    tone: str = ""
    text: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    at: str = ""
    seen: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        names = ("state", "tone", "text", "faults", "token", "at", "seen")
        return {name: getattr(self, name) for name in names}


def rows(posted: QueryDict) -> list[Posted]:
    numbers = sorted(int(k[8:]) for k in posted if k.startswith("patient-") and k[8:].isdigit())
    return [_row(posted, n) for n in numbers[: panels.MOST + 1]]


def _row(posted: QueryDict, n: int) -> Posted:
    def text(name: str) -> str:
        return posted.get(f"{name}-{n}", "").strip()

    return Posted(
        number=n,
        patient=text("patient"),
        key=text("key"),
        collected=text("collected"),
        lab=text("lab"),
        values={a: text(a) for a in PANEL},
        seen=tuple(text("seen").split()),
        keep=text("keep"),
    )


def limits(posted: QueryDict) -> dict[tuple[str, str, str], dict[str, str]]:
    """The table of limits as it was sent, by site, laboratory and sex; units under the analyte and "-unit"."""
    numbers = [k[10:] for k in posted if k.startswith("limit-lab-")]
    found = {}
    for n in numbers[:200]:
        key = tuple(posted.get(f"limit-{name}-{n}", "").strip() for name in ("site", "lab", "sex"))
        names = [*PANEL, *(f"{a}-unit" for a in PANEL)]
        found[key] = {name: posted.get(f"limit-{name}-{n}", "").strip() for name in names}
    return found  # type: ignore[return-value]
