"""Milestones over REST: due with their numbers, attested with the password again, and changed by a later fact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from outcomes.models import Assessment
from outcomes.rules import signing
from outcomes.selectors.drift import milestone_drift
from outcomes.services import assessments, cohort
from outcomes.services.cohort import Teller
from tests.api.conftest import NOW, TODAY, V1, Client, World, ok, pointers, problem
from tests.factories.people import PASSWORD
from workflow.models import Act
from workflow.services import intake

DAY0 = TODAY - timedelta(366)
LIST = V1 + "contracts/sample-level/milestones/"


def month_twelve(t: Teller) -> None:
    t.contract = "sample-level"
    cohort.month_twelve(t)


@pytest.fixture
def patient(world: World) -> UUID:
    return world.told(month_twelve)


def row(world: World, month: int = 12, role: str = "coordinator") -> dict[str, Any]:
    found = ok(world.api(role).get(LIST))["results"]
    return next(r for r in found if r["month"] == month)


def attest(world: World, role: str = "clinician", month: int = 12, **body: Any) -> Any:
    return world.api(role).post(f"{V1}milestones/{row(world, month)['id']}/attest/", body)


def signed(world: World, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = ok(attest(world, password=PASSWORD, **body))
    return answer


def correct(patient: UUID, value: str, at: Any = NOW) -> None:
    """The month 12 sample was wrong: the laboratory corrects it."""
    on = DAY0 + timedelta(365)
    item = {
        "analyte": "FIX_OS", "value": value, "unit": "IU/dL", "collected_at": f"{on}T07:00:00Z", "status": "corrected",
        "reported_at": at.isoformat(), "source": "demo-lab", "source_id": f"N-1-FIX_OS-{on}",
    }  # fmt: skip
    (told,) = intake.record_results(patient=patient, items=[item], by="lab", at=at, listed=True)
    assert told.disposition == "result"


def test_a_due_milestone_shows_its_numbers(world: World, patient: UUID) -> None:
    found = row(world)
    assert (found["verdict"], found["attested"], found["assessment_version"]) == ("due", False, 1)
    criteria = {c["code"]: c for c in found["criteria"]}
    fix = criteria["fix-level"]
    assert (fix["metric"], fix["assay"], fix["value"], fix["comparator"], fix["threshold"], fix["unit"]) == (
        "fix_activity", "one_stage", "37", ">", "5", "IU/dL",
    )  # fmt: skip
    assert (fix["verdict"], fix["evidence"][0]["on"]) == ("due", "2027-02-28")
    # lead-in of 365 days with 2 bleeds: 2 x 365.25 / 365; none in day 183 to 365: upper limit 3.6889 x 365.25 / 183
    drop = criteria["abr-drop"]
    assert (drop["value"], drop["baseline"], drop["upper_limit"]) == ("-100.00", "2.00", "7.36")
    assert criteria["off-prophylaxis"]["value"] == "true"
    assert found["measures"]["crude"] is True
    assert found["versions"] == [
        {"version": 1, "frozen": False, "verdict": "due", "decided_at": None, "changed_because": None,
         "signed_by": None, "meaning": None, "note": None, "sha256": None}
    ]  # fmt: skip
    status = ok(world.api().get(f"{V1}patients/{patient}/status/"))["milestones"]
    assert status == [
        {k: v for k, v in r.items() if k not in ("id", "patient", "versions")}
        for r in ok(world.api().get(LIST))["results"]
    ]


def test_who_may_attest_and_how(world: World, patient: UUID) -> None:
    assert problem(attest(world, "coordinator", password=PASSWORD), 403)["code"] == "forbidden"
    assert problem(attest(world), 403)["code"] == "reauthentication-required"
    assert problem(attest(world, password="wrong"), 403)["code"] == "reauthentication-required"
    assert pointers(attest(world, password=PASSWORD, colour="red"), 400) == {"/colour"}
    problem(world.api("clinician", "south").post(f"{V1}milestones/{row(world)['id']}/attest/", {}), 404)
    problem(world.api("clinician").post(f"{V1}milestones/{patient}/attest/", {}), 404)
    assert problem(attest(world, month=24, password=PASSWORD), 422)["errors"][0]["code"] == "pending"
    assert not Act.objects.filter(kind=signing.KIND).exists()
    signed(world)
    assert problem(attest(world, password=PASSWORD), 409)


def test_guessing_the_password_is_locked_out(world: World, patient: UUID) -> None:
    for _ in range(5):
        problem(attest(world, password="wrong"), 403)
    assert "wait" in problem(attest(world, password=PASSWORD), 403)["detail"]
    assert not Act.objects.filter(kind=signing.KIND).exists()


@pytest.fixture
def session(world: World) -> Iterator[Client]:
    client = Client(raise_request_exception=False)
    client.force_login(world.user("clinician"))
    yield client


@pytest.mark.parametrize(("minutes", "status"), [(5, 200), (6, 403)])
def test_a_fresh_session_needs_no_password(
    world: World, patient: UUID, session: Client, minutes: int, status: int
) -> None:
    url = f"{V1}milestones/{row(world)['id']}/attest/"
    with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
        assert session.post(url, {}).status_code == status


def test_an_attestation_freezes_what_was_shown(world: World, patient: UUID) -> None:
    found = signed(world, note="seen with the chart")
    assert (found["verdict"], found["attested"], found["assessment_version"]) == ("met", True, 1)
    (version,) = found["versions"]
    assert (version["frozen"], version["signed_by"], version["note"]) == (
        True, "clinician-north", "seen with the chart",
    )  # fmt: skip
    assert version["meaning"] == signing.MEANING
    act = Act.objects.get(kind=signing.KIND)
    assert (act.key, act.true_on, act.by) == ("milestone:sample-level:m12", TODAY, "clinician-north")
    assert signing.sound(act.payload) and act.payload["sha256"] == version["sha256"]
    kept = ok(world.api().get(f"{V1}milestones/{found['id']}/versions/1/"))
    assert kept["sound"] and kept["statement"]["milestone"]["verdict"] == "met"
    assert kept["statement"]["printed_name"] == "clinician-north"
    assert row(world)["versions"] == found["versions"]
    stored = Assessment.objects.get(pk=found["id"])
    assert (stored.frozen, stored.verdict, stored.payload) == (True, "met", row(world))
    hidden = row(world, role="auditor")
    assert hidden["versions"][0]["note"] is None


def test_a_correction_makes_a_second_version_and_says_why(world: World, patient: UUID) -> None:
    signed(world)
    later = NOW + timedelta(hours=1)
    with time_machine.travel(later, tick=False):
        correct(patient, "4.0", later)
        found = row(world)
    assert (found["verdict"], found["attested"], found["assessment_version"]) == ("not_met", False, 2)
    assert found["refund_pct_triggered"] == "20"
    old, new = found["versions"]
    assert (old["version"], old["frozen"], old["verdict"]) == (1, True, "met")
    assert (new["version"], new["frozen"], new["verdict"]) == (2, False, "not_met")
    because = new["changed_because"]
    evidence = next(c for c in found["criteria"] if c["code"] == "fix-level")["evidence"]
    assert [f["fact"] for f in because["facts"]] == [evidence[0]["fact"]]
    assert because["facts"][0]["by"] == "lab"
    assert because["reason"] == "FIX_OS of 2027-02-28: 37 IU/dL became 4 IU/dL."
    assert {"field": "verdict", "old": "met", "new": "not_met"} in because["changes"]
    assert {"field": "criteria.fix-level.value", "old": "37", "new": "4"} in because["changes"]
    frozen = ok(world.api().get(f"{V1}milestones/{found['id']}/versions/1/"))
    assert frozen["statement"]["milestone"]["verdict"] == "met"
    problem(world.api().get(f"{V1}milestones/{found['id']}/versions/2/"), 404)
    with time_machine.travel(later + timedelta(minutes=5), tick=False):
        second = signed(world)
    assert [(v["version"], v["frozen"]) for v in second["versions"]] == [(1, True), (2, True)]
    assert second["versions"][1]["changed_because"]["reason"] == because["reason"]


def test_the_past_is_shown_as_it_was_known(world: World, patient: UUID) -> None:
    signed(world)
    later = NOW + timedelta(hours=1)
    with time_machine.travel(later, tick=False):
        correct(patient, "4.0", later)
        url = f"{V1}patients/{patient}/status/"
        then = ok(world.api().get(url, {"as_known_at": (NOW + timedelta(minutes=1)).isoformat()}))[
            "milestones"
        ]
        before = ok(world.api().get(url, {"as_known_at": (NOW - timedelta(minutes=1)).isoformat()}))[
            "milestones"
        ]
        now = ok(world.api().get(url))["milestones"]
    month = {m["month"]: m for m in then}[12]
    assert (month["verdict"], month["attested"], month["assessment_version"]) == ("met", True, 1)
    assert {m["month"]: m for m in before}[12]["verdict"] == "due"
    month = {m["month"]: m for m in now}[12]
    assert (month["verdict"], month["attested"], month["assessment_version"]) == ("not_met", False, 2)


def test_what_is_signed_must_be_what_was_seen(world: World, patient: UUID) -> None:
    shown = ok(world.api("clinician").get(f"{V1}milestones/{row(world)['id']}/"))
    assert shown["to_sign"]["verdict"] == "met"
    correct(patient, "4.0")
    stale = problem(attest(world, password=PASSWORD, sha256=shown["to_sign"]["sha256"]), 412)
    assert stale["current"]["verdict"] == "not_met"
    again = ok(world.api("clinician").get(f"{V1}milestones/{row(world)['id']}/"))["to_sign"]
    found = signed(world, sha256=again["sha256"])
    assert found["verdict"] == again["verdict"] == "not_met"
    assert ok(world.api("clinician").get(f"{V1}milestones/{found['id']}/"))["to_sign"] is None


def test_stored_rows_are_the_live_ones_and_drift_is_found(world: World, patient: UUID) -> None:
    live = ok(world.api().get(LIST))["results"]
    assert assessments.refresh() == 1
    assert ok(world.api().get(LIST))["results"] == live
    assert assessments.refresh() == 0 and list(milestone_drift()) == []
    closed = NOW + timedelta(days=30)
    with time_machine.travel(closed, tick=False):
        fresh = ok(world.api().get(LIST))["results"]
        assert {r["month"]: r["verdict"] for r in fresh}[12] == "met"
        assert assessments.refresh() == 1 and assessments.refresh() == 0
        assert ok(world.api().get(LIST))["results"] == fresh
        signed(world)
        correct(patient, "4.0", closed)
        assessments.refresh()
        assert list(milestone_drift()) == []
        Assessment.objects.filter(month=12, version=1).update(payload={})
        Assessment.objects.filter(month=24).delete()
        act = Act.objects.get(kind=signing.KIND)
        assert [line.partition(": ")[2] for line in milestone_drift()] == [
            "milestone sample-level month 12 version 1 differs",
            "milestone sample-level month 24 version 1 is not stored",
        ]
        assert not signing.sound({**act.payload, "statement": {**act.payload["statement"], "note": "x"}})


def test_lists_filter_by_verdict_and_date(world: World, patient: UUID) -> None:
    api = world.api()
    assert [r["month"] for r in ok(api.get(LIST, {"verdict": "due"}))["results"]] == [12]
    assert [r["month"] for r in ok(api.get(LIST, {"verdict": "met"}))["results"]] == [3, 6]
    ahead = ok(api.get(LIST, {"as_of": "2027-03-31"}))["results"]
    assert {r["month"]: r["verdict"] for r in ahead}[12] == "met"
    assert ok(world.api("coordinator", "south").get(LIST))["results"] == []


def test_exposure_in_percent_and_money(world: World, patient: UUID) -> None:
    url = V1 + "contracts/sample-level/exposure/"
    found = ok(world.api().get(url))
    assert found["invented"] and (found["currency"], found["price_basis"]) == ("USD", "WAC")
    (own,) = found["results"]
    # 20 + 20 + 15, and 5 that the cap of 60 leaves for month 60
    assert own["at_risk"] == {"percent": "60", "amount": "2100000"}
    assert own["triggered"]["amount"] == own["expired"]["amount"] == "0"
    correct(patient, "4.0")
    signed(world)
    found = ok(world.api().get(url))
    assert found["total"] == {"at_risk": "1400000", "triggered": "700000", "expired": "0"}
    assert ok(world.api().get(url, {"as_of": "2026-03-01"}))["total"]["at_risk"] == "2100000"
    assert ok(world.api("clinician", "south").get(url))["patients"] == 0
    problem(world.api().get(V1 + "contracts/nosuch/exposure/"), 404)


def test_a_plan_change_hands_over_with_a_package(world: World, patient: UUID) -> None:
    api = world.api()
    for payer, first, last in (("Old Plan", "2025-01-01", "2026-12-31"), ("New Plan", "2027-01-01", None)):
        body = {"payer": payer, "contract": "sample-level", "from": first, "to": last}
        ok(api.post(f"{V1}patients/{patient}/coverage/", body), 201)
    found = ok(api.get(f"{V1}patients/{patient}/handover/"))
    assert found["plan_change"] == {"from": "Old Plan", "to": "New Plan", "on": "2027-01-01"}
    (contract,) = found["contracts"]
    payers = {m["month"]: m["payer"] for m in contract["milestones"]}
    assert payers == {
        3: "Old Plan",
        6: "Old Plan",
        12: "New Plan",
        24: "New Plan",
        36: "New Plan",
        60: "New Plan",
    }
    assert [m["month"] for m in contract["owed"]] == [12, 24, 36, 60]
    assert found["baseline"] == {
        "from": str(DAY0 - timedelta(365)), "to": str(DAY0 - timedelta(1)), "source": "centre records",
        "observed_days": 365, "bleeds": 2, "abr": "2.00", "factor_use_iu_per_kg_year": None,
    }  # fmt: skip
    assert found["prophylaxis"] == {"off": True, "back_on": None}
    assert found["activity"][-1]["on"] == "2027-02-28" and len(found["sha256"]) == 64
    assert found["infusion"]["day0"] == str(DAY0)
    hidden = ok(world.api("auditor").get(f"{V1}patients/{patient}/handover/"))["person"]
    assert hidden["family_name"] is None and hidden["birth_date"] == found["person"]["birth_date"][:4]
    early = ok(api.get(f"{V1}patients/{patient}/handover/", {"as_of": "2026-06-01"}))
    assert early["plan_change"] is None


def test_before_the_infusion_there_is_nothing_to_hand_over_but_the_plan(world: World) -> None:
    who = world.told(cohort.referred, contract="sample-level")
    found = ok(world.api().get(f"{V1}patients/{who}/handover/"))
    assert found["contracts"][0]["milestones"] == [] and found["infusion"] is None
    assert date.fromisoformat(found["as_of"]) == TODAY
