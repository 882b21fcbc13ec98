"""A patient as a FHIR Patient."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from outcomes.services import cohort
from patients.models import Patient
from tests.api.conftest import V1, World, ok, person
from tests.api.fhir.conftest import R4, body
from workflow.api.fhir.people import patient


def test_who_it_is(world: World) -> None:
    made = ok(world.api().post(V1 + "patients/", person(given_name="")), 201)["id"]
    answer = world.api().get(R4 + f"Patient/{made}")
    shown = body(answer)
    assert answer["ETag"] == 'W/"1"'
    assert shown["identifier"][0]["system"] == "urn:daymark:mrn:north"
    assert shown["identifier"][0]["value"] == "M-100"
    assert shown["identifier"][0]["type"]["coding"][0]["code"] == "MR"
    assert shown["name"] == [{"use": "official", "family": "Muster"}]
    assert (shown["gender"], shown["birthDate"], shown["active"]) == ("male", "1988-04-02", True)
    assert "deceasedDateTime" not in shown and "link" not in shown


@pytest.mark.parametrize("sex", ["male", "female", "other", "unknown"])
def test_the_sex_is_that_of_fhir(world: World, sex: str) -> None:
    made = ok(world.api().post(V1 + "patients/", person(sex=sex)), 201)["id"]
    assert body(world.api().get(R4 + f"Patient/{made}"))["gender"] == sex


def test_a_change_is_a_new_version(world: World) -> None:
    made = ok(world.api().post(V1 + "patients/", person()), 201)["id"]
    change = {"given_name": "Robin"}
    ok(world.api().patch(V1 + f"patients/{made}/", change, headers={"If-Match": '"1"'}))
    shown = body(world.api().get(R4 + f"Patient/{made}"))
    assert (shown["meta"]["versionId"], shown["name"][0]["given"]) == ("2", ["Robin"])


def test_the_day_of_death_is_shown_until_it_is_retracted(world: World) -> None:
    pk = world.told(cohort.died)
    shown = body(world.api().get(R4 + f"Patient/{pk}"))
    events = ok(world.api().get(V1 + f"patients/{pk}/events/"))["results"]
    death = next(e for e in events if e["kind"] == "death")
    assert shown["deceasedDateTime"] == death["from"]
    wrong = {"kind": "death", "from": death["from"], "supersedes": death["id"], "retracted": True}
    ok(world.api().post(V1 + f"patients/{pk}/events/", wrong), 201)
    assert "deceasedDateTime" not in body(world.api().get(R4 + f"Patient/{pk}"))


def test_an_alias_names_the_one_it_was_merged_into(world: World) -> None:
    row = Patient.objects.select_related("site").get(pk=world.told(cohort.referred))
    row.merged_into = UUID(str(uuid4()))
    shown = patient(row, None)
    assert shown["active"] is False
    other = {"reference": f"Patient/{row.merged_into}"}
    assert shown["link"] == [{"other": other, "type": "replaced-by"}]
