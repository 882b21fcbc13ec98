"""Which patient a received item is about: the number must agree, and the name or the date of birth as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from patients.models import Patient
from patients.readers.envelope import Named


@dataclass(frozen=True, slots=True)
class Match:
    """The patient, or the reason why there is none: patient-unmatched or patient-ambiguous."""

    patient: UUID | None = None
    born: date | None = None
    reason: str = ""


def matches(people: Iterable[Named], *, site: UUID, authorities: frozenset[str]) -> dict[Named, Match]:
    """A match for each person named, in one query. `authorities` empty means that any number counts."""
    named = set(people)
    numbers = {n.value for p in named for n in p.numbers}
    rows = list(Patient.objects.filter(site_id=site, mrn__in=numbers)) if numbers else []
    by_number = {row.mrn: row for row in rows}
    survivors = _survivors(rows)
    return {person: _match(person, by_number, survivors, authorities) for person in named}


def _survivors(rows: Iterable[Patient]) -> dict[UUID, Patient]:
    """The records into which some of these were merged, by the merged one's id."""
    merged = {row.pk: row.merged_into for row in rows if row.merged_into}
    found = Patient.objects.in_bulk(set(merged.values())) if merged else {}
    return {pk: found[survivor] for pk, survivor in merged.items()}


def _match(
    person: Named, by_number: dict[str, Patient], survivors: dict[UUID, Patient], authorities: frozenset[str]
) -> Match:
    """A merged record's number is the person's too, and either record's name or date of birth fits it.

    What comes under that number alone is kept under the merged record, where it counts for the one that stays.
    """
    counting = [n.value for n in person.numbers if not authorities or authorities & set(n.authorities)]
    found: dict[UUID, tuple[Patient, Patient]] = {}
    for row in (by_number[n] for n in counting if n in by_number):
        whole = survivors.get(row.pk, row)
        if agrees(person, row) or agrees(person, whole):
            found[whole.pk] = (whole if whole.pk in found else row, whole)
    if len(found) == 1:
        row, whole = next(iter(found.values()))
        return Match(row.pk, whole.birth_date)
    return Match(reason="patient-ambiguous" if found else "patient-unmatched")


def agrees(person: Named, row: Patient) -> bool:
    """Whether what is said of a person beside the number fits the patient."""
    if person.number_suffices:
        return True
    same_name = _folded(person.family_name) == _folded(row.family_name)
    return same_name or person.birth_date == row.birth_date


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def candidates(person: Named, *, site: UUID) -> Sequence[Patient]:
    """Patients of the site that share a number or the family name, for a person to choose from."""
    numbers = [n.value for n in person.numbers]
    rows = Patient.objects.filter(site_id=site)
    same = rows.filter(mrn__in=numbers) | rows.filter(family_name__iexact=person.family_name.strip() or None)
    return list(same.distinct()[:10])
