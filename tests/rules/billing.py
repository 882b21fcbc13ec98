"""Packet and claim of an invented patient, from facts by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from outcomes import data
from outcomes.rules.claim import Billing, Case, Check, Line
from outcomes.rules.claim_checks import sheet_checks
from outcomes.rules.claim_sheet import sheet
from outcomes.rules.denials import denials
from outcomes.rules.packet import judged_on, packet, payer_gates
from outcomes.rules.packet_items import Item
from tests.rules import story
from workflow.rules.evaluate import evaluate, obligations_from
from workflow.rules.facts import AuthorizationFact, InfusionFact, known

NDC = "00053-0150-15"
GIVEN = {"kit_lot": "L12345", "ndc": NDC}
NPI = Billing(site_npi="1234567893")


def given(minutes: int = 55, **more: Any) -> InfusionFact:
    """72 kg, 144 mL, in an on-campus outpatient hospital."""
    details = more.pop("details", GIVEN)
    base = story.infusion(0, place_of_service=more.pop("place_of_service", "22"), details=details)
    ended = base.started_at + timedelta(minutes=minutes)
    return replace(base, **{"ended_at": ended, "attending_npi": "1245319599", **more})


def overridden(gate: str, infusion: InfusionFact) -> Any:
    """The act by which a clinician let a blocking gate through, before the infusion."""
    payload = {"second_person": "b", "gates": [{"code": gate, "verdict": "fail", "reason": "x"}]}
    return story.act("override", str(infusion.id), payload, 0, by="a", reason="x")


def approved() -> AuthorizationFact:
    return AuthorizationFact(
        id=story.name("authorization"), recorded_at=story.moment(-5), payer="Plan", number="PA-77",
        status="approved", submitted_on=story.day(-30), decided_on=story.day(-5), valid_from=story.day(-5),
        valid_to=story.day(60),
    )  # fmt: skip


def enrolled(code: str = "sample-level") -> Any:
    return story.act("enrolment", code, {"version": "1"}, -50)


def told(**changes: Any) -> dict[str, Any]:
    """Everything recorded of a patient infused on Day 0 with every paper in place; `changes` replace kinds."""
    met = story.gates_met()
    met["attestations"] = [*met["attestations"], story.attest("nab-rationale", -13)]
    plain = {
        **met,
        "events": [story.event("lead_in", -400, -1)],
        "infusions": [given()],
        "authorizations": [approved()],
    }
    return {**plain, **changes}


def without(kind: str, name: str, facts: dict[str, Any] | None = None) -> dict[str, Any]:
    """The same without one analyte or attestation."""
    found = facts or told()
    field = "analyte" if kind == "results" else "code"
    return {**found, kind: [f for f in found[kind] if getattr(f, field) != name]}


def instead(analyte: str, result: Any, facts: dict[str, Any] | None = None) -> dict[str, Any]:
    found = without("results", analyte, facts)
    return {**found, "results": [*found["results"], result]}


def case(facts: dict[str, Any], policy: str = "us-standard", on: int = 0, **more: Any) -> Case:
    cut = known(story.history(**facts), as_of=story.day(on))
    protocol = story.protocol(policy, more.pop("pathway", "hemgenix"))
    decision = evaluate(cut, protocol, obligations_from(cut), story.day(on))
    contracts = tuple(
        data.contract(a.key, a.payload["version"]) for a in cut.acts_by_kind.get("enrolment", ())
    )
    plain = {
        "facts": cut,
        "protocol": protocol,
        "gates": payer_gates(cut, protocol, decision),
        "codes": data.codes(),
        "on": judged_on(cut, decision.today),
        "dose": decision.dose,
        "contracts": contracts,
        "billing": NPI,
    }
    return Case(**{**plain, **more})


def checks(found: Case, lines: Sequence[Line] | None = None) -> dict[str, Check]:
    told_lines = sheet(found) if lines is None else lines
    return {c.code: c for c in (*denials(found, told_lines), *sheet_checks(found, told_lines))}


def changed(lines: Sequence[Line], fl: str, code: str | None, *, line: int = 0) -> list[Line]:
    """The lines with one field's code replaced (line 0: in every service line)."""
    return [replace(x, code=code) if x.fl == fl and line in (0, x.line) else x for x in lines]


def items(facts: dict[str, Any], policy: str = "us-standard", on: int = 0) -> dict[str, Item]:
    cut = known(story.history(**facts), as_of=story.day(on))
    protocol = story.protocol(policy)
    decision = evaluate(cut, protocol, obligations_from(cut), story.day(on))
    return {i.code: i for i in packet(cut, protocol, decision, data.packet_file())}
