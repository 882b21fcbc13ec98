"""What intake costs: a file of results beside a bare COPY of the same rows, and one result through the service."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.bench.measuring import Figure, Meter

EACH = 12
ANALYTES = (("ALT", "U/L", "30"), ("AST", "U/L", "22"), ("ALP", "U/L", "80"), ("TBIL", "mg/dL", "0.7"))
HEAD = "mrn,family_name,birth_date,analyte,value,unit,collected_at,reference_high,lab,source_id"


def figures(patients: int = 100, rounds: int = 3) -> Iterator[Figure]:
    from django.utils import timezone

    from patients.access import everywhere
    from patients.models import Patient, Site

    with everywhere(by="bench"):
        site = Site.objects.get(code="bench")
        people = list(Patient.objects.filter(site=site).order_by("mrn")[:patients])
    meter, now = Meter(), timezone.now()
    spent, bare = [], []
    for number in range(rounds):
        data = table(number, people, begin=now - timedelta(days=5, hours=number))
        bare.append(meter.spent(lambda d=data: copied(d)))  # type: ignore[misc]
        spent.append(meter.spent(lambda d=data: taken_in(d, site)))  # type: ignore[misc]
    count = len(people) * EACH
    best = min(spent)
    yield Figure("results of a file per second of CPU", count / best, "results/s", 2000, 5000, least=True)
    yield Figure("the same against a bare COPY into the indexed table", best / min(bare), "x", 30, 12)


def table(number: int, people: list[Any], *, begin: datetime) -> bytes:
    """A CSV of `EACH` results for every patient: three draws of a liver panel."""
    lines = [HEAD]
    for patient in people:
        for n in range(EACH):
            analyte, unit, value = ANALYTES[n % 4]
            drawn = begin + timedelta(days=n // 4, minutes=5 * (n % 4))
            lines.append(
                f"{patient.mrn},{patient.family_name},{patient.birth_date},{analyte},{value},{unit},"
                f"{drawn.isoformat(timespec='seconds')},45,Lab,{number}-{patient.mrn}-{n}"
            )
    return "\n".join(lines).encode()


COPY = "copy bench_result (patient, analyte, value, unit, collected_at, source_id) from stdin"
BARE = """create table if not exists bench_result (id bigint generated always as identity primary key, patient text,
    analyte text, value numeric, unit text, collected_at timestamptz, source_id text unique);
create index if not exists bench_result_when on bench_result (patient, analyte, collected_at)"""


def copied(data: bytes) -> None:
    """The floor: the same rows, parsed by nobody, into a table with a primary key and two indexes."""
    from django.db import connection

    from patients.access import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(BARE)
        with cursor.copy(COPY) as rows:
            for line in data.decode().splitlines()[1:]:
                mrn, _, _, analyte, value, unit, at, _, _, source_id = line.split(",")
                rows.write_row((mrn, analyte, value, unit, at, source_id))


def taken_in(data: bytes, site: Any) -> None:
    from patients.access import everywhere
    from patients.models import Source
    from workflow.services import imports

    with everywhere(by="bench"):
        source = Source.objects.get(code="bench")
        kept = imports.keep(
            name="bench.csv", stream=io.BytesIO(data), site=site.pk, source=source, by="bench", form="csv"
        )
    report = imports.run(inbound=kept)
    assert report.shown()["result"] == data.count(b"\n"), report.shown()
