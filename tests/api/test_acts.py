"""Plan, infusion, steroid courses and pins: what people decide about one patient."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from outcomes.services import cohort
from tests.api.conftest import V1, World, client_of, ok, pointers, problem
from tests.factories.people import make_staff
from workflow.models import Infusion

STARTED = "2027-03-01T10:00:00+01:00"


def infusion(**changes: Any) -> dict[str, Any]:
    fields = {
        "started_at": STARTED,
        "ended_at": "2027-03-01T11:05:00+01:00",
        "weight_kg": "72",
        "volume_ml": "144",
        "rate_ml_h": "133",
        "ndc": "0053-0150-15",
        "place_of_service": "22",
        "outcome": "complete",
        **changes,
    }
    return {k: v for k, v in fields.items() if v is not ...}


@pytest.fixture
def ready(world: World) -> str:
    """A patient whose blocking gates all pass."""
    return V1 + f"patients/{world.told(cohort.cleared, policy='us-standard')}/"


@pytest.fixture
def fresh(world: World) -> str:
    """A patient of whom nothing is known yet."""
    return V1 + f"patients/{world.told(cohort.referred, policy='us-standard')}/"


def test_a_preview_shows_the_calendar_and_saves_nothing(world: World, ready: str) -> None:
    api = world.api()
    body = ok(api.post(ready + "plan/preview/", {"infusion_on": "2027-03-03"}))
    assert set(body) >= {
        "plan", "gates", "blocked_by", "ready", "draws", "tasks", "expiring", "changes", "dose",
    }  # fmt: skip
    assert (body["plan"]["infusion_on"], body["ready"]) == ("2027-03-03", True)
    assert body["dose"]["volume_ml"] == "144"
    first = next(t for t in body["tasks"] if t["key"] == "liver-panel:w01")
    assert (first["due_on"], first["weekend"], first["holiday"]) == ("2027-03-10", False, None)
    assert ok(api.get(ready + "plan/"))["infusion_on"] is None


def test_a_plan_is_booked_moved_and_taken_back(world: World, ready: str) -> None:
    api = world.api()
    booked = api.put(ready + "plan/", {"infusion_on": "2027-03-03"})
    assert (ok(booked)["infusion_on"], booked["ETag"]) == ("2027-03-03", '"1"')
    assert ok(api.get(ready + "status/"))["phase"] == "scheduled"
    assert ok(api.put(ready + "plan/", {"infusion_on": "2027-03-04", "booked": "shift"}))["infusion_on"] == (
        "2027-03-04"
    )
    assert api.delete(ready + "plan/").status_code == 204
    assert ok(api.get(ready + "plan/"))["infusion_on"] is None
    assert ok(api.get(ready + "status/"))["phase"] == "cleared"


def test_a_plan_may_be_booked_while_gates_block(world: World, fresh: str) -> None:
    body = ok(world.api().put(fresh + "plan/", {"infusion_on": "2027-03-20"}))
    assert body["ready"] is False and "aav5-nab" in body["blocked_by"]


@pytest.mark.parametrize("on", ["2027-02-28", "2027-13-01", "0001-01-01", "9999-12-31", 20270303, None])
def test_impossible_plans_are_refused(world: World, ready: str, on: Any) -> None:
    assert pointers(world.api().put(ready + "plan/", {"infusion_on": on})) == {"/infusion_on"}


def test_an_infusion_is_recorded_when_every_gate_passes(world: World, ready: str) -> None:
    """The coordinator may; the dose, the 11-digit NDC and Day 0 come back."""
    api = world.api()
    problem(api.get(ready + "infusion/"), 404)
    body = ok(api.post(ready + "infusion/", infusion()), 201)
    assert (body["day0"], body["ndc"], body["place_of_service"]) == ("2027-03-01", "00053-0150-15", "22")
    assert (body["dose"]["volume_ml"], body["dose"]["vials"]) == ("144", 15)
    assert body["id"] and body["outcome"] == "complete"
    assert ok(api.get(ready + "infusion/"))["id"] == body["id"]
    assert ok(api.get(ready + "status/"))["phase"] == "monitoring"


def test_a_second_infusion_is_a_conflict_for_life(world: World, ready: str) -> None:
    api = world.api()
    ok(api.post(ready + "infusion/", infusion()), 201)
    problem(api.post(ready + "infusion/", infusion()), 409)
    problem(api.post(ready + "infusion/", infusion(started_at="2027-03-01T10:30:00+01:00")), 409)
    problem(api.put(ready + "plan/", {"infusion_on": "2027-04-01"}), 409)
    assert Infusion.objects.count() == 1


def test_a_refused_infusion_names_every_blocking_gate(world: World, fresh: str) -> None:
    api = world.api()
    faults = problem(api.post(fresh + "infusion/", infusion()), 422)["errors"]
    blocking = {f["gate"] for f in faults}
    assert {f["code"] for f in faults} == {"gate-blocked"} and {f["pointer"] for f in faults} == {"/"}
    assert blocking == set(ok(api.get(fresh + "status/"))["blocked_by"])
    assert {"aav5-nab", "liver-enzymes", "hepatitis-b"} <= blocking
    assert not Infusion.objects.exists()


def test_a_home_infusion_is_refused_by_the_site_of_care(world: World, ready: str) -> None:
    answer = world.api().post(ready + "infusion/", infusion(place_of_service="12"))
    fault = problem(answer, 422)["errors"][0]
    assert (fault["pointer"], fault["code"], fault["gate"]) == (
        "/place_of_service", "gate-blocked", "site-of-care",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"ended_at": "2027-03-01T09:00:00+01:00"}, "/ended_at"),
        ({"started_at": "2027-03-01T13:00:00+01:00", "ended_at": ...}, "/started_at"),
        ({"outcome": "partial"}, "/percent_given"),
        ({"outcome": "partial", "percent_given": "100"}, "/percent_given"),
        ({"outcome": "abandoned"}, "/outcome"),
        ({"ndc": "12345"}, "/ndc"),
        ({"weight_kg": "0"}, "/weight_kg"),
        ({"weight_kg": "1e500"}, "/weight_kg"),
        ({"volume_ml": ...}, "/volume_ml"),
    ],
)
def test_a_faulty_infusion_is_refused_by_name(
    world: World, ready: str, changes: dict[str, Any], pointer: str
) -> None:
    assert pointers(world.api().post(ready + "infusion/", infusion(**changes))) == {pointer}
    assert not Infusion.objects.exists()


def test_odd_but_real_infusions_are_kept_with_warnings(world: World, ready: str) -> None:
    body = ok(world.api().post(ready + "infusion/", infusion(volume_ml="120", rate_ml_h="3000")), 201)
    assert len(body["warnings"]) >= 2


def test_nothing_given_uses_up_nothing(world: World, ready: str) -> None:
    """Abandoned with 0 mL: the patient is not infused, and may be infused later."""
    api = world.api()
    ok(api.post(ready + "infusion/", infusion(outcome="abandoned", volume_ml="0")), 201)
    assert ok(api.get(ready + "status/"))["infusion"] is None
    ok(api.post(ready + "infusion/", infusion()), 201)


def alerted(world: World) -> tuple[str, str]:
    """A patient with an open alert, and the alert's id."""
    url = V1 + f"patients/{world.told(cohort.alert_open)}/"
    return url, ok(world.api().get(url + "status/"))["alerts"][0]["id"]


