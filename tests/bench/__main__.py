"""`make bench`: what the clinical core costs, on a throw-away PostgreSQL; a table, then the same as JSON.

CPU is that of this process; medians of several runs. Targets are printed beside what was measured.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

RUNS = 15


@contextmanager
def database() -> Iterator[None]:
    from config import embedded

    with tempfile.TemporaryDirectory(prefix="daymark-bench-") as folder:
        Path(folder).chmod(0o755)
        server = embedded.start_throwaway(Path(folder))
        os.environ |= {
            "DATABASE_URL": server.url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "DAYMARK_VAR": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        try:
            yield
        finally:
            server.stop()


def median_ms(work: Callable[[], Any], runs: int = RUNS) -> float:
    spent = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        spent.append((time.process_time() - begin) * 1000)
    return statistics.median(spent)


def main() -> None:
    with database():
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("seed_cohort", patients=24, seed=1, stdout=io.StringIO())
        rows = list(measured())
    for name, value, unit, target in rows:
        print(f"{name:58} {value:10.2f} {unit:12} must {target}")
    json.dump([dict(zip(("name", "value", "unit", "must"), r, strict=True)) for r in rows], sys.stdout)
    print()


def measured() -> Iterator[tuple[str, float, str, str]]:
    yield "deciding one patient with 600 results, pure", decide_600(), "ms", "<= 2"
    queries, cpu = one_result()
    yield "one result through the service: queries", queries, "", "<= 10"
    yield "one result through the service: client CPU", cpu, "ms", "<= 12 (with the server's)"
    yield "status of one patient: client CPU", status(), "ms", "-"
    yield "planner preview over two years", preview(), "ms", "<= 50"
    yield "verify", verify(), "patients/s", ">= 300"


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
    return median_ms(lambda: evaluate(replace(facts), rules, (), today), runs=60)


def one_result() -> tuple[float, float]:
    """A new ALT of a monitored patient, decided and committed."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from patients.access import everywhere
    from patients.models import Patient
    from workflow.services import intake

    with everywhere(by="bench"):
        patient = Patient.objects.get(mrn="S1-00018").pk
        number = iter(range(10_000))

        def work() -> None:
            item = {"analyte": "ALT", "value": "30", "unit": "U/L", "collected_at": timezone.now().isoformat(),
                    "reference_high": "45", "source": "bench", "source_id": str(next(number))}  # fmt: skip
            intake.record_results(patient=patient, items=[item], by="bench")

        with CaptureQueriesContext(connection) as captured:
            work()
        sent = [
            q
            for q in captured
            if not q["sql"].lower().startswith(("savepoint", "release", "begin", "commit"))
        ]
        return float(len(sent)), median_ms(work)


def status() -> float:
    from outcomes.selectors.status import patient_status
    from patients.access import everywhere
    from patients.models import Patient

    with everywhere(by="bench"):
        patient = Patient.objects.get(mrn="S1-00018").pk
        return median_ms(lambda: patient_status(patient))


def preview() -> float:
    from datetime import timedelta

    from django.utils import timezone

    from patients.access import everywhere
    from patients.models import Patient
    from workflow.selectors.plan import preview as plan_preview

    today = timezone.now().date()
    with everywhere(by="bench"):
        patient = Patient.objects.get(mrn="S1-00005").pk
        return median_ms(lambda: plan_preview(patient, infusion_on=today + timedelta(days=9), today=today))


def verify() -> float:
    """Patients per second of this process's CPU."""
    from patients.access import everywhere
    from patients.models import Patient
    from workflow.selectors.drift import drift

    with everywhere(by="bench"):
        spent = median_ms(lambda: list(drift()), runs=5)
        return Patient.objects.count() / (spent / 1000)


if __name__ == "__main__":
    main()
