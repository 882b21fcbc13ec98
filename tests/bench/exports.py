"""What exports and figures cost beside PostgreSQL's own work.

Told patients with years of outcomes are copied in SQL with their stored lines and points, so what is measured is
reading and writing, not deciding. Yardsticks: COPY TO of the same cells in plain typed tables; quartiles by
month from raw results, and the figures' own sums over plain tables. Each pair takes turns; medians of wall time.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tests.bench.measuring import Figure

TURNS = 5
MIB = 1024
LARGEST_JUDGED = 10_000
"""Growth is judged up to so many patients; beyond it sorts leave the server's memory."""
TYPES = {"string": "text", "integer": "int", "number": "numeric", "boolean": "boolean", "date": "date"}
PLAIN = """
create temp table bench_month as select m.*
from outcomes_figurerow f, unnest(f.months, f.states, f.one_stage, f.one_stage_bounds, f.chromogenic, f.chromogenic_bounds,
    f.off) m (month, state, one_stage, one_stage_bound, chromogenic, chromogenic_bound, off);
create temp table bench_period as select f.before, f.early, f.later from outcomes_figurerow f;
create temp table bench_patient as select f.patient_id as id, date '2015-01-01' + (hashtext(f.patient_id::text) & 2047)
    as infused_on from outcomes_figurerow f;
create temp table bench_lab as select p.id as patient_id, p.infused_on + 37 * n + (hashtext(p.id::text || n) & 15)
    as collected_on, 5 + (hashtext(n || p.id::text) & 511) / 16.0 as value from bench_patient p, generate_series(1, 50) n;
analyze bench_month;
analyze bench_period;
analyze bench_patient;
analyze bench_lab
"""
RAW = """
select floor((l.collected_on - p.infused_on) / 30.4375)::int as month,
    percentile_cont(array[0.25, 0.5, 0.75]) within group (order by l.value), count(*)
from bench_lab l join bench_patient p on p.id = l.patient_id group by 1 order by 1
"""
"""Quartiles by month of one assay from 50 raw results a patient: what a figure costs without stored points."""