def test_a_clinician_starts_changes_and_ends_a_course(world: World) -> None:
    url, alert = alerted(world)
    api = world.api("clinician")
    order = {"alert": alert, "started_on": "2027-03-01", "template": "default"}
    made = api.post(url + "steroid-courses/", order)
    course = ok(made, 201)
    assert course["steps"][0] == {"from": "2027-03-01", "to": "2027-03-07", "mg_per_day": "60"}
    answered = next(a for a in ok(api.get(url + "status/"))["alerts"] if a["id"] == alert)
    assert (answered["state"], answered["decision"]) == ("acknowledged", "start_steroids")
    one = V1 + f"steroid-courses/{course['id']}/"
    steps = [{"from": "2027-03-01", "to": "2027-03-05", "mg_per_day": "40"}]
    problem(api.patch(one, {"steps": steps}), 428)
    changed = api.patch(one, {"steps": steps}, headers={"If-Match": made["ETag"]})
    assert [s["mg_per_day"] for s in ok(changed)["steps"]] == ["40"]
    problem(api.patch(one, {"ended_on": "2027-03-01"}, headers={"If-Match": made["ETag"]}), 412)
    early = api.patch(one, {"ended_on": "2027-02-01"}, headers={"If-Match": changed["ETag"]})
    assert pointers(early) == {"/ended_on"}
    ended = ok(api.patch(one, {"ended_on": "2027-03-01"}, headers={"If-Match": changed["ETag"]}))
    assert ended["ended_on"] == "2027-03-01"
    assert ok(api.get(one)) == ended
    assert [c["id"] for c in ok(api.get(url + "steroid-courses/"))["results"]] == [course["id"]]


