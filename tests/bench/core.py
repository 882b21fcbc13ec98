"""What the clinical core costs for one patient of the measured cohort: deciding, one result, status, preview, verify."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.bench.measuring import Figure, Meter, statements


def figures() -> Iterator[Figure]:
    yield Figure("deciding one patient with 600 results, pure Python", decide_600(), "ms", 2, 0.8)
    queries, cpu = one_result()
    yield Figure("one result through the service, queries", queries, "", 10, 6)
    yield Figure("one result through the service, client and server", cpu, "ms CPU", 12, 5)
    yield Figure("status of one patient", status(), "ms CPU")
    yield Figure("planner preview over two years", preview(), "ms CPU", 50, 10)
    yield Figure("verify", verify(), "patients/s", 300, 800, least=True)


def decide_600() -> float:
    from tests.rules.story import day, gates_met, history, infusion, known, protocol, result
    from workflow.rules.evaluate import evaluate

    values = {"ALT": "30", "AST": "22", "ALP": "80", "TBIL": "0.7", "FIX_OS": "35", "FIX_CH": "15", "HGB": "14",
              "WBC": "6", "PLT": "220", "INR": "1", "AFP": "3", "WEIGHT": "72"}  # fmt: skip
    rows = [
        result(a, 7 * n if n <= 12 else 84 + (n - 12) * 46, v, uln="40")
        for n in range(1, 51)
        for a, v in values.items()
    ]
    told = history(results=[*rows, *gates_met()["results"]], infusions=[infusion()])
    facts, rules, today = known(told, as_of=day(1900)), protocol(), day(1900)
    return _own_ms(lambda: evaluate(replace(facts), rules, (), today), runs=60)


def one_result() -> tuple[float, float]:
    """A new ALT of a patient with 600 results, decided and committed: queries, and milliseconds of CPU."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from patients.access import everywhere
    from workflow.services import intake

    with everywhere(by="bench"):
        patient, number, now = _followed(), iter(range(10_000)), timezone.now()

        def work() -> None:
            n = next(number)
            item = {"analyte": "ALT", "value": "30", "unit": "U/L", "reference_high": "45", "source": "bench",
                    "collected_at": (now - timedelta(minutes=10 * (n + 1))).isoformat(),
                    "source_id": f"one-{n}"}  # fmt: skip
            intake.record_results(patient=patient, items=[item], by="bench")

        work()
        with CaptureQueriesContext(connection) as captured:
            work()
    with everywhere(by="bench"):
        return float(len(statements(captured))), Meter().median(work, runs=15) * 1000


def status() -> float:
    from outcomes.selectors.status import patient_status
    from patients.access import everywhere

    with everywhere(by="bench"):
        patient = _followed()
        return Meter().median(lambda: patient_status(patient)) * 1000


def preview() -> float:
    from django.utils import timezone

    from patients.access import everywhere
    from patients.models import Site
    from tests.factories.people import PatientFactory
    from workflow.selectors.plan import preview as plan_preview

    today = timezone.now().date()
    with everywhere(by="bench"):
        patient = PatientFactory(site=Site.objects.get(code="bench")).pk
        booked = today + timedelta(days=9)
        return Meter().median(lambda: plan_preview(patient, infusion_on=booked, today=today)) * 1000


def verify() -> float:
    """Patients per second of CPU of this process and its backend."""
    from patients.access import everywhere
    from patients.models import Patient
    from workflow.selectors import drift

    with everywhere(by="bench"):
        count = Patient.objects.count()
        return count / Meter().median(lambda: list(drift.drift()), runs=3)


def _followed() -> Any:
    from patients.models import Patient

    return Patient.objects.get(mrn="B1").pk


def _own_ms(work: Callable[[], Any], runs: int) -> float:
    spent = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        spent.append((time.process_time() - begin) * 1000)
    return statistics.median(spent)
