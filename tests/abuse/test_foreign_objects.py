"""Nothing of another site is told: not its objects, not in lists, dropdowns, errors or exports, not that it is there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from patients import matrix
from tests.abuse.world import ABSENT, WORD, Place, Route, often, routes, text_of
from tests.timing import apart

READERS = ("clinician@south", "site_admin@south", "analyst@other")
SECRETS_THEMSELVES = {"feed", "mail-unsubscribe"}
ROUTES = [r for r in routes() if r.name not in SECRETS_THEMSELVES and often(r)]


def secrets_in(place: Place, text: str, url: str) -> list[str]:
    """The word and north's ids in an answer, apart from what was asked for."""
    told = text.replace(url, "").casefold()
    ids = {str(v) for v in place.things.values() if isinstance(v, UUID)} - set(url.split("/"))
    return [secret for secret in (WORD, *ids) if secret in told]


def test_no_answer_to_another_site_holds_a_word_of_this_one(place: Place) -> None:
    """Every address, with this site's objects and with their own: body, headers, dropdowns, history, delete pages."""
    faults, asked = [], 0
    for route in ROUTES:
        for url in {place.url(route), place.url(route, own=True)}:
            for who in READERS:
                answer = place.asked(who, "GET", url)
                asked += 1
                faults += [f"{url} to {who}: {s}" for s in secrets_in(place, text_of(answer), url)]
        if WORD in text_of(place.asked("analyst", "GET", place.url(route))).casefold():
            faults.append(f"{route.name} to a payer")
    assert asked > 500
    assert not faults, "\n".join(faults)


def test_the_word_is_there_for_the_own_people(place: Place) -> None:
    """Otherwise the test before this one could not fail."""
    seen = {
        r.name for r in ROUTES if WORD in text_of(place.asked("coordinator", "GET", place.url(r))).casefold()
    }
    wanted = {
        "api:patients", "api:patient", "api:bleeds", "api:attestations", "api:draws", "api:kit", "api:authorizations",
        "api:steroid-courses", "api:import", "api:quarantine-item", "api:code-maps", "api:table-mappings",
        "api:task-contacts", "api:packet", "api:exports", "api:sites", "fhir:Patient", "admin:patient", "admin:desk",
        "admin:imports", "admin:code-maps", "admin:exports", "admin:undelivered",
    }  # fmt: skip
    assert wanted - seen == set()


FILTERS = {
    "api:patients": {"site": "code"},
    "api:worklist": {"site": "code", "patient": "patient", "assignee": "person"},
    "api:alerts": {"site": "code", "patient": "patient"},
    "api:overrides": {"site": "code"},
    "api:quarantine": {"source": "source", "import": "inbound"},
    "admin:patients": {"q": "patient_code"},
    "admin:patients_site_changelist": {"q": "code"},
    "admin:patients_codemap_changelist": {"q": "map"},
    "admin:desk": {"source": "source", "import": "inbound"},
    "admin:today": {"site": "code", "assignee": "person"},
    "fhir:Patient": {"identifier": "mrn", "_id": "patient"},
    "fhir:Observation": {"patient": "patient"},
}


def values_of(place: Place) -> dict[str, Any]:
    from patients.models import Patient

    return {
        "code": "canary-north",
        "source": "canary-lab",
        "person": "coordinator-canary-north",
        "map": "CANARYCODE",
        "mrn": "CANARY-1",
        "patient_code": Patient.objects.get(pk=place.patient).code,
        **place.things,
    }


@pytest.mark.parametrize("who", ["coordinator@south", "site_admin@south"])
def test_a_filter_tells_a_foreign_value_from_none_by_nothing(place: Place, who: str) -> None:
    faults = []
    values = values_of(place)
    for name, filters in FILTERS.items():
        url = place.url(next(r for r in ROUTES if r.name == name))
        for parameter, key in filters.items():
            foreign = str(values[key])
            absent = str(ABSENT) if isinstance(values[key], UUID) else f"z{foreign[1:]}"
            answers = [place.asked(who, "GET", url, {parameter: told}) for told in (foreign, absent)]
            texts = [_same(text_of(a), told) for a, told in zip(answers, (foreign, absent), strict=True)]
            if answers[0].status_code != answers[1].status_code or texts[0] != texts[1]:
                faults.append(f"{name}?{parameter}")
    assert faults == []


def _same(text: str, asked: str) -> str:
    """An answer without what was asked for and without the token of its forms."""
    found = text.replace(asked, "ASKED").split("csrfmiddlewaretoken")
    return "".join([found[0], *(part.split(">", 1)[-1] for part in found[1:])])


def about_objects() -> Iterator[Route]:
    for route in ROUTES:
        if (
            matrix.rows().get(matrix.row_of(route.name))
            and route.parameters
            and not route.name.startswith(("mfa", "acc"))
        ):
            yield route


def test_a_foreign_object_is_told_from_an_absent_one_by_nothing(place: Place) -> None:
    """Same status and same text, by every method, to every role that could do it at home."""
    faults, asked = [], 0
    for route in about_objects():
        foreign, absent = place.url(route), place.url(route, absent=True)
        if foreign == absent:
            continue
        for method in matrix.rows()[matrix.row_of(route.name)]:
            for who in ("clinician@south", "site_admin@south"):
                asked += 1
                one, other = (place.asked(who, method, url) for url in (foreign, absent))
                if (one.status_code, _told(one, foreign)) != (other.status_code, _told(other, absent)):
                    faults.append(f"{method} {route.name} by {who}: {one.status_code} {other.status_code}")
    assert asked > 150
    assert not faults, "\n".join(faults)


def _told(answer: Any, url: str) -> str:
    text = _same(text_of(answer), url)
    for part in url.split("/"):
        text = text.replace(part, "") if len(part) > 20 else text
    return text


@pytest.mark.parametrize(("each", "times"), [(6, 7), pytest.param(1, 200, marks=pytest.mark.slow)])
def test_a_foreign_object_takes_as_long_as_an_absent_one(place: Place, each: int, times: int) -> None:
    """In every run some of the addresses, before a release all."""
    pairs = [(place.url(route), place.url(route, absent=True)) for route in about_objects()]
    differing = [(foreign, absent) for foreign, absent in pairs if foreign != absent]
    assert len(differing) > 40
    gaps = {
        foreign: apart(
            *(partial(place.asked, "clinician@south", "GET", url) for url in (foreign, absent)), times
        )
        for foreign, absent in differing[::each]
    }
    assert {url: gap for url, gap in gaps.items() if gap > 20} == {}
