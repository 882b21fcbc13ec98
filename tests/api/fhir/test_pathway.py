"""Pathways as CarePlans, tasks in each state, the infusion and factor uses as MedicationAdministrations."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import time_machine

from outcomes.services import cohort
from patients.rules.words import PHASES, TASK_STATES
from tests.api.conftest import V1, World, ok
from tests.api.fhir.conftest import R4, Resource, body, found, issues
from workflow.api.fhir.pathways import task
from workflow.models import Infusion, Pathway, TaskDue
from workflow.rules import fhir_codes as codes

UCUM = "http://unitsofmeasure.org"


def test_a_care_plan_is_the_pathway_of_one_patient(world: World) -> None:
    pk = world.told(cohort.alert_open)
    row = Pathway.objects.get(patient=pk)
    plan = body(world.api().get(R4 + f"CarePlan/{pk}"))
    assert (plan["status"], plan["intent"], plan["subject"]["reference"]) == (
        "active", "plan", f"Patient/{pk}",
    )  # fmt: skip
    assert plan["period"] == {"start": str(row.day0)}
    assert plan["instantiatesUri"] == [f"urn:daymark:pathway:hemgenix:{row.pathway_version}"]
    assert "HEMGENIX" in plan["title"] and "Weekly monitoring" in plan["description"]
    assert plan["text"]["div"].startswith("<div xmlns=") and "Weekly monitoring" in plan["text"]["div"]
    stored = {f"Task/{t}" for t in TaskDue.objects.filter(patient=pk).values_list("pk", flat=True)}
    assert {a["reference"]["reference"] for a in plan["activity"]} == stored


def test_before_day_0_a_care_plan_says_what_blocks(world: World) -> None:
    pk = world.told(cohort.referred)
    plan = body(world.api().get(R4 + f"CarePlan/{pk}"))
    assert "blocked by" in plan["description"] and "period" not in plan


@pytest.mark.parametrize(
    ("phase", "status"), [(p, "completed" if p == "closed" else "active") for p in PHASES]
)
def test_a_pathway_is_active_until_it_is_closed(phase: str, status: str) -> None:
    assert codes.care_plan_status(phase) == status


def test_care_plans_are_found_by_patient_and_state(world: World) -> None:
    open_one, closed = world.told(cohort.referred, "N-1"), world.told(cohort.died, "N-2")
    for query, expected in (
        (f"patient={open_one}", [open_one]),
        ("status=active", [open_one]),
        ("status=completed", [closed]),
        ("status=draft", []),
        ("category=assess-plan", [open_one, closed]),
        ("category=other", []),
    ):
        rows = found(world.api().get(R4 + f"CarePlan?{query}"))
        assert sorted(r["id"] for r in rows) == sorted(map(str, expected)), query


def test_each_state_of_a_task_has_its_word() -> None:
    assert set(codes.TASK_STATUS) == set(TASK_STATES)
    assert set(codes.TASK_STATUS.values()) <= set(codes.TASK_STATUSES)


@pytest.mark.parametrize(
    ("days", "state", "status"),
    [(-1, "upcoming", "requested"), (0, "open", "ready"), (6, "open", "ready"), (7, "overdue", "ready"),
     (60, "missed", "failed")],
)  # fmt: skip
def test_a_task_is_in_the_state_of_its_day(world: World, days: int, state: str, status: str) -> None:
    """From its window's first day to beyond the grace days; the page and the search agree."""
    pk = world.told(cohort.infused_last_week)
    row = TaskDue.objects.filter(patient=pk, kind="liver-panel", ended_as=None).order_by("due_on")[2]
    assert row.closes_on - row.opens_on == timedelta(days=6)
    with time_machine.travel(row.opens_at + timedelta(days=days, hours=12), tick=False):
        api = world.api()
        shown = body(api.get(R4 + f"Task/{row.pk}"))
        assert (shown["businessStatus"]["coding"][0]["code"], shown["status"]) == (state, status)
        listed = found(api.get(R4 + f"Task?patient={pk}&_id={row.pk}&status={status}"))
        assert [t["id"] for t in listed] == [str(row.pk)]
        assert found(api.get(R4 + f"Task?_id={row.pk}&status=completed,cancelled")) == []


def test_what_is_known_of_a_task(world: World) -> None:
    pk = world.told(cohort.alert_open)
    rows = found(world.api().get(R4 + f"Task?patient={pk}&status=completed&_count=200"))
    done = next(t for t in rows if t["code"]["coding"][0]["code"] == "liver-panel" and t.get("output"))
    assert done["for"] == {"reference": f"Patient/{pk}"}
    assert done["basedOn"] == [{"reference": f"CarePlan/{pk}"}]
    assert done["restriction"]["period"]["start"] <= done["executionPeriod"]["end"]
    for part in done["output"]:
        result = body(world.api().get(R4 + part["valueReference"]["reference"]))
        assert result["resourceType"] == "Observation" and result["subject"]["reference"] == f"Patient/{pk}"


def test_a_waived_task_says_why(world: World) -> None:
    pk = world.told(cohort.infused_last_week)
    waiting = ok(world.api().get(V1 + f"worklist/?patient={pk}&state=upcoming"))["results"][0]
    ok(world.api().post(V1 + f"worklist/{waiting['id']}/waive/", {"reason": "seen elsewhere"}))
    shown = body(world.api().get(R4 + f"Task/{waiting['id']}"))
    assert (shown["status"], shown["statusReason"]) == ("cancelled", {"text": "seen elsewhere"})
    assert shown["businessStatus"]["text"] == "Waived"


