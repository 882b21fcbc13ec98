"""Day 0 over REST: overrides confirmed by a second sign-in, voids by two clinicians, what is kept and shown."""

from __future__ import annotations

from typing import Any

import pytest

from outcomes.services import cohort
from tests.api.conftest import V1, Client, World, client_of, ok, pointers, problem
from tests.api.test_acts import infusion
from tests.factories.people import make_staff
from workflow.models import Infusion

OVERRIDE = {"reason": "zebra bleed", "second_person": "dr-b"}


@pytest.fixture
def fresh(world: World) -> str:
    """A patient of whom nothing is known yet."""
    return V1 + f"patients/{world.told(cohort.referred, policy='us-standard')}/"


@pytest.fixture
def ready(world: World) -> str:
    """A patient whose blocking gates all pass."""
    return V1 + f"patients/{world.told(cohort.cleared, policy='us-standard')}/"


@pytest.fixture
def second(world: World) -> Client:
    """Another clinician of the site, dr-b."""
    return client_of(make_staff(world.north, "clinician", "dr-b"))


def test_an_override_counts_at_once_and_is_confirmed_by_an_own_sign_in(
    world: World, fresh: str, second: Client
) -> None:
    first = world.api("clinician")
    made = ok(first.post(fresh + "infusion/", infusion(override=OVERRIDE)), 201)
    assert (made["override"]["state"], made["override"]["second_person"]) == ("unconfirmed", "dr-b")
    assert ok(first.get(fresh + "status/"))["phase"] == "monitoring"
    problem(first.post(fresh + "infusion/override/confirm/"), 403)
    problem(world.api().post(fresh + "infusion/override/confirm/"), 403)
    done = ok(second.post(fresh + "infusion/override/confirm/"))
    assert done["override"]["state"] == "confirmed" and done["override"]["confirmed_at"]
    problem(second.post(fresh + "infusion/override/confirm/"), 409)


@pytest.mark.parametrize(
    "named", ["clinician-north", "clinician-south", "coordinator-north", "nobody", "auditor-north"]
)
def test_the_second_person_is_refused_by_name(world: World, fresh: str, named: str) -> None:
    for role, site in (("coordinator", "north"), ("auditor", "north"), ("clinician", "south")):
        world.user(role, site)
    body = infusion(override={"reason": "x", "second_person": named})
    assert pointers(world.api("clinician").post(fresh + "infusion/", body)) == {"/override/second_person"}
    assert not Infusion.objects.exists()


def test_a_coordinator_overrides_nothing(world: World, fresh: str, second: Client) -> None:
    problem(world.api().post(fresh + "infusion/", infusion(override=OVERRIDE)), 403)
    problem(world.api("clinician", "south").post(fresh + "infusion/", infusion(override=OVERRIDE)), 404)


@pytest.mark.parametrize(
    ("override", "pointer"),
    [
        ({"reason": "x"}, "/override/second_person"),
        ({"second_person": "dr-b", "reason": " "}, "/override/reason"),
    ],
)
def test_an_override_names_reason_and_person(world: World, fresh: str, override: Any, pointer: str) -> None:
    assert pointers(world.api("clinician").post(fresh + "infusion/", infusion(override=override))) == {
        pointer
    }


def test_unconfirmed_overrides_are_listed_for_auditors_without_free_text(
    world: World, fresh: str, second: Client
) -> None:
    ok(world.api("clinician").post(fresh + "infusion/", infusion(override=OVERRIDE)), 201)
    auditor = world.api("auditor")
    (row,) = ok(auditor.get(V1 + "overrides/?state=unconfirmed"))["results"]
    assert (row["by"], row["second_person"], row["reason"]) == ("clinician-north", "dr-b", None)
    assert "aav5-nab" in row["gates"]
    assert ok(second.get(V1 + "overrides/"))["results"][0]["reason"] == "zebra bleed"
    status = ok(auditor.get(fresh + "status/"))
    assert "zebra" not in str(status)
    assert status["infusion"]["override"]["second_person"] == "dr-b"
    assert ok(auditor.get(fresh + "infusion/"))["override"]["reason"] is None
    ok(second.post(fresh + "infusion/override/confirm/"))
    assert ok(auditor.get(V1 + "overrides/?state=unconfirmed"))["results"] == []
    assert len(ok(auditor.get(V1 + "overrides/?state=confirmed&site=north"))["results"]) == 1
    assert ok(world.api("auditor", "south").get(V1 + "overrides/"))["results"] == []
    assert pointers(auditor.get(V1 + "overrides/?state=open")) == {"/state"}


