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
    return {person: _match(person, by_number, authorities) for person in named}


def _match(person: Named, by_number: dict[str, Patient], authorities: frozenset[str]) -> Match:
    counting = [n.value for n in person.numbers if not authorities or authorities & set(n.authorities)]
    found = {row.pk: row for n in counting if (row := by_number.get(n)) is not None and agrees(person, row)}
    if len(found) == 1:
        row = next(iter(found.values()))
        return Match(row.pk, row.birth_date)
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
