"""Who may ask what: role by resource, foreign objects, errors in every form, media types, and the read log."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from outcomes.services import cohort
from patients import matrix
from patients.models import Membership, ReadLog, Result, User
from patients.services import sites
from tests.api.conftest import V1, World, client_of, ok
from tests.api.fhir.conftest import R4, body, found, issues
from workflow.models import Infusion, TaskDue

KINDS = ("Patient", "Observation", "CarePlan", "Task", "MedicationAdministration")
READERS = ("coordinator", "clinician")
OTHERS = ("lab_importer", "auditor", "site_admin")
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def infused(world: World) -> UUID:
    return world.told(cohort.alert_open)


def one_of(kind: str, patient: UUID) -> UUID:
    """The id of a resource of this patient."""
    found = {
        "Patient": lambda: patient,
        "CarePlan": lambda: patient,
        "Observation": lambda: Result.objects.filter(patient=patient)[0].lineage,
        "Task": lambda: TaskDue.objects.filter(patient=patient)[0].pk,
        "MedicationAdministration": lambda: Infusion.objects.get(patient=patient).pk,
    }
    return UUID(str(found[kind]()))


@pytest.mark.parametrize("kind", KINDS)
def test_each_role_on_each_resource(world: World, infused: UUID, kind: str) -> None:
    read = R4 + f"{kind}/{one_of(kind, infused)}"
    for role in READERS:
        api = world.api(role)
        assert body(api.get(read))["resourceType"] == kind
        assert len(found(api.get(R4 + kind))) >= 1
        assert found(api.post(R4 + f"{kind}/_search", "", content_type=FORM)) == found(api.get(R4 + kind))
        south = world.api(role, "south")
        issues(south.get(read), 404)
        assert found(south.get(R4 + kind)) == []
        assert found(south.get(R4 + f"{kind}?_id={read.rsplit('/')[-1]}")) == []
    for role in OTHERS:
        for url in (read, R4 + kind):
            assert issues(world.api(role).get(url), 403)[0]["code"] == "forbidden"
        issues(world.api(role).post(R4 + f"{kind}/_search", "", content_type=FORM), 403)
        issues(world.api(role, "south").get(read), 404)


@pytest.mark.parametrize("kind", KINDS)
def test_strangers_analysts_and_superusers_reach_nothing(world: World, infused: UUID, kind: str) -> None:
    read = R4 + f"{kind}/{one_of(kind, infused)}"
    analyst = sites.create_staff(
        username="analyst", email="p@example.org", role="payer_analyst", contract="sample-level",
        since=date(2020, 1, 1),
    )  # fmt: skip
    root = User.objects.create_superuser("root", "root@example.org", "x" * 20)
    for user in (analyst, root):
        issues(client_of(user).get(R4 + kind), 403)
        issues(client_of(user).get(read), 404)
    for answer in (client_of(None).get(read), client_of(None).get(R4 + kind)):
        assert issues(answer, 401)[0]["code"] == "login"
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_auditor_everywhere_and_coordinator_somewhere_sees_only_there(world: World, infused: UUID) -> None:
    """The rows of the sites at which a person is only an auditor stay out of every list."""
    world.told(cohort.referred, "S-1", "south")
    user = User.objects.create_user("both", "b@example.org", "x" * 20)
    since = date(2020, 1, 1)
    Membership.objects.create(user=user, role="auditor", from_date=since)
    Membership.objects.create(user=user, role="coordinator", site=world.south, from_date=since)
    api = client_of(user)
    for kind in KINDS:
        rows = found(api.get(R4 + kind))
        assert str(infused) not in str(rows)
        issues(api.get(R4 + f"{kind}/{one_of(kind, infused)}"), 403)
    assert [p["identifier"][0]["value"] for p in found(api.get(R4 + "Patient"))] == ["S-1"]


def test_a_former_id_says_nothing_to_those_who_may_not_read(world: World, infused: UUID) -> None:
    version = Result.objects.filter(patient=infused)[0].pk
    issues(world.api("auditor").get(R4 + f"Observation/{version}"), 403)
    issues(world.api(site="south").get(R4 + f"Observation/{version}"), 404)
    assert world.api().get(R4 + f"Observation/{version}").status_code == 301


def test_the_statement_is_open_and_true(world: World) -> None:
    told = body(client_of(None).get(R4 + "metadata"))
    assert (told["fhirVersion"], told["kind"], told["status"]) == ("4.0.1", "instance", "active")
    served = {r["type"]: {p["name"] for p in r["searchParam"]} for r in told["rest"][0]["resource"]}
    assert set(served) == set(KINDS)
    assert {"patient", "code", "date", "category", "status", "_id", "_lastUpdated"} <= served["Observation"]
    for kind, names in served.items():
        strict = {"Prefer": "handling=strict"}
        for name in names - {"family", "given", "name", "birthdate"}:
            value = {"status": "completed", "date": "2027", "effective-time": "2027", "_lastUpdated": "2027"}
            value |= {"status": "final"} if kind == "Observation" else {}
            ok(world.api().get(R4 + f"{kind}?{name}={value.get(name, 'x')}", headers=strict))


ERRORS = [
    ("get", "Patient/nobody", 404, "not-found"),
    ("get", f"Patient/{UUID(int=7)}", 404, "not-found"),
    ("get", "Practitioner", 404, "not-found"),
    ("get", "", 404, "not-found"),
    ("post", "Patient", 405, "not-supported"),
    ("put", f"Patient/{UUID(int=7)}", 405, "not-supported"),
    ("delete", f"Observation/{UUID(int=7)}", 405, "not-supported"),
    ("get", "Patient/_search", 405, "not-supported"),
    ("options", "Patient", 405, "not-supported"),
    ("post", "metadata", 405, "not-supported"),
    ("get", "Patient?_format=xml", 406, "not-supported"),
    ("get", "Observation?date=x", 400, "invalid"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"), ERRORS, ids=[f"{e[0]} {e[1][:16]}" for e in ERRORS]
)
def test_every_error_is_an_operation_outcome(
    world: World, method: str, path: str, status: int, code: str
) -> None:
    told = issues(getattr(world.api(), method)(R4 + path), status)
    assert (told[0]["code"], told[0]["severity"]) == (code, "error") and told[0]["diagnostics"]


MEDIA = [
    ("application/fhir+json", "application/fhir+json"),
    ("application/json", "application/json"),
    ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
    ("*/*", "application/fhir+json"),
    ("text/html, application/json;q=0.9", "application/json"),
]


@pytest.mark.parametrize(("accept", "sent"), MEDIA)
def test_both_media_types_are_spoken(world: World, accept: str, sent: str) -> None:
    for path, status in (("Patient", 200), ("metadata", 200), (f"Patient/{UUID(int=7)}", 404)):
        answer = world.api().get(R4 + path, headers={"Accept": accept})
        assert answer.status_code == status
        assert answer["Content-Type"].split(";")[0] == sent


@pytest.mark.parametrize(
    "accept", ["application/fhir+xml", "text/html", "application/fhir+json; fhirVersion=3.0"]
)
def test_other_forms_are_not_spoken(world: World, accept: str) -> None:
    issues(world.api().get(R4 + "Patient", headers={"Accept": accept}), 406)


@pytest.mark.parametrize(
    ("wanted", "sent"), [("json", "application/fhir+json"), ("application/json", "application/json")]
)
def test_the_form_can_be_asked_for_in_the_address(world: World, wanted: str, sent: str) -> None:
    answer = world.api().get(R4 + f"metadata?_format={wanted}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, sent)


def test_each_reading_is_logged_with_the_patient(world: World, infused: UUID) -> None:
    api = world.api("clinician")
    paths = [f"{kind}/{one_of(kind, infused)}" for kind in KINDS]
    paths += [f"Observation?patient={infused}", "Patient"]
    before = set(ReadLog.objects.values_list("pk", flat=True))
    for path in paths:
        body(api.get(R4 + path))
    body(api.post(R4 + "Patient/_search", "identifier=N-1", content_type=FORM))
    issues(api.get(R4 + f"Patient/{UUID(int=7)}"), 404)
    body(api.get(R4 + "metadata"))
    rows = ReadLog.objects.exclude(pk__in=before)
    assert len(rows) == len(paths) + 1
    assert {row.subject for row in rows} == {str(infused)}
    assert {row.route for row in rows} >= {"fhir:Patient-read", "fhir:Observation", "fhir:Patient-search"}


def test_a_list_about_several_people_is_logged_without_a_name(world: World, infused: UUID) -> None:
    world.told(cohort.referred, "N-2")
    before = set(ReadLog.objects.values_list("pk", flat=True))
    body(world.api().get(R4 + "Patient"))
    assert [row.subject for row in ReadLog.objects.exclude(pk__in=before)] == [""]


def test_every_route_of_the_facade_holds_patient_data_but_the_statement(world: World) -> None:
    for kind in KINDS:
        for name in (f"fhir:{kind}", f"fhir:{kind}-search", f"fhir:{kind}-read"):
            assert matrix.holds_patient_data(name)
            reverse(name, kwargs={"pk": UUID(int=7)} if name.endswith("-read") else {})
    assert not matrix.holds_patient_data("fhir:metadata")


def test_nothing_is_kept_by_browsers_and_proxies(world: World, infused: UUID) -> None:
    assert world.api().get(R4 + f"Patient/{infused}")["Cache-Control"] == "no-store"


def test_a_session_reads_too(world: World, infused: UUID) -> None:
    client: Any = client_of(None)
    backend = "config.accounts.PasswordBackend"
    client.force_login(world.user("coordinator"), backend=backend)
    assert body(client.get(R4 + f"Patient/{infused}"))["id"] == str(infused)
    ok(client.get(V1 + "patients/"))
