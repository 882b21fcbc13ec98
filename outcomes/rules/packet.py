"""The prior-authorization packet: each item a payer asks for, with its evidence, its gap and the mend.

An item is judged by the gate of the patient's own policy, so policies differ without a rule of their own.
The payer has not agreed to an override: a waived gate is shown with the verdict it had before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from outcomes.rules import packet_history, packet_plans
from outcomes.rules.packet_file import ItemSpec, PacketFile
from outcomes.rules.packet_items import VERDICTS, Asked, Item, attestation, signed, told
from workflow.rules import gates
from workflow.rules.effects import Decision, Evidence, GateVerdict
from workflow.rules.facts import PatientFacts
from workflow.rules.protocol import Protocol

NOTE = "Note"
"""The label of what somebody typed."""


def judged_on(facts: PatientFacts, today: date) -> date:
    """The date of infusion a payer is told: the actual one, else the booked one, else today."""
    return facts.day0 or facts.planned_on or today


def payer_gates(facts: PatientFacts, protocol: Protocol, decision: Decision) -> dict[str, GateVerdict]:
    """Gate verdicts without the centre's own overrides, by code."""
    if facts.infusion is None or facts.infusion.override is None:
        return {g.code: g for g in decision.gates}
    plain = replace(facts, infusion=replace(facts.infusion, override=None))
    on = judged_on(facts, decision.today)
    return {g.code: g for g in gates.judge_all(protocol, plain, on, decision.today)}


def packet(facts: PatientFacts, protocol: Protocol, decision: Decision, spec: PacketFile) -> tuple[Item, ...]:
    """Every item in the order of the file, then what the policy's other gates and plans ask for."""
    on = judged_on(facts, decision.today)
    asked = Asked(facts, protocol, spec, payer_gates(facts, protocol, decision), on)
    return (*_listed(asked), *_other_gates(asked), *_other_attestations(asked))


def _listed(asked: Asked) -> Iterator[Item]:
    for spec in asked.spec.items:
        if spec.gates:
            gate = asked.gate(spec.gates)
            if gate is not None:
                yield _of_gate(asked, spec, gate)
        elif spec.attestation in asked.protocol.attestation_codes:
            yield _signed(asked, spec)


def _of_gate(asked: Asked, spec: ItemSpec, gate: GateVerdict) -> Item:
    """The gate's verdict with everything a payer reads beside it."""
    item = Item(
        code=spec.code,
        title=spec.title,
        verdict=VERDICTS[gate.verdict],
        required=gate.blocking,
        reason=gate.reason,
        authority=gate.authority,
        source=gate.source,
        certainty=gate.certainty,
        missing=() if gate.verdict in ("pass", "not_applicable") else (gate.reason.rstrip("."),),
        fix=gate.next_step,
        valid_until=gate.valid_until,
        evidence=tuple(told(asked.facts, e) for e in gate.evidence),
    )
    if spec.kind == "diagnosis":
        return replace(item, details=packet_history.severity(asked.facts, asked.spec, asked.on))
    if spec.kind == "history":
        return _history(asked, spec, item)
    if spec.kind == "certification":
        return _certification(asked, item)
    return _with_piece(asked, spec, item) if spec.attestation else item


def _history(asked: Asked, spec: ItemSpec, item: Item) -> Item:
    past = packet_history.treatment(asked.facts, asked.spec, asked.on)
    evidence = tuple({e.fact: e for e in (*item.evidence, *past.evidence)}.values())
    item = replace(item, evidence=evidence, details=past.details)
    return _lacking(asked, spec, item, past.missing, past.fix) if past.missing else item


def _with_piece(asked: Asked, spec: ItemSpec, item: Item) -> Item:
    """The signed piece beside the gate, such as the rationale for treating with this titer."""
    said = asked.attested(spec.attestation)
    if said is not None and said.value:
        told_more = ((NOTE, said.note),) if said.note else ()
        evidence = (*item.evidence, attestation(said))
        return replace(
            item,
            evidence=evidence,
            details=(*item.details, (spec.piece.capitalize(), f"recorded {signed(said)}"), *told_more),
        )
    return _lacking(asked, spec, item, (spec.piece,), f"Record the attestation {spec.attestation}.")


