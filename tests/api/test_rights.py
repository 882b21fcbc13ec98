"""Who sees what: foreign objects, auditors, superusers, memberships that are over, tokens and sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from knox.models import AuthToken

from outcomes.services import cohort
from patients.models import Membership, ReadLog, User
from patients.services import sites
from tests.api.conftest import NOW, V1, Client, World, client_of, ok, person, problem
from tests.api.test_facts import GOOD

SECRETS = ("Zyxwvut", "Qponmlk", "MRN-4711", "1988-04-02", "2 April", "free words of somebody")


def leaves(value: Any) -> Iterator[str]:
    """Every scalar of a JSON document as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield str(value)


@pytest.fixture
def secretive(world: World) -> str:
    """A patient whose name, number, birth date and every free text are easy to find again."""
    api = world.api()
    told = person(family_name="Zyxwvut", given_name="Qponmlk", mrn="MRN-4711", birth_date="1988-04-02")
    url = V1 + f"patients/{ok(api.post(V1 + 'patients/', told), 201)['id']}/"
    words = "free words of somebody"
    for kind in ("bleeds", "attestations"):
        ok(api.post(url + f"{kind}/", GOOD[kind] | {"note": words}), 201)
    result = {"analyte": "HBSAG", "value": words, "collected_at": "2027-02-20", "source_id": "t1"}
    assert api.post(url + "results/", result).status_code in (201, 202)
    ok(api.put(url + "plan/", {"infusion_on": "2027-03-10"}))
    tasks = ok(api.get(V1 + "worklist/"))["results"]
    for task in tasks[:1]:
        ok(api.post(V1 + f"worklist/{task['id']}/waive/", {"reason": words}))
    return url


def test_an_auditor_reads_no_name_number_birth_date_or_free_text(world: World, secretive: str) -> None:
    """Not in one single place, the evidence of gates included."""
    auditor = world.api("auditor")
    paths = [secretive, secretive + "status/", secretive + "plan/", secretive + "results/", V1 + "patients/",
             V1 + "worklist/", V1 + "alerts/"]  # fmt: skip
    paths += [secretive + f"{kind}/" for kind in GOOD] + [secretive + "steroid-courses/"]
    for path in paths:
        body = ok(auditor.get(path))
        found = [(secret, leaf) for leaf in leaves(body) for secret in SECRETS if secret in leaf]
        assert not found, (path, found)
    shown = ok(auditor.get(secretive))
    assert (shown["birth_date"], shown["family_name"], shown["mrn"]) == ("1988", None, None)


def test_an_auditor_reads_no_free_text_of_an_infusion_or_a_course(world: World) -> None:
    """Source numbers are hidden too: laboratories build them from the medical record number."""
    patient = world.told(cohort.alert_open, "MRN-4711")
    url = V1 + f"patients/{patient}/"
    order = {"started_on": "2027-03-01", "template": "default", "alternative_cause": "free words of somebody"}
    course = ok(world.api("clinician").post(url + "steroid-courses/", order), 201)["id"]
    auditor = world.api("auditor")
    paths = ["status/", "infusion/", "steroid-courses/", "results/", "events/", "attestations/"]
    for path in [url + p for p in paths] + [V1 + f"steroid-courses/{course}/", V1 + "alerts/"]:
        text = json.dumps(ok(auditor.get(path)))
        assert not [s for s in SECRETS if s in text], path


def test_the_same_documents_hold_them_for_the_coordinator(world: World, secretive: str) -> None:
    """Otherwise the test before this one could not fail."""
    body = json.dumps(ok(world.api().get(secretive)))
    assert all(secret in body for secret in SECRETS[:4])
    assert SECRETS[-1] in json.dumps(ok(world.api().get(secretive + "bleeds/")))


def test_an_auditor_without_a_site_sees_all_sites_pseudonymised(world: World, secretive: str) -> None:
    world.told(cohort.referred, "S-1", "south")
    sites.create_staff(username="all-seeing", email="a@example.org", role="auditor", since=date(2020, 1, 1))
    rows = ok(client_of(User.objects.get(username="all-seeing")).get(V1 + "patients/"))["results"]
    assert {r["site"] for r in rows} == {"north", "south"}
    assert {r["family_name"] for r in rows} == {None}


def test_an_auditor_who_coordinates_elsewhere_stays_pseudonymised_here(world: World, secretive: str) -> None:
    """What is hidden follows the role at the patient's own site, not the best role held anywhere."""
    user = world.user("auditor")
    sites.create_staff(
        username=user.username, email="", role="coordinator", site=world.south, since=date(2020, 1, 1)
    )
    both = client_of(user)
    for path in (secretive, secretive + "status/", secretive + "bleeds/", secretive + "results/"):
        text = json.dumps(ok(both.get(path)))
        assert not [s for s in SECRETS if s in text], path
    listed = ok(both.get(V1 + "patients/"))["results"]
    assert [p["family_name"] for p in listed if p["site"] == "north"] == [None]


