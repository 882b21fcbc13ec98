"""A table of many rows: within the memory limit, every row one disposition, each patient decided once."""

from __future__ import annotations

import io
import json
import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from patients.access import everywhere
from patients.models import Inbound, InboundItem, ResultHead
from patients.services.sites import create_source
from tests.factories.people import PatientFactory, make_site
from workflow.models import Pathway

LIMIT_MB = 300
ROWS = int(os.environ.get("DAYMARK_ROWS", "1000000"))


def write(path: Path, rows: int, people: int) -> None:
    with path.open("w") as file:
        file.write("mrn,family_name,loinc,value,unit,collected_at,reference_high,source_id\n")
        for n in range(rows):
            draw = n // people
            on = f"{2020 + draw // 336 % 6}-{draw // 28 % 12 + 1:02d}-{draw % 28 + 1:02d}T{draw // 2016 % 24:02d}:00:00Z"
            file.write(f"L{n % people:05d},Muster{n % people},1742-6,{20 + draw % 18},U/L,{on},40,r{n}\n")


def grown_mb(before: int) -> float:
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


@pytest.mark.parametrize(
    ("rows", "people"),
    [(3000, 5), pytest.param(ROWS, 1000, marks=pytest.mark.slow)],
)
@pytest.mark.django_db(transaction=True)
def test_many_rows(tmp_path: Path, rows: int, people: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if rows < 10_000:
        monkeypatch.setattr("workflow.services.pile.LIMIT", 1000)
    with everywhere(by="t"):
        site = make_site("north")
        create_source(code="lab", site=site)
        for n in range(people):
            PatientFactory(
                site=site, mrn=f"L{n:05d}", family_name=f"Muster{n}", at=datetime(2026, 1, 1, tzinfo=UTC)
            )
    write(tmp_path / "large.csv", rows, people)
    before, out = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, io.StringIO()
    call_command(
        "import_labs", str(tmp_path / "large.csv"), "--source", "lab", stdout=out, stderr=io.StringIO()
    )
    report = json.loads(out.getvalue())
    assert (report["received"], report["result"]) == (rows, rows)
    assert grown_mb(before) < LIMIT_MB
    with everywhere(by="t"):
        assert Inbound.objects.get().state == "done"
        assert InboundItem.objects.count() == ResultHead.objects.filter(active=True).count() == rows
        decided = set(Pathway.objects.values_list("decided_seq", flat=True))
    assert max(decided) <= 2 + rows // people // 2000
