"""Judges gates: each kind by its rule, an exception as "cannot be judged", an overridden gate as waived.

`breakpoints` names every date on which a verdict may change while the facts stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

from workflow.rules.effects import GateVerdict
from workflow.rules.facts import PatientFacts
from workflow.rules.gates import antibodies, liver, person, presence, serology
from workflow.rules.gates.common import Question
from workflow.rules.protocol import Gate, Protocol

RULES: dict[str, Callable[[Question], GateVerdict]] = {
    "age": person.age,
    "diagnosis": person.diagnosis,
    "indication": person.indication,
    "prior-gene-therapy": person.prior_gene_therapy,
    "inhibitor": antibodies.inhibitor,
    "titer-information": antibodies.titer_information,
    "titer-threshold": antibodies.titer_threshold,
    "titer-negative": antibodies.titer_negative,
    "hepatitis-b": serology.hepatitis_b,
    "reflex": serology.reflex,
    "panel-uln": liver.panel_uln,
    "imaging": liver.imaging,
    "presence": presence.presence,
    "weight": liver.weight,
    "site-of-care": person.site_of_care,
    "attestations": person.attestations,
    "authorization": person.authorization,
}


def judge(gate: Gate, facts: PatientFacts, on: date, today: date) -> GateVerdict:
    """The gate's verdict for an infusion on `on`, asked on `today`. Never raises, never guesses."""
    ask = Question(gate, facts, on, today)
    try:
        verdict = RULES[gate.kind](ask)
    except Exception as error:  # a rule that fails is no all-clear
        return ask.verdict(
            "indeterminate",
            f"The rule could not be computed ({type(error).__name__}).",
            next_step="Report this to the operator; decide by hand.",
        )
    return _overridden(verdict, facts, on)


def judge_all(protocol: Protocol, facts: PatientFacts, on: date, today: date) -> tuple[GateVerdict, ...]:
    """Every gate of the protocol, in its order."""
    return tuple(judge(gate, facts, on, today) for gate in protocol.gates)


def allowed_places(protocol: Protocol) -> tuple[str, ...]:
    """Place-of-service codes at which the infusion may be given; empty when no blocking gate names any."""
    named = (g for g in protocol.gates if g.kind == "site-of-care" and g.blocking)
    return next((tuple(g["allowed_places"]) for g in named), ())


def _overridden(verdict: GateVerdict, facts: PatientFacts, on: date) -> GateVerdict:
    """The verdict of the override is kept, whatever the facts say since."""
    infusion = facts.infusion
    if infusion is None or infusion.day0 != on or infusion.override is None:
        return verdict
    override, was = infusion.override, infusion.override.gates.get(verdict.code)
    if was is None:
        return verdict
    second = override.second_person + ("" if override.confirmed_at else " (not yet confirmed)")
    reason = f"Waived by {override.by} and {second}: {override.reason} (was {was.verdict}: {was.reason})"
    return replace(verdict, verdict="waived", reason=reason, next_step="")


def breakpoints(gate: Gate, facts: PatientFacts) -> set[date]:
    """Dates on which the verdict for that very date may differ from the day before's."""
    found: set[date] = set()
    if gate.kind == "age":
        found.add(person.birthday(facts.person.birth_date, gate["min_years"]))
    if gate.kind == "site-of-care":
        found |= _periods((s.from_on, s.to_on) for s in facts.settings if s.kind == "certification")
    if gate.kind == "authorization":
        found |= _periods((a.valid_from, a.valid_to) for a in facts.authorizations)
    if gate.kind == "indication":
        found |= _periods((r.from_on, r.to_on) for r in facts.regimens)
        found |= {b.onset_on for b in facts.bleeds}
    if gate.kind == "weight":
        found |= {k.ordered_on for k in facts.kits}
    found |= {a.on for a in facts.attestations}
    if facts.infusion is not None:
        found |= {facts.infusion.day0, facts.infusion.day0 + timedelta(days=1)}
    return found | _of_results(gate, facts)


def _of_results(gate: Gate, facts: PatientFacts) -> set[date]:
    days = gate.params.get("validity_days")
    retest = gate.params.get("retest_days") or 0
    found: set[date] = set()
    for analyte in analytes_of(gate):
        for row in facts.of(analyte):
            found |= {
                row.collected_on,
                row.collected_on + timedelta(days=1),
                row.collected_on + timedelta(days=retest),
            }
            if days is not None:
                found.add(row.collected_on + timedelta(days=days + 1))
    looked_at = analytes_of(gate)
    return found | {w.collected_on for w in facts.waiting if w.collected_on and w.analyte in looked_at}


def analytes_of(gate: Gate) -> tuple[str, ...]:
    """Analytes a gate looks at."""
    singles = ("hbsag", "anti_hbc", "anti_hbc_igm", "anti_hbs", "dna", "screen", "confirm")
    named = [gate.params[n] for n in singles if n in gate.params]
    groups = [a for group in gate.params.get("any_of") or () for a in group]
    return (*gate.params.get("analytes", ()), *gate.params.get("all_of", ()), *groups, *named)


def _periods(pairs: Iterable[tuple[date | None, date | None]]) -> set[date]:
    found: set[date] = set()
    for first, last in pairs:
        if first is not None:
            found.add(first)
        if last is not None:
            found.add(last + timedelta(days=1))
    return found
