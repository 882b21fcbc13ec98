"""The short form of `make bench`: query counts exactly, ratios within one run with a margin of a quarter, no seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.bench import audit, cohort, core, intake, pages, sweep
from tests.bench.measuring import Figure, statements
from workflow.models import Watermark
from workflow.services import sweep as sweep_service

MARGIN = 1.25
PATIENTS = 26


def missed(figures: Iterator[Figure]) -> list[str]:
    """Counts above their bound, and ratios above it by more than the margin."""
    told = [f for f in figures if f.must is not None and f.unit in ("", "x")]
    assert told, "there is nothing to judge"
    return [f.shown() for f in told if f.value > f.must * (MARGIN if f.unit == "x" else 1)]  # type: ignore[operator]


@pytest.fixture
def bench(transactional_db: None) -> Any:
    return cohort.build(PATIENTS, today=timezone.localdate())


def file_of(people: int, site: Any) -> int:
    """Statements that a file of twelve results about each of so many patients takes."""
    from patients.access import everywhere
    from patients.models import Patient

    with everywhere(by="bench"):
        told = list(Patient.objects.filter(site=site).order_by("mrn")[:people])
    data = intake.table(people, told, begin=timezone.now() - timedelta(days=5, hours=people))
    with CaptureQueriesContext(connection) as captured:
        intake.taken_in(data, site)
    return len(statements(captured))


def test_counts_and_ratios_of_a_small_cohort(bench: Any) -> None:
    assert missed(pages.figures()) == []
    assert core.one_result()[0] <= 10
    assert missed(audit.figures()) == []
    few, many = file_of(5, bench), file_of(25, bench)
    assert many - few <= 2 * 20, "each further patient of a file costs the row that locks it, and little else"


def test_a_sweep_takes_as_many_statements_for_three_days_as_for_one(transactional_db: None) -> None:
    sweep.generate(2000)
    connection.close()
    Watermark.objects.create(name="sweep", until=sweep.NOON)
    day, few = swept(timedelta(days=1))
    days, many = swept(timedelta(days=4))
    assert 50 < few < many and days == day


def swept(after: timedelta) -> tuple[int, int]:
    """Statements of a sweep so long after the first, and the rows it wrote."""
    with CaptureQueriesContext(connection) as captured:
        written = sweep_service.sweep(at=sweep.NOON + after)
    return len(statements(captured)), written
