"""`patients/`: create, list, read, change, with every fault at once and no lost update."""

from __future__ import annotations

from uuid import uuid4

import pytest

from outcomes.services import cohort
from patients.models import Patient
from tests.api.conftest import V1, World, ok, person, pointers, problem


def test_a_patient_is_created_with_the_label_as_policy(world: World) -> None:
    answer = world.api().post(V1 + "patients/", person())
    body = ok(answer, 201)
    assert answer["ETag"] == '"1"'
    assert body["code"] == "north-0001"
    assert (body["site"], body["pathway"], body["policy"]) == ("north", "hemgenix", "label-us")
    assert (body["phase"], body["contract"], body["version"]) == ("screening", None, 1)
    assert ok(world.api().get(V1 + f"patients/{body['id']}/")) == body


def test_a_patient_may_be_enrolled_in_a_contract_at_once(world: World) -> None:
    body = ok(world.api().post(V1 + "patients/", person(policy="us-standard", contract="sample-level")), 201)
    assert (body["policy"], body["contract"]) == ("us-standard", "sample-level")


def test_the_site_may_be_named_by_its_id(world: World) -> None:
    assert ok(world.api().post(V1 + "patients/", person(site=str(world.north.pk))), 201)["site"] == "north"


def test_every_fault_of_a_patient_is_told_at_once(world: World) -> None:
    faulty = person(mrn=..., birth_date="2027-02-30", sex="M", family_name="")
    answer = world.api().post(V1 + "patients/", faulty)
    assert pointers(answer) == {"/mrn", "/birth_date", "/sex", "/family_name"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"pathway": "nosuch"}, "/pathway"),
        ({"policy": "nosuch"}, "/policy"),
        ({"contract": "nosuch"}, "/contract"),
        ({"birth_date": "2027-03-02"}, "/birth_date"),
        ({"site": "south"}, "/site"),
        ({"site": "nowhere"}, "/site"),
        ({"pathway": "roctavian", "policy": "ca-cda"}, "/policy"),
    ],
)
def test_what_a_patient_names_must_exist(world: World, changes: dict[str, str], pointer: str) -> None:
    assert pointers(world.api().post(V1 + "patients/", person(**changes))) == {pointer}
    assert not Patient.objects.exists()


def test_a_foreign_site_reads_like_one_that_does_not_exist(world: World) -> None:
    foreign = problem(world.api().post(V1 + "patients/", person(site="south")), 422)
    unknown = problem(world.api().post(V1 + "patients/", person(site="nowhere")), 422)
    assert foreign["errors"][0]["detail"].replace("south", "nowhere") == unknown["errors"][0]["detail"]


def test_an_unknown_field_is_refused_with_all_other_faults(world: World) -> None:
    answer = world.api().post(V1 + "patients/", person(colour="blue", birth_date="soon"))
    assert pointers(answer, 400) == {"/colour", "/birth_date"}


@pytest.mark.parametrize("body", ["{", "[1", '"text"', "null", "[]", "3"])
def test_a_body_that_is_no_object_is_malformed(world: World, body: str) -> None:
    problem(world.api().post(V1 + "patients/", body, content_type="application/json"), 400)


def test_a_medical_record_number_is_taken_once_per_site(world: World) -> None:
    ok(world.api().post(V1 + "patients/", person()), 201)
    problem(world.api().post(V1 + "patients/", person(family_name="Other")), 409)
    ok(world.api(site="south").post(V1 + "patients/", person(site="south")), 201)


def test_a_change_names_the_version_it_has_seen(world: World) -> None:
    api = world.api()
    url = V1 + f"patients/{ok(api.post(V1 + 'patients/', person()), 201)['id']}/"
    problem(api.patch(url, {"given_name": "Sam"}), 428)
    changed = api.patch(url, {"given_name": "Sam"}, headers={"If-Match": '"1"'})
    assert (ok(changed)["given_name"], changed["ETag"]) == ("Sam", '"2"')
    stale = problem(api.patch(url, {"given_name": "Kim"}, headers={"If-Match": '"1"'}), 412)
    assert stale["current"] == {"given_name": "Sam"}
    assert stale["submitted"] == {"given_name": "Kim"}
    problem(api.patch(url, {"given_name": "Kim"}, headers={"If-Match": "latest"}), 400)
    assert ok(api.get(url))["given_name"] == "Sam"