def test_a_task_names_whom_it_is_assigned_to() -> None:
    day = date(2027, 3, 1)
    row = TaskDue(
        id=UUID(int=1), patient_id=UUID(int=2), key="k", kind="data", title="T", opens_on=day, due_on=day,
        closes_on=day, payload={}, assignee="ana",
    )  # fmt: skip
    assert task(row, "open", {})["owner"] == {"display": "ana"}


def quantity(value: str, unit: str, code: str) -> Resource:
    return {"value": Decimal(value), "unit": unit, "system": UCUM, "code": code}


def test_the_infusion(world: World) -> None:
    pk = world.told(cohort.alert_open)
    row = Infusion.objects.get(patient=pk)
    shown = next(
        r
        for r in found(world.api().get(R4 + f"MedicationAdministration?patient={pk}"))
        if r["id"] == str(row.pk)
    )
    assert shown["status"] == "completed"
    assert "HEMGENIX" in shown["medicationCodeableConcept"]["text"]
    assert shown["subject"] == {"reference": f"Patient/{pk}"}
    assert shown["effectivePeriod"]["start"] == row.started_at.isoformat().replace("+00:00", "Z")
    assert shown["dosage"]["dose"] == quantity(format(row.volume_ml.normalize(), "f"), "mL", "mL")


@pytest.mark.parametrize(
    ("outcome", "volume", "retracted", "status"),
    [
        ("complete", "144", False, "completed"),
        ("partial", "90", False, "stopped"),
        ("abandoned", "5", False, "stopped"),
        ("abandoned", "0", False, "not-done"),
        ("complete", "144", True, "entered-in-error"),
    ],
)
def test_how_an_infusion_ended(outcome: str, volume: str, retracted: bool, status: str) -> None:
    assert codes.infusion_status(outcome, Decimal(volume), retracted) == status


@pytest.fixture
def used(world: World) -> tuple[UUID, dict[str, Any]]:
    """A patient and one use of a concentrate."""
    pk = world.told(cohort.referred)
    use = {"product": "Idelvion", "iu": "3600.50", "given_on": "2027-02-01", "reason": "prophylaxis"}
    return pk, ok(world.api().post(V1 + f"patients/{pk}/factor-uses/", use), 201)


def uses(world: World, query: str) -> list[Resource]:
    return found(world.api().get(R4 + f"MedicationAdministration?{query}"))


def test_a_use_of_a_concentrate(world: World, used: tuple[UUID, dict[str, Any]]) -> None:
    pk, made = used
    (shown,) = [r for r in uses(world, f"patient={pk}") if r["id"] == made["id"]]
    concept = shown["medicationCodeableConcept"]
    assert (concept["coding"][0]["code"], concept["text"]) == ("J7202", "Idelvion")
    assert shown["effectiveDateTime"] == "2027-02-01" and shown["status"] == "completed"
    assert shown["dosage"]["dose"] == quantity("3600.5", "IU", "[IU]")
    assert shown["reasonCode"][0]["text"] == "prophylaxis"


def test_a_corrected_use_is_gone_and_a_retracted_one_is_in_error(
    world: World, used: tuple[UUID, dict[str, Any]]
) -> None:
    pk, made = used
    url, read = V1 + f"patients/{pk}/factor-uses/", R4 + "MedicationAdministration/"
    use = {"product": "IDELVION", "iu": "3000", "given_on": "2027-02-01", "reason": "prophylaxis"}
    newer = ok(world.api().post(url, use | {"supersedes": made["id"]}), 201)
    told = issues(world.api().get(read + made["id"]), 410)[0]
    assert told["code"] == "deleted" and newer["id"] in told["diagnostics"]
    issues(world.api(site="south").get(read + made["id"]), 404)
    issues(world.api("auditor").get(read + made["id"]), 403)
    last = ok(world.api().post(url, use | {"supersedes": newer["id"], "retracted": True}), 201)
    shown = body(world.api().get(read + last["id"]))
    assert shown["status"] == "entered-in-error" and "dosage" not in shown
    assert [r["id"] for r in uses(world, f"patient={pk}&status=entered-in-error")] == [last["id"]]
    assert made["id"] not in [r["id"] for r in uses(world, f"patient={pk}")]


def test_administrations_of_both_kinds_are_paged_in_one_order(world: World) -> None:
    pk = world.told(cohort.alert_open)
    for day in range(1, 8):
        use = {"product": "IXINITY", "iu": "100", "given_on": f"2027-02-0{day}", "reason": "bleed"}
        ok(world.api().post(V1 + f"patients/{pk}/factor-uses/", use), 201)
    everything = uses(world, f"patient={pk}&_count=200")
    assert {"effectivePeriod", "effectiveDateTime"} <= {k for r in everything for k in r}
    url, seen = R4 + f"MedicationAdministration?patient={pk}&_count=3", []
    while url:
        page = body(world.api().get(url))
        assert page["total"] == len(everything)
        seen += [e["resource"]["id"] for e in page["entry"]]
        url = next((part["url"] for part in page["link"] if part["relation"] == "next"), "")
    assert seen == [r["id"] for r in everything]
    assert len(uses(world, f"patient={pk}&effective-time=ge2027-02-03&effective-time=lt2027-02-05")) == 2
    assert len(uses(world, f"patient={pk}&status=not-done,stopped")) == 0
