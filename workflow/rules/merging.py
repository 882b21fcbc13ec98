"""Whether two records may become one, and what differs between them that a person must look at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from patients.rules.words import analyte
from workflow.rules.facts import PatientFacts
from workflow.rules.protocol import Protocol
from workflow.rules.triggers import Baseline, baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One of two records as it stands alone. `merged_into` and `holds` are codes of other records.

    `name`, `born` and `sex` as they are written on it; `pathway` and `policy` are the pinned ones.
    """

    code: str
    site: str
    name: str
    born: date
    sex: str
    pathway: str
    policy: str
    facts: PatientFacts
    merged_into: str = ""
    holds: tuple[str, ...] = ()

    @property
    def contracts(self) -> frozenset[str]:
        """Codes of the contracts it is enrolled in."""
        return frozenset(a.key for a in self.facts.acts_by_kind.get("enrolment", ()))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the records cannot be merged, with the mend."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What the two records say differently: the merged one, and the one that stays, whose word holds."""

    what: str
    gone: str
    stays: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What is one value now and would be another one."""

    what: str
    old: str
    new: str


def refusals(gone: Record, stays: Record) -> tuple[Refusal, ...]:
    """Every reason why `gone` cannot be merged into `stays` now."""
    if gone.code == stays.code:
        return (Refusal("same-record", "Name another record: this is the same one."),)
    return (*_standing(gone, stays), *_doses(gone, stays), *_enrolments(gone, stays))


def _standing(gone: Record, stays: Record) -> Iterator[Refusal]:
    if gone.site != stays.site:
        yield Refusal(
            "other-site",
            f"The records are of two centres: {gone.code} must first be handed over to the centre of {stays.code}.",
        )
    for record in (gone, stays):
        if record.merged_into:
            text = (
                f"{record.code} is merged into {record.merged_into}: name that one, or undo that merge first."
            )
            yield Refusal("merged", text)
    if gone.holds:
        listed = " and ".join(gone.holds)
        text = f"{listed} {'is' if len(gone.holds) == 1 else 'are'} merged into {gone.code}: undo that first, then merge each."
        yield Refusal("holds-others", text)


def _doses(gone: Record, stays: Record) -> Iterator[Refusal]:
    """The therapy is given once in a lifetime, so one record at most may hold, or await, an infusion."""
    if gone.facts.infusion and stays.facts.infusion:
        text = "Both records hold an infusion, and the therapy is given once: void the one that was not given first."
        yield Refusal("two-infusions", text)
    elif gone.facts.infusion:
        text = f"{gone.code} holds the infusion: merge {stays.code} into {gone.code} instead."
        yield Refusal("infused", text)
    elif gone.facts.planned_on:
        text = f"An infusion is booked for {gone.code}: take that booking back first, or merge the other way round."
        yield Refusal("planned", text)


def _enrolments(gone: Record, stays: Record) -> Iterator[Refusal]:
    if gone.contracts and stays.contracts and gone.contracts != stays.contracts:
        listed = ", ".join(sorted(gone.contracts | stays.contracts))
        text = f"The records are enrolled in different contracts ({listed}): the payers must say which one holds."
        yield Refusal("two-contracts", text)


def differences(gone: Record, stays: Record) -> tuple[Difference, ...]:
    """What is written differently on the two records."""
    told = [
        ("Name", gone.name, stays.name),
        ("Birth date", gone.born.isoformat(), stays.born.isoformat()),
        ("Sex", gone.sex, stays.sex),
        ("Pathway", gone.pathway, stays.pathway),
        ("Policy", gone.policy, stays.policy),
    ]
    return tuple(Difference(*row) for row in told if row[1] != row[2])


def moved_baselines(protocol: Protocol, before: PatientFacts, after: PatientFacts) -> tuple[Moved, ...]:
    """Baselines of safety rules that another value would become."""
    if before.infusion is None or after.infusion is None:
        return ()
    found = (
        Moved(f"Baseline {analyte(t.analyte)}", _told(baseline(t, before)), _told(baseline(t, after)))
        for t in protocol.triggers
    )
    return tuple(row for row in found if row.old != row.new)


def _told(base: Baseline) -> str:
    return f"{base.row.value_text or base.value} on {base.row.collected_on}" if base.row else "none"
