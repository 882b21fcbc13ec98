"""Treatment before gene therapy, as a payer reads it: products, doses, schedules, durations, bleeds on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from outcomes.rules.packet_file import PacketFile
from patients.rules.bleeds import distinct
from patients.rules.bounds import at_most
from workflow.rules.effects import Evidence
from workflow.rules.facts import BleedFact, PatientFacts, RegimenFact, ResultFact

ASSAYS = {"FIX_OS": "one-stage", "FIX_CH": "chromogenic", "FVIII_OS": "one-stage", "FVIII_CH": "chromogenic"}


@dataclass(frozen=True, slots=True)
class Treatment:
    """The history in lines, the facts behind it, what a payer would miss and the mend."""

    details: tuple[tuple[str, str], ...]
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    fix: str


def treatment(facts: PatientFacts, spec: PacketFile, on: date) -> Treatment:
    """Every prophylaxis regimen begun by `on` with its crude bleeding rate, and the serious bleeds."""
    regimens = [r for r in facts.regimens if r.from_on <= on]
    lines: list[tuple[str, str]] = []
    missing: list[str] = []
    steps: list[str] = []
    for row in regimens:
        lines.append((f"{row.product} prophylaxis", _line(row, spec, on)))
        rate, why = bleeding_rate(facts, row, spec, on)
        lines.append(("Bleeds on it", rate or f"cannot be given: {why}"))
        if not rate:
            missing.append(f"bleeding rate on {row.product}")
            steps.append("Record since when bleeds were counted (event lead_in).")
        if row.product.upper() not in spec.manufacturers:
            missing.append(f"manufacturer of {row.product}")
            steps.append(f"Name the manufacturer of {row.product} in the letter.")
    serious = [b for b in facts.bleeds if b.life_threatening and b.onset_on <= on]
    lines += [("Life-threatening bleed", f"{b.site}, {b.onset_on.isoformat()}") for b in serious]
    return Treatment(
        tuple(lines),
        tuple(_seen(r) for r in regimens),
        tuple(dict.fromkeys(missing)),
        " ".join(dict.fromkeys(steps)),
    )


def _seen(row: RegimenFact) -> Evidence:
    return Evidence(fact=f"regimen:{row.id}", on=row.from_on, value=row.product, note=_schedule(row))


def _line(row: RegimenFact, spec: PacketFile, on: date) -> str:
    maker = spec.manufacturers.get(row.product.upper(), "manufacturer not listed")
    last = min(row.to_on, on) if row.to_on else on
    until = row.to_on.isoformat() if row.to_on and row.to_on <= on else "now"
    days = (last - row.from_on).days + 1
    return f"{maker}; {_schedule(row)}; {row.from_on.isoformat()} to {until} ({days} days)"


def _schedule(row: RegimenFact) -> str:
    return f"{format(row.iu_per_kg, 'f')} IU/kg every {format(row.interval_days, 'f')} days"


def bleeding_rate(facts: PatientFacts, row: RegimenFact, spec: PacketFile, on: date) -> tuple[str, str]:
    """The crude yearly rate of all bleeds on one regimen, or why there is none.

    Bleeds are counted only where somebody observed: from the lead-in's start to its end. Both ends count.
    """
    observed = [e for e in facts.events if e.kind == "lead_in"]
    if not observed:
        return "", "no observation before the infusion (lead-in) is recorded"
    lead_in = observed[-1]
    first = max(row.from_on, lead_in.from_on)
    last = min(d for d in (row.to_on, lead_in.to_on, on - timedelta(days=1)) if d is not None)
    days = (last - first).days + 1
    if days < spec.rate_min_days:
        return "", f"observed for {max(days, 0)} days on it, at least {spec.rate_min_days} are needed"
    found = distinct(b for b in facts.bleeds if first <= b.onset_on <= last)
    rate = (Decimal(len(found)) / (Decimal(days) / spec.rate_year_days)).quantize(
        Decimal("0.01"), ROUND_HALF_UP
    )
    span = f"{first.isoformat()} to {last.isoformat()}, {days} days"
    return f"crude ABR {rate} ({_counted(found)}; {span})", ""


def _counted(found: Sequence[Sequence[BleedFact]]) -> str:
    joint = sum(any(b.joint for b in group) for group in found)
    spontaneous = sum(any(b.cause == "spontaneous" for b in group) for group in found)
    noun = "bleed" if len(found) == 1 else "bleeds"
    return f"{len(found)} {noun}, {spontaneous} spontaneous, {joint} in joints"


def severity(facts: PatientFacts, spec: PacketFile, on: date) -> tuple[tuple[str, str], ...]:
    """The lowest activity by each assay, as the number; the band's word only where the number is clear."""
    lines: list[tuple[str, str]] = []
    for analyte, assay in ASSAYS.items():
        rows = [r for r in facts.of(analyte) if r.final and r.value is not None]
        before = [r for r in rows if r.collected_on < on or (facts.day0 is None and r.collected_on == on)]
        if before:
            lowest = min(before, key=lambda r: (r.value or Decimal(0), r.collected_on))
            lines.append((f"Lowest activity, {assay}", _activity(lowest, spec)))
    return tuple(lines)


def _activity(row: ResultFact, spec: PacketFile) -> str:
    assert row.value is not None
    unit = row.unit.replace("[IU]", "IU")
    text = f"{row.comparator}{format(row.value, 'f')} {unit}, {row.collected_on.isoformat()}"
    for band in spec.bands_of(row.analyte):
        fits = at_most(row.comparator, row.value, band.up_to)
        if fits is None:
            return text
        if fits:
            return f"{text}: {band.word} by the payers' band, up to {format(band.up_to, 'f')} {unit}"
    return text
