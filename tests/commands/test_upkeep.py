"""Commands of daily upkeep: sweep and notices by hand, verify with its exit code, a cohort told twice alike."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outcomes.selectors.status import patient_status
from patients.access import as_worker
from patients.models import Patient, Site
from tests.commands.test_bootstrap import run
from tests.factories.people import make_site, make_staff
from tests.services.ready import NOON, given, ready_patient
from tests.services.test_intake import stripped
from workflow.models import GateDecision, Notice
from workflow.services import infusions

MONDAY = "2026-03-09T08:00:00Z"


@pytest.fixture
def infused(site: Site) -> Patient:
    make_staff(site, "coordinator")
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=NOON)
    return patient


def test_the_sweep_says_what_it_did_and_does_it_once(infused: Patient) -> None:
    assert "3 notices written" in run("sweep", "--at", MONDAY), "two tasks are due, and one digest tells them"
    assert "0 patients decided again, 0 notices written" in run("sweep", "--at", MONDAY)


def test_a_dry_run_prints_one_object_a_line_and_changes_nothing(infused: Patient) -> None:
    """By whoever asks: beside a worker commands start in its role."""
    run("sweep", "--at", MONDAY)
    before = list(Notice.objects.values())
    with as_worker():
        told = run("send_notices", "--dry-run", "--at", MONDAY)
    lines = [json.loads(line) for line in told.splitlines()]
    seven_there = "2026-03-09T06:00:00Z"
    assert sorted((x["kind"], x["recipient"], x["due_at"]) for x in lines) == [
        ("digest", "coordinator-north", MONDAY),
        ("due", "coordinator-north", seven_there),
        ("due", "coordinator-north", seven_there),
    ]
    assert list(Notice.objects.values()) == before


def test_a_clock_that_cannot_be_read_is_an_error(site: Site) -> None:
    for words in ("yesterday", "2026-03-09T08:00:00"):
        with pytest.raises(CommandError):
            run("sweep", "--at", words)


def test_verify_ends_with_1_when_something_differs(infused: Patient) -> None:
    GateDecision.objects.filter(patient_id=infused.pk, key="age").update(fingerprint="x")
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify", stdout=out, stderr=io.StringIO())
    assert end.value.code == 1
    assert f"patient {infused.pk}: gate age differs" in out.getvalue()


def test_the_same_seed_and_date_tell_the_same_people_anywhere(everywhere: None) -> None:
    told: list[Any] = []
    for code in ("one", "two"):
        place = make_site(code)
        run("seed_cohort", "--patients", "4", "--seed", "11", "--as-of", "2026-06-01", "--site", code)
        rows = list(Patient.objects.filter(site=place).order_by("code"))
        told.append([(p.family_name, p.given_name, p.birth_date, _told(p)) for p in rows])
    assert len(told[0]) == 4
    assert told[0] == told[1]


def _told(patient: Patient) -> Any:
    return stripped(patient_status(patient.pk, as_of=date(2026, 6, 1)))
