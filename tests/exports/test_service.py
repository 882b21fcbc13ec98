"""Exports over REST: asked for, made in the background, fetched, approved, released; and stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.management import call_command
from django.db import ProgrammingError
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from outcomes.models import Export, Publication, SubjectCode
from outcomes.selectors import dataset
from outcomes.services import export_run
from patients import access
from patients.models import Blob, BlobPart, Membership, Patient, User
from patients.services import sites as staff
from patients.services.aside import aside
from tests.exports.conftest import CONTRACT, NOW, Cohort

BASE = "/api/v1/exports/"
SECONDS = count(1)


def client(user: User) -> APIClient:
    made = APIClient(raise_request_exception=False)
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(user)[1]}")
    return made


def analyst(name: str, contract: str = CONTRACT) -> User:
    with access.everywhere(by="test"):
        return staff.create_staff(
            username=name, email=f"{name}@example.org", role="payer_analyst", contract=contract, since=date(2020, 1, 1)
        )  # fmt: skip


def asked(by: APIClient, **fields: Any) -> str:
    answer = by.post(BASE, {"contract": CONTRACT, **fields}, format="json")
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def made(by: APIClient, **fields: Any) -> dict[str, Any]:
    """An export that the worker has made."""
    export = asked(by, **fields)
    call_command("run_exports")
    return state(by, export)


def state(by: APIClient, export: str) -> dict[str, Any]:
    answer = by.get(f"{BASE}{export}/")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def fetched(by: APIClient, export: str, name: str) -> bytes:
    answer = by.get(f"{BASE}{export}/files/{name}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def post(by: APIClient, export: str, verb: str, status: int = 200) -> dict[str, Any]:
    answer = by.post(f"{BASE}{export}/{verb}/")
    assert answer.status_code == status, answer.content
    return dict(answer.json())


def released(cohort: Cohort, **fields: Any) -> str:
    """An export of the north's patients in study days, approved and released; later than the one before."""
    with time_machine.travel(timezone.now() + timedelta(seconds=next(SECONDS)), tick=False):
        return _released(cohort, fields)


def _released(cohort: Cohort, fields: dict[str, Any]) -> str:
    told = {"profile": "safe_harbor", "determination": "ED-7", **fields}
    export = made(client(cohort.user("coordinator")), **told)["id"]
    admin = client(cohort.user("site_admin"))
    post(admin, export, "approve")
    assert post(admin, export, "publish")["published_at"]
    return str(export)


def test_an_export_is_asked_for_made_and_fetched(cohort: Cohort) -> None:
    ana = client(cohort.user("coordinator"))
    export = asked(ana, formats=["xlsx", "csv"], reason="quarterly")
    assert state(ana, export)["state"] == "queued"
    call_command("run_exports")
    told = state(ana, export)
    assert told["state"] == "ready", told
    assert told["row_counts"]["milestones"] == 18 and told["progress"] == {"done": 3, "total": 3}
    for file in told["files"]:
        content = fetched(ana, export, file["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    manifest = json.loads(fetched(ana, export, "datapackage.json"))
    assert (manifest["requester"], manifest["reason"]) == ("coordinator-north", "quarterly")
    assert manifest["scope"] == {"kind": "sites", "sites": ["north"]}
    assert told["manifest"] == manifest
    answer = ana.get(f"{BASE}{export}/files/milestones.csv")
    assert "sample-level_2027-03-01_limited_data_set_north_milestones.csv" in answer["Content-Disposition"]


def test_kept_files_are_encrypted(cohort: Cohort) -> None:
    export = made(client(cohort.user("coordinator")))["id"]
    with access.everywhere(by="test"):
        blob = Export.objects.get(pk=export).files[0]["blob"]
        assert CONTRACT.encode() not in bytes(BlobPart.objects.get(blob=blob).data)


def test_who_may_do_what(cohort: Cohort) -> None:
    export = made(client(cohort.user("coordinator")), reason="Mr Smith asked")["id"]
    for role in ("clinician", "site_admin", "auditor", "lab_importer"):
        answer = client(cohort.user(role)).post(BASE, {"contract": CONTRACT}, format="json")
        assert answer.status_code == 403, role
    assert fetched(client(cohort.user("clinician")), export, "bleeds.csv")
    for role in ("site_admin", "auditor", "lab_importer"):
        assert client(cohort.user(role)).get(f"{BASE}{export}/files/bleeds.csv").status_code == 403, role
    seen = state(client(cohort.user("auditor")), export)
    assert seen["manifest"]["resources"] and seen["reason"] is seen["manifest"]["reason"] is None
    for role in ("coordinator", "clinician", "site_admin", "auditor"):
        foreign = client(cohort.user(role, "south"))
        for path in ("", "files/bleeds.csv"):
            assert foreign.get(f"{BASE}{export}/{path}").status_code == 404, role
        assert foreign.post(f"{BASE}{export}/approve/").status_code == 404
        assert export not in json.dumps(foreign.get(BASE).json())


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"contract": "nosuch"}, "/contract"),
        ({"profile": "everything"}, "/profile"),
        ({"formats": []}, "/formats"),
        ({"as_known_at": "2099-01-01T00:00:00Z"}, "/as_known_at"),
        ({"profile": "safe_harbor"}, "/profile"),
        ({"site": "south"}, "/site"),
    ],
    ids=["contract", "profile", "formats", "future", "few", "foreign-site"],
)
def test_a_question_that_cannot_be_answered_names_its_field(
    cohort: Cohort, fields: dict[str, Any], pointer: str
) -> None:
    answer = client(cohort.user("coordinator")).post(BASE, {"contract": CONTRACT, **fields}, format="json")
    assert answer.status_code == 422
    assert pointer in {f["pointer"] for f in answer.json()["errors"]}


