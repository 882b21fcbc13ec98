"""Requests made up from the OpenAPI document, good ones and odd ones: none may break the server.

Identifiers in addresses are those of a real patient, so that requests reach the services and the database.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.urls import reverse
from hypothesis import HealthCheck, given, settings

from outcomes.services import cohort
from patients.models import Result
from tests.api.conftest import World, ok
from workflow.models import Alert, TaskDue

EXAMPLES = 6
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


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
