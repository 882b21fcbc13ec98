"""Gates on antibodies: factor inhibitor (two-step) and antibodies against the vector's capsid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from patients.rules.bounds import at_least, below
from workflow.rules.effects import GateVerdict
from workflow.rules.facts import ResultFact
from workflow.rules.gates.common import Question, last_valid, plain, seen, shown, sworn
from workflow.rules.gates.presence import in_doubt, lacking

NEGATIVE = frozenset({"negative", "not_detected"})
POSITIVE = frozenset({"positive", "detected"})


def inhibitor(ask: Question) -> GateVerdict:
    """Two-step: negative passes; a first positive is repeated after `retest_days`; two positives exclude.

    A result at the cut-off or above is positive. A repeat earlier than `retest_days` after the first
    positive does not count as the second step.
    """
    gate = ask.gate
    analyte, days = gate["analytes"][0], gate["validity_days"]
    rows = ask.of(analyte)
    steps = _steps(ask, rows)
    if not steps:
        problem = lacking(ask, analyte, days)
        assert problem is not None
        return problem
    newest = steps[-1]
    positive = _positive(ask, newest)
    if positive is None:
        return ask.verdict(
            "indeterminate",
            f"{shown(newest)} cannot be compared with the cut-off {gate['cutoff']}.",
            evidence=[seen(newest)],
            next_step="Ask the laboratory for a number, or repeat the test.",
        )
    before = steps[-2] if len(steps) > 1 else None
    if positive and before is not None and _positive(ask, before):
        return _twice_positive(ask, before, newest)
    if positive:
        return in_doubt(ask, analyte, rows[-1].collected_on) or _once_positive(ask, newest, analyte)
    return _after_negative(ask, newest, before, analyte, days)


def _steps(ask: Question, rows: list[ResultFact]) -> list[ResultFact]:
    """Results that count as a step: a repeat within `retest_days` after a first positive does not.

    Nor does one that cannot be compared with the cut-off, unless nothing newer is there.
    """
    wait = timedelta(days=ask.gate["retest_days"])
    steps: list[ResultFact] = []
    for row in rows:
        last = steps[-1] if steps else None
        if last is None or not _positive(ask, last) or row.collected_on - last.collected_on >= wait:
            steps.append(row)
    return [s for s in steps[:-1] if _positive(ask, s) is not None] + steps[-1:]


def _positive(ask: Question, row: ResultFact) -> bool | None:
    if row.value is None:
        return True if row.code in POSITIVE else False if row.code in NEGATIVE else None
    return at_least(row.comparator, row.value, ask.gate["cutoff"])


def _twice_positive(ask: Question, before: ResultFact, newest: ResultFact) -> GateVerdict:
    return ask.verdict(
        "fail",
        f"Two positive tests: {shown(before)} and {shown(newest)}.",
        evidence=[seen(before), seen(newest)],
        next_step="Not eligible while the inhibitor persists; ask the hematologist.",
    )


def _once_positive(ask: Question, newest: ResultFact, analyte: str) -> GateVerdict:
    again = newest.collected_on + timedelta(days=ask.gate["retest_days"])
    return ask.verdict(
        "retest_due",
        f"First positive test: {shown(newest)} of {plain(newest.collected_on)}.",
        evidence=[seen(newest)],
        next_step=f"Repeat the test from {plain(again)} on.",
        draw=(analyte,),
        draw_from=again,
    )


def _after_negative(
    ask: Question, newest: ResultFact, before: ResultFact | None, analyte: str, days: int
) -> GateVerdict:
    problem = lacking(ask, analyte, days)
    if problem is not None:
        return problem
    note = " after an earlier positive test" if before is not None and _positive(ask, before) else ""
    rows = [newest] if not note or before is None else [before, newest]
    return ask.verdict(
        "pass",
        f"Negative{note}: {shown(newest)}, cut-off {ask.gate['cutoff']}.",
        evidence=[seen(r) for r in rows],
        valid_until=last_valid(newest, days),
    )


def titer_information(ask: Question) -> GateVerdict:
    """The test is required, its number is information: a positive titer needs a documented shared decision.

    A bound such as "<1:7" is negative up to `negative_to`; above it the titer may be positive.
    """
    analyte, days = ask.gate["analytes"][0], ask.gate["validity_days"]
    problem = lacking(ask, analyte, days)
    if problem is not None:
        return problem
    row = ask.newest(analyte)
    assert row is not None
    until = last_valid(row, days)
    if _antibody(ask, row) is False:
        return ask.verdict(
            "pass", f"{shown(row)}; the label sets no cut-off.", evidence=[seen(row)], valid_until=until
        )
    decided = ask.attested(ask.gate["attestation"])
    if decided is None or not decided.value:
        return ask.verdict(
            "hold",
            f"{shown(row)} {'is' if _antibody(ask, row) else 'may be'} positive; the label sets no cut-off and asks for a shared decision.",
            evidence=[seen(row)],
            next_step="Discuss the titer with the patient and record the shared decision.",
            valid_until=until,
        )
    return ask.verdict(
        "pass",
        f"{shown(row)} is positive, decided together on {plain(decided.on)}; the label sets no cut-off.",
        evidence=[seen(row), sworn(decided)],
        valid_until=until,
    )


def titer_threshold(ask: Question) -> GateVerdict:
    """The titer must be below the payer's limit for the very assay it was measured with.

    A limit belongs to an assay and there is no conversion: an unknown assay cannot be judged. A failing
    titer never expires, because an old failure must not look milder than a fresh one. A titer that passes
    the payer's limit still needs what the label asks for.
    """
    analyte, days = ask.gate["analytes"][0], ask.gate["validity_days"]
    row = ask.newest(analyte)
    if row is None:
        problem = lacking(ask, analyte, days)
        assert problem is not None
        return problem
    limit = next((t["limit"] for t in ask.gate["thresholds"] if t["assay"] == row.assay), None)
    passes = None if limit is None else _below(row, limit)
    if passes is False:
        return ask.verdict(
            "fail",
            f"{shown(row)} is not below the payer limit 1:{limit}; the label sets no cut-off.",
            evidence=[seen(row, row.assay)],
            next_step="Not covered by this payer; ask for an exception or measure again.",
        )
    problem = lacking(ask, analyte, days)
    if problem is not None:
        return problem
    if passes is None:
        return _unknown_titer(ask, row, limit)
    passed = ask.verdict(
        "pass",
        f"{shown(row)} is below the payer limit 1:{limit}; the label sets no cut-off.",
        evidence=[seen(row, row.assay)],
        valid_until=last_valid(row, days),
    )
    return _label_too(ask, passed)


def _label_too(ask: Question, passed: GateVerdict) -> GateVerdict:
    """A payer adds to the label: where the label holds a titer for a shared decision, that stands."""
    label = ask.gate.under
    if label is None or label.kind != "titer-information":
        return passed
    verdict = titer_information(replace(ask, gate=label))
    if verdict.verdict != "pass":
        return replace(verdict, valid_until=passed.valid_until)
    return replace(passed, evidence=(*passed.evidence, *verdict.evidence[1:]))


def _below(row: ResultFact, limit: Decimal) -> bool | None:
    if row.value is None:
        return True if row.code in NEGATIVE else None
    return below(row.comparator, row.value, limit)


def _unknown_titer(ask: Question, row: ResultFact, limit: Decimal | None) -> GateVerdict:
    assays = ", ".join(t["assay"] for t in ask.gate["thresholds"])
    if limit is None:
        name = f"assay “{row.assay}”" if row.assay else "an assay that is not named"
        return ask.verdict(
            "indeterminate",
            f"{shown(row)} on {name}: the payer limit is set for {assays}, and titers are not converted.",
            evidence=[seen(row, row.assay)],
            next_step=f"Repeat the test on one of: {assays}.",
            draw=(row.analyte,),
        )
    return ask.verdict(
        "indeterminate",
        f"{shown(row)} cannot be compared with the payer limit 1:{limit}.",
        evidence=[seen(row, row.assay)],
        next_step="Ask the laboratory for the titer itself.",
    )


def titer_negative(ask: Question) -> GateVerdict:
    """Any antibody against this capsid excludes; a positive test never expires."""
    analyte, days = ask.gate["analytes"][0], ask.gate["validity_days"]
    row = ask.newest(analyte)
    if row is not None and _antibody(ask, row):
        return ask.verdict(
            "fail",
            f"{shown(row)}: antibodies were found.",
            evidence=[seen(row)],
            next_step="Not eligible while antibodies are found.",
        )
    problem = lacking(ask, analyte, days)
    if problem is not None:
        return problem
    assert row is not None
    if _antibody(ask, row) is None:
        return ask.verdict(
            "indeterminate",
            f"{shown(row)} does not say whether there are antibodies.",
            evidence=[seen(row)],
            next_step="Ask the laboratory, or repeat the test.",
        )
    return ask.verdict(
        "pass", f"{shown(row)}: no antibodies.", evidence=[seen(row)], valid_until=last_valid(row, days)
    )


def _antibody(ask: Question, row: ResultFact) -> bool | None:
    """Whether antibodies were found: any titer, or a bound above `negative_to` of which it cannot be told."""
    if row.value is None:
        return True if row.code in POSITIVE else False if row.code in NEGATIVE else None
    if row.comparator not in ("<", "<="):
        return True
    return False if row.value <= ask.gate["negative_to"] else None
