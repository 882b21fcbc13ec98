"""Setting up an installation by commands: idempotent, and each error says what to do."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from patients.access import all_sites, open_site, principal_of
from patients.models import Membership, QuarantineItem, Result, Site, SiteSetting, User
from tests.services.ready import ready_patient


def run(name: str, *arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def north(everywhere: None) -> Site:
    arguments = ("NORTH", "--name", "North HTC", "--timezone", "America/Chicago", "--certified-for", "hemgenix",
                 "--certified-from", "2026-01-01")  # fmt: skip
    run("create_site", *arguments)
    run("create_site", *arguments)
    for site in all_sites():
        open_site(site)
    return Site.objects.get(code="NORTH")


def test_a_site_is_made_once_with_its_certification(north: Site) -> None:
    assert Site.objects.count() == 1
    assert SiteSetting.objects.filter(site=north, kind="certification", key="hemgenix").count() == 1


def test_an_unknown_time_zone_is_named(everywhere: None) -> None:
    with pytest.raises(CommandError, match="Mars/Base"):
        run("create_site", "X", "--name", "X", "--timezone", "Mars/Base")


def test_staff_gets_a_link_that_sets_a_password(north: Site) -> None:
    arguments = ("kim", "--email", "kim@example.org", "--site", "NORTH", "--role", "coordinator")
    link = run("create_staff", *arguments).strip()
    run("create_staff", *arguments)
    assert Membership.objects.filter(user__username="kim").count() == 1
    client = Client()
    page = client.get(urlsplit(link).path, follow=True)
    assert page.status_code == 200
    assert b"password1" in page.content
    secret = "a long enough pass phrase 1"
    client.post(page.request["PATH_INFO"], {"password1": secret, "password2": secret})
    assert User.objects.get(username="kim").check_password(secret)
    assert principal_of(User.objects.get(username="kim")).any_role == {"coordinator"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--role", "payer_analyst", "--site", "NORTH"), "--contract"),
        (("--role", "coordinator"), "--site"),
        (("--role", "coordinator", "--site", "NOWHERE"), "create_site"),
    ],
)
def test_staff_errors_say_what_to_do(north: Site, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("create_staff", "kim", "--email", "kim@example.org", *arguments)


def test_a_weak_password_is_refused(north: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(CommandError, match="15"):
        run(
            "create_staff",
            "kim",
            "--email",
            "k@example.org",
            "--site",
            "NORTH",
            "--role",
            "clinician",
            "--password-stdin",
        )


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_a_new_role_holds_at_once_whatever_the_hour(north: Site, hour: int) -> None:
    """At midnight in UTC it is the day before in Chicago."""
    with time_machine.travel(datetime(2027, 3, 1, hour, 30, tzinfo=UTC), tick=False):
        run("create_staff", "kim", "--email", "k@example.org", "--site", "NORTH", "--role", "coordinator")
        assert principal_of(User.objects.get(username="kim")).any_role == {"coordinator"}


def test_a_token_opens_the_api_and_is_stored_as_a_hash(north: Site) -> None:
    run("create_staff", "kim", "--email", "k@example.org", "--site", "NORTH", "--role", "coordinator")
    token = run("issue_token", "kim", "--name", "laptop").strip()
    answer = Client().get("/api/v1/sites/", headers={"Authorization": f"Bearer {token}"})
    assert [s["code"] for s in answer.json()["results"]] == ["NORTH"]
    expired = run("issue_token", "kim", "--name", "old", "--days", "-1").strip()
    assert Client().get("/api/v1/sites/", headers={"Authorization": f"Bearer {expired}"}).status_code == 401


def test_explain_names_rule_source_and_evidence(site: Site) -> None:
    patient = ready_patient(site)
    told = run("explain", str(patient.pk), "--as-of", "2026-03-02")
    assert "Gate aav5-nab: pass" in told
    assert "[payer]" in told
    assert "evidence result:" in told
    status = json.loads(run("explain", patient.mrn, "--site", site.code, "--json"))
    assert status["patient"] == str(patient.pk)
    with pytest.raises(CommandError, match="MRN"):
        run("explain", "12345")


HEADER = "mrn,family_name,loinc,value,unit,collected_at,reference_high,source_id"


def test_a_laboratory_file_becomes_facts_once(site: Site, tmp_path: Path) -> None:
    patient = ready_patient(site)
    run("create_source", "lab", "--site", site.code)
    path = tmp_path / "labs.csv"
    rows = [
        f"{patient.mrn},{patient.family_name},1742-6,30,U/L,2026-03-01T08:00:00Z,40,a1",
        f"{patient.mrn},Somebody,1742-6,31,U/L,2026-03-01T08:00:00Z,40,a2",
        f"{patient.mrn},{patient.family_name},1742-6,32,furlong,2026-03-01T09:00:00Z,40,a3",
        f"{patient.mrn},{patient.family_name},2345-7,5,mmol/L,2026-03-01T09:00:00Z,,a4",
    ]
    path.write_text("\n".join([HEADER, *rows]))
    before = Result.objects.count()
    dry = json.loads(run("import_labs", str(path), "--source", "lab", "--dry-run"))
    assert Result.objects.count() == before
    real = json.loads(run("import_labs", str(path), "--source", "lab"))
    assert {**dry, "id": real["id"], "dry_run": False} == real
    assert (real["received"], real["result"], real["quarantine"], real["untracked"]) == (4, 1, 2, 1)
    assert real["reasons"] == {"patient-unmatched": 1, "unit-unknown": 1}
    again = json.loads(run("import_labs", str(path), "--source", "lab"))
    assert (again["duplicate"], again["received"]) == (4, 4)
    assert Result.objects.count() == before + 1
    assert QuarantineItem.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable"),
        (b"a,b\n1,2\n", "bad-header"),
        (b"mrn,mrn,value,loinc,collected_at\n1,2,3,4,5\n", "bad-header"),
        (b"mrn,value,loinc,collected_at\n\x00,1,2,3\n", "unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_is_rejected_whole(
    site: Site, tmp_path: Path, content: bytes, reason: str
) -> None:
    run("create_source", "lab", "--site", site.code)
    path = tmp_path / "labs.csv"
    path.write_bytes(content)
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("import_labs", str(path), "--source", "lab", stdout=out, stderr=io.StringIO())
    assert end.value.code == 2
    assert json.loads(out.getvalue())["reasons"] == {reason: 1}


def test_an_unknown_source_is_an_error(site: Site, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="create_source"):
        run("import_labs", str(tmp_path), "--source", "nobody")


def test_the_cohort_is_the_same_for_a_seed_and_made_once(site: Site) -> None:
    assert "3 patients" in run("seed_cohort", "--patients", "3", "--seed", "7", "--site", site.code)
    assert "0 patients" in run("seed_cohort", "--patients", "3", "--seed", "7", "--site", site.code)
    assert run("verify").strip() == "nothing has drifted"
