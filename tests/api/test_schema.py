"""Requests made up from the OpenAPI document, good ones and odd ones: none may break the server.

Identifiers in addresses are those of a real patient, so that requests reach the services and the database.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.urls import reverse
from hypothesis import HealthCheck, given, settings

from outcomes.services import cohort
from patients.models import Result
from patients.services import sites
from tests.api.conftest import TODAY, Client, World, client_of, ok
from workflow.models import Alert, TaskDue

EXAMPLES = 6
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
ROLES = ("coordinator", "clinician", "lab_importer", "auditor", "site_admin")
MALFORMED = (
    "", "null", "[]", "[[]]", "7", '"text"', "{", "[" * 100_000, '{"reason": "a\\u0000", "\\u0000": 1}',
    json.dumps({"reason": "x" * 200_000, "lines": 5, "": [{}]}),
)  # fmt: skip


@pytest.fixture
def identifiers(world: World) -> dict[str, str]:
    patient = world.told(cohort.alert_open)
    order = {"started_on": "2027-03-01", "template": "default"}
    course = ok(
        world.api("clinician").post(reverse("api:steroid-courses", kwargs={"patient": patient}), order), 201
    )
    found = {
        "patient": patient,
        "course": course["id"],
        "site": world.north.pk,
        "contract": "sample-level",
        "result": Result.objects.filter(analyte="ALT")[0].pk,
        "task": TaskDue.objects.filter(kind="liver-panel")[0].pk,
        "alert": Alert.objects.filter(state="open")[0].pk,
    }
    return {name: str(value) for name, value in found.items()}


def sent(world: World, case: Any, identifiers: dict[str, str]) -> Any:
    path = case.operation.full_path
    for name, value in identifiers.items():
        path = path.replace("{" + name + "}", value)
    query = urlencode(case.query or {}, doseq=True, errors="replace")
    body = "" if case.body is schemathesis.core.NOT_SET else json.dumps(case.body)
    return world.api("clinician").generic(
        case.method, f"{path}?{query}", body, content_type="application/json", HTTP_IF_MATCH='"1"'
    )


def test_no_request_that_follows_the_document_breaks_the_server(
    world: World, identifiers: dict[str, str]
) -> None:
    document = ok(world.api().get(reverse("api:schema")))
    operations = [o.ok() for o in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) > 50
    told: set[int] = set()
    for operation in operations:

        @SETTINGS
        @given(case=operation.as_strategy())
        def broken(case: Any) -> None:
            answer = sent(world, case, identifiers)
            told.add(answer.status_code)
            assert answer.status_code < 500, (case.method, case.operation.full_path, case.query, case.body)

        broken()
    assert {200, 201, 422} <= told


def addresses(world: World, identifiers: dict[str, str]) -> list[tuple[str, str]]:
    """Method and address of every operation in the document."""
    paths = ok(world.api().get(reverse("api:schema")))["paths"]
    return [
        (verb.upper(), _filled(path, identifiers)) for path, verbs in sorted(paths.items()) for verb in verbs
    ]


def _filled(path: str, identifiers: dict[str, str]) -> str:
    known = {"version": "1", "name": "milestones.csv", **identifiers}
    for name, value in known.items():
        path = path.replace("{" + name + "}", value)
    return re.sub(r"\{\w+\}", known["patient"], path)


def asked(client: Client, method: str, address: str, body: str) -> Any:
    return client.generic(method, address, body, content_type="application/json", HTTP_IF_MATCH='"1"')


def test_no_body_breaks_the_server_and_nobody_unknown_gets_an_answer(
    world: World, identifiers: dict[str, str]
) -> None:
    found = addresses(world, identifiers)
    assert len(found) > 100
    forged = client_of(None)
    forged.credentials(HTTP_AUTHORIZATION="Bearer " + "0" * 64)
    unknown = [
        (m, a) for m, a in found for c in (client_of(None), forged) if asked(c, m, a, "{}").status_code != 401
    ]
    assert unknown == []
    writes = [(m, a) for m, a in found if m in ("POST", "PUT", "PATCH")]
    broken = [
        (method, address, body[:40])
        for method, address in writes
        for body in MALFORMED
        if asked(world.api("clinician"), method, address, body).status_code >= 500
    ]
    assert broken == []
    for client in (*(world.api(role) for role in ROLES), analyst()):
        broken = [(m, a, "{}") for m, a in found if asked(client, m, a, "{}").status_code >= 500]
        assert broken == []


def analyst() -> Client:
    return client_of(
        sites.create_staff(
            username="analyst", email="p@example.org", role="payer_analyst", contract="sample-level",
            since=TODAY.replace(year=2020),
        )
    )  # fmt: skip
