"""Notices enter the ledger in the transaction of the fact that caused them; sending is somebody else's work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from patients.access import staff_at
from patients.ids import new_id
from patients.models import User
from workflow.models import Notice, Pathway
from workflow.rules.second_person import CONFIRM_HOURS
from workflow.selectors.decisions import local_date

ALERT_ROLES = ("coordinator", "clinician")
DIGEST_HOUR = 7
"""Local hour from which a working day's digest may go out."""

DIGEST_SQL = """
insert into workflow_notice (id, site_id, patient_id, key, kind, rule, occurrence, channel, recipient_id,
    due_at, count, created_at, next_try_at, leased_by, attempts, error)
select gen_random_uuid(), s.id, null, 'digest:' || s.id, 'digest', 'digest', l.local::date::text, 'email', u.id,
    %(now)s, c.n, %(now)s, %(now)s, '', 0, ''
from patients_site s
cross join lateral (select %(now)s::timestamptz at time zone s.timezone as local) l
join patients_membership m on m.site_id = s.id and m.role = 'coordinator'
    and m.from_date <= l.local::date and (m.to_date is null or m.to_date >= l.local::date)
join patients_user u on u.id = m.user_id and u.is_active and u.mail_digest and u.email <> ''
cross join lateral (
    select count(*) as n from workflow_taskdue t
    where t.site_id = s.id and t.ended_as is null and t.due_at <= %(now)s and t.missed_at > %(now)s
      and (t.assignee = '' or t.assignee = u.username)
      and (t.snoozed_until is null or t.snoozed_until <= l.local::date)
) c
where c.n > 0 and extract(hour from l.local) >= %(hour)s and extract(isodow from l.local) < 6
on conflict do nothing
"""

ESCALATION_SQL = """
insert into workflow_notice (id, site_id, patient_id, key, kind, rule, occurrence, channel, recipient_id,
    due_at, count, created_at, next_try_at, leased_by, attempts, error)
select distinct on (a.key, u.id) gen_random_uuid(), a.site_id, a.patient_id, 'override:' || a.key, 'escalation',
    'override-escalation', '1', 'email', u.id, %(now)s::timestamptz, 1, %(now)s::timestamptz, %(now)s::timestamptz,
    '', 0, ''
from workflow_act a
join patients_site s on s.id = a.site_id
cross join lateral (select (%(now)s::timestamptz at time zone s.timezone)::date as today) l
join patients_membership m on m.site_id = s.id and m.role in ('clinician', 'site_admin')
    and m.from_date <= l.today and (m.to_date is null or m.to_date >= l.today)
join patients_user u on u.id = m.user_id and u.is_active and u.email <> ''
where a.kind = 'override' and a.recorded_at <= %(asked)s and not exists (
    select 1 from workflow_act b where b.key = a.key and b.kind in ('confirm-override', 'void')
)
on conflict do nothing
"""


def alert_notices(
    pathway: Pathway, new: Mapping[UUID, datetime], again: Iterable[UUID], *, at: datetime
) -> None:
    """One notice per person, coordinators and clinicians of the site, for each alert that needs a decision.

    `new`: alerts with since when they ask; those told since then are not told again. `again`: alerts that
    were closed and opened again. Each opening is one occurrence, so repeating writes nothing twice.
    """
    again = list(again)
    if not new and not again:
        return
    told = _told([*new, *again])
    due = [pk for pk, asked_at in new.items() if pk not in told or told[pk][1] < asked_at]
    people = staff_at(pathway.site_id, ALERT_ROLES, today=local_date(at, pathway.site.timezone))
    rows = [
        _alert(pathway, alert, person.pk, told.get(alert, (0, at))[0] + 1, at)
        for alert in (*due, *again)
        for person in people
        if person.email
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def _told(alerts: Sequence[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """Per alert how often it was told and when last."""
    keys = {f"alert:{alert}": alert for alert in alerts}
    rows = Notice.objects.filter(key__in=keys, rule="alert").values_list("key", "occurrence", "created_at")
    found: dict[UUID, tuple[int, datetime]] = {}
    for key, occurrence, created_at in rows:
        count, last = found.get(keys[key], (0, created_at))
        found[keys[key]] = (max(count, int(occurrence)), max(last, created_at))
    return found


def ask_second(pathway: Pathway, rule: str, about: UUID, people: Iterable[User], *, at: datetime) -> None:
    """Tells clinicians at once that a colleague needs their word: rule "override" or "void" of an infusion."""
    rows = [_alert(pathway, about, person.pk, 1, at, rule) for person in people if person.email]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def _alert(
    pathway: Pathway, about: UUID, recipient: UUID, occurrence: int, at: datetime, rule: str = "alert"
) -> Notice:
    return Notice(
        id=new_id(),
        site_id=pathway.site_id,
        patient_id=pathway.patient_id,
        key=f"{rule}:{about}",
        kind="alert",
        rule=rule,
        occurrence=str(occurrence),
        recipient_id=recipient,
        due_at=at,
        created_at=at,
        next_try_at=at,
    )


def escalations(*, at: datetime) -> int:
    """Overrides that the second person has not confirmed in time: told to clinicians and site administrators."""
    with connection.cursor() as cursor:
        cursor.execute(ESCALATION_SQL, {"now": at, "asked": at - timedelta(hours=CONFIRM_HOURS)})
        return int(cursor.rowcount)


def digest_notices(*, at: datetime) -> int:
    """One digest per coordinator, site and local working day with something due. Returns how many are new."""
    with connection.cursor() as cursor:
        cursor.execute(DIGEST_SQL, {"now": at, "hour": DIGEST_HOUR})
        return int(cursor.rowcount)
