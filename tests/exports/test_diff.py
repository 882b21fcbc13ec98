"""What changed between two exports, and which fact did it; and an old export made again after a correction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from outcomes.services.attestations import attest
from patients import access
from patients.models import Bleed, Result
from tests.exports.conftest import NOW, TODAY, Cohort
from tests.exports.test_package import FIXED, exported, rows

LATER = NOW + timedelta(days=20)
MONTH_12 = TODAY - timedelta(round(12 * 30.4375) + 3) + timedelta(round(12 * 30.4375))


def differences(
    old: Path, new: Path, capsys: pytest.CaptureFixture[str], code: int = 1
) -> list[dict[str, Any]]:
    capsys.readouterr()
    if code:
        with pytest.raises(SystemExit) as ended:
            call_command("diff_exports", str(old), str(new))
        assert ended.value.code == code
    else:
        call_command("diff_exports", str(old), str(new))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def warranted(cohort: Cohort) -> Cohort:
    """Two patients under a contract of their own, so that their corrections change nobody else's export."""
    cohort.told("W-12", 12, contract="sample-warranty")
    cohort.told("W-24", 24, contract="sample-warranty")
    signer = cohort.user("clinician").username
    with access.everywhere(by="test"):
        attest(
            patient=cohort.patients["W-24"], contract="sample-warranty", month=24, by=signer,
            at=NOW - timedelta(minutes=10),
        )  # fmt: skip
    return cohort


@pytest.fixture(scope="module")
def old(warranted: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("old"), contract="sample-warranty", **FIXED)


@pytest.fixture(scope="module")
def new(old: Path, warranted: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Days later: a value is corrected, a bleed is told late, prophylaxis had begun again."""
    with time_machine.travel(LATER, tick=False):
        at = date(2027, 3, 10)
        with warranted.teller("W-12") as told:
            corrected = told._item(MONTH_12, "FIX_OS", "11", {
                "status": "corrected", "reported_at": told.at(at).isoformat(),
            })  # fmt: skip
            from workflow.services import intake

            intake.record_results(
                patient=told.patient, items=[corrected], by="test", at=told.at(at), listed=True
            )
            told.bleed(TODAY - timedelta(60), known_on=at)
        with warranted.teller("W-24") as told:
            told.prophylaxis(at, TODAY - timedelta(300))
        yield exported(
            tmp_path_factory.mktemp("new"), contract="sample-warranty", as_of="2027-03-01",
            as_known_at="2027-03-15T00:00:00Z",
        )  # fmt: skip


def test_an_old_export_is_made_again_after_corrections(old: Path, new: Path, tmp_path: Path) -> None:
    again = exported(tmp_path, contract="sample-warranty", **FIXED)
    assert {p.name: p.read_bytes() for p in old.iterdir()} == {
        p.name: p.read_bytes() for p in again.iterdir()
    }
    assert rows(old, "milestones") != rows(new, "milestones")


def test_equal_exports_differ_in_nothing(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = exported(
        tmp_path, contract="sample-warranty", as_of="2027-03-01", as_known_at="2027-03-01T10:58:00Z"
    )
    assert differences(old, again, capsys, code=0) == []


def test_each_difference_names_its_fact(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with access.everywhere(by="test"):
        value = Result.objects.get(analyte="FIX_OS", status="corrected")
        bleed = Bleed.objects.get(patient=value.patient_id, onset_on=TODAY - timedelta(60))
    found = differences(old, new, capsys)
    assert {tuple(row) for row in found} >= {("change", "file", "key", "column", "old", "new", "fact")}
    [activity] = [r for r in found if r["column"] == "value_iu_dl"]
    assert (activity["file"], activity["change"]) == ("fix_activity", "changed")
    assert (activity["old"], activity["new"], activity["fact"]) == ("28", "11", f"result:{value.pk}")
    [added] = [r for r in found if r["file"] == "bleeds"]
    assert (added["change"], added["column"], added["old"]) == ("added", None, None)
    assert (added["new"]["cause"], added["fact"]) == ("spontaneous", f"bleed:{bleed.pk}")
    month_12 = {
        r["column"]: r["fact"] for r in found if r["file"] == "milestones" and r["key"]["month"] == "12"
    }
    assert month_12["fix_one_stage_iu_dl"] == f"result:{value.pk}"
    assert month_12["bleeds_all"] == month_12["abr_all"] == f"bleed:{bleed.pk}"
    lost = [r for r in found if r["column"] == "off_prophylaxis" and r["new"] == "false"]
    assert lost and all(r["fact"].startswith("regimen:") for r in lost)
    assert not [r for r in found if r["column"] in ("as_of", "as_known_at")]


def test_a_later_fact_shows_a_new_version_and_the_past_shows_what_was_signed(old: Path, new: Path) -> None:
    names = ("month", "verdict", "attested", "assessment_version", "refund_pct_triggered")
    [signed] = [r for r in rows(old, "milestones") if r["attested"] == "true"]
    assert [signed[n] for n in names] == ["24", "met", "true", "1", "0"]
    [now] = [
        r for r in rows(new, "milestones") if (r["subject_id"], r["month"]) == (signed["subject_id"], "24")
    ]
    assert [now[n] for n in names[:4]] == ["24", "not_met", "false", "2"]
    assert float(now["refund_pct_triggered"]) > 0


def test_a_later_date_alone_has_no_fact(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = exported(
        tmp_path, contract="sample-warranty", as_of="2027-02-01", as_known_at=FIXED["as_known_at"]
    )
    found = differences(old, later, capsys)
    assert found and {r["fact"] for r in found} == {None}


def test_what_is_no_export_exits_2(old: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("diff_exports", str(old), str(tmp_path))
    assert raised.value.returncode == 2
