"""What a sweep costs, on generated rows.

Floors: the bare insert-select of what is due, into a plain table of task, person and stage, and into the ledger
itself without asking who is told what. CPU is that of this process and of its PostgreSQL backend.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.measuring import Figure

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ZONES = ("America/New_York", "America/Chicago", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata")
SITES, TASKS, HOURS = 140, 12, 24

GENERATE = """
insert into patients_site (id, code, name, timezone, npi, version)
select gen_random_uuid(), 's' || n, 'Site ' || n, (%(zones)s::text[])[1 + n %% 5], '', 1 from generate_series(1, %(sites)s) n;
insert into patients_user (id, username, email, password, first_name, last_name, is_active, is_staff, is_superuser,
    date_joined, npi, mail_digest, mail_single, mail_weekends, digest_hour, failed_signins, session_epoch)
select gen_random_uuid(), r.role || '-' || s.code, r.role || '-' || s.code || '@example.org', '', '', '', true, true, false,
    now(), '', true, false, false, 7, 0, 0
from patients_site s, unnest(array['coordinator', 'clinician', 'site_admin']) r(role);
insert into patients_membership (id, user_id, role, site_id, contract, from_date)
select gen_random_uuid(), u.id, split_part(u.username, '-', 1), s.id, '', '2020-01-01'
from patients_user u join patients_site s on s.code = split_part(u.username, '-', 2);
insert into patients_patient (id, site_id, code, mrn, family_name, given_name, birth_date, sex, version, created_at, recorded_site_id)
select gen_random_uuid(), s.id, 'P' || n, 'M' || n, 'F', 'G', '1980-01-01', 'male', 1, now(), s.id
from generate_series(1, %(patients)s) n join patients_site s on s.code = 's' || (1 + n %% %(sites)s);
insert into workflow_pathway (patient_id, site_id, pathway, pathway_version, policy, policy_version, phase, ready,
    blocked_by, decided_seq, assessed_seq, noticed_seq, derived_by)
select id, site_id, 'hemgenix', '1', 'label-us', '1', 'follow_up', false, '[]', 1, 1, 1, '1' from patients_patient;
insert into workflow_taskdue (id, patient_id, site_id, key, fingerprint, derived_by, kind, title, opens_on, due_on,
    closes_on, missed_on, opens_at, due_at, closes_at, missed_at, assignee, payload)
select gen_random_uuid(), p.id, p.site_id, 'liver-panel:' || n, '', '1', 'liver-panel', 'Liver panel', d.on - 7, d.on,
    d.on + 7, d.on + 15, (d.on - 7)::timestamp at time zone s.timezone, d.on::timestamp at time zone s.timezone,
    (d.on + 8)::timestamp at time zone s.timezone, (d.on + 15)::timestamp at time zone s.timezone, '', '{}'
from patients_patient p join patients_site s on s.id = p.site_id, generate_series(1, %(tasks)s) n
cross join lateral (select date '2026-02-20' + 30 * n + abs(hashtext(p.code)) %% 60 - 45 as on) d;
analyze
"""
DUE = "t.ended_as is null and ({})".format(
    " or ".join(f"t.{i} > %(last)s and t.{i} <= %(now)s" for i in ("opens_at", "due_at", "closes_at"))
)
PLAIN = f"""insert into bench_reminder (task_id, person_id, stage)
select t.id, u.id, case when t.closes_at <= %(now)s then 3 when t.due_at <= %(now)s then 2 else 1 end
from workflow_taskdue t join bench_person u on u.site_id = t.site_id where {DUE} on conflict do nothing"""
LEDGER = f"""insert into workflow_notice (id, site_id, patient_id, key, kind, rule, occurrence, channel, recipient_id,
    urgency, due_at, count, created_at, leased_by, attempts, error)
select gen_random_uuid(), t.site_id, t.patient_id, 'task:' || t.id, 'due', 'due', t.due_on::text, 'email', u.id, 1,
    %(now)s, 1, %(now)s, '', 0, ''
from workflow_taskdue t join bench_person u on u.site_id = t.site_id where {DUE} on conflict do nothing"""


def cpu(pid: int) -> float:
    """Seconds of this process and of one server process."""
    return time.process_time() + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def generate(patients: int) -> None:
    from django.db import connection

    from patients.access import as_owner

    asked = {"zones": list(ZONES), "sites": SITES, "patients": patients, "tasks": TASKS}
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica; set statement_timeout = 0")
        for statement in GENERATE.split(";\n"):
            cursor.execute(statement, asked if "%(" in statement else None)
        cursor.execute(
            "create table bench_reminder (task_id uuid, person_id uuid, stage smallint, primary key (task_id, person_id, stage))"
        )
        cursor.execute(
            "create table bench_person as select u.id, m.site_id from patients_user u"
            " join patients_membership m on m.user_id = u.id and m.role = 'coordinator'"
        )
        cursor.execute("analyze bench_person")
        cursor.execute("set session_replication_role = origin")


def figures(patients: int) -> Iterator[Figure]:
    from django.db import connection, transaction

    from patients.access import as_owner
    from workflow.models import Watermark
    from workflow.services.sweep import sweep

    generate(patients)
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]

    def spent(work: Callable[[], Any]) -> tuple[float, Any]:
        before = cpu(pid)
        found = work()
        return (cpu(pid) - before) * 1000, found

    def floor(sql: str, last: datetime, now: datetime) -> int:
        with as_owner(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, {"last": last, "now": now})
            made = cursor.rowcount
            cursor.execute("set constraints all immediate")
            transaction.set_rollback(True)
        return int(made)

    Watermark.objects.create(name="sweep", until=NOON)
    runs: dict[str, list[float]] = {"plain": [], "ledger": [], "sweep": [], "nothing": []}
    made = due = 0
    for hour in range(1, HOURS + 1):
        span = (NOON + timedelta(hours=hour - 1), NOON + timedelta(hours=hour))
        found, new = _hour(spent, floor, sweep, span)
        due, made = due + found.pop("due"), made + new
        for name, value in found.items():
            runs[name].append(value)
    yield Figure("reminders due in a day", float(due))
    yield Figure("rows written (with escalations and digests)", float(made))
    medians = {name: statistics.median(values) for name, values in runs.items()}
    for name in ("plain", "ledger", "sweep"):
        yield Figure(f"one hour, {name}", medians[name], "ms CPU")
    yield Figure("sweep with nothing due", medians["nothing"], "ms CPU", 5, 1.5)
    yield Figure(
        "sweep against the insert-select of the same rows",
        medians["sweep"] / medians["ledger"],
        "x",
        2.5,
        1.6,
    )
    yield Figure(
        "sweep against an insert-select into a plain table", medians["sweep"] / medians["plain"], "x"
    )


def _hour(spent: Any, floor: Any, sweep: Any, span: tuple[datetime, datetime]) -> tuple[dict[str, Any], int]:
    """What each way costs for one hour; floors only where something is due, and then the sweep that found it."""
    from workflow.models import Watermark

    plain, due = spent(lambda: floor(PLAIN, *span))
    ledger, _ = spent(lambda: floor(LEDGER, *span))
    swept, new = spent(lambda: sweep(at=span[1]))
    nothing, _ = spent(lambda: sweep(at=span[1] + timedelta(minutes=5)))
    Watermark.objects.update(until=span[1])
    costs = {"plain": plain, "ledger": ledger, "sweep": swept} if due else {}
    return {"nothing": nothing, "due": due, **costs}, new