def test_two_clinicians_void_and_the_infusion_stays_in_the_history(
    world: World, ready: str, second: Client
) -> None:
    first = world.api("clinician")
    problem(first.post(ready + "infusion/void/", {"reason": "typed in error"}), 404)
    old = ok(world.api().post(ready + "infusion/", infusion()), 201)
    problem(world.api().post(ready + "infusion/void/", {"reason": "x"}), 403)
    assert pointers(first.post(ready + "infusion/void/", {})) == {"/reason"}
    problem(second.post(ready + "infusion/void/confirm/"), 409)
    asked = ok(first.post(ready + "infusion/void/", {"reason": "typed in error"}), 202)
    assert (asked["infusion"], asked["state"]) == (old["id"], "requested")
    problem(first.post(ready + "infusion/void/confirm/"), 403)
    assert ok(first.get(ready + "infusion/"))["id"] == old["id"]
    done = ok(second.post(ready + "infusion/void/confirm/"))
    assert (done["state"], done["confirmed_by"], done["requested_by"]) == (
        "voided",
        "dr-b",
        "clinician-north",
    )
    problem(first.get(ready + "infusion/"), 404)
    assert ok(first.get(ready + "status/"))["phase"] == "cleared"
    new = ok(world.api().post(ready + "infusion/", infusion()), 201)
    kept = ok(first.get(ready + "infusion/history/"))["results"]
    assert [(r["id"], (r["void"] or {}).get("state")) for r in kept] == [
        (old["id"], "voided"),
        (new["id"], None),
    ]
    assert ok(world.api("auditor").get(ready + "infusion/history/"))["results"][0]["void"]["reason"] is None


def test_the_attending_clinician_is_named_with_the_infusion_or_later(world: World, ready: str) -> None:
    api = world.api()
    problem(api.post(ready + "infusion/attending/", {"npi": "1234567893"}), 404)
    assert pointers(api.post(ready + "infusion/", infusion(attending_npi="1234567890"))) == {"/attending_npi"}
    made = ok(api.post(ready + "infusion/", infusion(attending_npi="1234567893")), 201)
    assert made["attending_npi"] == "1234567893"
    claim = V1 + ready.removeprefix(V1).replace("patients/", "claims/") + "check/"
    assert {x["fl"]: x["code"] for x in ok(api.get(claim))["lines"]}["76"] == "1234567893"
    assert pointers(api.post(ready + "infusion/attending/", {"npi": "12345"})) == {"/npi"}
    assert ok(api.post(ready + "infusion/attending/", {"npi": "1245319599"}))["attending_npi"] == "1245319599"
    assert {x["fl"]: x["code"] for x in ok(api.get(claim))["lines"]}["76"] == "1245319599"
    problem(world.api("auditor").post(ready + "infusion/attending/", {"npi": "1245319599"}), 403)


def test_without_an_attending_clinician_the_claim_says_what_to_do(world: World, ready: str) -> None:
    api = world.api()
    made = ok(api.post(ready + "infusion/", infusion()), 201)
    assert made["attending_npi"] is None
    claim = V1 + ready.removeprefix(V1).replace("patients/", "claims/") + "check/"
    told = next(c for c in ok(api.get(claim))["checks"] if c["code"] == "npi")
    assert told["verdict"] == "missing" and "attending clinician with the infusion" in told["fix"]
