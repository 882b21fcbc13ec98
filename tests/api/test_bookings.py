"""Booked dates over REST: `bookings/` of a patient, `book/` of a task, and a plan that shifts or keeps them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outcomes.services import cohort
from tests.api.conftest import TODAY, V1, World, ok, pointers, problem

W3 = "liver-panel:w03"


@pytest.fixture
def planned(world: World) -> str:
    """A patient whose infusion is booked in five days."""
    return V1 + f"patients/{world.told(cohort.booked)}/"


def on(days: int) -> str:
    """Days after the booked infusion."""
    return str(TODAY + timedelta(days=5 + days))


def booked(world: World, url: str) -> dict[str, tuple[str, int]]:
    rows = ok(world.api().get(url + "bookings/"))["results"]
    return {r["key"]: (r["booked_on"], r["booked_delta_days"]) for r in rows}


def test_follow_ups_of_a_planned_infusion_are_booked_moved_and_taken_back(world: World, planned: str) -> None:
    api = world.api()
    assert booked(world, planned) == {}
    first = api.post(planned + "bookings/", {"key": W3, "on": on(23), "visit": True})
    assert first["ETag"] == '"1"'
    assert {r["key"] for r in ok(first)["results"]} == {W3, "fix-activity:w03"}
    stale = api.post(planned + "bookings/", {"key": W3, "on": on(24)}, headers={"If-Match": '"0"'})
    assert problem(stale, 412)["current"] == {"on": on(23)}
    ok(api.post(planned + "bookings/", {"key": "fix-activity:w03", "on": None}))
    assert booked(world, planned) == {W3: (on(23), 2)}
    moving = {"infusion_on": str(TODAY + timedelta(8))}
    (row,) = ok(api.post(planned + "plan/preview/", moving))["bookings"]
    assert (row["shift"]["on"], row["keep"]["on"]) == (on(26), on(23))
    assert pointers(api.put(planned + "plan/", moving)) == {"/booked"}
    ok(api.put(planned + "plan/", {**moving, "booked": "shift"}))
    assert booked(world, planned) == {W3: (on(26), 2)}
    ok(api.put(planned + "plan/", {"infusion_on": str(TODAY + timedelta(5)), "booked": "keep"}))
    assert booked(world, planned) == {W3: (on(26), 5)}


def test_a_task_is_booked_from_the_worklist(world: World) -> None:
    patient = world.told(cohort.infused_last_week)
    api = world.api()
    rows = ok(api.get(V1 + "worklist/", {"patient": str(patient), "page_size": 200}))["results"]
    task: dict[str, Any] = next(t for t in rows if t["key"] == W3)
    url = V1 + f"worklist/{task['id']}/book/"
    assert (task["booked_on"], task["booked_delta_days"]) == (None, None)
    wanted = str(TODAY + timedelta(20))
    answer = api.post(url, {"on": wanted}, headers={"If-Match": '"0"'})
    body = ok(answer)
    assert (body["booked_on"], answer["ETag"], body["due_on"]) == (wanted, '"1"', task["due_on"])
    assert body["booked_delta_days"] == 20 - (21 - 6)
    problem(api.post(url, {"on": wanted}, headers={"If-Match": '"0"'}), 412)
    status = ok(api.get(V1 + f"patients/{patient}/status/"))
    assert next(t for t in status["tasks"] if t["key"] == W3)["booked_on"] == wanted
    assert pointers(api.post(url, {"on": str(TODAY - timedelta(1))})) == {"/on"}
    assert pointers(api.post(url, {})) == {"/on"}
    assert ok(api.post(url, {"on": None}))["booked_on"] is None
    problem(world.api("auditor").post(url, {"on": wanted}), 403)
    problem(world.api("coordinator", "south").post(url, {"on": wanted}), 404)


def test_a_decision_is_no_visit(world: World) -> None:
    patient = world.told(cohort.alert_open)
    rows = ok(world.api().get(V1 + "worklist/", {"patient": str(patient), "kind": "steroid-decision"}))
    url = V1 + f"worklist/{rows['results'][0]['id']}/book/"
    problem(world.api().post(url, {"on": str(TODAY + timedelta(3))}), 404)