def test_a_superuser_sees_nothing_by_being_one(world: World) -> None:
    patient = world.told(cohort.referred)
    root = User.objects.create_superuser("root", "root@example.org", "x" * 20)
    client = client_of(root)
    for path in ("patients/", "worklist/", "alerts/", "sites/"):
        problem(client.get(V1 + path), 403)
    problem(client.get(V1 + f"patients/{patient}/status/"), 404)


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        (date(2027, 3, 1), None, 200),
        (date(2027, 3, 2), None, 403),
        (date(2020, 1, 1), date(2027, 3, 1), 200),
        (date(2020, 1, 1), date(2027, 2, 28), 403),
    ],
)
def test_a_membership_counts_from_its_first_to_its_last_day(
    world: World, first: date, last: date | None, status: int
) -> None:
    user = User.objects.create_user("temp", "t@example.org", "x" * 20)
    Membership.objects.create(user=user, role="clinician", site=world.north, from_date=first, to_date=last)
    assert client_of(user).get(V1 + "patients/").status_code == status


def test_an_inactive_person_is_signed_out(world: World) -> None:
    client = world.api()
    user = world.user("coordinator")
    ok(client.get(V1 + "patients/"))
    user.is_active = False
    user.save()
    problem(client.get(V1 + "patients/"), 401)


def test_a_token_ends_after_its_days(world: World) -> None:
    client = Client(raise_request_exception=False)
    token = AuthToken.objects.create(world.user("clinician"), expiry=timedelta(days=90))[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    for days, status in ((89, 200), (91, 401)):
        with time_machine.travel(NOW + timedelta(days=days), tick=False):
            assert client.get(V1 + "patients/").status_code == status


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer a b", "Token abc", "Bearer \x7f", "Basic eA=="]
)
def test_without_a_good_token_the_answer_says_how_to_sign_in(world: World, header: str) -> None:
    client = Client(raise_request_exception=False)
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get(V1 + "patients/")
    problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_reads_and_needs_the_csrf_token_to_write(world: World) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.user("coordinator"), backend="config.accounts.PasswordBackend")
    ok(client.get(V1 + "patients/"))
    problem(client.post(V1 + "patients/", person()), 403)


def test_foreign_is_not_found_and_forbidden_is_forbidden(world: World) -> None:
    """404 wins: an act that the role forbids anyway says nothing about another site's objects."""
    url = V1 + f"patients/{world.told(cohort.alert_open)}/"
    importer, foreign = world.api("lab_importer"), world.api("lab_importer", "south")
    for method, path in (("get", ""), ("get", "status/"), ("post", "infusion/"), ("put", "plan/")):
        problem(getattr(importer, method)(url + path, {}), 403)
        problem(getattr(foreign, method)(url + path, {}), 404)


def test_sites_are_listed_to_their_own_people_only(world: World) -> None:
    assert [s["code"] for s in ok(world.api().get(V1 + "sites/"))["results"]] == ["north"]
    problem(world.api().get(V1 + f"sites/{world.south.pk}/"), 404)
    assert ok(world.api().get(V1 + f"sites/{world.north.pk}/"))["timezone"] == "Europe/Berlin"


def test_only_the_site_admin_changes_the_site(world: World) -> None:
    url = V1 + f"sites/{world.north.pk}/"
    problem(world.api("clinician").patch(url, {"name": "New"}, headers={"If-Match": '"1"'}), 403)
    admin = world.api("site_admin")
    problem(admin.patch(url, {"name": "New"}), 428)
    assert ok(admin.patch(url, {"name": "New"}, headers={"If-Match": '"1"'}))["name"] == "New"
    problem(admin.patch(url, {"name": "Newer"}, headers={"If-Match": '"1"'}), 412)
    problem(admin.patch(url, {"timezone": "Mars/Olympus"}, headers={"If-Match": '"2"'}), 422)
    problem(admin.post(V1 + "sites/", {"code": "west", "name": "West", "timezone": "Europe/Berlin"}), 403)


def test_each_reading_of_patient_data_is_logged(world: World, secretive: str) -> None:
    before = set(ReadLog.objects.values_list("pk", flat=True))
    ok(world.api("clinician").get(secretive + "status/"))
    row = ReadLog.objects.exclude(pk__in=before).get()
    assert (row.route, row.subject in secretive, row.user_id) == (
        "api:status", True, world.user("clinician").pk,
    )  # fmt: skip
