"""Gates on viral infection: active infection excludes, an old or cured one does not."""

from __future__ import annotations

from collections.abc import Sequence

from patients.rules.bounds import below
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import ResultFact
from workflow.rules.gates.common import Question, plain, seen, shown, sworn
from workflow.rules.gates.presence import lacking, until, valid_rows, worst

NEGATIVE = frozenset({"negative", "not_detected"})
POSITIVE = frozenset({"positive", "detected"})


def found(row: ResultFact | None) -> bool | None:
    """Whether genome (or antigen, antibody) was found; None when the report does not say.

    A bound such as "<10 IU/mL" is below quantification, which is not the same as "not detected".
    """
    if row is None:
        return None
    if row.value is None:
        return True if row.code in POSITIVE else False if row.code in NEGATIVE else None
    return None if row.comparator in ("<", "<=") else row.value > 0


def hepatitis_b(ask: Question) -> GateVerdict:
    """Active hepatitis B excludes: HBsAg positive or HBV DNA detected.

    HBsAg and anti-HBc are required. Anti-HBc positive alone needs HBV DNA; together with anti-HBs and
    negative HBsAg it is recovery. Source: CDC interpretation of hepatitis B serology. A hepatitis B
    vaccine can make HBsAg positive for up to `vaccine_days`.
    """
    gate = ask.gate
    hbsag, core, surface, dna = (ask.newest(gate[n]) for n in ("hbsag", "anti_hbc", "anti_hbs", "dna"))
    if found(dna) is True:
        return _fail(ask, dna, "HBV DNA is detected", "Treat hepatitis B until HBV DNA is not detected.")
    if found(hbsag) is True:
        return _fail(
            ask,
            hbsag,
            "HBsAg is positive",
            f"Repeat more than {gate['vaccine_days']} days after any hepatitis B vaccination, with HBV DNA.",
        )
    days = gate["validity_days"]
    problem = worst([v for a in (gate["hbsag"], gate["anti_hbc"]) if (v := lacking(ask, a, days))])
    if problem is not None:
        return problem
    unclear = _unclear(ask, (hbsag, core))
    if unclear is not None:
        return unclear
    rows = valid_rows(ask, (gate["hbsag"], gate["anti_hbc"], gate["anti_hbs"], gate["dna"]), days)
    if found(core) is False:
        return _pass(ask, "HBsAg and anti-HBc are negative", rows, [hbsag, core])
    return _after_core(ask, surface, dna, rows, [hbsag, core])


def _after_core(
    ask: Question,
    surface: ResultFact | None,
    dna: ResultFact | None,
    rows: Sequence[ResultFact],
    base: Sequence[ResultFact | None],
) -> GateVerdict:
    """Anti-HBc is positive and HBsAg negative: recovered, or a case for HBV DNA."""
    days = ask.gate["validity_days"]
    if dna is not None and dna.value is not None and ask.valid(dna, days) and found(dna) is None:
        return _below_quantification(ask, dna)
    if dna is not None and ask.valid(dna, days) and found(dna) is False:
        return _pass(ask, "Anti-HBc is positive, HBV DNA is not detected", rows, [*base, dna])
    igm = ask.newest(ask.gate["anti_hbc_igm"])
    if found(surface) is True and found(igm) is not True:
        return _pass(ask, "Recovered: anti-HBc and anti-HBs positive, HBsAg negative", rows, [*base, surface])
    waiting = lacking(ask, ask.gate["dna"], days)
    if waiting is not None and waiting.verdict == "indeterminate":
        return waiting
    return ask.verdict(
        "retest_due",
        "Anti-HBc is positive without proof of recovery.",
        evidence=_seen(base),
        next_step="Order HBV DNA.",
    )