def turns(count: int, *works: Callable[[], Any]) -> list[float]:
    """Median seconds of each, taken in turn."""
    took: list[list[float]] = [[] for _ in works]
    for _ in range(count):
        for times, work in zip(took, works, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [median(times) for times in took]


def grown(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and how many MiB more than before this process held at most meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _held("VmRSS")
    found = work()
    return found, _held("VmHWM") - before


def _held(name: str) -> float:
    """MiB of this process: now (VmRSS), or at most since the peak began (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith(name)).split()[1]) / MIB


def package(contract: str, folder: Path, on: Any, at: Any, *, count: int = TURNS) -> dict[str, float]:
    """Seconds of COPY, CSV and Parquet, extra MiB of each form, rows and subjects of a limited data set."""
    from outcomes.files import parquet
    from outcomes.rules.dataset_tables import LIMITED, tables
    from outcomes.services import dataset_files, export_folder, export_run

    fields = {"contract": contract, "profile": LIMITED, "formats": ["csv"], "as_of": on}
    row = export_folder._row(fields, "bench", at)
    asked = export_run.asked_of(row)

    def write() -> dataset_files.Package:
        return dataset_files.write(folder, asked, row.site_ids, lambda done, total: None)

    made, mib = grown(write)
    flat = [_flat(folder, table) for table in tables(LIMITED)]
    floor, ours = turns(count, lambda: [_copied(name, folder) for name in flat], write)
    columns = [(folder / f"{t.name}.csv", folder / f"{t.name}.parquet", t) for t in tables(LIMITED)]
    _, more = grown(lambda: [parquet.write(*c) for c in columns])
    (columnar,) = turns(count, lambda: [parquet.write(*c) for c in columns])
    return {
        "subjects": made.subjects,
        "rows": sum(made.row_counts.values()),
        "copy": floor,
        "csv": ours,
        "parquet": ours + columnar,
        "csv_mib": mib,
        "parquet_mib": max(mib, more),
    }


def _flat(folder: Path, table: Any) -> str:
    """The same cells in a plain table with types."""
    from django.db import connection

    name = f"flat_{table.name}"
    columns = ", ".join(f'"{c.name}" {TYPES.get(c.kind, "timestamptz")}' for c in table.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {name}")
        cursor.execute(f"create temp table {name} ({columns})")
        with (folder / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            next(file)
            with cursor.copy(f"copy {name} from stdin (format csv)") as copy:
                while data := file.read(1 << 20):
                    copy.write(data)
        cursor.execute(f"analyze {name}")
    return name


def _copied(name: str, folder: Path) -> None:
    from django.db import connection

    statement = f"copy {name} to stdout (format csv, header)"
    with (
        connection.cursor() as cursor,
        (folder / "floor.csv").open("wb") as file,
        cursor.copy(statement) as copy,
    ):
        for data in copy:
            file.write(data)


def peak(contract: str, folder: Path, form: str) -> float:
    """MiB that the export command, a process of its own, holds at most; it tells so itself at its end."""
    code = "import sys; from tests.bench import exports; exports.told_peak(*sys.argv[1:])"
    command = [sys.executable, "-c", code, contract, str(folder), form]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return float(done.stdout.split()[-1])


def told_peak(contract: str, folder: str, form: str) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("export_milestones", f"--contract={contract}", f"--formats={form}", f"--out={folder}")
    print(_held("VmHWM"))


def plots(site: Any, contract: str, *, count: int = TURNS) -> dict[str, float]:
    """Seconds of the plain aggregate and of the figures' data, and of drawing the whole page part."""
    from django.db import connection
    from django.template.loader import render_to_string

    from outcomes import data
    from outcomes.rules.cohort_charts import charts
    from outcomes.selectors import figures as figures_sql
    from outcomes.selectors.figures import figures
    from patients import access

    by_month = f"select {figures_sql.MONTH_SUMS} from bench_month m group by m.month order by m.month"
    by_period = f"select {figures_sql.PERIOD_SUMS} from bench_period f"
    with access.site_context([site.pk], by="bench"), connection.cursor() as cursor:
        cursor.execute("drop table if exists bench_month, bench_period, bench_patient, bench_lab")
        for statement in PLAIN.split(";\n"):
            cursor.execute(statement)

        def floor() -> None:
            for statement in (by_month, by_period):
                cursor.execute(statement)
                cursor.fetchall()

        def raw() -> None:
            cursor.execute(RAW)
            cursor.fetchall()

        aggregate, plain, ours = turns(count, raw, floor, lambda: figures([site.pk], contract))
        found, rules = figures([site.pk], contract), data.measure_rules()

        def draw() -> None:
            for chart in charts(found, rules):
                render_to_string("workflow/_chart.html", {"chart": chart})

        draw()
        (drawing,) = turns(count, draw)
    return {"raw": aggregate, "plain": plain, "figures": ours, "drawing": drawing, "patients": found.patients}


def told(site: Any, contract: str) -> list[Any]:
    """A few patients with up to seven years of outcomes: 20 bleeds and 100 uses of concentrate each, assessed."""
    from django.utils import timezone

    from outcomes.services import assessments, cohort, dataset_rows, subject_codes
    from patients import access
    from workflow.selectors.decisions import local_date

    today = local_date(timezone.now(), site.timezone)
    found = []
    with access.everywhere(by="bench"):
        for number, days in enumerate((1900, 1900, 1300, 800)):
            t = cohort.Teller(site, today, Random(number), f"B{number}", contract=contract)
            day0 = today - timedelta(days)
            t.taken_over_on = today - timedelta(2)
            t.infuse(day0)
            t.visits(
                day0,
                {m: str(40 - m // 4 - number) for m in (3, 6, 9, 12, 18, 24, 36, 48, 60) if m * 31 < days},
            )
            for n in range(18):
                t.bleed(day0 + timedelta(10 + n * (days // 19)), known_on=today)
            for n in range(100):
                on = day0 + timedelta(5 + n * (days // 101))
                t.fact(
                    today,
                    "factor-uses",
                    product="IDELVION",
                    iu="3000",
                    given_on=on.isoformat(),
                    reason="bleed",
                )
            found.append(t.patient)
        assessments.refresh()
        subject_codes.draw(contract)
    dataset_rows.freshen(contract, today, sites=[site.pk], by="bench")
    return found


def grow(templates: list[Any], before: int, patients: int) -> None:
    """Copies of the told ones until there are so many."""
    from tests.factories.clones import clone_outcomes

    for index, patient in enumerate(templates):
        missing = (patients - before) // len(templates)
        clone_outcomes(patient, missing, first=1 + before, letter=chr(ord("A") + index))


def figures(sizes: Sequence[int]) -> Iterator[Figure]:
    from django.utils import timezone

    from patients import access
    from tests.factories.people import make_site
    from workflow.selectors.decisions import local_date

    contract = "sample-level"
    with access.everywhere(by="bench"):
        site = make_site("bench")
    templates = told(site, contract)
    before, costs = len(templates), []
    for size in sizes:
        grow(templates, before, size)
        before = size
        with tempfile.TemporaryDirectory(prefix="daymark-bench-out-") as folder:
            now = timezone.now()
            one = package(contract, Path(folder), local_date(now, site.timezone), now)
        for form in ("csv", "parquet"):
            one[f"{form}_mib"] = _above_nobody(contract, form)
        two = plots(site, contract)
        costs.append((size, one, two))
        yield from _told(size, one, two)
    yield from _growth(costs)


def _above_nobody(contract: str, form: str) -> float:
    """MiB above the same command for a contract without patients."""
    with tempfile.TemporaryDirectory(prefix="daymark-bench-out-") as folder:
        full, none = Path(folder) / "full", Path(folder) / "none"
        return peak(contract, full, form) - peak("sample-warranty", none, form)


def _told(size: int, one: dict[str, float], two: dict[str, float]) -> Iterator[Figure]:
    name = f"{size} patients:"
    yield Figure(f"{name} subjects exported", one["subjects"])
    yield Figure(f"{name} rows exported", one["rows"])
    yield Figure(f"{name} COPY TO csv", one["copy"], "s wall")
    yield Figure(f"{name} CSV", one["csv"], "s wall")
    yield Figure(f"{name} CSV against COPY", one["csv"] / one["copy"], "x", 2, 1.2)
    yield Figure(f"{name} CSV, more memory", one["csv_mib"], "MiB", 150, 50)
    yield Figure(f"{name} Parquet against COPY", one["parquet"] / one["copy"], "x", 2.5, 1.4)
    yield Figure(f"{name} Parquet, more memory", one["parquet_mib"], "MiB", 200, 100)
    yield Figure(f"{name} one aggregate over raw results", two["raw"], "s wall")
    yield Figure(f"{name} the figures' sums over plain tables", two["plain"], "s wall")
    yield Figure(f"{name} data of the figures", two["figures"], "s wall")
    yield Figure(f"{name} figures against the aggregate", two["figures"] / two["raw"], "x", 1.3, 1.1)
    yield Figure(f"{name} figures against their plain sums", two["figures"] / two["plain"], "x")
    yield Figure(f"{name} drawing all three", two["drawing"] * 1000, "ms", 150, 5)


def _growth(costs: list[tuple[int, dict[str, float], dict[str, float]]]) -> Iterator[Figure]:
    """How cost grows with size from one size to the next: 1 is linear."""
    for (small, one, two), (large, more, most) in zip(costs, costs[1:], strict=False):
        step, must = math.log(large / small), 1.08 if large <= LARGEST_JUDGED else None
        for name, before, after in (
            ("CSV", one["csv"], more["csv"]),
            ("figures", two["figures"], most["figures"]),
        ):
            yield Figure(
                f"growth exponent {small} to {large}: {name}", math.log(after / before) / step, "", must
            )
