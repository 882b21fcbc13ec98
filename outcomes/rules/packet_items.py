"""An item of the packet, whom it is about, and how its evidence reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from outcomes.rules.packet_file import PacketFile
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import AttestationFact, PatientFacts, ResultFact
from workflow.rules.protocol import Protocol

VERDICTS = {
    "pass": "present",
    "missing": "missing",
    "expired": "stale",
    "fail": "fail",
    "hold": "hold",
    "retest_due": "retest_due",
    "indeterminate": "indeterminate",
    "not_applicable": "not_applicable",
}
"""Gate verdict to item verdict; `incomplete` is an item that is there without a piece the payer asks for."""
SETTLED = ("present", "not_applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `missing` names what is not there; `details` are pairs of label and text for the reader.

    verdict: present, incomplete, missing, stale, fail, hold, retest_due, indeterminate or not_applicable.
    """

    code: str
    title: str
    verdict: str
    required: bool
    reason: str
    authority: str
    source: str
    certainty: str
    missing: tuple[str, ...] = ()
    fix: str = ""
    valid_until: date | None = None
    evidence: tuple[Evidence, ...] = ()
    details: tuple[tuple[str, str], ...] = ()

    @property
    def open(self) -> bool:
        """Whether the payer asks for it and does not get it yet."""
        return self.required and self.verdict not in SETTLED


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose packet it is, for an infusion on `on`."""

    facts: PatientFacts
    protocol: Protocol
    spec: PacketFile
    gates: Mapping[str, GateVerdict]
    on: date

    def gate(self, codes: tuple[str, ...]) -> GateVerdict | None:
        """The verdict of the first of these gates that the pathway has."""
        return next((self.gates[c] for c in codes if c in self.gates), None)

    def attested(self, code: str) -> AttestationFact | None:
        """The newest attestation of a code made by `on`."""
        rows = [a for a in self.facts.attestations if a.code == code and a.on <= self.on]
        return rows[-1] if rows else None


def told(facts: PatientFacts, evidence: Evidence) -> Evidence:
    """A result with its upper limit, assay and laboratory, as a payer's reader wants to see it."""
    found = next((r for r in facts.results if evidence.fact == f"result:{r.id}"), None)
    return evidence if found is None else replace(evidence, note=_note(found, evidence.note))


def _note(row: ResultFact, note: str) -> str:
    parts = [note] if note and note != row.assay else []
    if row.reference_high is not None and "ULN" not in note:
        parts.append(f"ULN {format(row.reference_high, 'f')}")
    parts += [f"assay {row.assay}"] if row.assay else []
    parts += [row.lab] if row.lab else []
    return ", ".join(parts)


def attestation(said: AttestationFact) -> Evidence:
    note = ", ".join(t for t in (f"by {said.by}" if said.by else "", said.note) if t)
    return Evidence(fact=f"attestation:{said.id}", on=said.on, value=said.code, note=note)


def signed(said: AttestationFact) -> str:
    """Who signed and when."""
    return f"{said.on.isoformat()} by {said.by}" if said.by else said.on.isoformat()
