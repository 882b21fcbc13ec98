"""Exports over REST: asked for, made in the background, fetched, approved, released; and stopped."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

from django.core.management import call_command
from knox.models import AuthToken
from rest_framework.test import APIClient

from patients import access
from patients.models import User
from patients.services import sites as staff
from tests.exports.conftest import CONTRACT, Cohort

BASE = "/api/v1/exports/"


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


def state(by: APIClient, export: str) -> dict[str, Any]:
    answer = by.get(f"{BASE}{export}/")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def fetched(by: APIClient, export: str, name: str) -> bytes:
    answer = by.get(f"{BASE}{export}/files/{name}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_an_export_is_asked_for_made_and_fetched(cohort: Cohort) -> None:
    ana = client(cohort.user("coordinator"))
    export = asked(ana, formats=["csv", "xlsx"], reason="quarterly")
    assert state(ana, export)["state"] == "queued"
    call_command("run_exports")
    told = state(ana, export)
    assert told["state"] == "ready", told
    assert told["row_counts"]["milestones"] == 18
    for file in told["files"]:
        content = fetched(ana, export, file["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    manifest = json.loads(fetched(ana, export, "datapackage.json"))
    assert (manifest["requester"], manifest["reason"]) == ("coordinator-north", "quarterly")
    assert manifest["scope"] == {"kind": "sites", "sites": ["north"]}
    assert told["manifest"] == manifest
