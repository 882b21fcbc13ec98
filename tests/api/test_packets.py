"""`packets/` and `claims/`: shapes, versions as sent, roles, and what an auditor does not see."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from outcomes.selectors import packets as reading
from outcomes.services import cohort, packets
from patients.models import Blob, BlobPart
from tests.api.conftest import V1, World, ok, pointers, problem
from workflow.models import Act


@pytest.fixture
def cleared(world: World) -> UUID:
    return world.told(cohort.cleared, contract="sample-level")


@pytest.fixture
def infused(world: World) -> UUID:
    return world.told(cohort.infused_last_week, mrn="N-2", contract="sample-level")


def packet(world: World, patient: UUID, role: str = "coordinator", tail: str = "", **query: Any) -> Any:
    return ok(world.api(role).get(f"{V1}packets/{patient}/{tail}", query))


def claim(world: World, patient: UUID, lines: Any = None, role: str = "coordinator") -> Any:
    url = f"{V1}claims/{patient}/check/"
    return ok(world.api(role).get(url) if lines is None else world.api(role).post(url, {"lines": lines}))


def by_code(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {r["code"]: r for r in rows}


def test_the_packet_lists_each_item_with_evidence_gap_and_mend(world: World, cleared: UUID) -> None:
    body = packet(world, cleared)
    items = by_code(body["items"])
    assert (body["patient"], body["policy"]["id"], body["as_of"]) == (
        str(cleared),
        "us-standard",
        "2027-03-01",
    )
    assert items["hepatitis-b"]["verdict"] == "present" and items["hepatitis-b"]["evidence"][0]["fact"]
    assert items["treatment-history"]["missing"] and items["treatment-history"]["fix"]
    assert body["open"] == ["treatment-history", "nab"] and body["complete"] is False
    assert body["person"]["family_name"] and "invented" in body["contracts"][0]["title"]
    assert "submits nothing" in body["notice"]


def test_the_packet_of_a_past_date(world: World, cleared: UUID) -> None:
    assert by_code(packet(world, cleared, as_of="2027-01-20")["items"])["nab"]["verdict"] == "missing"
    problem(world.api().get(f"{V1}packets/{cleared}/?colour=red"), 400)


def test_the_mend_mends(world: World, cleared: UUID) -> None:
    before = packet(world, cleared)
    for route, fact in (
        ("events", {"kind": "lead_in", "from": "2026-01-01", "source": "chart"}),
        ("attestations", {"code": "nab-rationale", "on": "2027-03-01", "note": "low titer"}),
    ):
        ok(world.api().post(f"{V1}patients/{cleared}/{route}/", fact), 201)
    after = packet(world, cleared)
    assert after["complete"] and after["open"] == []
    assert after["sha256"] != before["sha256"]


def sent(world: World, patient: UUID, role: str = "coordinator", **more: Any) -> Any:
    return ok(world.api(role).post(f"{V1}packets/{patient}/", {"payer": "Plan A", **more}), 201)


def test_a_packet_is_kept_as_it_was_sent(world: World, cleared: UUID) -> None:
    seen = packet(world, cleared)
    first = sent(world, cleared, sha256=seen["sha256"], channel="fax", note="by hand")
    assert first["sha256"] == seen["sha256"]
    assert {k: first["sent"][k] for k in ("version", "payer", "sent_on", "channel", "by")} == {
        "version": 1, "payer": "Plan A", "sent_on": "2027-03-01", "channel": "fax", "by": "coordinator-north",
    }  # fmt: skip
    fact = {"code": "nab-rationale", "on": "2027-03-01", "note": "low titer"}
    ok(world.api().post(f"{V1}patients/{cleared}/attestations/", fact), 201)
    assert sent(world, cleared)["sent"]["version"] == 2
    kept = packet(world, cleared, tail="versions/1/")
    unmoved = {k: v for k, v in kept.items() if k not in ("sent", "as_known_at")}
    assert unmoved == {k: v for k, v in seen.items() if k != "as_known_at"}
    assert reading.content_hash({k: v for k, v in kept.items() if k != "sent"}) == seen["sha256"]
    listed = packet(world, cleared, tail="versions/")["results"]
    assert [r["version"] for r in listed] == [1, 2] and listed[0]["sha256"] != listed[1]["sha256"]
    problem(world.api().get(f"{V1}packets/{cleared}/versions/3/"), 404)


def test_the_kept_bytes_are_encrypted_and_the_act_names_nobody(world: World, cleared: UUID) -> None:
    name = packet(world, cleared)["person"]["family_name"]
    sent(world, cleared)
    act = Act.objects.get(kind=packets.KIND)
    blob = Blob.objects.get(pk=act.payload["blob"])
    assert blob.sha256 == act.payload["sha256"] and blob.site_id == world.north.pk
    assert name.encode() not in b"".join(bytes(p.data) for p in BlobPart.objects.all())
    assert name not in json.dumps(act.payload)


def test_a_packet_that_changed_since_it_was_seen_is_not_kept(world: World, cleared: UUID) -> None:
    url = f"{V1}packets/{cleared}/"
    body = problem(world.api().post(url, {"payer": "Plan A", "sha256": hashlib.sha256(b"").hexdigest()}), 412)
    assert body["current"]["sha256"] == packet(world, cleared)["sha256"]
    assert pointers(world.api().post(url, {"payer": "Plan A", "sent_on": "2027-03-02"})) == {"/sent_on"}
    assert pointers(world.api().post(url, {"sent_on": "soon"})) == {"/payer", "/sent_on"}
    assert pointers(world.api().post(url, {"payer": "P", "colour": "red"}), 400) == {"/colour"}
    assert not Act.objects.filter(kind=packets.KIND).exists()


def test_a_sending_repeated_with_its_key_is_one(world: World, cleared: UUID) -> None:
    url, key = f"{V1}packets/{cleared}/", {"HTTP_IDEMPOTENCY_KEY": "k"}
    first, second = (world.api().post(url, {"payer": "P"}, **key) for _ in range(2))
    assert ok(first, 201) == ok(second, 201) and second["Idempotency-Replayed"] == "true"
    assert Act.objects.filter(kind=packets.KIND).count() == 1


def test_the_claim_sheet_and_its_checks(world: World, infused: UUID) -> None:
    body = claim(world, infused)
    assert {k: next(x for x in body["lines"] if x["fl"] == "44")[k] for k in ("fl", "code", "line")} == {
        "fl": "44",
        "code": "J1411",
        "line": 1,
    }
    assert all(set(c) >= {"code", "verdict", "reason", "fix"} for c in body["checks"])
    assert [c["code"] for c in body["checks"] if c["kind"] == "denial"] == [
        "nab", "age", "history", "monitoring-plan", "lot-ndc-volume", "inhibitor", "infection",
        "site-certification", "hcpcs", "administration-cpt", "contract-flag",
    ]  # fmt: skip
    assert by_code(body["checks"])["lot-ndc-volume"]["verdict"] == "missing"
    assert "by rule the kit is" in by_code(body["checks"])["lot-ndc-volume"]["fix"]
    assert body["prepared"] is True and "submits nothing" in body["notice"]


def test_lines_of_somebody_else_are_checked(world: World, infused: UUID) -> None:
    lines = [
        {"fl": "FL 44", "code": "J3490", "line": 1},
        {"fl": 44, "code": "96413", "line": 2},
        {"fl": "67", "code": "d67"},
    ]
    body = claim(world, infused, lines)
    checks = by_code(body["checks"])
    assert [(x["fl"], x["code"]) for x in body["lines"]] == [("44", "J3490"), ("44", "96413"), ("67", "D67")]
    assert body["lines"][0]["says"] == "Unclassified drugs"
    assert {c: checks[c]["verdict"] for c in ("hcpcs", "administration-cpt", "contract-flag", "diagnosis")} == {
        "hcpcs": "fail", "administration-cpt": "fail", "contract-flag": "missing", "diagnosis": "pass",
    }  # fmt: skip
    assert "J1411" in checks["hcpcs"]["fix"] and "96365" in checks["administration-cpt"]["fix"]


def test_the_own_sheet_checks_as_it_was_made(world: World, infused: UUID) -> None:
    body = claim(world, infused)
    assert claim(world, infused, body["lines"])["checks"] == body["checks"]


@pytest.mark.parametrize(
    "line", [{"fl": "44", "code": "J1411-JZ", "units": "1"}, {"fl": "44", "code": "J1411 JZ", "units": 1}]
)
def test_modifiers_and_units_may_stand_in_the_line(world: World, infused: UUID, line: dict[str, Any]) -> None:
    checks = by_code(claim(world, infused, [line])["checks"])
    assert checks["hcpcs"]["verdict"] == "pass" and "JZ stands" in checks["modifiers"]["reason"]


def test_every_fault_of_the_lines_at_once(world: World, infused: UUID) -> None:
    url = f"{V1}claims/{infused}/check/"
    post = world.api().post
    assert pointers(post(url, {"lines": [{"fl": "99", "code": "1"}, {"fl": "44"}]})) == {
        "/lines/0/fl",
        "/lines/1/code",
    }
    assert pointers(post(url, {"lines": [{"fl": "44", "code": "1", "colour": 1}]}), 400) == {
        "/lines/0/colour"
    }
    assert pointers(post(url, {})) == {"/lines"}
    assert pointers(post(url, {"lines": {}})) == {"/lines"}
    problem(post(url, {"lines": ["J1411"]}), 400)
    assert claim(world, infused, [])["checks"]


def test_an_auditor_sees_no_person(world: World, cleared: UUID) -> None:
    note = "a word about somebody"
    for code in ("nab-rationale", "lft-plan"):
        fact = {"code": code, "on": "2027-03-01", "note": note}
        ok(world.api().post(f"{V1}patients/{cleared}/attestations/", fact), 201)
    fact = {"payer": "P", "number": "PA-SECRET", "status": "approved", "decided_on": "2027-03-01"}
    ok(world.api().post(f"{V1}patients/{cleared}/authorizations/", fact), 201)
    person = packet(world, cleared)["person"]
    sent(world, cleared, note=note)
    for tail in ("", "versions/", "versions/1/"):
        text = json.dumps(packet(world, cleared, "auditor", tail))
        for secret in (person["mrn"], person["family_name"], person["birth_date"], note, "PA-SECRET"):
            assert secret not in text, (tail, secret)
    text = json.dumps(claim(world, cleared, role="auditor"))
    for secret in (person["mrn"], person["family_name"], person["birth_date"], note, "PA-SECRET"):
        assert secret not in text, secret


@pytest.mark.parametrize("tail", ["packets/{}/", "packets/{}/versions/", "claims/{}/check/"])
def test_other_roles_are_refused_and_foreign_patients_do_not_exist(
    world: World, cleared: UUID, tail: str
) -> None:
    url = V1 + tail.format(cleared)
    for role in ("lab_importer", "site_admin"):
        problem(world.api(role).get(url), 403)
        problem(world.api(role, "south").get(url), 404)
    for role in ("coordinator", "clinician", "auditor"):
        ok(world.api(role).get(url))
        problem(world.api(role, "south").get(url), 404)
    if "versions" not in tail:
        problem(world.api("auditor").post(url, {"payer": "P"}), 403)


def test_reading_needs_few_queries(world: World, infused: UUID, django_assert_max_num_queries: Any) -> None:
    for url in (f"{V1}packets/{infused}/", f"{V1}claims/{infused}/check/"):
        client = world.api()
        ok(client.get(url))
        with django_assert_max_num_queries(18):
            ok(client.get(url))
