"""A laboratory's messages up to five times each, in any order, by many hands: the same as once each, in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from patients.access import everywhere
from patients.models import Patient, Result, ResultHead
from tests.factories import lab
from tests.factories.messages import alt, oru
from tests.factories.people import PatientFactory, make_site
from tests.services.racing import racing
from workflow.selectors.decisions import decided
from workflow.selectors.facts import history

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
VERSIONS = ("P", "F", "C", "C")
PEOPLE = 10


def clinic(code: str) -> tuple[Any, list[Patient]]:
    """A site with its laboratory, and its people, alike at every site."""
    with everywhere(by="t"):
        site = make_site(code, timezone="UTC")
    with everywhere(by="t"):
        people = [
            PatientFactory(site=site, mrn=f"M{n}", family_name="Muster", at=START) for n in range(PEOPLE)
        ]
        return lab.make_source(site, f"{code}-lab", sending_app=code, sending_facility="HOSP"), people


def messages(app: str, count: int) -> list[bytes]:
    """Results of a day each, in up to four versions: preliminary, final, corrected twice."""
    found = []
    for n in range(count):
        draw, version = divmod(n, len(VERSIONS))
        at = START + timedelta(days=draw // PEOPLE, minutes=10 * (draw % PEOPLE))
        sent = at + timedelta(hours=1 + version)
        text = alt(str(20 + (7 * draw + 31 * version) % 90), status=VERSIONS[version])
        found.append(
            oru(text, mrn=f"M{draw % PEOPLE}", born="19850517", app=app, filler=f"F{draw}", control=f"C{n}",
                at=f"{at:%Y%m%d%H%M%S}", sent=f"{sent:%Y%m%d%H%M%S}")
        )  # fmt: skip
    return found


def take(source: Any, data: bytes) -> None:
    with everywhere(by="t"):
        lab.take(source, data, name="m.hl7")


def state(people: Sequence[Patient]) -> list[Any]:
    """Which value counts of each result, and what follows from it; no id, no time of recording."""
    with everywhere(by="t"):
        found = []
        for person in people:
            heads = ResultHead.objects.filter(patient=person, active=True)
            values = Result.objects.filter(pk__in=heads.values("result"))
            counting = sorted(values.values_list("analyte", "collected_at", "value", "status"))
            gates = [
                (g.code, g.verdict) for g in decided(history(person.pk), as_of=START.date()).decision.gates
            ]
            found.append((person.mrn, counting, gates))
        return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("count", "hands"), [(60, 4), pytest.param(10_000, 20, marks=pytest.mark.slow)])
def test_repeated_and_shuffled_by_many_hands_is_as_once_and_in_order(count: int, hands: int) -> None:
    chance = Random(count)
    (ordered, one), (shuffled, other) = clinic("order"), clinic("chance")
    for data in messages("order", count):
        take(ordered, data)
    told = [data for data in messages("chance", count) for _ in range(chance.randint(1, 5))]
    chance.shuffle(told)

    def hand() -> None:
        while True:
            try:
                data = told.pop()
            except IndexError:
                return
            take(shuffled, data)

    assert racing(hand, hands) == [None] * hands
    assert state(other) == state(one)
    with everywhere(by="t"):
        assert Result.objects.filter(site=shuffled.site).values("lineage").distinct().count() == -(
            -count // 4
        )
        versions = Result.objects.filter(site=shuffled.site).values("lineage", "content_hash")
        assert versions.distinct().count() == versions.count() <= count
