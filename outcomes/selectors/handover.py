"""What the next payer needs when a patient's plan changes: who pays when, what was measured, what is still owed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from outcomes import data
from outcomes.rules.activity import samples
from outcomes.rules.bleeding import counted_bleeds
from outcomes.rules.factor_use import factor_rows
from outcomes.rules.figures import beside, exact, plain
from outcomes.rules.prophylaxis import prophylaxis
from outcomes.rules.record import Record
from outcomes.selectors.asked import Answer
from outcomes.selectors.exposures import exposure_json
from outcomes.selectors.milestone_lists import line
from outcomes.selectors.milestones import enrolled
from outcomes.selectors.packets import content_hash, person
from outcomes.selectors.versions import milestones
from patients.models import Patient
from workflow.rules.facts import CoverageFact, History, PatientFacts
from workflow.selectors import shown

NOTICE = (
    "All bleeding rates are crude: bleeds by observed years. Model-adjusted rates of trials will not match."
)


def handover(patient: Patient, history: History, asked: Answer) -> dict[str, Any]:
    """The package as of a date, with the hash of its content."""
    facts, on = asked.result.facts, asked.as_of
    body: dict[str, Any] = {
        "patient": str(patient.pk),
        "as_of": on.isoformat(),
        "as_known_at": shown.instant(asked.as_known_at),
        "person": person(patient, facts),
        "site": {"code": patient.site.code, "name": patient.site.name, "npi": patient.site.npi or None},
        "infusion": shown.infusion_json(facts.infusion, asked.result.decision.dose)
        if facts.infusion
        else None,
        "coverage": [_episode(c) for c in facts.coverages],
        "plan_change": plan_change(facts),
        "contracts": [_contract(c.code, history, facts, on) for c in enrolled(facts)],
        "baseline": None,
        "prophylaxis": None,
        "notice": NOTICE,
    }
    if facts.day0 is not None:
        body |= _measured(Record(facts, data.measure_rules(), facts.day0), on)
    return {**body, "sha256": content_hash(body)}


def _episode(row: CoverageFact) -> dict[str, Any]:
    return {
        "payer": row.payer,
        "contract": row.contract or None,
        "from": row.from_on.isoformat(),
        "to": shown.day(row.to_on),
    }


def plan_change(facts: PatientFacts) -> dict[str, Any] | None:
    """The newest change of payer, if there was one."""
    rows = facts.coverages
    pairs = [(old, new) for old, new in zip(rows, rows[1:], strict=False) if old.payer != new.payer]
    if not pairs:
        return None
    old, new = pairs[-1]
    return {"from": old.payer, "to": new.payer, "on": new.from_on.isoformat()}


def _contract(code: str, history: History, facts: PatientFacts, on: date) -> dict[str, Any]:
    """One agreement: its milestones with who pays at each, and what it may still refund."""
    rows = list(milestones(history, on, code))
    terms = next(c for c in enrolled(facts) if c.code == code)
    exposed = exposure_json(terms, [line(facts.person.id, row) for row in rows])["results"]
    return {
        "code": code,
        "version": terms.version,
        "title": terms.title,
        "invented": terms.invented,
        "agreed_with": terms.payer,
        "milestones": rows,
        "owed": [
            {n: r[n] for n in ("month", "opens_on", "target_on", "closes_on", "payer")} for r in _open(rows)
        ],
        "exposure": {n: exposed[0][n] for n in ("at_risk", "triggered", "expired")} if exposed else None,
    }


def _open(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in rows if r["verdict"] in ("pending", "due")]


def _measured(record: Record, on: date) -> dict[str, Any]:
    facts, rules = record.facts, record.rules
    state = prophylaxis(record.courses, record.day0, on, rules)
    return {
        "baseline": _baseline(record),
        "prophylaxis": {"off": state.off, "back_on": shown.day(state.back_on)},
        "activity": [
            {
                "fact": f"result:{s.fact}",
                "assay": s.assay,
                "value": f"{s.comparator}{plain(s.value)}",
                "unit": "IU/dL",
                "on": s.on.isoformat(),
                "contaminated": s.contaminated,
            }
            for s in samples(facts, rules)
        ],
        "bleeds": [
            {
                "fact": f"bleed:{b.fact}",
                "on": b.on.isoformat(),
                "site": b.site,
                "joint": b.joint,
                "cause": b.cause,
                "life_threatening": b.life_threatening,
                "treated": b.treated,
                "same_bleed_as": f"bleed:{b.same_bleed_as}" if b.same_bleed_as else None,
            }
            for b in counted_bleeds(facts)
        ],
        "factor_use": [
            {
                "fact": f"factor_use:{u.fact}",
                "on": u.on.isoformat(),
                "product": u.product,
                "iu": plain(u.iu),
                "iu_per_kg": plain(u.iu_per_kg) if u.iu_per_kg is not None else None,
                "reason": u.reason,
            }
            for u in factor_rows(facts, rules)
        ],
    }


def _baseline(record: Record) -> dict[str, Any] | None:
    """The lead-in: from when, seen by whom, and what was seen."""
    found = record.baseline
    if found is None:
        return None
    rate, used = exact(found.rate()), exact(found.used)
    return {
        "from": record.lead_in[0].first.isoformat(),
        "to": record.lead_in[-1].last.isoformat(),
        "source": ", ".join(e.source for e in record.events("lead_in") if e.source) or None,
        "observed_days": found.days,
        "bleeds": found.bleeds.of("all"),
        "abr": beside(rate, None) if rate is not None else None,
        "factor_use_iu_per_kg_year": plain(used) if used is not None else None,
    }
