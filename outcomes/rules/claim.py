"""The claim of one infusion: the sheet as Daymark would fill it, and what a payer would deny it for.

Fields are those of the UB-04 form by number (FL). Daymark prepares and checks; it submits nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from outcomes.rules.codes import Code, Codes
from outcomes.rules.contract import Contract
from workflow.rules.effects import Dose, Evidence, GateVerdict
from workflow.rules.facts import AuthorizationFact, PatientFacts
from workflow.rules.ndc import normalised
from workflow.rules.protocol import Protocol

PLACE = "POS"
NDC_LINE = re.compile(r"N4(\d{11})([A-Z][A-Z0-9])(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One field of the form. `line` counts service lines from 1 (0: not of a service line).

    `code` None: the field is wanted and its content is not known. `says`: what the code set says of it.
    """

    fl: str
    code: str | None
    line: int = 0
    title: str = ""
    modifiers: tuple[str, ...] = ()
    says: str = ""
    source: str = ""
    certainty: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing a payer looks at. verdict: pass, fail or missing. kind: denial (a known reason) or sheet."""

    code: str
    title: str
    verdict: str
    reason: str
    fix: str = ""
    kind: str = "denial"
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """Who bills: the centre's identifier, as far as it is known."""

    site_npi: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that a claim rests on. `on` is the date of service: the infusion's, else the booked one, else today."""

    facts: PatientFacts
    protocol: Protocol
    gates: Mapping[str, GateVerdict]
    codes: Codes
    on: date
    dose: Dose | None
    contracts: tuple[Contract, ...]
    billing: Billing

    def of(self, role: str) -> tuple[Code, ...]:
        return self.codes.of(role, self.protocol.pathway, self.on)

    def first(self, role: str) -> Code | None:
        return self.codes.first(role, self.protocol.pathway, self.on)

    @property
    def given(self) -> bool:
        return self.facts.infusion is not None

    @property
    def lot(self) -> str:
        """Lot of the kit as recorded with the infusion, else with the kit."""
        return self._recorded("kit_lot") or next((k.lot for k in reversed(self.facts.kits) if k.lot), "")

    @property
    def ndc(self) -> str:
        """Drug code as recorded with the infusion, else with the kit; 5-4-2 where its form can be told."""
        text = self._recorded("ndc") or next((k.ndc for k in reversed(self.facts.kits) if k.ndc), "")
        return normalised(text, self.protocol.dosing.ndcs) or text

    def _recorded(self, name: str) -> str:
        infusion = self.facts.infusion
        return str(infusion.details.get(name) or "") if infusion else ""

    @property
    def volume(self) -> Decimal | None:
        """mL given, or by rule before the infusion."""
        if self.facts.infusion is not None:
            return self.facts.infusion.volume_ml
        return self.dose.volume_ml if self.dose else None

    @property
    def minutes(self) -> int | None:
        """Minutes from start to end of the infusion; None without an end."""
        infusion = self.facts.infusion
        if infusion is None or infusion.ended_at is None:
            return None
        return int((infusion.ended_at - infusion.started_at).total_seconds() // 60)

    @property
    def place(self) -> str:
        return self.facts.infusion.place_of_service if self.facts.infusion else ""

    @property
    def attending_npi(self) -> str:
        """NPI of the attending clinician as recorded with the infusion."""
        return self.facts.infusion.attending_npi if self.facts.infusion else ""

    @property
    def approval(self) -> AuthorizationFact | None:
        """The newest approval that covers the date of service."""
        rows = [
            a
            for a in sorted(self.facts.authorizations, key=lambda a: (a.recorded_at, a.id))
            if a.status == "approved"
            and (a.valid_from is None or a.valid_from <= self.on)
            and (a.valid_to is None or self.on <= a.valid_to)
        ]
        return rows[-1] if rows else None


def listed(fl: str, code: Code | None, line: int, title: str, *, modifiers: Sequence[str] = ()) -> Line:
    """A field filled with a code of the catalogue; without one, the field says that none is in force."""
    if code is None:
        return Line(
            fl=fl,
            code=None,
            line=line,
            title=title,
            note="No listed code is in force on the date of service.",
        )
    return Line(
        fl=fl,
        code=code.code,
        line=line,
        title=title,
        modifiers=tuple(modifiers),
        says=code.says,
        source=code.source,
        certainty=code.certainty,
        valid_from=code.valid_from,
        valid_to=code.valid_to,
        note=code.note,
    )


def ndc_digits(text: str) -> str:
    """A drug code without hyphens."""
    return text.replace("-", "")


def plain(value: Decimal) -> str:
    """A decimal as text, without exponent and trailing zeros."""
    return format(value.normalize(), "f")


def read_ndc(text: str) -> tuple[str, str, Decimal] | None:
    """Drug code (11 digits), unit and quantity of an NDC line, or None when it is no such line.

    >>> read_ndc("N400053015015ML144")
    ('00053015015', 'ML', Decimal('144'))
    """
    found = NDC_LINE.fullmatch(re.sub(r"[\s-]", "", text.upper()))
    return (found[1], found[2], Decimal(found[3])) if found else None