def reflex(ask: Question) -> GateVerdict:
    """A screening test, and the genome when it is positive (hepatitis C, HIV).

    Screening negative passes. Positive needs the genome: not detected passes (resolved), or a load below
    `limit` where the policy has one (controlled); otherwise it excludes.
    """
    gate, days = ask.gate, ask.gate["validity_days"]
    screen, genome = ask.newest(gate["screen"]), ask.newest(gate["confirm"])
    loaded = _loaded(ask, genome)
    if loaded is True:
        return _fail(ask, genome, f"{gate['confirm']} {_told(genome)}", f"Treat {gate['name']}, then repeat.")
    problem = lacking(ask, gate["screen"], days)
    if problem is not None:
        return problem
    positive = found(screen)
    if positive is None:
        return _unclear(ask, (screen,)) or ask.verdict("indeterminate", "The test cannot be read.")
    rows = valid_rows(ask, (gate["screen"],), days)
    if positive is False:
        return _pass(ask, f"{gate['screen']} is negative", rows, [screen])
    waiting = lacking(ask, gate["confirm"], days)
    if waiting is not None:
        return _needs_genome(ask, waiting, screen)
    assert genome is not None
    if loaded is None:
        return _below_quantification(ask, genome)
    word = "controlled" if gate["limit"] is not None and found(genome) is not False else "resolved"
    rows = valid_rows(ask, (gate["screen"], gate["confirm"]), days)
    return _pass(
        ask,
        f"{gate['screen']} is positive, {gate['confirm']} {_told(genome)} ({word})",
        rows,
        [screen, genome],
    )


def _loaded(ask: Question, genome: ResultFact | None) -> bool | None:
    """Whether the load excludes; None when the report leaves it open or there is none."""
    if genome is None:
        return None
    limit = ask.gate["limit"]
    if genome.value is None or limit is None:
        return found(genome)
    under = below(genome.comparator, genome.value, limit)
    return None if under is None else not under


def _told(genome: ResultFact | None) -> str:
    return shown(genome) if genome is not None else ""


def _needs_genome(ask: Question, waiting: GateVerdict, screen: ResultFact | None) -> GateVerdict:
    if waiting.verdict == "indeterminate":
        return waiting
    return ask.verdict(
        "retest_due",
        f"{ask.gate['screen']} is positive and {ask.gate['confirm']} is not known.",
        evidence=_seen([screen]),
        next_step=f"Order {ask.gate['confirm']}.",
    )


def _below_quantification(ask: Question, row: ResultFact) -> GateVerdict:
    """Detection is not stated: a clear result or a hepatology consult decides."""
    consult = ask.attested(ask.gate["consult"])
    if consult is not None and consult.value and consult.on >= row.collected_on:
        return ask.verdict(
            "pass",
            f"{shown(row)} is below quantification; hepatology consulted on {plain(consult.on)}.",
            evidence=[seen(row), sworn(consult)],
            valid_until=until([row], ask.gate["validity_days"]),
        )
    return ask.verdict(
        "hold",
        f"{row.analyte} {shown(row)}: reported below quantification, detection not stated.",
        evidence=[seen(row)],
        next_step="Ask the laboratory whether it was detected, or record a hepatology consult.",
        valid_until=until([row], ask.gate["validity_days"]),
    )


def _unclear(ask: Question, rows: Sequence[ResultFact | None]) -> GateVerdict | None:
    for row in rows:
        if row is not None and found(row) is None:
            return ask.verdict(
                "indeterminate",
                f"{row.analyte} is {shown(row)}.",
                evidence=[seen(row)],
                next_step=f"Repeat {row.analyte}.",
            )
    return None


def _fail(ask: Question, row: ResultFact | None, reason: str, next_step: str) -> GateVerdict:
    assert row is not None
    return ask.verdict("fail", f"{reason}: {shown(row)}.", evidence=[seen(row)], next_step=next_step)


def _pass(
    ask: Question, reason: str, rows: Sequence[ResultFact], evidence: Sequence[ResultFact | None]
) -> GateVerdict:
    return ask.verdict(
        "pass",
        f"{reason}.",
        evidence=_seen(evidence),
        valid_until=until([r for r in rows if r in evidence], ask.gate["validity_days"]),
    )


def _seen(rows: Sequence[ResultFact | None]) -> list[Evidence]:
    return [seen(r) for r in rows if r is not None]
