"""Gates on viral infection: active infection excludes, an old or cured one does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from patients.rules.bounds import below
from patients.rules.words import analyte as named
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import AttestationFact, ResultFact
from workflow.rules.gates.common import Question, plain, seen, shown, sworn
from workflow.rules.gates.presence import lacking, until, worst

NEGATIVE = frozenset({"negative", "not_detected"})
POSITIVE = frozenset({"positive", "detected"})


def found(row: ResultFact | None) -> bool | None:
    """Whether genome (or antigen, antibody) was found; None when the report does not say.

    A bound such as "<10 IU/mL" is below quantification, which is not the same as "not detected": a word
    beside the bound decides.
    """
    if row is None:
        return None
    if row.code in POSITIVE or row.code in NEGATIVE:
        return row.code in POSITIVE
    if row.value is None:
        return None
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
    base = [hbsag, core]
    problem = _problem(ask, ("hbsag", "anti_hbc"), ("anti_hbc_igm", "anti_hbs", "dna"))
    problem = problem or _unclear(ask, base) or _left_open(ask, dna, None, base)
    if problem is not None:
        return problem
    if found(core) is False:
        return _pass(ask, "HBsAg and anti-HBc are negative", base)
    return _after_core(ask, surface, dna, base)


def _after_core(
    ask: Question, surface: ResultFact | None, dna: ResultFact | None, base: Sequence[ResultFact | None]
) -> GateVerdict:
    """Anti-HBc is positive and HBsAg negative: recovered, or a case for HBV DNA."""
    gate, days = ask.gate, ask.gate["validity_days"]
    if dna is not None and ask.valid(dna, days):
        return _cleared(ask, "Anti-HBc is positive, HBV DNA is", dna, "", base)
    if found(surface) is True and found(ask.newest(gate["anti_hbc_igm"])) is not True:
        recovered = "Recovered: anti-HBc and anti-HBs positive, HBsAg negative"
        problem = lacking(ask, gate["anti_hbs"], days)
        return _drawn(problem, gate["anti_hbs"]) if problem else _pass(ask, recovered, [*base, surface])
    return ask.verdict(
        "retest_due",
        "Anti-HBc is positive without proof of recovery.",
        evidence=_seen(base),
        next_step="Order HBV DNA.",
        draw=(gate["dna"],),
    )


def reflex(ask: Question) -> GateVerdict:
    """A screening test, and the genome when it is positive (hepatitis C, HIV).

    Screening negative passes. Positive needs the genome: not detected passes (resolved), or a load below
    `limit` where the policy has one (controlled); otherwise it excludes. Where a limit decides, "detected"
    without a number says nothing about it.
    """
    gate, limit = ask.gate, ask.gate["limit"]
    screen, genome = ask.newest(gate["screen"]), ask.newest(gate["confirm"])
    first, second = named(gate["screen"]), named(gate["confirm"])
    if _loaded(ask, genome) is True:
        word = "detected" if limit is None else f"not shown to be below {limit}"
        return _fail(ask, genome, f"{second} is {word}", f"Treat {gate['name']}, then repeat.")
    problem = _problem(ask, ("screen",), ("confirm",))
    problem = problem or _unclear(ask, [screen]) or _left_open(ask, genome, limit, [screen])
    if problem is not None:
        return problem
    if found(screen) is False:
        return _pass(ask, f"{first} is negative", [screen])
    if genome is None:
        return _needs_genome(ask, screen)
    problem = lacking(ask, gate["confirm"], gate["validity_days"])
    if problem is not None:
        return _drawn(problem, gate["confirm"])
    word = " (resolved)" if limit is None else " (controlled)"
    return _cleared(ask, f"{first} is positive, {second} is", genome, word, [screen])


def _problem(ask: Question, needed: Sequence[str], more: Sequence[str]) -> GateVerdict | None:
    """What is wrong with the needed analytes, or doubtful about those that may be there as well."""
    gate, days = ask.gate, ask.gate["validity_days"]
    wrong = [lacking(ask, gate[name], days) for name in needed]
    doubtful = [lacking(ask, gate[name], days) for name in more]
    wrong += [v for v in doubtful if v is not None and v.verdict == "indeterminate"]
    return worst([v for v in wrong if v is not None])


def _loaded(ask: Question, genome: ResultFact | None) -> bool | None:
    """Whether the load excludes; None when the report leaves it open or there is none."""
    if genome is None:
        return None
    limit = ask.gate["limit"]
    if limit is None:
        return found(genome)
    if genome.value is None:
        return False if genome.code in NEGATIVE else None
    under = below(genome.comparator, genome.value, limit)
    return None if under is None else not under


def _needs_genome(ask: Question, screen: ResultFact | None) -> GateVerdict:
    return ask.verdict(
        "retest_due",
        f"{named(ask.gate['screen'])} is positive and {named(ask.gate['confirm'])} is not known.",
        evidence=_seen([screen]),
        next_step=f"Order {named(ask.gate['confirm'])}.",
        draw=(ask.gate["confirm"],),
    )


def _drawn(verdict: GateVerdict, analyte: str) -> GateVerdict:
    """An expired or missing second test is to be drawn; one that waits in quarantine is to be resolved."""
    return replace(verdict, draw=(analyte,)) if verdict.verdict in ("expired", "missing") else verdict


def _left_open(
    ask: Question, genome: ResultFact | None, limit: Decimal | None, base: Sequence[ResultFact | None]
) -> GateVerdict | None:
    """A genome result that neither excludes nor clears, however old: only a newer one is an answer."""
    if genome is None:
        return None
    if genome.value is None and (limit is None or genome.code not in POSITIVE):
        return _unclear(ask, [genome])
    if limit is None:
        return _detection_not_stated(ask, genome, base) if found(genome) is None else None
    if _loaded(ask, genome) is not None:
        return None
    return ask.verdict(
        "indeterminate",
        f"{named(genome.analyte)} {shown(genome)} cannot be compared with the limit {limit}.",
        evidence=[seen(genome)],
        next_step="Ask the laboratory for the number, or repeat the test.",
    )


def _detection_not_stated(
    ask: Question, genome: ResultFact, base: Sequence[ResultFact | None]
) -> GateVerdict | None:
    """Below quantification: a clear result or a hepatology consult after it decides."""
    if _consult(ask, genome) is not None:
        return None
    return ask.verdict(
        "hold",
        f"{named(genome.analyte)} {shown(genome)}: reported below quantification, detection not stated.",
        evidence=[seen(genome)],
        next_step="Ask the laboratory whether it was detected, or record a hepatology consult.",
        valid_until=until([r for r in base if r is not None], ask.gate["validity_days"]),
    )


def _consult(ask: Question, genome: ResultFact) -> AttestationFact | None:
    said = ask.attested(ask.gate["consult"])
    return said if said is not None and said.value and said.on >= genome.collected_on else None


def _cleared(
    ask: Question, reason: str, genome: ResultFact, word: str, base: Sequence[ResultFact | None]
) -> GateVerdict:
    """The genome of a valid result excludes nothing: by what it says, or by the consult that weighed it."""
    verdict = _pass(ask, f"{reason} {shown(genome)}{word}", [*base, genome])
    consult = _consult(ask, genome)
    if consult is None or found(genome) is not None or ask.gate.params.get("limit") is not None:
        return verdict
    reason = f"{reason} {shown(genome)}, below quantification; hepatology consulted on {plain(consult.on)}."
    return replace(verdict, reason=reason, evidence=(*verdict.evidence, sworn(consult)))


def _unclear(ask: Question, rows: Sequence[ResultFact | None]) -> GateVerdict | None:
    for row in rows:
        if row is not None and found(row) is None:
            return ask.verdict(
                "indeterminate",
                f"{named(row.analyte)} is {shown(row)}.",
                evidence=[seen(row)],
                next_step=f"Repeat {named(row.analyte)}.",
            )
    return None


def _fail(ask: Question, row: ResultFact | None, reason: str, next_step: str) -> GateVerdict:
    assert row is not None
    return ask.verdict("fail", f"{reason}: {shown(row)}.", evidence=[seen(row)], next_step=next_step)


def _pass(ask: Question, reason: str, evidence: Sequence[ResultFact | None]) -> GateVerdict:
    rows = [r for r in evidence if r is not None]
    return ask.verdict(
        "pass", f"{reason}.", evidence=_seen(rows), valid_until=until(rows, ask.gate["validity_days"])
    )


def _seen(rows: Sequence[ResultFact | None]) -> list[Evidence]:
    return [seen(r) for r in rows if r is not None]