def test_a_change_to_another_patients_number_is_a_conflict(world: World) -> None:
    api = world.api()
    ok(api.post(V1 + "patients/", person()), 201)
    second = ok(api.post(V1 + "patients/", person(mrn="M-200")), 201)
    url = V1 + f"patients/{second['id']}/"
    problem(api.patch(url, {"mrn": "M-100"}, headers={"If-Match": '"1"'}), 409)
    assert ok(api.get(url))["mrn"] == "M-200"


@pytest.mark.parametrize("field", ["pathway", "policy", "contract"])
def test_pins_do_not_move_by_an_ordinary_change(world: World, field: str) -> None:
    api = world.api()
    made = ok(api.post(V1 + "patients/", person()), 201)
    answer = api.patch(V1 + f"patients/{made['id']}/", {field: "x"}, headers={"If-Match": '"1"'})
    assert problem(answer, 422)["errors"][0]["code"] == "pinned"
    assert pointers(answer) == {f"/{field}"}


def test_a_corrected_birth_date_is_judged_anew(world: World) -> None:
    api = world.api()
    made = ok(api.post(V1 + "patients/", person(birth_date="2010-04-02")), 201)
    url = V1 + f"patients/{made['id']}/"

    def age() -> str:
        gates = ok(api.get(url + "status/"))["gates"]
        return str(next(g["verdict"] for g in gates if g["code"] == "age"))

    assert age() != "pass"
    ok(api.patch(url, {"birth_date": "2000-04-02"}, headers={"If-Match": '"1"'}))
    assert age() == "pass"


def test_the_list_is_paged_sorted_and_filtered(world: World) -> None:
    api = world.api()
    for number in range(3):
        ok(api.post(V1 + "patients/", person(mrn=f"M-{number}")), 201)
    world.told(cohort.referred, "S-1", "south")
    first = ok(api.get(V1 + "patients/", {"page_size": 2, "ordering": "-code"}))
    assert set(first) == {"next", "previous", "results"}
    assert [p["code"] for p in first["results"]] == ["north-0003", "north-0002"]
    assert first["previous"] is None
    last = ok(api.get(first["next"]))
    assert [p["code"] for p in last["results"]] == ["north-0001"]
    assert last["next"] is None and last["previous"]
    assert len(ok(api.get(V1 + "patients/", {"phase": "screening"}))["results"]) == 3
    assert ok(api.get(V1 + "patients/", {"phase": "monitoring"}))["results"] == []
    assert ok(api.get(V1 + "patients/", {"site": "south"}))["results"] == []


def test_a_page_holds_fifty_and_at_most_two_hundred(world: World) -> None:
    for number in range(51):
        world.told(cohort.referred, f"P-{number}")
    api = world.api()
    assert len(ok(api.get(V1 + "patients/"))["results"]) == 50
    assert len(ok(api.get(V1 + "patients/", {"page_size": 100000}))["results"]) == 51
    problem(api.get(V1 + "patients/", {"page": "9"}), 404)


@pytest.mark.parametrize("query", ["colour=blue", "ordering=mrn", "site=north%00", "ordering=code,mrn"])
def test_unknown_filters_and_sort_keys_are_refused(world: World, query: str) -> None:
    problem(world.api().get(V1 + f"patients/?{query}"), 400)


def test_an_unknown_patient_is_not_found(world: World) -> None:
    problem(world.api().get(V1 + f"patients/{uuid4()}/"), 404)
    problem(world.api().get(V1 + "patients/no-uuid/"), 404)