def test_doses_that_were_taken_are_recorded_by_anybody_of_the_team(world: World) -> None:
    url, _ = alerted(world)
    order = {"started_on": "2027-03-01", "template": "default"}
    course = ok(world.api("clinician").post(url + "steroid-courses/", order), 201)["id"]
    doses = V1 + f"steroid-courses/{course}/doses/"
    taken = ok(world.api().post(doses, {"on": "2027-03-01", "mg": "60"}), 201)
    assert taken["doses"] == [{"on": "2027-03-01", "mg": "60"}]
    assert pointers(world.api().post(doses, {"on": "2027-03-01", "mg": "-5"})) == {"/mg"}


def test_a_coordinator_orders_no_steroids(world: World) -> None:
    url, alert = alerted(world)
    order = {"alert": alert, "started_on": "2027-03-01", "template": "default"}
    problem(world.api().post(url + "steroid-courses/", order), 403)
    course = ok(world.api("clinician").post(url + "steroid-courses/", order), 201)["id"]
    patch = {"ended_on": "2027-03-01"}
    answer = world.api().patch(V1 + f"steroid-courses/{course}/", patch, headers={"If-Match": '"1"'})
    problem(answer, 403)


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"started_on": "2027-03-01"}, "/template"),
        ({"started_on": "2027-03-01", "template": "mine"}, "/template"),
        ({"template": "default"}, "/started_on"),
        (
            {
                "started_on": "2027-03-01",
                "steps": [{"from": "2027-03-02", "to": "2027-03-01", "mg_per_day": "5"}],
            },
            "/steps/0/to",
        ),
    ],
)
def test_faulty_orders_are_refused_by_name(world: World, order: dict[str, Any], pointer: str) -> None:
    url, _ = alerted(world)
    assert pointers(world.api("clinician").post(url + "steroid-courses/", order)) == {pointer}


def test_an_order_for_an_unknown_alert_starts_nothing(world: World) -> None:
    url, _ = alerted(world)
    order = {"alert": str(uuid4()), "started_on": "2027-03-01", "template": "default"}
    problem(world.api("clinician").post(url + "steroid-courses/", order), 404)
    assert ok(world.api().get(url + "steroid-courses/"))["results"] == []


def test_pins_move_only_by_an_explicit_act_with_a_reason(world: World, ready: str) -> None:
    api = world.api()
    seen = ok(api.post(ready + "pins/preview/", {"policy": "ca-cda"}))
    assert seen["policy"]["id"] == "ca-cda"
    assert ok(api.get(ready))["policy"] == "us-standard"
    assert pointers(api.post(ready + "pins/", {"policy": "ca-cda"})) == {"/reason"}
    ok(api.post(ready + "pins/", {"policy": "ca-cda", "reason": "moved to Canada"}))
    assert ok(api.get(ready + "status/"))["policy"]["id"] == "ca-cda"
    problem(api.post(ready + "pins/", {"policy": "nosuch", "reason": "x"}), 422)
    problem(api.post(ready + "pins/", {"pathway_version": "0", "reason": "x"}), 422)


def test_a_person_without_a_role_at_the_site_sees_no_course(world: World) -> None:
    url, _ = alerted(world)
    order = {"started_on": "2027-03-01", "template": "default"}
    course = ok(world.api("clinician").post(url + "steroid-courses/", order), 201)["id"]
    stranger = client_of(make_staff(world.south, "clinician", "stranger"))
    problem(stranger.get(V1 + f"steroid-courses/{course}/"), 404)
    problem(stranger.get(url + "steroid-courses/"), 404)
