"""A body cannot reach over the fence: no reference to another site's object is taken, no field that is not offered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from patients import db
from patients.models import Bleed
from tests.abuse.world import ABSENT, Place
from tests.api.conftest import person
from tests.api.test_facts import GOOD

FACTS = tuple(GOOD)
REFERENCES = {"site", "source", "supersedes", "alert", "patient", "second_person", "assignee", "from_site"}
"""Names of fields that mean another object; policies, pathways and contracts are no secret."""
WORDS = {(f"patients/{{patient}}/{kind}/", "source") for kind in (*FACTS, "results")}
WORDS |= {("patients/{patient}/bleeds/", "site")}
"""Fields of these names that are plain words: where a fact comes from, and a part of the body."""
CODE = {"system": "", "code": "X", "unit": "", "analyte": "ALT"}
MAPPING = {
    "name": "m", "columns": {"mrn": "a", "value": "b", "code": "c", "collected_at": "d"},
    "constants": {"unit": "U/L"}, "date_formats": ["%d.%m.%Y"],
}  # fmt: skip
ASKS = {"api:exports": "coordinator", "api:merge": "site_admin"}
PINNED = {"pathway", "policy", "contract", "site"}
"""Refused with a word about where to change them, before all else."""


def bodies(place: Place) -> Iterator[tuple[str, str, Any, Any, dict[str, Any]]]:
    """Route, name of the reference, north's value, one that nothing has, and the rest of a good body."""
    bleed = str(Bleed.objects.filter(patient=place.patient)[0].pk)
    nobody = str(ABSENT)
    yield "api:patients", "site", "canary-north", "zanary-north", person(mrn="X")
    for kind in FACTS:
        yield f"api:{kind}", "supersedes", bleed, nobody, GOOD[kind]
        yield f"api:{kind}", "supersedes", bleed, nobody, {"retracted": True}
    course = {"started_on": "2027-03-01", "template": "default"}
    yield "api:steroid-courses", "alert", str(place.things["alert"]), nobody, course
    clinician = place.world.user("clinician").username
    yield "api:infusion-void", "second_person", clinician, "zlinician", {"reason": "x"}
    yield "api:code-maps", "source", "canary-lab", "zanary-lab", CODE
    yield "api:table-mappings", "source", "canary-lab", "zanary-lab", MAPPING
    yield "api:exports", "site", "canary-north", "zanary-north", {"contract": "sample-level"}
    yield "api:transfers", "site", "canary-north", "zanary-north", {"word": "a-word-of-nobody", "mrn": "X"}
    unfit = {"mrn": "nobody", "birth_date": "1931-12-29", "reason": "x"}
    yield "api:emergencies", "site", "canary-north", "zanary-north", unfit
    known = {"code": "canary-north-0001", "birth_date": "1931-12-29", "reason": "x"}
    yield "api:emergencies", "from_site", "canary-north", "zanary-north", known
    yield "api:merge", "into", str(place.patient), nobody, {"reason": "x"}
    yield "api:feeds", "site", "canary-north", "zanary-north", {}
    yield "api:task-assign", "assignee", place.world.user("coordinator").username, "zoordinator", {}
    yield (
        "api:quarantine-resolve",
        "patient",
        str(place.patient),
        nobody,
        {"action": "assign_patient", "reason": "x"},
    )


def test_no_reference_to_another_site_is_taken_or_told_from_one_that_nothing_has(place: Place) -> None:
    faults = []
    for name, key, foreign, absent, rest in bodies(place):
        url = reverse(name, kwargs=_kwargs(place, name))
        before = _rows()
        answers = []
        for value in (foreign, absent):
            who = f"{ASKS.get(name, 'clinician')}@south"
            answer = place.ask(who, "POST", url, {**rest, key: value})
            answers.append((answer.status_code, answer.content.decode().replace(value, "")))
        if answers[0] != answers[1] or not 400 <= answers[0][0] < 500 or _rows() != before:
            faults.append((name, key, answers))
    assert not faults, "\n".join(map(str, faults))


def _kwargs(place: Place, name: str) -> dict[str, Any]:
    if name in (
        "api:patients",
        "api:code-maps",
        "api:table-mappings",
        "api:exports",
        "api:feeds",
        "api:transfers",
        "api:emergencies",
    ):
        return {}
    if name == "api:quarantine-resolve":
        return {"item": place.souths["item"]}
    if name == "api:task-assign":
        return {"task": place.souths["task"]}
    return {"patient": place.souths["patient"]}


def _rows() -> int:
    """How many rows there are in tables that belong to a site."""
    with connection.cursor() as cursor:
        tables = (f'(select count(*) from "{m._meta.db_table}")' for m in db.tenant_tables())
        cursor.execute("select " + " + ".join(tables))
        return int(cursor.fetchone()[0])


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and fields of every JSON body in the OpenAPI document."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)

    def resolved(node: Any) -> Any:
        while "$ref" in node:
            node = document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    for path, methods in document["paths"].items():
        for method, told in methods.items():
            content = told.get("requestBody", {}).get("content", {}) if method != "parameters" else {}
            body = resolved(content.get("application/json", {}).get("schema", {}))
            body = resolved(body["oneOf"][0]) if "oneOf" in body else body
            if body.get("properties"):
                yield path.removeprefix("/api/v1/"), method, body["properties"]


def test_every_reference_of_a_body_is_tried_above(place: Place) -> None:
    """A new field that means another object must be tried, too."""
    tried = {(_path(name), key) for name, key, *_ in bodies(place)}
    told = {
        (path, name)
        for path, _, fields in operations()
        for name, field in fields.items()
        if name in REFERENCES or field.get("format") == "uuid"
    }
    assert told - WORDS - tried == set()
    assert len(told) > 20


def _path(name: str) -> str:
    from tests.abuse.world import routes

    address = next(r.address for r in routes() if r.name == name).removeprefix("api/v1/")
    return address.replace("<uuid:", "{").replace(">", "}")


def test_no_field_that_a_body_does_not_offer_is_taken(place: Place) -> None:
    """Each column of each table of ours, sent to each route: refused by name, and nothing is written."""
    columns = {
        f.attname
        for app in ("patients", "workflow", "outcomes")
        for model in apps.get_app_config(app).get_models()
        for f in model._meta.concrete_fields
    }
    assert len(columns) > 150
    before, tried = _rows(), 0
    for path, method, fields in operations():
        more = dict.fromkeys(columns - set(fields) - PINNED, "x")
        for name, value in {**place.things, **place.souths}.items():
            path = path.replace("{" + name + "}", str(value))
        if "{" in path or "/exports/" in path:
            continue
        who = "site_admin" if path.startswith("sites/") else "clinician"
        if any(str(v) in path for v in place.souths.values()):
            who += "@south"
        answer = place.ask(who, method.upper(), f"/api/v1/{path}", more, headers={"If-Match": '"1"'})
        if answer.status_code in (403, 404):
            continue
        tried += 1
        assert answer.status_code in (400, 422), (method, path, answer.status_code, answer.content[:300])
        refused = {fault["pointer"].strip("/") for fault in answer.json()["errors"]}
        assert set(more) <= refused, (method, path, set(more) - refused)
    assert tried > 30
    assert _rows() == before