def test_the_quota_is_counted_in_the_database(cohort: Cohort, settings: Any) -> None:
    settings.EXPORTS_PER_HOUR = 2
    with time_machine.travel(NOW + timedelta(days=3), tick=False) as clock:
        ben = client(cohort.user("coordinator", "south"))
        for _ in range(2):
            asked(ben)
        answer = ben.post(BASE, {"contract": CONTRACT}, format="json")
        assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
        clock.shift(3599)
        assert ben.post(BASE, {"contract": CONTRACT}, format="json").status_code == 429
        clock.shift(2)
        asked(ben)


def test_an_export_stops_when_the_role_is_taken_away(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    with access.everywhere(by="test"):
        carla = staff.create_staff(
            username="carla", email="c@example.org", role="coordinator", site=cohort.north, since=date(2020, 1, 1)
        )  # fmt: skip
    ana, by = client(cohort.user("coordinator")), client(carla)
    export = asked(by, as_known_at="2027-03-01T10:00:00Z")
    lines, ended = dataset.lines, []

    def taken_away() -> None:
        ended.append(Membership.objects.filter(user=carla).update(to_date=date(2027, 2, 28)))

    def read(*told: Any) -> Any:
        if not ended:
            aside(taken_away)
        return lines(*told)

    monkeypatch.setattr(dataset, "lines", read)
    monkeypatch.setattr(dataset, "BATCH", 1)
    monkeypatch.setattr(export_run, "LOOK_EVERY", 0)
    export_run.run(export=UUID(export))
    told = state(ana, export)
    assert ended == [1]
    assert (told["state"], told["files"]) == ("stopped", [])
    assert by.get(f"{BASE}{export}/").status_code == 404


def test_a_run_that_was_cut_off_begins_anew_and_gives_the_same_bytes(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = client(cohort.user("coordinator"))
    export = asked(ana)

    def cut(*told: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(export_run.export_keeping, "keep", cut)
        with pytest.raises(KeyboardInterrupt):
            export_run.run(export=UUID(export))
    assert state(ana, export)["state"] == "running"
    with time_machine.travel(NOW + timedelta(hours=5), tick=False):
        call_command("run_exports")
    told = state(ana, export)
    assert (told["state"], told["as_known_at"]) == ("ready", "2027-03-01T11:00:00Z")
    assert told["sha256"] == made(ana)["sha256"]


def test_the_whole_contract_needs_every_site_and_goes_to_the_payer_only(cohort: Cohort) -> None:
    ana = client(cohort.user("coordinator"))
    export = asked(ana, scope="contract", profile="safe_harbor", determination="ED-7")
    north, south = client(cohort.user("site_admin")), client(cohort.user("site_admin", "south"))
    call_command("run_exports")
    assert state(ana, export)["state"] == "awaiting_approval"
    seen = post(north, export, "approve")
    assert (seen["state"], seen["sites"]) == ("awaiting_approval", ["north"])
    assert "south" not in json.dumps(seen)
    assert post(south, export, "approve")["state"] == "queued"
    post(north, export, "publish", 409)
    call_command("run_exports")
    assert state(ana, export)["row_counts"]["milestones"] == 24
    assert ana.get(f"{BASE}{export}/files/milestones.csv").status_code == 403
    post(ana, export, "publish", 403)
    post(south, export, "publish")
    post(north, export, "publish", 409)
    petra = client(analyst("petra"))
    content = fetched(petra, export, "milestones.csv").decode()
    assert len(list(csv.DictReader(io.StringIO(content)))) == 24
    assert "north" not in content and "south" not in content


def test_a_limited_data_set_is_never_released(cohort: Cohort) -> None:
    admin = client(cohort.user("site_admin"))
    export = made(client(cohort.user("coordinator")))["id"]
    post(admin, export, "approve")
    told = post(admin, export, "publish", 422)
    assert told["errors"][0]["code"] == "not-de-identified"


def test_an_analyst_sees_released_rows_of_own_contracts_and_nothing_else(cohort: Cohort) -> None:
    hidden = made(client(cohort.user("coordinator")))["id"]
    export = released(cohort)
    paul, stranger = client(analyst("paul")), client(analyst("stranger", "sample-warranty"))
    listed = paul.get(BASE).json()["results"]
    assert export in [row["id"] for row in listed] and hidden not in json.dumps(listed)
    assert state(paul, export)["manifest"]["disclosure_profile"] == "safe_harbor"
    rows = paul.get(f"{BASE}{export}/rows/?verdict=met").json()["results"]
    assert rows and {row["verdict"] for row in rows} == {"met"}
    released_last = paul.get(f"/api/v1/contracts/{CONTRACT}/milestones/").json()["results"]
    assert len(released_last) == 18
    assert [c["code"] for c in paul.get("/api/v1/contracts/").json()["results"]] == [CONTRACT]
    for path in (f"{BASE}{hidden}/", f"{BASE}{hidden}/files/bleeds.csv"):
        assert paul.get(path).status_code == 404
    for path in (f"{BASE}{export}/", f"{BASE}{export}/rows/", f"{BASE}{export}/files/bleeds.csv"):
        assert stranger.get(path).status_code == 404
    assert stranger.get(f"/api/v1/contracts/{CONTRACT}/milestones/").status_code == 404
    for path in ("/api/v1/patients/", "/api/v1/worklist/", "/api/v1/alerts/"):
        assert paul.get(path).status_code == 403
    assert paul.post(BASE, {"contract": CONTRACT}, format="json").status_code == 403
    assert paul.post(f"{BASE}{export}/publish/").status_code == 403


def test_an_analyst_fetches_within_the_quota(cohort: Cohort, settings: Any) -> None:
    export = released(cohort)
    settings.EXPORTS_PER_HOUR = 2
    pia = client(analyst("pia"))
    for _ in range(2):
        fetched(pia, export, "bleeds.csv")
    answer = pia.get(f"{BASE}{export}/files/bleeds.csv")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0


def test_the_payers_role_reads_releases_only(cohort: Cohort) -> None:
    hidden = made(client(cohort.user("coordinator")))["id"]
    released(cohort)
    with access.everywhere(by="test"):
        blob = Export.objects.get(pk=hidden).files[0]["blob"]
    with access.payer_context([CONTRACT]):
        assert Publication.objects.exists()
        assert not Blob.objects.filter(pk=blob).exists()
    with access.payer_context(["sample-warranty"]):
        assert not Publication.objects.exists() and not Blob.objects.exists()
    for model in (Patient, SubjectCode, Export):
        with pytest.raises(ProgrammingError, match="permission denied"), access.payer_context([CONTRACT]):
            model.objects.exists()


def test_a_later_release_marks_the_corrected_row(cohort: Cohort) -> None:
    released(cohort)
    with time_machine.travel(NOW + timedelta(days=9), tick=False):
        with cohort.teller("N-36") as told:
            on = date(2027, 3, 1) - timedelta(1098 - 365)
            told.bleed(on + timedelta(3), known_on=date(2027, 3, 9))
        export = released(cohort, as_of="2027-03-01")
        rows = client(analyst("otto")).get(f"{BASE}{export}/rows/?page_size=200").json()["results"]
    changed = [(row["month"], row["change"]) for row in rows if row["change"] != "same"]
    assert changed == [("24", "changed"), ("36", "changed")]
