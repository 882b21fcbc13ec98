"""`imports/`, `quarantine/`, `code-maps/`: each item one disposition, one decision replays what waits on it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from patients.models import Inbound, Patient, QuarantineItem, Result, ResultHead
from patients.services.sites import create_source
from tests.api.conftest import V1, World
from tests.factories.messages import alt, bundle, observation, oru

ER7 = "application/hl7-v2+er7"
COUNTS = ("result", "duplicate", "pending", "quarantine", "retract", "cancelled", "untracked", "rejected")


@pytest.fixture
def patient(world: World) -> UUID:
    create_source(code="lab", site=world.north, sending_app="LAB", sending_facility="HOSP")
    return world.told(lambda teller: teller.refer(date(2027, 1, 4)))


@pytest.fixture
def who(patient: UUID) -> dict[str, str]:
    row = Patient.objects.get(pk=patient)
    return {"mrn": row.mrn, "family": row.family_name}


def send(
    world: World, data: bytes, query: str = "?source=lab", kind: str = ER7, role: str = "coordinator"
) -> Any:
    return world.api(role).generic("POST", f"{V1}imports/{query}", data, content_type=kind)


def counts(body: dict[str, Any]) -> dict[str, int]:
    assert body["received"] == sum(body[name] for name in COUNTS)
    return {name: body[name] for name in COUNTS if body[name]}


def test_a_message_becomes_a_result_and_comes_back_byte_for_byte(world: World, who: dict[str, str]) -> None:
    data = oru(alt("045.0"), **who)
    answer = send(world, data)
    body = answer.json()
    assert answer.status_code == 200, body
    assert counts(body) == {"result": 1}
    assert body["messages"] == [{"index": 1, "control_id": "C1", "ack": "AA", "reason": None}]
    item = body["items"][0]
    assert item["where"] == {"message": 1, "obr": 1, "obx": "1", "segment": 4, "code": "1742-6"}
    assert (item["analyte"], item["value"], item["unit"], item["value_text"]) == (
        "ALT",
        "45.0",
        "U/L",
        "045.0",
    )
    assert (item["reference_low"], item["reference_high"], item["status"]) == ("7", "40", "final")
    assert Result.objects.get(pk=item["result"]).reference_high == 40
    raw = world.api().get(f"{V1}imports/{body['id']}/raw/")
    assert b"".join(raw.streaming_content) == data
    assert world.api().get(f"{V1}imports/{body['id']}/").json()["items"] == body["items"]


def test_the_same_bytes_again_are_duplicates_and_change_nothing(world: World, who: dict[str, str]) -> None:
    data = oru(alt(), alt("?"), "NM|9999^X^L||1|U/L|||||F", "NM|2345-7^Glu^LN||5|mmol/L|||||F", **who)
    first = send(world, data).json()
    assert counts(first) == {"result": 1, "pending": 1, "quarantine": 1, "untracked": 1}
    assert counts(send(world, data).json()) == {"duplicate": 4}
    assert counts(send(world, data + oru(alt("46"), **who, control="C2", filler="F2")).json()) == {
        "duplicate": 4, "result": 1,
    }  # fmt: skip


def test_a_reused_control_id_with_other_content_is_processed(world: World, who: dict[str, str]) -> None:
    send(world, oru(alt("45"), **who))
    assert counts(send(world, oru(alt("45"), alt("50"), **who)).json()) == {"duplicate": 1, "result": 1}


def test_a_dry_run_says_the_same_and_stores_nothing(world: World, who: dict[str, str]) -> None:
    data = oru(alt(), "NM|9999^X^L||1|U/L|||||F", **who)
    dry = send(world, data, "?source=lab&dry_run=1").json()
    assert (dry["id"], dry["dry_run"]) == (None, True)
    assert not Inbound.objects.exists() and not QuarantineItem.objects.exists()
    real = send(world, data).json()
    assert counts(dry) == counts(real) and dry["reasons"] == real["reasons"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mrn": "nobody"}, "patient-unmatched"),
        ({"family": "Other", "born": "19700101"}, "patient-unmatched"),
    ],
)
def test_a_stranger_waits_and_the_sender_is_told(
    world: World, who: dict[str, str], change: dict[str, str], reason: str
) -> None:
    body = send(world, oru(alt(), **{**who, **change})).json()
    assert counts(body) == {"quarantine": 1}
    assert body["messages"][0]["ack"] == "AE" and body["messages"][0]["reason"] == reason
    assert body["items"][0]["reason"] == reason


def test_assigning_a_patient_moves_all_items_of_that_person(
    world: World, patient: UUID, who: dict[str, str]
) -> None:
    send(world, oru(alt(), **{**who, "mrn": "other"}))
    send(world, oru(alt("50"), **{**who, "mrn": "other"}, control="C2", filler="F2", at="20270221080000"))
    row = QuarantineItem.objects.order_by("pk").first()
    assert row is not None
    answer = world.api().post(
        f"{V1}quarantine/{row.pk}/resolve/",
        {"action": "assign_patient", "patient": str(patient), "reason": "old number"},
    )
    assert answer.status_code == 200, answer.json()
    assert answer.json()["replayed"] == {"result": 2}
    assert answer.json()["state"] == "resolved"
    assert not QuarantineItem.objects.filter(state="waiting").exists()
    assert ResultHead.objects.filter(patient_id=patient, active=True, analyte="ALT").count() == 2


def test_registering_the_patient_takes_what_waited(world: World, who: dict[str, str]) -> None:
    send(world, oru(alt(), mrn="N-77", family="Neu"))
    body = {
        "site": "north", "mrn": "N-77", "family_name": "Neu", "given_name": "Kim", "birth_date": "1990-01-01",
        "sex": "male", "pathway": "hemgenix",
    }  # fmt: skip
    answer = world.api().post(f"{V1}patients/", body)
    assert answer.status_code == 201, answer.json()
    assert ResultHead.objects.filter(patient_id=answer.json()["id"], active=True).count() == 1


def test_one_map_replays_everything_that_waits_on_it(world: World, who: dict[str, str]) -> None:
    for n in range(3):
        data = oru(
            f"SN|NAB^AAV5^L||^1^:^{20 + n}||||||F",
            **who,
            control=f"C{n}",
            filler=f"F{n}",
            at=f"2027022{n}080000",
        )
        assert counts(send(world, data).json()) == {"quarantine": 1}
    body = {
        "source": "lab",
        "system": "L",
        "code": "NAB",
        "unit": "",
        "analyte": "AAV5_NAB",
        "assay": "clinical-study",
    }
    answer = world.api().post(f"{V1}code-maps/", body)
    assert answer.status_code == 201, answer.json()
    assert answer.json()["replayed"] == {"result": 3}
    row = Result.objects.filter(analyte="AAV5_NAB").order_by("collected_at").first()
    assert row is not None and (row.value, row.assay) == (20, "clinical-study")
    assert world.api().get(f"{V1}quarantine/?state=waiting").json()["results"] == []


def test_an_untracked_code_that_is_mapped_brings_its_history(world: World, who: dict[str, str]) -> None:
    assert counts(send(world, oru("NM|2532-0^LDH^LN||5|U/L|||||F", **who)).json()) == {"untracked": 1}
    body = {"source": "lab", "system": "LN", "code": "2532-0", "analyte": "ALT"}
    assert world.api().post(f"{V1}code-maps/", body).json()["replayed"] == {"result": 1}


@pytest.mark.parametrize(
    ("observation_text", "reason", "decision", "becomes"),
    [
        (alt(unit="furlong"), "unit-unknown", {"action": "convert", "unit": "U/L"}, {"result": 1}),
        (alt(unit="furlong"), "unit-unknown", {"action": "convert", "factor": "2"}, {"result": 1}),
        (alt("25000"), "implausible", {"action": "accept"}, {"result": 1}),
        (alt(status="R"), "status-unverified", {"action": "accept"}, {"result": 1}),
        (alt("high"), "value-unparseable", {"action": "discard"}, {"discarded": 1}),
        ("NM|X1^ALT^L||45|U/L|||||F", "unmapped-code", {"action": "map", "analyte": "ALT"}, {"result": 1}),
    ],
)
def test_each_decision_of_the_desk(
    world: World,
    who: dict[str, str],
    observation_text: str,
    reason: str,
    decision: dict[str, str],
    becomes: Any,
) -> None:
    item = send(world, oru(observation_text, **who)).json()["items"][0]
    assert (item["disposition"], item["reason"]) == ("quarantine", reason)
    url = f"{V1}quarantine/{item['quarantine']}/resolve/"
    answer = world.api().post(url, {**decision, "reason": "asked the laboratory"})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["replayed"] == becomes
    assert answer.json()["resolved_by"] == world.user("coordinator").username
    assert world.api().post(url, {**decision, "reason": "again"}).status_code == 409


@pytest.mark.parametrize(
    "decision",
    [
        {"action": "accept"},
        {"action": "map"},
        {"action": "map", "analyte": "NOPE"},
        {"action": "convert"},
        {"action": "assign_patient"},
        {"action": "convert", "unit": "stone"},
    ],
)
def test_a_decision_that_does_not_fit_changes_nothing(
    world: World, who: dict[str, str], decision: dict[str, str]
) -> None:
    item = send(world, oru(alt(unit="furlong"), **who)).json()["items"][0]
    url = f"{V1}quarantine/{item['quarantine']}/resolve/"
    answer = world.api().post(url, {**decision, "reason": "x"})
    assert answer.status_code == 422, answer.json()
    assert world.api().get(f"{V1}quarantine/{item['quarantine']}/").json()["state"] == "waiting"


def test_a_contradicting_final_waits_and_acceptance_makes_it_count(
    world: World, patient: UUID, who: dict[str, str]
) -> None:
    send(world, oru(alt("45"), **who))
    item = send(world, oru(alt("46"), **who, sent="20270221120000", control="C2")).json()["items"][0]
    assert item["reason"] == "final-changed-without-correction"
    url = f"{V1}quarantine/{item['quarantine']}/resolve/"
    assert (
        world.api().post(url, {"action": "accept", "reason": "the laboratory confirmed"}).status_code == 200
    )
    head = ResultHead.objects.get(patient_id=patient, analyte="ALT")
    assert Result.objects.get(pk=head.result).value == 46 and not head.conflict


def test_the_same_draw_from_two_laboratories_counts_once_until_accepted(
    world: World, patient: UUID, who: dict[str, str]
) -> None:
    create_source(code="second", site=world.north)
    send(world, oru(alt("45"), **who))
    item = send(world, oru(alt("45"), **who, control="D1", filler="G1"), "?source=second").json()["items"][0]
    assert (item["disposition"], item["reason"]) == ("quarantine", "duplicate-suspect")
    listed = world.api().get(f"{V1}patients/{patient}/results/").json()["results"]
    assert len([r for r in listed if r["active"]]) == 1
    url = f"{V1}quarantine/{item['quarantine']}/resolve/"
    assert world.api().post(url, {"action": "accept", "reason": "two tubes"}).status_code == 200
    listed = world.api().get(f"{V1}patients/{patient}/results/").json()["results"]
    assert len([r for r in listed if r["active"]]) == 2


def test_a_repetition_counts_once_the_first_report_is_withdrawn(
    world: World, patient: UUID, who: dict[str, str]
) -> None:
    create_source(code="second", site=world.north)
    send(world, oru(alt("45"), **who))
    send(world, oru(alt("45"), **who, control="D1", filler="G1"), "?source=second")
    assert counts(
        send(world, oru(alt("", status="D"), **who, sent="20270222120000", control="C9")).json()
    ) == {"retract": 1}
    heads = ResultHead.objects.filter(patient_id=patient, analyte="ALT", active=True, suspect=False)
    assert Result.objects.get(pk=heads.get().result).source == "second"
    assert QuarantineItem.objects.get(reason="duplicate-suspect").state == "resolved"


def test_a_bundle_and_a_table_say_the_same(world: World, patient: UUID, who: dict[str, str]) -> None:
    assert counts(send(world, bundle(observation(), **who), kind="application/fhir+json").json()) == {
        "result": 1
    }
    table = f"mrn,family_name,loinc,value,unit,collected_at\n{who['mrn']},{who['family']},1742-6,45,U/L,2027-02-20T08:15:00Z\n"
    body = send(world, table.encode(), kind="text/csv").json()
    assert counts(body) == {"quarantine": 1} and body["reasons"] == {"duplicate-suspect": 1}


def test_a_file_is_taken_as_a_form_too(world: World, who: dict[str, str]) -> None:
    sent = {"source": "lab", "file": SimpleUploadedFile("labs.hl7", oru(alt(), **who))}
    answer = world.api().post(f"{V1}imports/", sent, format="multipart")
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["file"], answer.json()["format"]) == ("labs.hl7", "hl7v2")


def test_without_a_source_the_sender_decides(world: World, who: dict[str, str]) -> None:
    assert send(world, oru(alt(), **who), "").json()["messages"][0]["ack"] == "AA"
    body = send(world, oru(alt("50"), **who, app="STRANGE", control="C5", filler="F5"), "").json()
    assert body["messages"][0]["ack"] == "AE" and body["reasons"] == {"source-unknown": 1}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"%PDF-1.7", "unknown-format"),
        (b"mrn,value\n1,2\n", "bad-header"),
        (b"{", "unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_is_kept_and_named(
    world: World, patient: UUID, data: bytes, reason: str
) -> None:
    answer = send(world, data, kind="application/octet-stream")
    assert answer.status_code == 200
    assert counts(answer.json()) == {"rejected": 1} and answer.json()["reasons"] == {reason: 1}
    assert Inbound.objects.get().state == "rejected"
    raw = world.api().get(f"{V1}imports/{answer.json()['id']}/raw/")
    assert b"".join(raw.streaming_content) == data


def test_one_unreadable_message_does_not_stop_the_others(world: World, who: dict[str, str]) -> None:
    body = send(
        world, oru(alt(), **who) + b"MSH|^\r" + oru(alt("50"), **who, control="C2", filler="F2")
    ).json()
    assert counts(body) == {"result": 2, "rejected": 1}
    assert [m["ack"] for m in body["messages"]] == ["AA", "AR", "AA"]


def test_a_message_that_is_no_result_is_accepted_and_holds_nothing(world: World, patient: UUID) -> None:
    body = send(world, b"MSH|^~\\&|LAB|HOSP|D|X|20270220||ADT^A01|A1|P|2.5\rPID|1||N-1\r").json()
    assert (body["received"], body["reasons"]) == (0, {"not-a-result": 1})
    assert body["messages"][0]["ack"] == "AA"


def test_errors_are_downloaded_without_formulas(world: World, who: dict[str, str]) -> None:
    body = send(world, oru("ST|1742-6^ALT^LN||=cmd()|U/L|||||F", **who)).json()
    answer = world.api().get(f"{V1}imports/{body['id']}/errors.csv")
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[0] == "where,code,value,unit,disposition,reason,detail,raw"
    assert "'=cmd()" in text and "value-unparseable" in text


@pytest.mark.parametrize(
    ("query", "pointer", "status"),
    [
        ("?source=nope", "/source", 422),
        ("?source=lab&format=pdf", "/format", 422),
        ("?source=lab&mapping=x", "/mapping", 422),
        ("?source=lab&colour=red", "/colour", 400),
        ("?source=lab&dry_run=maybe", "/dry_run", 422),
    ],
)
def test_faults_of_the_request_name_their_field(
    world: World, who: dict[str, str], query: str, pointer: str, status: int
) -> None:
    answer = send(world, oru(alt(), **who), query)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Inbound.objects.exists()


def test_an_importer_sees_its_own_imports_and_nothing_else(world: World, who: dict[str, str]) -> None:
    mine = send(world, oru(alt(), **who), role="lab_importer").json()
    other = send(world, oru(alt("50"), **who, control="C2", filler="F2")).json()
    api = world.api("lab_importer")
    assert api.get(f"{V1}imports/{mine['id']}/").status_code == 200
    assert api.get(f"{V1}imports/{other['id']}/").status_code == 404
    assert [r["id"] for r in api.get(f"{V1}imports/").json()["results"]] == [mine["id"]]
    assert api.get(f"{V1}imports/{mine['id']}/raw/").status_code == 403
    assert api.get(f"{V1}quarantine/").status_code == 403
    assert world.api("coordinator", "south").get(f"{V1}imports/{mine['id']}/").status_code == 404


def test_a_saved_table_mapping_reads_a_foreign_layout(world: World, who: dict[str, str]) -> None:
    mapping = {
        "name": "klinik", "source": "lab", "decimal": ",", "date_formats": ["%d.%m.%Y %H:%M"],
        "columns": {"mrn": "Fallnr", "family_name": "Name", "value": "Wert", "collected_at": "Abnahme"},
        "constants": {"analyte": "ALT", "unit": "U/L"},
    }  # fmt: skip
    assert world.api().post(f"{V1}table-mappings/", mapping).status_code == 201
    text = f"Fallnr;Name;Wert;Abnahme\n{who['mrn']};{who['family']};45,5;20.02.2027 08:15\n"
    body = send(world, text.encode("cp1252"), "?source=lab&mapping=klinik", kind="text/csv").json()
    assert counts(body) == {"result": 1}, body
    assert body["items"][0]["converted"] == {"value": "45.5", "unit": "U/L"}
    broken = {**mapping, "name": "b", "columns": {"mrn": "a", "colour": "b"}}
    faults = world.api().post(f"{V1}table-mappings/", broken).json()["errors"]
    assert {f["pointer"] for f in faults} == {"/columns", "/columns/value", "/columns/collected_at"}


def test_too_large_a_file_is_refused(world: World, patient: UUID) -> None:
    answer = world.api().generic(
        "POST", f"{V1}imports/?source=lab", b"x" * (50 * 1024 * 1024 + 1), content_type="text/csv"
    )
    assert answer.status_code == 413


def test_an_idempotency_key_replays_the_answer(world: World, who: dict[str, str]) -> None:
    data = oru(alt(), **who)
    told = {"content_type": ER7, "HTTP_IDEMPOTENCY_KEY": "k1"}
    first = world.api().generic("POST", f"{V1}imports/?source=lab", data, **told)
    again = world.api().generic("POST", f"{V1}imports/?source=lab", data, **told)
    assert again["Idempotency-Replayed"] == "true" and again.json() == first.json()
    assert Inbound.objects.count() == 1
