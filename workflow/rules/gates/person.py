"""Gates about the person, the history and the papers: age, diagnosis, indication, attestations, place."""

from __future__ import annotations

from datetime import date

from patients.rules.words import analyte as named
from workflow.rules.effects import Evidence, GateVerdict
from workflow.rules.facts import PatientFacts
from workflow.rules.gates.common import Question, plain, seen, shown, sworn
from workflow.rules.site_settings import deciding


def birthday(born: date, years: int) -> date:
    """The day on which somebody is `years` old; 29 February becomes 28 February in a common year."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 2, 28)


def age(ask: Question) -> GateVerdict:
    """At least `min_years` old on Day 0."""
    years, born = ask.gate["min_years"], ask.facts.person.birth_date
    adult = birthday(born, years)
    evidence = [
        Evidence(fact=f"patient:{ask.facts.person.id}", on=born, value=born.isoformat(), note="birth date")
    ]
    if adult <= ask.on:
        return ask.verdict("pass", f"{years} years old since {plain(adult)}.", evidence=evidence)
    return ask.verdict(
        "fail",
        f"Under {years} until {plain(adult)}.",
        evidence=evidence,
        next_step=f"Plan no infusion before {plain(adult)}.",
    )


def diagnosis(ask: Question) -> GateVerdict:
    """The diagnosis is attested and an activity of the missing factor is documented, however old."""
    said = ask.attested(ask.gate["attestation"])
    rows = [r for analyte in ask.gate["analytes"] if (r := ask.newest(analyte))]
    evidence = [seen(r) for r in rows] + ([sworn(said)] if said else [])
    if said is not None and not said.value:
        return ask.verdict(
            "fail",
            "The diagnosis is attested as not given.",
            evidence=evidence,
            next_step="Check the diagnosis.",
        )
    if not rows:
        names = " or ".join(named(a) for a in ask.gate["analytes"])
        return ask.verdict(
            "missing",
            "No factor activity is documented.",
            evidence=evidence,
            next_step=f"Record a factor activity ({names}).",
        )
    if said is None:
        return ask.verdict(
            "missing",
            "The diagnosis is not attested.",
            evidence=evidence,
            next_step=f"Record the attestation {ask.gate['attestation']}.",
        )
    return ask.verdict("pass", f"Diagnosis attested; factor activity {shown(rows[-1])}.", evidence=evidence)


def indication(ask: Question) -> GateVerdict:
    """Any one arm: on prophylaxis now; a life-threatening hemorrhage ever; repeated serious spontaneous bleeds.

    "Now" is the day asked about, and Day 0 itself once the infusion is recorded.
    """
    found: list[tuple[str, Evidence]] = []
    if ask.gate["prophylaxis"]:
        found += _prophylaxis(ask)
    found += _life_threatening(ask)
    repeated = ask.attested(ask.gate["repeated_bleeds"]) if ask.gate["repeated_bleeds"] else None
    if repeated is not None and repeated.value:
        found.append(("repeated serious spontaneous bleeds", sworn(repeated)))
    if not found:
        return ask.verdict(
            "missing",
            "No prophylaxis now, no life-threatening hemorrhage and no repeated serious bleeds are recorded.",
            next_step="Record the prophylaxis regimen, or attest the bleeding history.",
        )
    arms = ", ".join(dict.fromkeys(arm for arm, _ in found))
    return ask.verdict("pass", f"Indication: {arms}.", evidence=[e for _, e in found])


def _prophylaxis(ask: Question) -> list[tuple[str, Evidence]]:
    now = ask.on if ask.given else ask.today
    return [
        (
            f"{r.product} prophylaxis",
            Evidence(
                fact=f"regimen:{r.id}",
                on=r.from_on,
                value=r.product,
                note=f"{format(r.iu_per_kg, 'f')} IU/kg every {format(r.interval_days, 'f')} days",
            ),
        )
        for r in ask.facts.regimens
        if r.covers(now)
    ]


def _life_threatening(ask: Question) -> list[tuple[str, Evidence]]:
    arm = "life-threatening hemorrhage"
    found = [
        (arm, Evidence(fact=f"bleed:{b.id}", on=b.onset_on, value=b.site))
        for b in ask.facts.bleeds
        if b.life_threatening and b.onset_on <= ask.on
    ]
    code = ask.gate["life_threatening"]
    said = ask.attested(code) if code else None
    return [*found, (arm, sworn(said))] if said is not None and said.value else found


def prior_gene_therapy(ask: Question) -> GateVerdict:
    """No gene therapy ever; one infusion per lifetime."""
    infusion = ask.facts.infusion
    if infusion is not None and infusion.day0 < ask.on:
        return ask.verdict(
            "fail",
            f"Infused on {plain(infusion.day0)}; the therapy is given once.",
            next_step="Plan no second infusion.",
        )
    said = ask.attested(ask.gate["attestation"])
    if said is None:
        return ask.verdict(
            "missing",
            "It is not recorded that no gene therapy was given before.",
            next_step=f"Record the attestation {ask.gate['attestation']}.",
        )
    if not said.value:
        return ask.verdict(
            "fail",
            "An earlier gene therapy is recorded.",
            evidence=[sworn(said)],
            next_step="Not eligible; check the history.",
        )
    return ask.verdict("pass", "No gene therapy before.", evidence=[sworn(said)])


def attestations(ask: Question) -> GateVerdict:
    """Consultations and plans, each with who and when."""
    said = {code: ask.attested(code) for code in ask.gate["codes"]}
    evidence = [sworn(a) for a in said.values() if a is not None]
    refused = [code for code, a in said.items() if a is not None and not a.value]
    missing = [code for code, a in said.items() if a is None]
    if refused:
        return ask.verdict(
            "fail",
            f"Attested as not given: {', '.join(refused)}.",
            evidence=evidence,
            next_step="Clear these first.",
        )
    if missing:
        return ask.verdict(
            "missing",
            f"Missing: {', '.join(missing)}.",
            evidence=evidence,
            next_step=f"Record {', '.join(missing)}.",
        )
    return ask.verdict("pass", "All consultations and plans are recorded.", evidence=evidence)


def site_of_care(ask: Question) -> GateVerdict:
    """The centre is certified for this pathway on Day 0. The place of service is judged with the infusion."""
    if certified(ask.facts, ask.gate["pathway"], ask.on):
        return ask.verdict("pass", "The centre is certified on that date.")
    return ask.verdict(
        "fail",
        "The centre is not certified on that date.",
        next_step="Certify the centre for this date, or move the date or the patient.",
    )


def certified(facts: PatientFacts, pathway: str, on: date) -> bool:
    """Certified for a pathway on that date, by the row of the site's settings that decides then."""
    rows = [s for s in facts.settings if s.kind == "certification" and s.key == pathway]
    return deciding(rows, on) is not None


