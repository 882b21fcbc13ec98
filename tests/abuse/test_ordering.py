"""Sort keys by which somebody tries to reach the database: each is refused as unknown, by every list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.abuse.world import Place

SORTED = ("patients", "worklist", "alerts", "quarantine", "imports")
"""Lists with sort keys of their own."""
UNSORTED = (
    "sites", "feeds", "overrides", "contracts", "exports", "code-maps", "table-mappings", "contracts/sample-level/milestones",
    "patients/{}/results", "patients/{}/bleeds", "patients/{}/kit", "patients/{}/coverage", "patients/{}/bookings",
    "patients/{}/steroid-courses", "patients/{}/infusion/history", "packets/{}/versions",
)  # fmt: skip
KEYS = (
    "id", "pk", "?", "site__code", "site__staff__password", "patient__mrn", "birth_date", "due_on", "raised_on", "received_at",
)  # fmt: skip
FORMS = (
    "{},id", "--{}", "+{}", "{} desc", "{};", "{}'", '{}"', "{}`", "{})", "({})", "{}--", "{}/**/", "{}#", "{}\\", "{}||pg_sleep(5)",
    "(select pg_sleep(5) from {})", "case when (1=1) then {} else 1/0 end", "{}; drop table patients_patient; --", "{}%00",
    "{}\u202e",
)  # fmt: skip
PAYLOADS = [form.format(key) for key in KEYS for form in FORMS]


def taken(place: Place, address: str, payloads: list[str]) -> list[Any]:
    """The payloads that were not refused as an unknown sort key."""
    url, found = f"/api/v1/{address.format(place.patient)}/", []
    for payload in payloads:
        answer = place.ask("clinician", "GET", url, {"ordering": payload})
        codes = [e["code"] for e in answer.json().get("errors", ())]
        if answer.status_code != 400 or codes != ["unknown-ordering"]:
            found.append((payload, answer.status_code, codes))
    return found


@pytest.mark.parametrize("number", range(len(SORTED)))
def test_no_sort_key_but_its_own(place: Place, number: int) -> None:
    assert len(PAYLOADS) == 200
    assert taken(place, SORTED[number], PAYLOADS[number :: len(SORTED)]) == []


@pytest.mark.parametrize("address", UNSORTED)
def test_a_list_without_sort_keys_refuses_every_one(place: Place, address: str) -> None:
    assert taken(place, address, ["id", "nosuch", "-site__code", "id;select pg_sleep(5)"]) == []
