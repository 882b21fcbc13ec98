"""What the gates share: the question asked, results that count on a date, and how a verdict is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from patients.rules.words import unit
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import AttestationFact, PatientFacts, ResultFact, WaitingItem
from workflow.rules.protocol import Gate

NO_DOUBT = frozenset({"final-changed-without-correction", "duplicate-suspect"})
"""Reasons for which an item waits although an earlier report of the same result counts meanwhile."""


@dataclass(frozen=True, slots=True)
class Question:
    """Does `gate` pass for an infusion on `on`, asked on `today`?"""

    gate: Gate
    facts: PatientFacts
    on: date
    today: date

    @property
    def given(self) -> bool:
        """Whether the infusion on `on` is the recorded one, with a start time."""
        return self.facts.infusion is not None and self.facts.infusion.day0 == self.on

    def of(self, analyte: str) -> list[ResultFact]:
        """Final results collected by `on` and before the infusion started, oldest first."""
        return [
            r for r in self.facts.of_by(analyte, self.on) if r.final and self.before_start(r) is not False
        ]

    def newest(self, analyte: str) -> ResultFact | None:
        """The newest of them; the search starts at the end, where it nearly always is."""
        rows = reversed(self.facts.of_by(analyte, self.on))
        return next((r for r in rows if r.final and self.before_start(r) is not False), None)

    def before_start(self, row: ResultFact) -> bool | None:
        """Collected before the infusion? On Day 0 itself the time decides; None when only the day is known."""
        if row.collected_on != self.on or not self.given:
            return row.collected_on <= self.on
        if row.precision == "day":
            return None
        assert self.facts.infusion is not None
        return row.collected_at < self.facts.infusion.started_at

    def valid(self, row: ResultFact, days: int) -> bool:
        """0 <= Day 0 - collection date <= validity."""
        return 0 <= (self.on - row.collected_on).days <= days

    def waiting(self, analyte: str, since: date | None) -> WaitingItem | None:
        """An item on the quarantine desk that might have decided on that date.

        `since` is the collection date of the valid result at hand, if there is one: only an item of that day
        or a newer one casts doubt on it.
        """
        found = [
            w
            for w in self.facts.waiting
            if w.analyte == analyte and w.reason not in NO_DOUBT and self._may_be_newer(w, since)
        ]
        return min(found, key=lambda w: (w.reason, w.received_at, w.id), default=None)

    def _may_be_newer(self, item: WaitingItem, since: date | None) -> bool:
        """Collected by the date asked about, not before `since`; of an undated item only its arrival is known."""
        if item.collected_on is not None:
            return item.collected_on <= self.on and (since is None or item.collected_on >= since)
        return since is None or (not self.given and item.received_at.date() >= since)

    def attested(self, code: str) -> AttestationFact | None:
        """The newest attestation of a code made by `on`."""
        rows = [a for a in self.facts.attestations if a.code == code and a.on <= self.on]
        return rows[-1] if rows else None

    def verdict(
        self,
        verdict: str,
        reason: str,
        *,
        evidence: Sequence[Evidence] = (),
        next_step: str = "",
        valid_until: date | None = None,
        draw: tuple[str, ...] = (),
        draw_from: date | None = None,
    ) -> GateVerdict:
        gate = self.gate
        return GateVerdict(
            code=gate.code,
            verdict=verdict,
            reason=reason,
            blocking=gate.blocking,
            authority=gate.authority,
            title=gate.title,
            next_step=next_step,
            valid_until=valid_until,
            evidence=tuple(evidence),
            source=gate.source.text,
            certainty=gate.source.certainty,
            rule=gate.kind,
            draw=draw,
            draw_from=draw_from,
        )


def last_valid(row: ResultFact, days: int) -> date:
    """The last Day 0 on which the result still counts."""
    return row.collected_on + timedelta(days=days)


def seen(row: ResultFact, note: str = "") -> Evidence:
    """A result as evidence, with its value as a person reads it."""
    return Evidence(
        fact=f"result:{row.id}",
        on=row.collected_on,
        analyte=row.analyte,
        value=told(row),
        unit=_unit(row),
        note=note,
    )


def told(row: ResultFact) -> str:
    """The value as text: a titer as 1:N, a coded result in words."""
    if row.value is None:
        return (row.code or row.value_text).replace("_", " ")
    number = format(row.value, "f")
    return f"{row.comparator}1:{number}" if row.unit == "{titer}" else f"{row.comparator}{number}"


def _unit(row: ResultFact) -> str:
    return "" if row.unit in ("{titer}", "1") else row.unit


def shown(row: ResultFact) -> str:
    """Value with unit, for sentences."""
    return f"{told(row)} {unit(_unit(row))}".strip()


def sworn(row: AttestationFact) -> Evidence:
    """An attestation as evidence."""
    return Evidence(
        fact=f"attestation:{row.id}", on=row.on, value=row.code, note=f"by {row.by}" if row.by else ""
    )


def plain(day: date) -> str:
    """A date in words: 3 December 2026."""
    return f"{day.day} {day:%B %Y}"