def authorization(ask: Question) -> GateVerdict:
    """The payer's approval is valid on Day 0."""
    rows = sorted(ask.facts.authorizations, key=lambda a: (a.recorded_at, a.id))
    if not rows:
        return ask.verdict(
            "missing",
            "No prior authorization is recorded.",
            next_step="Submit the prior authorization packet.",
        )
    newest = rows[-1]
    evidence = [
        Evidence(
            fact=f"authorization:{newest.id}",
            on=newest.decided_on or newest.submitted_on or newest.recorded_at.date(),
            value=newest.status,
            note=newest.payer,
        )
    ]
    if newest.status == "denied":
        return ask.verdict(
            "fail", f"{newest.payer} denied it.", evidence=evidence, next_step="Appeal or resubmit."
        )
    if newest.status != "approved":
        return ask.verdict(
            "hold", f"Waiting for {newest.payer}.", evidence=evidence, next_step="Follow up with the payer."
        )
    if (newest.valid_from and ask.on < newest.valid_from) or (newest.valid_to and ask.on > newest.valid_to):
        return ask.verdict(
            "expired",
            f"The approval of {newest.payer} does not cover that date.",
            evidence=evidence,
            next_step="Ask the payer to extend the approval.",
            valid_until=newest.valid_to,
        )
    return ask.verdict("pass", f"Approved by {newest.payer}.", evidence=evidence, valid_until=newest.valid_to)
