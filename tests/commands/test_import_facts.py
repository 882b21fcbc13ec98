"""Existing patients are taken over from tables: same shapes, every fault at once, again changes nothing."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from outcomes.services import takeover
from patients.models import Attestation, Bleed, FactorUse, Patient, Regimen, Result, Site
from patients.readers.moments import with_offset
from tests.factories.people import PatientFactory, make_site
from tests.services.ready import DAY0, ready_patient
from workflow.models import Act, Infusion, Pathway
from workflow.services import facts

PEOPLE = "mrn,family_name,given_name,birth_date,sex,pathway,policy"


def taken(path: Path, kind: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and summary."""
    out = io.StringIO()
    code = 0
    try:
        call_command("import_facts", str(path), "--kind", kind, "--site", "north", *more, stdout=out,
                     stderr=io.StringIO())  # fmt: skip
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


def table(folder: Path, header: str, *rows: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def faults(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "errors.csv").open(encoding="utf-8", newline="") as file:
        return [(r["row"], r["field"], r["code"]) for r in csv.DictReader(file)]


def counts(body: dict[str, Any]) -> tuple[int, int, int]:
    return body["recorded"], body["duplicate"], body["refused"]


def test_patients_are_taken_over_once(site: Site, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        PEOPLE,
        "0017,Muster,Kim,1980-02-29,male,hemgenix,us-standard",
        "0018,Beispiel,,1990-01-01,female,hemgenix,",
    )
    code, told = taken(path, "patients")
    assert (code, counts(told), told["received"], told["reasons"]) == (0, (2, 0, 0), 2, {})
    row = Patient.objects.get(mrn="0017")
    assert (row.family_name, row.birth_date, row.site) == ("Muster", date(1980, 2, 29), site)
    assert Pathway.objects.get(patient__mrn="0018").policy == "label-us"
    assert counts(taken(path, "patients")[1]) == (0, 2, 0)
    assert Patient.objects.count() == 2
    assert faults(tmp_path) == []


def test_all_faults_of_all_rows_are_told_at_once_and_good_rows_are_taken(site: Site, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        PEOPLE,
        "1,=cmd(),Kim,1980-02-30,male,hemgenix,label-us",
        "2,Muster,Kim,1980-02-01,male,hemgenix,label-us",
        ",Muster,Kim,,robot,hemgenix,label-us",
        "4,Muster,Kim,1980-02-01,male,nothing,never",
        "5,Muster,Kim,2999-02-01,male,hemgenix,label-us",
        "6,Muster,Kim,1980-02-01,male,hemgenix,label-us,shifted",
        "2,Muster,Sam,1980-02-01,male,hemgenix,label-us",
    )
    code, told = taken(path, "patients")
    assert (code, counts(told)) == (1, (1, 0, 6))
    assert faults(tmp_path) == [
        ("1", "birth_date", "invalid"),
        ("3", "mrn", "required"),
        ("3", "birth_date", "required"),
        ("3", "sex", "invalid_choice"),
        ("4", "pathway", "unknown"),
        ("4", "policy", "unknown"),
        ("5", "birth_date", "range"),
        ("6", "", "too-many-cells"),
        ("7", "given_name", "changed"),
    ]
    assert told["reasons"]["required"] == 1
    assert Patient.objects.get().given_name == "Kim"


def test_cells_of_the_error_list_start_no_formula(site: Site, tmp_path: Path) -> None:
    path = table(tmp_path, "mrn,family_name", "=HYPERLINK(1),@x")
    assert taken(path, "patients", "--errors", str(tmp_path / "mine.csv"))[0] == 1
    with (tmp_path / "mine.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=HYPERLINK(1),@x" in cells
    assert not [c for c in cells if c.startswith(("=", "@", "+", "-"))]


BLEEDS = "mrn,birth_date,onset_at,site,joint,cause,treated,source,source_id"


def test_bleeds_belong_to_who_is_named(site: Site, tmp_path: Path) -> None:
    one, two = PatientFactory(site=site), PatientFactory(site=site)
    path = table(
        tmp_path,
        BLEEDS,
        f"{one.mrn},,2026-01-02,left knee,yes,spontaneous,TRUE,old,b1",
        f"{two.mrn},1985-05-17,2026-07-02 08:30,elbow,1,traumatic,0,old,b2",
        f"{one.mrn},,2026-01-02,left knee,yes,spontaneous,TRUE,old,b1",
        f"{two.mrn},1999-05-17,2026-01-02,elbow,1,traumatic,0,old,b3",
        "nobody,,2026-01-02,,maybe,traumatic,0,old,b4",
        f"{two.mrn},,2026-10-25T02:30,elbow,1,traumatic,0,old,b5",
    )
    code, told = taken(path, "bleeds")
    assert (code, counts(told)) == (1, (2, 1, 3))
    assert faults(tmp_path) == [
        ("4", "birth_date", "patient-mismatch"),
        ("5", "mrn", "patient-unmatched"),
        ("5", "site", "required"),
        ("5", "joint", "invalid"),
        ("6", "onset_at", "offset"),
    ]
    knee, elbow = Bleed.objects.order_by("onset_at")
    assert (knee.patient_id, knee.joint, knee.body_site) == (one.pk, True, "left knee")
    assert elbow.onset_at == datetime.fromisoformat("2026-07-02T08:30:00+02:00")
    assert counts(taken(path, "bleeds")[1]) == (0, 3, 3)
    assert Bleed.objects.count() == 2


def test_a_source_id_stands_for_one_fact_of_one_patient(site: Site, tmp_path: Path) -> None:
    one, two = PatientFactory(site=site), PatientFactory(site=site)
    header = "mrn,product,iu,given_on,reason,source,source_id,supersedes"
    row = "IDELVION,{iu},2026-01-05,prophylaxis,old,f1,{fact}"
    path = table(tmp_path, header, f"{one.mrn},{row.format(iu=2000, fact='')}")
    assert taken(path, "factor_uses")[0] == 0
    first = FactorUse.objects.get()
    table(
        tmp_path,
        header,
        f"{one.mrn},{row.format(iu=3000, fact='')}",
        f"{two.mrn},{row.format(iu=2000, fact='')}",
    )
    assert taken(path, "factor_uses")[0] == 1
    assert faults(tmp_path) == [("1", "source_id", "changed"), ("2", "source_id", "other-patient")]
    assert FactorUse.objects.count() == 1
    table(tmp_path, header, f"{one.mrn},{row.format(iu=3000, fact=first.pk)}")
    assert counts(taken(path, "factor_uses")[1]) == (1, 0, 0)
    assert FactorUse.objects.get(supersedes=first.pk).iu == Decimal(3000)


def test_a_patient_is_decided_once_for_all_rows(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = PatientFactory(site=site)
    before = Pathway.objects.get(pk=patient.pk).decided_seq
    rows = [f"{patient.mrn},IDELVION,2000,2026-01-{n:02},prophylaxis" for n in range(1, 20)]
    assert counts(taken(table(tmp_path, "mrn,product,iu,given_on,reason", *rows), "factor_uses")[1]) == (
        19,
        0,
        0,
    )
    assert Pathway.objects.get(pk=patient.pk).decided_seq == before + 1


def test_a_workbook_is_read_like_a_table(site: Site, tmp_path: Path) -> None:
    PatientFactory(site=site, mrn="4711")
    book = openpyxl.Workbook()
    for row in (
        ["mrn", "product", "iu_per_kg", "interval_days", "from", "to"],
        [4711, "IDELVION", 42.5, 7, date(2024, 1, 1), None],
        [4711, "IDELVION", 40, 10, date(2025, 1, 1), date(2024, 1, 1)],
    ):
        book.active.append(row)
    path = tmp_path / "regimens.xlsx"
    book.save(path)
    assert counts(taken(path, "regimens")[1]) == (1, 0, 1)
    assert faults(tmp_path) == [("2", "to", "invalid")]
    row = Regimen.objects.get()
    assert (row.iu_per_kg, row.from_on, row.to_on) == (Decimal("42.5"), date(2024, 1, 1), None)


INFUSIONS = "mrn,started_at,ended_at,weight_kg,volume_ml,outcome,place_of_service,vial_lots,reactions"


def test_an_infusion_of_the_past_is_judged_by_what_was_known_then(site: Site, tmp_path: Path) -> None:
    ready, missing = ready_patient(site), ready_patient(site, without="ALT")
    row = f"{DAY0}T10:00,{DAY0}T11:00,72,144,complete,22,A1; A2,[]"
    path = table(tmp_path, INFUSIONS, f"{ready.mrn},{row}", f"{missing.mrn},{row}")
    code, told = taken(path, "infusions")
    assert (code, counts(told)) == (1, (1, 0, 1))
    assert {(r, c) for r, _, c in faults(tmp_path)} == {("2", "gate-blocked")}
    infusion = Infusion.objects.get()
    assert (infusion.patient_id, infusion.day0, infusion.vial_lots) == (ready.pk, DAY0, ["A1", "A2"])
    assert counts(taken(path, "infusions")[1]) == (0, 1, 1)
    table(tmp_path, INFUSIONS, f"{ready.mrn},{row.replace('144', '140')}")
    assert counts(taken(path, "infusions")[1]) == (0, 0, 1)
    assert faults(tmp_path) == [("1", "", "conflict")]
    assert Infusion.objects.count() == 1


def test_a_dry_run_counts_alike_and_stores_nothing(site: Site, tmp_path: Path) -> None:
    patient = PatientFactory(site=site)
    people = table(tmp_path, PEOPLE, *["7,Muster,Kim,1980-02-01,male,hemgenix,label-us"] * 2, "8,,,,,,")
    before = [m.objects.count() for m in (Patient, Act, Bleed)]
    dry = taken(people, "patients", "--dry-run")
    row = f"{patient.mrn},,2026-01-02,left knee,yes,spontaneous,TRUE,old,b1"
    assert counts(taken(table(tmp_path, BLEEDS, row, row), "bleeds", "--dry-run")[1]) == (1, 1, 0)
    assert [m.objects.count() for m in (Patient, Act, Bleed)] == before
    people = table(tmp_path, PEOPLE, *["7,Muster,Kim,1980-02-01,male,hemgenix,label-us"] * 2, "8,,,,,,")
    real = taken(people, "patients")
    assert (real[0], {**real[1], "dry_run": True}) == dry


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable"),
        (b"family_name\nx\n", "bad-header"),
        (b"mrn,onset_at,wealth\n1,2,3\n", "bad-header"),
        (b"mrn,mrn\n1,2\n", "bad-header"),
        (b"mrn,override\n1,2\n", "bad-header"),
        (b"mrn\n\x00\n", "unreadable"),
        (b'mrn\n"1\n', "unreadable"),
        (b"MSH|^~\\&|A|B\r", "unknown-format"),
        (b"PK\x03\x04 no workbook", "unreadable"),
        (b"mrn\n" + b"1\n" * 100_001, "too-large"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(site: Site, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    code, told = taken(path, "infusions" if b"override" in content else "bleeds")
    assert (code, told["rejected"]) == (2, reason)
    assert not (tmp_path / "errors.csv").exists()
    assert taken(tmp_path / "none.csv", "bleeds")[0] == 2


def test_patients_of_another_site_are_not_seen(site: Site, tmp_path: Path) -> None:
    stranger = PatientFactory(site=make_site("south"))
    path = table(tmp_path, BLEEDS, f"{stranger.mrn},,2026-01-02,left knee,yes,spontaneous,TRUE,,")
    assert taken(path, "bleeds")[0] == 1
    assert faults(tmp_path) == [("1", "mrn", "patient-unmatched")]
    path = table(tmp_path, f"{PEOPLE},site", "7,Muster,Kim,1980-02-01,male,hemgenix,label-us,south")
    assert taken(path, "patients")[0] == 1
    assert faults(tmp_path) == [("1", "site", "other-site")]


def test_what_is_refused_at_the_start(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    path.write_text("mrn\n1\n")
    with pytest.raises(CommandError, match="--errors"):
        taken(path, "bleeds")
    with pytest.raises(CommandError, match="--errors"):
        taken(path, "bleeds", "--errors", str(tmp_path / "no folder" / "e.csv"))
    with pytest.raises(CommandError, match="create_site"):
        call_command("import_facts", str(path), "--kind", "bleeds", "--site", "nowhere", "--errors", "x.csv")
    assert path.read_text() == "mrn\n1\n"


def test_a_database_that_goes_away_leaves_whole_patients(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = PatientFactory(site=site), PatientFactory(site=site)
    rows = [f"{p.mrn},IDELVION,2000,2026-01-0{n},prophylaxis" for n in (1, 2) for p in (one, two)]
    path = table(tmp_path, "mrn,product,iu,given_on,reason", *rows)
    real = facts.record_all

    def away(**told: Any) -> Any:
        if told["patient"] == two.pk:
            raise OperationalError("gone")
        return real(**told)

    with monkeypatch.context() as patched:
        patched.setattr(takeover.facts, "record_all", away)
        with pytest.raises(CommandError, match="after 2 rows"):
            taken(path, "factor_uses")
    assert counts(taken(path, "factor_uses")[1]) == (2, 2, 0)
    assert not Result.objects.exists()
    assert not Attestation.objects.exists()


@pytest.mark.parametrize(
    ("text", "zone", "read"),
    [
        ("2026-01-01T08:00:05", "Europe/Berlin", "2026-01-01T08:00:05+01:00"),
        ("2026-07-01 08:00", "America/Chicago", "2026-07-01T08:00:00-05:00"),
        ("2026-07-01T08:00Z", "America/Chicago", "2026-07-01T08:00Z"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T02:30"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T02:30"),
        ("2026-02-30T02:30", "Europe/Berlin", "2026-02-30T02:30"),
        ("2026-07-01", "Europe/Berlin", "2026-07-01"),
    ],
)
def test_local_times_get_their_offset_where_it_is_certain(text: str, zone: str, read: str) -> None:
    assert with_offset(text, zone) == read
