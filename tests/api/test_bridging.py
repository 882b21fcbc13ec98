"""Stopping prophylaxis, steroid courses and kits over REST: who may, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from outcomes.services import cohort
from tests.api.conftest import V1, World, ok, pointers, problem

STOP = {"on": "2027-03-01", "reason": "one-stage 12 and 14 IU/dL, three weeks apart"}


def regimen(**more: Any) -> dict[str, Any]:
    return {"product": "IDELVION", "iu_per_kg": "40", "interval_days": "7", "from": "2026-01-01", **more}


@pytest.fixture
def treated(world: World) -> str:
    """A patient after the infusion, on bridging prophylaxis."""
    url = V1 + f"patients/{world.told(cohort.alert_open)}/"
    ok(world.api().post(url + "regimens/", regimen(**{"from": "2027-02-20"})), 201)
    return url


def test_a_clinician_stops_prophylaxis_and_the_regimen_ends(world: World, treated: str) -> None:
    api = world.api("clinician")
    assert ok(api.get(treated + "status/"))["bridging"]["state"] == "indeterminate"
    body = ok(api.post(treated + "prophylaxis-stop/", STOP), 201)
    assert (body["state"], body["decided_by"], body["reason"]) == (
        "stopped",
        "clinician-north",
        STOP["reason"],
    )
    newest = ok(api.get(treated + "regimens/"))["results"][-1]
    assert newest["to"] == "2027-03-01" and newest["supersedes"]
    problem(api.post(treated + "prophylaxis-stop/", STOP), 409)
    assert ok(world.api("auditor").get(treated + "status/"))["bridging"]["reason"] is None


def test_who_may_not_and_what_is_refused(world: World, treated: str) -> None:
    problem(world.api().post(treated + "prophylaxis-stop/", STOP), 403)
    api = world.api("clinician")
    assert pointers(api.post(treated + "prophylaxis-stop/", {})) == {"/on", "/reason"}
    assert pointers(api.post(treated + "prophylaxis-stop/", {**STOP, "on": "2027-03-02"})) == {"/on"}
    assert pointers(api.post(treated + "prophylaxis-stop/", {**STOP, "on": "2020-03-02"})) == {"/on"}
    fresh = V1 + f"patients/{world.told(cohort.referred, mrn='N-2')}/"
    problem(api.post(fresh + "prophylaxis-stop/", STOP), 409)


def test_a_kit_says_what_does_not_fit_and_is_refused_outside_the_sizes(world: World) -> None:
    url = V1 + f"patients/{world.told(cohort.cleared, policy='us-standard')}/kit/"
    order = {"ordered_on": "2027-02-20", "weight_kg": "66", "vials": 14, "ndc": "0053-0140-14"}
    made = ok(world.api().post(url, order), 201)
    assert made["ndc"] == "00053-0140-14" and len(made["warnings"]) == 2
    assert ok(world.api().get(url))["results"][0]["warnings"] == made["warnings"]
    assert pointers(world.api().post(url, {**order, "vials": 9})) == {"/vials"}
    received = {
        **order,
        "received_on": "2027-02-26",
        "lot": "K1",
        "vial_lots": ["V1"],
        "supersedes": made["id"],
    }
    assert ok(world.api().post(url, received), 201)["lot"] == "K1"
    status = ok(world.api().get(url.removesuffix("kit/") + "status/"))
    assert (status["kit"]["received_on"], status["kit"]["vials"]) == ("2027-02-26", 14)


def step(first: str, last: str | None, mg: str = "20") -> dict[str, Any]:
    return {"from": first, "to": last, "mg_per_day": mg}


@pytest.mark.parametrize("steps", [
    [step("2027-03-01", "2027-03-07"), step("2027-03-07", None)], [step("2027-03-01", None), step("2027-03-08", None)],
    [step("2027-02-01", "2027-02-07")],
])  # fmt: skip
def test_steps_of_a_course_follow_each_other(world: World, treated: str, steps: list[Any]) -> None:
    order = {"started_on": "2027-03-01", "steps": steps}
    assert pointers(world.api("clinician").post(treated + "steroid-courses/", order)) == {"/steps"}


@pytest.mark.parametrize("on", ["2027-03-02", "2027-02-19"])
def test_a_dose_is_taken_in_the_course_and_not_in_the_future(world: World, treated: str, on: str) -> None:
    order = {"started_on": "2027-02-20", "template": "default"}
    course = ok(world.api("clinician").post(treated + "steroid-courses/", order), 201)["id"]
    answer = world.api().post(V1 + f"steroid-courses/{course}/doses/", {"on": on, "mg": "60"})
    assert pointers(answer) == {"/on"}


@pytest.mark.parametrize(("started", "ended", "flags"), [
    ("2027-02-01", "2027-02-28", ["shorter-than-usual"]), ("2026-12-22", "2027-03-01", []),
    ("2026-11-01", "2027-03-01", ["longer-than-usual"]),
])  # fmt: skip
def test_an_unusual_length_is_flagged(
    world: World, treated: str, started: str, ended: str, flags: list[str]
) -> None:
    api = world.api("clinician")
    made = api.post(treated + "steroid-courses/", {"started_on": started, "template": "default"})
    one = V1 + f"steroid-courses/{ok(made, 201)['id']}/"
    ended_course = ok(api.patch(one, {"ended_on": ended}, headers={"If-Match": made["ETag"]}))
    assert ended_course["flags"] == flags
