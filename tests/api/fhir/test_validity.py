"""Everything that is sent out is valid FHIR R4: by the official schema, by another implementation, by US Core."""

from __future__ import annotations

import json
from functools import cache
from uuid import UUID

import pytest
from jsonschema import Draft6Validator

from outcomes.services import cohort
from tests.api.conftest import V1, World, client_of, ok
from tests.api.fhir import tools
from tests.api.fhir.conftest import R4, Resource

KINDS = ("Patient", "Observation", "CarePlan", "Task", "MedicationAdministration")
STORIES = ("booked", "alert_open", "corrected_value", "weeks_missed", "died")


@pytest.fixture
def sent(world: World, patient: UUID) -> list[bytes]:
    """Bundles of every type over many stories, single resources, the statement and the errors."""
    for number, story in enumerate(STORIES):
        world.told(getattr(cohort, story), f"N-{number + 10}")
    api = world.api()
    use = {"product": "IDELVION", "iu": "3600.5", "given_on": "2027-02-01", "reason": "prophylaxis"}
    made = ok(api.post(V1 + f"patients/{patient}/factor-uses/", use), 201)
    late = {**use, "product": "never heard of", "supersedes": made["id"], "retracted": True}
    ok(api.post(V1 + f"patients/{patient}/factor-uses/", late), 201)
    result = ok(api.get(V1 + f"patients/{patient}/results/"))["results"][0]
    ok(api.post(V1 + f"results/{result['id']}/retract/", {"reason": "mixed up"}))
    answers = [api.get(R4 + "metadata"), client_of(None).get(R4 + "Patient"), api.put(R4 + "Patient", {})]
    answers += [api.get(R4 + path) for path in ("Nothing", f"Patient/{UUID(int=1)}", "Observation?date=x")]
    for kind in KINDS:
        answers.append(api.get(R4 + f"{kind}?_count=200"))
        answers.append(api.get(R4 + f"{kind}?_summary=count"))
        first = answers[-2].json()["entry"][0]["resource"]["id"]
        answers.append(api.get(R4 + f"{kind}/{first}"))
    return [answer.content for answer in answers]


def resources(sent: list[bytes]) -> list[Resource]:
    """Every resource: those of bundles one by one, and what remains of the bundles."""
    found = []
    for text in sent:
        document = json.loads(text)
        found += [entry.pop("resource") for entry in document.get("entry", [])]
        found.append(document)
    return found


def test_everything_sent_is_valid(sent: list[bytes]) -> None:
    parts = resources(sent)
    assert {r["resourceType"] for r in parts} == {*KINDS, "Bundle", "OperationOutcome", "CapabilityStatement"}
    for resource in parts:
        assert us_core_misses(resource) == [], resource
    assert [fault for r in parts for fault in schema_faults(r)] == []
    assert [e for e in tools.run("validate.cjs", lines=[t.decode() for t in sent]) if e] == []


BROKEN = [
    {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "colour": "red"},
    {"resourceType": "Task", "status": "started", "intent": "plan"},
    {"resourceType": "MedicationAdministration", "subject": {"reference": "Patient/1"}},
]


@pytest.mark.parametrize("resource", BROKEN, ids=[r["resourceType"] for r in BROKEN])
def test_the_validators_find_what_is_wrong(resource: Resource) -> None:
    assert tools.run("validate.cjs", lines=[json.dumps(resource)]) != [[]]


def test_the_schema_finds_what_is_wrong() -> None:
    assert schema_faults(BROKEN[0]) and schema_faults({"resourceType": "Patient", "birthDate": "soon"})


@cache
def validator(kind: str) -> Draft6Validator:
    definitions = tools.schema()["definitions"]
    return Draft6Validator({"$ref": f"#/definitions/{kind}", "definitions": definitions})


def schema_faults(resource: Resource) -> list[str]:
    """What the official schema says against a resource."""
    errors = validator(resource["resourceType"]).iter_errors(resource)
    return [f"{resource['resourceType']} {list(e.absolute_path)}: {e.message[:200]}" for e in errors]


MUST_HAVE: dict[str, tuple[str, ...]] = {
    "Patient": ("identifier", "name", "gender", "birthDate"),
    "Observation": ("status", "category", "code", "subject", "effectiveDateTime"),
    "CarePlan": ("text", "status", "intent", "category", "subject"),
}


def us_core_misses(resource: Resource) -> list[str]:
    """US Core's must-have elements that are not there."""
    missing = [n for n in MUST_HAVE.get(resource["resourceType"], ()) if not resource.get(n)]
    if resource["resourceType"] == "Patient":
        missing += [n for i in resource["identifier"] for n in ("system", "value") if not i.get(n)]
    if resource["resourceType"] == "Observation":
        values = [n for n in resource if n.startswith("value") or n == "dataAbsentReason"]
        missing += [] if len(values) == 1 else ["value[x] or dataAbsentReason"]
    return missing
