"""Every kind of fact: recorded, listed, repeated, corrected by superseding, taken back, and refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from outcomes.services import cohort
from tests.api.conftest import V1, World, ok, pointers, problem
from workflow.models import Act

GOOD: dict[str, dict[str, Any]] = {
    "bleeds": {
        "onset_at": "2027-02-20T06:30:00+01:00",
        "site": "left knee",
        "joint": True,
        "cause": "spontaneous",
        "life_threatening": False,
        "treated": True,
        "note": "after stairs",
    },
    "factor-uses": {"product": "IDELVION", "iu": "3000", "given_on": "2027-02-20", "reason": "bleed"},
    "regimens": {"product": "IDELVION", "iu_per_kg": "40", "interval_days": "7", "from": "2026-01-01"},
    "attestations": {"code": "shared-decision", "on": "2027-02-20", "note": "with the family"},
    "events": {"kind": "lead_in", "from": "2026-06-01", "to": "2027-02-01", "source": "records"},
    "coverage": {"payer": "Example Health", "contract": "sample-level", "from": "2027-01-01"},
    "draws": {"panel": "liver-panel", "drawn_at": "2027-02-28", "lab": "Central"},
    "kit": {"ordered_on": "2027-02-25", "weight_kg": "72", "vials": 15, "ndc": "00053-0150-15"},
    "authorizations": {"payer": "Example Health", "status": "submitted", "submitted_on": "2027-02-10"},
}
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("bleeds", {"cause": "wind"}, "/cause"),
    ("bleeds", {"onset_at": "2027-03-04"}, "/onset_at"),
    ("bleeds", {"onset_at": "2027-02-20T06:30:00"}, "/onset_at"),
    ("bleeds", {"joint": "perhaps"}, "/joint"),
    ("factor-uses", {"iu": "-1"}, "/iu"),
    ("factor-uses", {"given_on": "2027-03-02"}, "/given_on"),
    ("factor-uses", {"reason": "luck"}, "/reason"),
    ("regimens", {"to": "2025-12-31"}, "/to"),
    ("regimens", {"reason": "surgery"}, "/reason"),
    ("attestations", {"code": "nosuch"}, "/code"),
    ("attestations", {"on": "2027-03-02"}, "/on"),
    ("events", {"kind": "holiday"}, "/kind"),
    ("events", {"from": "0001-01-01"}, "/from"),
    ("coverage", {"to": "2026-12-31"}, "/to"),
    ("draws", {"drawn_at": "2027-03-02T08:00:00Z"}, "/drawn_at"),
    ("kit", {"vials": 0}, "/vials"),
    ("kit", {"weight_kg": "NaN"}, "/weight_kg"),
    ("authorizations", {"status": "lost"}, "/status"),
]


@pytest.fixture
def url(world: World) -> str:
    return V1 + f"patients/{world.told(cohort.referred)}/"


@pytest.mark.parametrize("kind", GOOD)
def test_a_fact_is_recorded_once_and_listed_as_posted(world: World, url: str, kind: str) -> None:
    api = world.api()
    first = ok(api.post(url + f"{kind}/", GOOD[kind]), 201)
    again = ok(api.post(url + f"{kind}/", GOOD[kind]), 200)
    assert (again["id"], again["disposition"]) == (first["id"], "duplicate")
    rows = ok(api.get(url + f"{kind}/"))["results"]
    assert [r["id"] for r in rows] == [first["id"]]
    told = {k: v for k, v in GOOD[kind].items() if k not in ("onset_at", "drawn_at")}
    assert {k: rows[0][k] for k in told} == told
    assert (rows[0]["by"], rows[0]["supersedes"], rows[0]["retracted"]) == ("coordinator-north", None, False)


@pytest.mark.parametrize("kind", GOOD)
def test_a_fact_is_corrected_by_another_and_taken_back_by_a_third(world: World, url: str, kind: str) -> None:
    api = world.api()
    first = ok(api.post(url + f"{kind}/", GOOD[kind]), 201)
    changed = ok(api.post(url + f"{kind}/", GOOD[kind] | {"supersedes": first["id"]}), 201)
    gone = GOOD[kind] | {"supersedes": changed["id"], "retracted": True}
    ok(api.post(url + f"{kind}/", gone), 201)
    rows = ok(api.get(url + f"{kind}/"))["results"]
    assert [r["supersedes"] for r in rows] == [None, first["id"], changed["id"]]
    assert [r["retracted"] for r in rows] == [False, False, True]


@pytest.mark.parametrize("kind", GOOD)
def test_a_correction_names_a_fact_of_the_same_patient_and_kind(world: World, url: str, kind: str) -> None:
    api = world.api()
    assert pointers(api.post(url + f"{kind}/", GOOD[kind] | {"retracted": True})) == {"/supersedes"}
    assert pointers(api.post(url + f"{kind}/", GOOD[kind] | {"supersedes": str(uuid4())})) == {"/supersedes"}
    other = V1 + f"patients/{world.told(cohort.referred, 'N-2')}/"
    foreign = ok(api.post(other + f"{kind}/", GOOD[kind]), 201)["id"]
    assert pointers(api.post(url + f"{kind}/", GOOD[kind] | {"supersedes": foreign})) == {"/supersedes"}


@pytest.mark.parametrize(("kind", "change", "pointer"), FAULTS)
def test_a_faulty_fact_is_refused_by_name(
    world: World, url: str, kind: str, change: dict[str, Any], pointer: str
) -> None:
    assert pointers(world.api().post(url + f"{kind}/", GOOD[kind] | change)) == {pointer}
    assert ok(world.api().get(url + f"{kind}/"))["results"] == []


@pytest.mark.parametrize("kind", GOOD)
def test_unknown_fields_and_empty_objects_are_refused(world: World, url: str, kind: str) -> None:
    assert "/colour" in pointers(world.api().post(url + f"{kind}/", GOOD[kind] | {"colour": 1}), 400)
    problem(world.api().post(url + f"{kind}/", {}), 422)
    problem(world.api().post(url + f"{kind}/", []), 400)


def test_a_regimen_is_closed_by_a_correction(world: World, url: str) -> None:
    """The indication gate asks for prophylaxis now; a regimen that has ended no longer gives it."""
    api = world.api()

    def indication() -> str:
        gates = ok(api.get(url + "status/"))["gates"]
        return str(next(g["verdict"] for g in gates if g["code"] == "indication"))

    assert indication() == "missing"
    first = ok(api.post(url + "regimens/", GOOD["regimens"]), 201)
    assert indication() == "pass"
    closed = GOOD["regimens"] | {"to": "2027-02-01", "supersedes": first["id"]}
    ok(api.post(url + "regimens/", closed), 201)
    assert indication() == "missing"


def test_a_coverage_with_a_contract_enrols_the_patient_once(world: World, url: str) -> None:
    api = world.api()
    ok(api.post(url + "coverage/", GOOD["coverage"]), 201)
    ok(api.post(url + "coverage/", GOOD["coverage"] | {"payer": "Next Health"}), 201)
    assert ok(api.get(url))["contract"] == "sample-level"
    assert Act.objects.filter(kind="enrolment", key="sample-level").count() == 1


def test_a_contract_in_coverage_must_exist(world: World, url: str) -> None:
    answer = world.api().post(url + "coverage/", GOOD["coverage"] | {"contract": "nosuch"})
    assert pointers(answer) == {"/contract"}
    assert ok(world.api().get(url + "coverage/"))["results"] == []
