"""Gates on the liver and on the weight."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from patients.rules.bounds import exceeds
from workflow.rules.effects import GateVerdict
from workflow.rules.facts import AttestationFact, ResultFact
from workflow.rules.gates.common import Question, last_valid, plain, seen, shown, sworn
from workflow.rules.gates.presence import lacking, shown_with_name, until, valid_rows, worst
from workflow.rules.kits import drift_percent

TENTH = Decimal("0.1")


def panel_uln(ask: Question) -> GateVerdict:
    """Liver enzymes against the upper limit of normal (ULN) printed with each result.

    All at most ULN: pass. Any above ULN up to `fail_ratio` x ULN: hold until a hepatology consult after it.
    Any above `fail_ratio` x ULN: fail, however old. No ULN: cannot be judged.
    """
    gate, days = ask.gate, ask.gate["validity_days"]
    verdicts: list[GateVerdict] = []
    raised: list[ResultFact] = []
    for analyte in gate["analytes"]:
        row = ask.newest(analyte)
        state = _against_uln(ask, row) if row is not None else "missing"
        problem = lacking(ask, analyte, days)
        if state == "fail" and row is not None:
            verdicts.append(_too_high(ask, row))
        elif problem is not None:
            verdicts.append(problem)
        elif state == "unknown" and row is not None:
            verdicts.append(_no_uln(ask, row))
        elif state == "raised" and row is not None:
            raised.append(row)
    consult = _consult(ask, raised)
    if raised and consult is None:
        verdicts.append(_hold(ask, raised, until(valid_rows(ask, gate["analytes"], days), days)))
    problem = worst(verdicts)
    if problem is not None:
        return problem
    rows = valid_rows(ask, gate["analytes"], days)
    text = ", ".join(shown_with_name(r) for r in rows)
    evidence = [seen(r, _uln_note(r)) for r in rows]
    if raised and consult is not None:
        return ask.verdict(
            "pass",
            f"Raised ({', '.join(shown_with_name(r) for r in raised)}), hepatology consulted on {plain(consult.on)}.",
            evidence=[*evidence, sworn(consult)],
            valid_until=until(rows, days),
        )
    return ask.verdict(
        "pass", f"All at or below the upper limit: {text}.", evidence=evidence, valid_until=until(rows, days)
    )


def _against_uln(ask: Question, row: ResultFact) -> str:
    """fail, raised, normal or unknown."""
    if row.value is None or row.reference_high is None:
        return "unknown"
    far = exceeds(row.comparator, row.value, row.reference_high * ask.gate["fail_ratio"])
    above = exceeds(row.comparator, row.value, row.reference_high)
    if far is True:
        return "fail"
    if far is None or above is None:
        return "unknown"
    return "raised" if above else "normal"


def _uln_note(row: ResultFact) -> str:
    return f"ULN {format(row.reference_high, 'f')}" if row.reference_high is not None else "no ULN"


def _too_high(ask: Question, row: ResultFact) -> GateVerdict:
    ratio = ask.gate["fail_ratio"]
    return ask.verdict(
        "fail",
        f"{shown_with_name(row)} is above {ratio} times the upper limit ({_uln_note(row)}).",
        evidence=[seen(row, _uln_note(row))],
        next_step="Find and treat the cause, then repeat the panel.",
    )


def _no_uln(ask: Question, row: ResultFact) -> GateVerdict:
    return ask.verdict(
        "indeterminate",
        f"{shown_with_name(row)} cannot be compared with the upper limit ({_uln_note(row)}).",
        evidence=[seen(row, _uln_note(row))],
        next_step="Record the upper limit of normal printed with this result.",
    )


def _hold(ask: Question, raised: list[ResultFact], last: date | None) -> GateVerdict:
    return ask.verdict(
        "hold",
        f"Above the upper limit: {', '.join(shown_with_name(r) for r in raised)}.",
        evidence=[seen(r, _uln_note(r)) for r in raised],
        next_step="Consult hepatology and record it, or repeat the panel.",
        valid_until=last,
    )


def _consult(ask: Question, raised: list[ResultFact]) -> AttestationFact | None:
    """A consult on or after the newest raised result."""
    said = ask.attested(ask.gate["consult"])
    if said is None or not said.value or not raised:
        return None
    return said if said.on >= max(r.collected_on for r in raised) else None


def imaging(ask: Question) -> GateVerdict:
    """Ultrasound and elastography recorded; an abnormal one holds until a hepatology consult after it."""
    gate, days = ask.gate, ask.gate["validity_days"]
    problem = worst([v for a in gate["analytes"] if (v := lacking(ask, a, days))])
    if problem is not None:
        return problem
    rows = valid_rows(ask, gate["analytes"], days)
    unknown = [r for r in rows if _abnormal(r) is None]
    if unknown:
        return ask.verdict(
            "indeterminate",
            f"{shown_with_name(unknown[0])} has no reference limit.",
            evidence=[seen(r) for r in unknown],
            next_step="Record normal or abnormal, or the reference limit.",
        )
    odd = [r for r in rows if _abnormal(r)]
    consult = _consult(ask, odd)
    if odd and consult is None:
        return ask.verdict(
            "hold",
            f"Abnormal: {', '.join(shown_with_name(r) for r in odd)}.",
            evidence=[seen(r) for r in odd],
            next_step="Consult hepatology and record it.",
            valid_until=until(rows, days),
        )
    evidence = [seen(r) for r in rows] + ([sworn(consult)] if consult else [])
    reason = (
        f"Abnormal, hepatology consulted on {plain(consult.on)}."
        if consult
        else "Ultrasound and elastography are normal."
    )
    return ask.verdict("pass", reason, evidence=evidence, valid_until=until(rows, days))


def _abnormal(row: ResultFact) -> bool | None:
    if row.value is None:
        return {"normal": False, "abnormal": True}.get(row.code or "")
    return None if row.reference_high is None else exceeds(row.comparator, row.value, row.reference_high)


def weight(ask: Question) -> GateVerdict:
    """A weight within `validity_days` of Day 0; a drift of more than `drift_percent` since the kit order is said."""
    analyte, days = ask.gate["analytes"][0], ask.gate["validity_days"]
    problem = lacking(ask, analyte, days)
    if problem is not None:
        return problem
    row = ask.newest(analyte)
    assert row is not None and row.value is not None
    note = _drift(ask, row)
    return ask.verdict(
        "pass",
        f"{shown(row)} on {plain(row.collected_on)}{note}.",
        evidence=[seen(row)],
        next_step="Check the kit against the new weight." if note else "",
        valid_until=last_valid(row, days),
    )


def _drift(ask: Question, row: ResultFact) -> str:
    kits = [k for k in ask.facts.kits if k.ordered_on <= ask.on]
    if not kits or row.value is None:
        return ""
    ordered = kits[-1].weight_kg
    percent = drift_percent(ordered, row.value)
    if percent <= ask.gate["drift_percent"]:
        return ""
    return f", {percent.quantize(TENTH)} % from the {format(ordered, 'f')} kg of the kit order"
