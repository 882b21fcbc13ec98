"""`results/`: recorded, repeated, corrected, waiting, retracted; a list is stored whole or not at all."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from outcomes.services import cohort
from patients.models import QuarantineItem, Result
from tests.api.conftest import V1, World, ok, pointers, problem


def alt(value: Any = "31", **changes: Any) -> dict[str, Any]:
    fields = {
        "analyte": "ALT",
        "value": value,
        "unit": "U/L",
        "collected_at": "2027-02-26T08:00:00+01:00",
        "reported_at": "2027-02-26T15:00:00+01:00",
        "reference_high": "45",
        "source": "lab",
        "source_id": "A-1",
        **changes,
    }
    return {k: v for k, v in fields.items() if v is not ...}


@pytest.fixture
def url(world: World) -> str:
    return V1 + f"patients/{world.told(cohort.referred)}/results/"


def test_a_result_is_recorded_and_its_repetition_changes_nothing(world: World, url: str) -> None:
    first = ok(world.api().post(url, alt()), 201)
    assert first["disposition"] == "result"
    assert (first["analyte"], first["value"], first["unit"], first["active"]) == ("ALT", "31", "U/L", True)
    assert first["collected_at"] == "2027-02-26T07:00:00Z"
    again = ok(world.api().post(url, alt()), 200)
    assert (again["disposition"], again["id"]) == ("duplicate", first["id"])
    assert len(ok(world.api().get(url))["results"]) == 1


def test_a_result_that_cannot_be_judged_waits(world: World, url: str) -> None:
    body = ok(world.api().post(url, alt(unit="bushels")), 202)
    assert (body["disposition"], body["reason"]) == ("quarantine", "unit-unknown")
    assert QuarantineItem.objects.filter(pk=body["quarantine"]).exists()
    assert ok(world.api().get(url))["results"] == []


def test_a_loinc_code_names_the_analyte(world: World, url: str) -> None:
    assert ok(world.api().post(url, alt(analyte=..., loinc="1742-6")), 201)["analyte"] == "ALT"


def test_a_list_is_answered_in_its_order(world: World, url: str) -> None:
    items = [
        alt(),
        alt(unit="bushels", source_id="A-2"),
        alt(),
        {"analyte": "HBSAG", "value": "negative", "collected_at": "2027-02-20", "source_id": "A-3"},
    ]
    answers = ok(world.api().post(url, items))
    assert [a["disposition"] for a in answers] == ["result", "quarantine", "duplicate", "result"]
    assert answers[3]["analyte"] == "HBSAG"


def test_a_faulty_item_keeps_the_whole_list_out(world: World, url: str) -> None:
    items = [alt(), alt(collected_at=..., source_id="A-2"), alt(analyte=..., source_id="A-3")]
    assert pointers(world.api().post(url, items)) == {"/1/collected_at", "/2/analyte"}
    assert not Result.objects.exists() and not QuarantineItem.objects.exists()


def test_an_unknown_field_in_a_list_is_named_by_its_place(world: World, url: str) -> None:
    assert pointers(world.api().post(url, [alt(), alt(colour="red")]), 400) == {"/1/colour"}


@pytest.mark.parametrize("items", [[], [1], [None], [[]], ["text"]])
def test_odd_lists_are_refused_or_empty(world: World, url: str, items: list[Any]) -> None:
    answer = world.api().post(url, items)
    assert answer.status_code in (200, 400, 422)
    assert not Result.objects.exists()


def test_at_most_five_thousand_items_at_a_time(world: World, url: str) -> None:
    problem(world.api().post(url, [{}] * 5001), 422)


def test_a_corrected_value_takes_the_place_and_keeps_the_history(world: World, url: str) -> None:
    api = world.api()
    first = ok(api.post(url, alt("95")), 201)
    corrected = alt("29", status="corrected", reported_at="2027-02-27T09:00:00Z")
    second = ok(api.post(url, corrected), 201)
    rows = ok(api.get(url))["results"]
    assert [(r["id"], r["value"]) for r in rows] == [(second["id"], "29")]
    versions = ok(api.get(V1 + f"results/{first['id']}/versions/"))["results"]
    assert [(v["value"], v["active"]) for v in versions] == [("95", False), ("29", True)]


def test_a_retracted_result_counts_no_more_and_stays_readable(world: World, url: str) -> None:
    api = world.api()
    made = ok(api.post(url, alt()), 201)
    retract = V1 + f"results/{made['id']}/retract/"
    assert pointers(api.post(retract, {})) == {"/reason"}
    ok(api.post(retract, {"reason": "another person's blood"}))
    problem(api.post(retract, {"reason": "again"}), 409)
    assert [r["active"] for r in ok(api.get(url))["results"]] == [False]
    versions = ok(api.get(V1 + f"results/{made['id']}/versions/"))["results"]
    assert versions[0]["value"] == "31" and versions[-1]["status"] == "entered_in_error"
    assert not any(v["active"] for v in versions)


def test_a_preliminary_value_is_a_result_and_one_without_a_value_is_pending(world: World, url: str) -> None:
    early = ok(world.api().post(url, alt(status="preliminary")), 201)
    assert (early["disposition"], early["status"]) == ("result", "preliminary")
    empty = ok(world.api().post(url, alt("", source_id="A-2", status="registered")), 201)
    assert (empty["disposition"], empty["value"]) == ("pending", None)


def test_a_date_alone_is_kept_as_a_day(world: World, url: str) -> None:
    ok(world.api().post(url, alt(collected_at="2027-02-26")), 201)
    assert ok(world.api().get(url))["results"][0]["collected_at"] == "2027-02-26"


@pytest.mark.parametrize(
    ("collected", "reason"),
    [("2027-03-09T08:00:00Z", "future-timestamp"), ("1950-01-01T08:00:00Z", "bad-timestamp")],
)
def test_a_time_that_cannot_be_waits(world: World, url: str, collected: str, reason: str) -> None:
    body = ok(world.api().post(url, alt(collected_at=collected, reported_at=...)), 202)
    assert (body["disposition"], body["reason"]) == ("quarantine", reason)


def test_foreign_and_unknown_results_are_not_found(world: World, url: str) -> None:
    made = ok(world.api().post(url, alt()), 201)
    for pk in (made["id"], uuid4()):
        problem(world.api(site="south").get(V1 + f"results/{pk}/versions/"), 404)
        problem(world.api(site="south").post(V1 + f"results/{pk}/retract/", {"reason": "x"}), 404)