def _lacking(asked: Asked, spec: ItemSpec, item: Item, missing: tuple[str, ...], fix: str) -> Item:
    """The item without a piece: incomplete where this policy asks for it, a remark elsewhere."""
    if asked.protocol.policy not in spec.asked_by:
        note = f"not recorded: {', '.join(missing)}; this policy does not ask for it"
        return replace(item, details=(*item.details, ("Remark", note)))
    verdict = "incomplete" if item.verdict == "present" else item.verdict
    reason = f"{item.reason} Not there: {', '.join(missing)}."
    steps = " ".join(s for s in (item.fix, fix) if s)
    return replace(item, verdict=verdict, reason=reason, missing=(*item.missing, *missing), fix=steps)


def _certification(asked: Asked, item: Item) -> Item:
    rows = [
        Evidence(
            fact=f"setting:{s.kind}:{s.key}",
            on=s.from_on or s.recorded_at.date(),
            value="certified",
            note=f"to {s.to_on.isoformat()}" if s.to_on else "no end recorded",
        )
        for s in asked.facts.settings
        if s.kind == "certification" and s.key == asked.protocol.pathway and s.holds(asked.on)
    ]
    return replace(item, evidence=tuple(rows))


def _signed(asked: Asked, spec: ItemSpec) -> Item:
    """A consult or plan that somebody signed, with the plan's own text from the pathway file."""
    plain = Item(
        code=spec.code,
        title=spec.title,
        verdict="missing",
        required=_asked_for(asked, spec.attestation),
        reason="Not signed.",
        authority=_authority(asked),
        source=spec.source,
        certainty=spec.certainty,
        missing=(spec.title.lower(),),
        fix=f"Record the attestation {spec.attestation}.",
        details=_plan(asked, spec.kind),
    )
    said = asked.attested(spec.attestation)
    if said is None:
        return plain
    if not said.value:
        return replace(plain, verdict="fail", reason="Attested as not given.", evidence=(attestation(said),))
    reason = f"Signed {signed(said)}."
    return replace(plain, verdict="present", reason=reason, missing=(), fix="", evidence=(attestation(said),))


def _plan(asked: Asked, kind: str) -> tuple[tuple[str, str], ...]:
    if kind == "monitoring-plan":
        return packet_plans.weekly_panels(asked.protocol, asked.on)
    return packet_plans.steroids(asked.protocol) if kind == "steroid-plan" else ()


def _asked_for(asked: Asked, code: str) -> bool:
    return any(
        g.blocking and code in g.params["codes"] for g in asked.protocol.gates if g.kind == "attestations"
    )


def _authority(asked: Asked) -> str:
    return next((g.authority for g in asked.protocol.gates if g.kind == "attestations"), "label-us")


def _other_gates(asked: Asked) -> Iterator[Item]:
    """Gates of the pathway that no item of the file stands for; the authorization is what is asked for."""
    known = {code for i in asked.spec.items for code in i.gates}
    for gate in asked.protocol.gates:
        if gate.code not in known and gate.kind not in ("attestations", "authorization"):
            spec = ItemSpec(code=gate.code, title=gate.title, kind="gate", source="", certainty="")
            yield _of_gate(asked, spec, asked.gates[gate.code])


def _other_attestations(asked: Asked) -> Iterator[Item]:
    known = {i.attestation for i in asked.spec.items}
    for gate in asked.protocol.gates:
        for code in gate.params["codes"] if gate.kind == "attestations" else ():
            if code not in known:
                title = code.replace("-", " ").capitalize()
                yield _signed(
                    asked,
                    ItemSpec(
                        code=code,
                        title=title,
                        kind="attestation",
                        source=gate.source.text,
                        certainty=gate.source.certainty,
                        attestation=code,
                    ),
                )
