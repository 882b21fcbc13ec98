"""The manners of the API: problem documents, the OpenAPI document, replays, and nothing that breaks it."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from drf_spectacular.validation import validate_schema

from config.urls import api as api_routes
from outcomes.services import cohort
from patients import access
from patients.models import Patient
from tests.api.conftest import NOW, V1, Client, World, client_of, ok, person, pointers, problem
from tests.factories.people import make_site, make_staff

ODD: list[Any] = [
    "\x00", "a\x00b", 10**400, -(10**400), 1e308, "1e999999", "0001-01-01", "9999-12-31T23:59:59+14:00",
    "9999-12-31", "0000-00-00", "NaN", "Infinity", None, True, [], {}, [[]], {"a": {}}, "x" * 100_000, "\ud800",
    "\U0001f600", "", " ", "-0", "٣", "2027-02-29", "2027-03-01T25:00:00Z", "<script>", "'; --",
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("get", "nowhere/", None, {}, 404),
        ("get", "patients/", None, {"Accept": "text/html"}, 406),
        ("put", "patients/", {}, {}, 405),
        ("delete", "sites/", None, {}, 405),
        ("post", "patients/", "<a/>", {"Content-Type": "application/xml"}, 415),
        ("post", "patients/", "a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("post", "patients/", b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        ("post", "patients/", b'{"a": NaN}', {"Content-Type": "application/json"}, 400),
        ("post", "patients/", b"[" * 50_000, {"Content-Type": "application/json"}, 400),
    ],
)
def test_every_fault_is_a_problem_document(
    world: World, method: str, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    kind = headers.pop("Content-Type", None)
    api = world.api()
    more: dict[str, Any] = {"content_type": kind} if kind else {}
    sent = () if body is None else (body,)
    answer = getattr(api, method)(V1 + path, *sent, headers=headers, **more)
    problem(answer, status)
    if status == 405:
        assert "GET" in answer["Allow"]


def test_every_list_has_the_same_frame(world: World) -> None:
    patient = world.told(cohort.alert_open)
    result = ok(world.api().get(V1 + f"patients/{patient}/results/"))["results"][0]["id"]
    names = ("results", "bleeds", "factor-uses", "regimens", "attestations", "events", "coverage", "draws",
             "kit", "authorizations", "steroid-courses")  # fmt: skip
    paths = [f"patients/{patient}/{name}/" for name in names]
    paths += ["patients/", "sites/", "worklist/", "alerts/", "contracts/", f"results/{result}/versions/"]
    for path in paths:
        assert set(ok(world.api().get(V1 + path))) == {"next", "previous", "results"}, path
        problem(world.api().get(V1 + path + "?colour=red"), 400)


def test_contracts_are_listed_with_their_terms_and_milestones(world: World) -> None:
    api = world.api()
    rows = ok(api.get(V1 + "contracts/"))["results"]
    assert {c["code"] for c in rows} == {"sample-level", "sample-warranty"}
    assert all(c["invented"] for c in rows)
    patient = world.told(cohort.month_twelve, contract="sample-level")
    world.told(cohort.month_twelve, "S-1", "south", contract="sample-level")
    code, pk = next((c["code"], c["id"]) for c in rows if c["code"] == "sample-level")
    found = ok(api.get(V1 + f"contracts/{code}/milestones/"))["results"]
    assert {m["patient"] for m in found} == {str(patient)}
    assert [m["month"] for m in found] == [3, 6, 12, 24, 36, 60]
    assert found == ok(api.get(V1 + f"contracts/{pk}/milestones/"))["results"]
    pending = ok(api.get(V1 + f"contracts/{code}/milestones/", {"verdict": "pending"}))["results"]
    assert pending and {m["verdict"] for m in pending} == {"pending"}
    early = ok(api.get(V1 + f"contracts/{code}/milestones/", {"as_of": "2027-02-28"}))["results"]
    assert {m["month"] for m in early} == {3, 6, 12, 24, 36, 60}
    problem(api.get(V1 + "contracts/nosuch/milestones/"), 404)
    assert pointers(api.get(V1 + f"contracts/{code}/milestones/?verdict=maybe")) == {"/verdict"}
    assert pointers(api.get(V1 + f"contracts/{code}/milestones/?as_of=soon")) == {"/as_of"}


@pytest.mark.parametrize("value", ODD, ids=lambda v: repr(v)[:20])
def test_odd_values_never_break_the_server(world: World, value: Any) -> None:
    """Each odd value in the place of each field of a patient, a result, an infusion and a plan."""
    api = world.api()
    url = V1 + f"patients/{world.told(cohort.referred)}/"
    result = {"analyte": "ALT", "value": "31", "unit": "U/L", "collected_at": "2027-02-20",
              "reported_at": "2027-02-21T08:00:00Z", "reference_low": "0", "reference_high": "45",
              "assay": "x", "lab": "x", "status": "final", "source": "x", "source_id": "x", "loinc": ""}  # fmt: skip
    infusion = {"started_at": "2027-02-20T08:00:00Z", "weight_kg": "72", "volume_ml": "144", "ndc": "",
                "place_of_service": "22", "outcome": "complete", "percent_given": None, "vials": []}  # fmt: skip
    for path, good in ((V1 + "patients/", person()), (url + "results/", result), (url + "infusion/", infusion),
                       (url + "plan/preview/", {"infusion_on": "2027-03-03"})):  # fmt: skip
        for name in good:
            text = json.dumps({**good, name: value})
            answer = api.post(path, text, content_type="application/json")
            assert answer.status_code < 500, (path, name, answer.content)
    for query in ("patients/", "worklist/", "alerts/", f"patients/{url.split('/')[-2]}/status/"):
        for name in (
            "page",
            "page_size",
            "site",
            "patient",
            "as_of",
            "as_known_at",
            "due_before",
            "assignee",
        ):
            text = str(value)[:500].encode("utf-8", "replace").decode()
            assert api.get(V1 + query, {name: text}).status_code < 500, (query, name)


def test_the_openapi_document_covers_every_route(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    problem(Client(raise_request_exception=False).get(reverse("api:schema")), 401)
    document = ok(world.api().get(reverse("api:schema")))
    assert document["openapi"].startswith("3.1")
    assert capsys.readouterr().err == ""
    validate_schema(document)
    told = {p.removeprefix("/api/v1/").replace("{", "<").replace("}", ">") for p in document["paths"]}
    routes = {_unconverted(str(route.pattern)) for route in api_routes} - {"schema/", "docs/"}
    assert routes == told


def _unconverted(pattern: str) -> str:
    return pattern.replace("<uuid:", "<").replace("<str:", "<").replace("<int:", "<")


def test_the_readable_documentation_opens(world: World) -> None:
    client = Client()
    client.force_login(world.user("clinician"), backend="config.accounts.PasswordBackend")
    answer = client.get(V1 + "docs/")
    assert answer.status_code == 200 and b"/status/" in answer.content


def test_a_replay_returns_the_first_answer(world: World) -> None:
    api = world.api()
    key = {"Idempotency-Key": "k-1"}
    first = api.post(V1 + "patients/", person(), headers=key)
    again = api.post(V1 + "patients/", person(), headers=key)
    assert ok(first, 201) == ok(again, 201)
    assert again["Idempotency-Replayed"] == "true" and not first.has_header("Idempotency-Replayed")
    assert again["ETag"] == first["ETag"]
    assert Patient.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    api, key = world.api(), {"Idempotency-Key": "k-1"}
    ok(api.post(V1 + "patients/", person(), headers=key), 201)
    body = problem(api.post(V1 + "patients/", person(mrn="M-2"), headers=key), 422)
    assert body["errors"][0]["code"] == "idempotency-key-reused"


def test_a_key_belongs_to_its_user_and_route(world: World) -> None:
    key = {"Idempotency-Key": "k-1"}
    made = ok(world.api().post(V1 + "patients/", person(), headers=key), 201)
    ok(world.api("clinician").post(V1 + "patients/", person(mrn="M-2"), headers=key), 201)
    fact = {"code": "shared-decision", "on": "2027-02-20"}
    ok(world.api().post(V1 + f"patients/{made['id']}/attestations/", fact, headers=key), 201)


def test_a_key_is_kept_for_a_day(world: World) -> None:
    api, key = world.api(), {"Idempotency-Key": "k-1"}
    ok(api.post(V1 + "patients/", person(), headers=key), 201)
    with time_machine.travel(NOW + timedelta(hours=25), tick=False):
        problem(api.post(V1 + "patients/", person(), headers=key), 409)


def test_a_refused_request_may_be_mended_under_the_same_key(world: World) -> None:
    """A fault stores nothing, so the key is free again."""
    api, key = world.api(), {"Idempotency-Key": "k-1"}
    problem(api.post(V1 + "patients/", person(sex="M"), headers=key), 422)
    ok(api.post(V1 + "patients/", person(), headers=key), 201)


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_has_a_sensible_length(world: World, key: str) -> None:
    problem(world.api().post(V1 + "patients/", person(), headers={"Idempotency-Key": key}), 400)


@pytest.mark.django_db(transaction=True)
def test_twins_at_the_same_moment_are_carried_out_once() -> None:
    """Two connections, one key: one is carried out, the other is told to wait or gets the replay."""
    with access.everywhere(by="test"):
        user = make_staff(make_site("north"), "coordinator")
        clients = [client_of(user) for _ in range(4)]
    barrier, answers = Barrier(len(clients)), []

    def send(client: Client) -> None:
        barrier.wait()
        answers.append(client.post(V1 + "patients/", person(), headers={"Idempotency-Key": "twin"}))
        connection.close()

    threads = [Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(a.status_code for a in answers)
    assert set(codes) <= {201, 409}
    fresh = [a for a in answers if a.status_code == 201 and not a.has_header("Idempotency-Replayed")]
    assert len(fresh) == 1, codes
    with access.everywhere(by="test"):
        assert Patient.objects.count() == 1
