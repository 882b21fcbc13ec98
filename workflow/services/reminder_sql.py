"""The statements of the sweep. `workflow.rules.reminders` says the same of one task; a test compares the two.

Every statement takes `now`; `last` is the instant up to which an earlier sweep has looked. What a statement
shows as a person is somebody with a role at a site on the site's date, active and with an address.
"""

from __future__ import annotations

PEOPLE = """people as materialized (
    select s.id as site_id, u.id, u.username, s.timezone, l.today, u.digest_hour,
        u.mail_digest, u.mail_single, u.mail_weekends, bool_or(m.role = 'coordinator') as coordinator,
        bool_or(m.role = 'clinician') as clinician, bool_or(m.role = 'site_admin') as site_admin,
        array_agg(u.username) over (partition by s.id) as team
    from patients_site s
    cross join lateral (select (%(now)s::timestamptz at time zone s.timezone)::date as today) l
    join patients_membership m on m.site_id = s.id and m.role in ('coordinator', 'clinician', 'site_admin')
        and m.from_date <= l.today and (m.to_date is null or m.to_date >= l.today)
    join patients_user u on u.id = m.user_id and u.is_active and u.email <> ''
    group by s.id, u.id, l.today
)"""

OPEN = "n.sent_at is null and n.failed_at is null and n.cancelled_at is null"
RIDING = f"n.next_try_at is null and {OPEN}"


def _due(zone: str) -> str:
    return f"coalesce(t.booked_on::timestamp at time zone {zone}, t.due_at)"


def _awake(today: str) -> str:
    return f"(t.snoozed_until is null or t.snoozed_until <= {today})"


def _state(zone: str) -> str:
    """What is so of the task `t` in the window and its grace days, and since which date."""
    return f"""(select r.kind, greatest(r.since, t.snoozed_until) as since from (select
    case when t.closes_at <= %(now)s then 'overdue' when {_due(zone)} <= %(now)s then 'due'
        when t.booked_on is null then 'opening' end as kind,
    case when t.closes_at <= %(now)s then t.closes_on + 1 when {_due(zone)} <= %(now)s
        then coalesce(t.booked_on, t.due_on) else t.opens_on end as since) r)"""


SITE_TODAY = "(%(now)s::timestamptz at time zone s.timezone)::date"
IN_REACH = "t.ended_as is null and t.opens_at <= %(now)s and t.missed_at > %(now)s"
OWN = "case when t.assignee = any(p.team) then t.assignee = p.username else p.coordinator end"
"""Whose task it is: that of the person it was given to while that person works here, else the coordinators'."""

COLUMNS = (
    "site_id, patient_id, key, kind, rule, occurrence, recipient_id, due_at, next_try_at, urgency, told, channel,"
    " count, created_at, leased_by, attempts, error, id"
)
REST = "null::jsonb, 'email', 1, %(now)s::timestamptz, '', 0, '', gen_random_uuid()"

_FIRST_TRY = "greatest(h.at, %(now)s::timestamptz)"
"""What came to be known after its hour has waited since then only: it is not late yet, and not before its turn."""

REMINDERS = f"""
select t.site_id, t.patient_id, 'task:' || t.id as key, r.kind, r.kind as rule, r.since::text as occurrence,
    p.id as recipient_id, h.at as due_at, case when p.mail_single then {_FIRST_TRY} end as next_try_at, 1 as urgency,
    {REST}
from fell t
join people p on p.site_id = t.site_id and (p.mail_digest or p.mail_single) and {OWN} and {_awake("p.today")}
cross join lateral {_state("p.timezone")} r
cross join lateral (select (r.since + make_interval(hours => p.digest_hour)) at time zone p.timezone as at) h
where {IN_REACH} and r.kind is not null"""

ESCALATIONS = f"""
select distinct on (t.id, p.id) t.site_id, t.patient_id, 'task:' || t.id as key, 'escalation' as kind,
    'escalation-' || t.role as rule, (t.closes_on + 1)::text as occurrence, p.id as recipient_id, h.at as due_at,
    {_FIRST_TRY} as next_try_at, 0 as urgency, {REST}
from late t
join people p on p.site_id = t.site_id and {_awake("p.today")}
    and case t.role when 'clinician' then p.clinician else p.site_admin end
cross join lateral (select (greatest(t.closes_on + 1 + t.days, t.snoozed_until)
    + make_interval(hours => p.digest_hour)) at time zone p.timezone as at) h
where t.kind not in ('override-confirm', 'escalation')
order by t.id, p.id, t.days desc"""


def _passed(instant: str) -> str:
    return f"({instant} > %(last)s and {instant} <= %(now)s)"


def _around(day: str) -> str:
    """The dates that an index finds; whether the date has begun at the site is then told exactly."""
    return f"({day} >= %(last)s::date - 1 and {day} <= %(now)s::date + 1)"


_INSTANTS = " or ".join(_passed(f"t.{name}") for name in ("opens_at", "due_at", "closes_at"))
_DATES = ("t.snoozed_until", "t.booked_on")
_BEGUN = " or ".join(_passed(f"{day}::timestamp at time zone p.timezone") for day in _DATES)
_PROBES = [_passed(f"t.{name}") for name in ("opens_at", "due_at", "closes_at")] + list(map(_around, _DATES))
_LEVELS = "jsonb_to_recordset(%(levels)s::jsonb) as l (role text, days int, sites uuid[])"
_LATE = """t.ended_as is null and (l.sites is null or t.site_id = any(l.sites))
    and t.closes_at <= %(now)s::timestamptz - make_interval(days => l.days)
    and t.closes_at > %(now)s::timestamptz - make_interval(days => l.days + %(tells_for)s)"""

BY_TIME = f"""with {PEOPLE}, fell as materialized (
    select t.* from workflow_taskdue t
    where t.ended_as is null and ({_INSTANTS} or {" or ".join(map(_around, _DATES))})
), late as materialized (
    select l.role, l.days, f.* from {_LEVELS} cross join lateral (
        select t.* from workflow_taskdue t
        where {_LATE} and t.closes_at > %(late_last)s::timestamptz - make_interval(days => l.days) offset 0) f
    union all
    select l.role, l.days, f.* from {_LEVELS} cross join lateral (
        select t.* from workflow_taskdue t
        where {_LATE} and {_around("t.snoozed_until")} offset 0) f
)
insert into workflow_notice ({COLUMNS})
({REMINDERS} and ({_INSTANTS} or {_BEGUN})) union all ({ESCALATIONS})
on conflict (key, rule, occurrence, channel, recipient_id) do update
    set cancelled_at = null, next_try_at = excluded.next_try_at
    where workflow_notice.cancelled_at is not null and workflow_notice.sent_at is null
      and workflow_notice.failed_at is null"""
"""What fell due by the clock alone; what was withdrawn unsent holds again. The tasks are found first, by index."""

NEWS = """select
    (select patient_id from workflow_pathway where decided_seq > noticed_seq order by patient_id limit 1) is not null,
    exists (select 1 from workflow_notice n where n.kind = 'alert'
        and n.created_at > %(last)s::timestamptz - make_interval(hours => %(longest)s)
        and n.created_at <= %(now)s::timestamptz - make_interval(hours => %(shortest)s))"""
HOURLY = f"""select
    {" or ".join(f"exists (select 1 from workflow_taskdue t where t.ended_as is null and {c})" for c in _PROBES)}
    or exists (select 1 from {_LEVELS} cross join lateral (
        select 1 from workflow_taskdue t
        where {_LATE} and t.closes_at > %(late_last)s::timestamptz - make_interval(days => l.days) limit 1) f),
    exists (
        select 1 from patients_site s cross join lateral (select {SITE_TODAY} as today) l
        join patients_membership m on m.site_id = s.id join patients_user u on u.id = m.user_id
        where {_passed("((l.today + make_interval(hours => u.digest_hour)) at time zone s.timezone)")})"""
"""Whether the statements below have work: planning them costs more than most sweeps have to do."""

BY_CHANGE = f"""with changed as materialized (
    select patient_id from workflow_pathway where decided_seq > noticed_seq
    order by patient_id limit %(limit)s for update skip locked
), {PEOPLE}, fell as materialized (
    select t.* from workflow_taskdue t where t.patient_id in (select patient_id from changed) and t.ended_as is null
), late as materialized (
    select l.role, l.days, t.* from fell t cross join {_LEVELS}
    where {_LATE} and exists (
        select 1 from workflow_notice e
        where e.key = 'task:' || t.id and e.created_at <= %(now)s::timestamptz - make_interval(days => l.days))
), wanted as materialized (
    ({REMINDERS}) union all ({ESCALATIONS})
), withdrawn as (
    update workflow_notice n set cancelled_at = %(now)s
    where n.patient_id in (select patient_id from changed) and n.key like 'task:%%' and {OPEN}
      and (n.key, n.rule, n.occurrence, n.recipient_id) not in (select key, rule, occurrence, recipient_id from wanted)
), revived as (
    update workflow_notice n set cancelled_at = null
    where n.patient_id in (select patient_id from changed) and n.key like 'task:%%' and n.sent_at is null
      and n.failed_at is null and n.cancelled_at is not null
      and (n.key, n.rule, n.occurrence, n.recipient_id) in (select key, rule, occurrence, recipient_id from wanted)
), made as (
    insert into workflow_notice ({COLUMNS}) select * from wanted on conflict do nothing returning 1
), seen as (
    update workflow_pathway p set noticed_seq = p.decided_seq from changed c where c.patient_id = p.patient_id
    returning 1
)
select (select count(*) from seen), (select count(*) from made)"""
"""Patients who were decided again: the reminders that no longer hold go, those that hold are there.

Nobody is told of an inactivity before those who should act have been told: of a patient taken over with gaps in the
past, the escalations are history.
"""

SECOND_PERSON = f"""with {PEOPLE}
insert into workflow_notice ({COLUMNS})
select distinct on (n.key, n.occurrence, p.id) n.site_id, n.patient_id, n.key, 'escalation', n.rule || '-escalation',
    n.occurrence, p.id, %(now)s::timestamptz, %(now)s::timestamptz, 0, {REST}
from workflow_notice n
join people p on p.site_id = n.site_id and (p.clinician or p.site_admin)
where n.kind = 'alert' and n.rule = %(rule)s
  and n.created_at > %(last)s::timestamptz - make_interval(hours => %(hours)s)
  and n.created_at <= %(now)s::timestamptz - make_interval(hours => %(hours)s)
  and case n.rule
    when 'alert' then exists (
        select 1 from workflow_alert a where a.id = split_part(n.key, ':', 2)::uuid and a.state = 'open')
    else not exists (
        select 1 from workflow_act b where b.patient_id = n.patient_id and b.kind in ('confirm-override', 'void')
          and b.key = split_part(n.key, ':', 2)) end
on conflict do nothing"""

TRUE_TASK = f"""exists (
    select 1 from workflow_taskdue t cross join lateral {_state("s.timezone")} r
    where t.id = split_part(n.key, ':', 2)::uuid and t.ended_as is null and {_awake(SITE_TODAY)} and case n.kind
        when 'escalation' then t.closes_at <= %(now)s
        else t.opens_at <= %(now)s and t.missed_at > %(now)s and r.kind = n.kind and r.since::text = n.occurrence end
)"""
"""Whether the reminder `n` of a task at site `s` still says what is so."""

_OPEN_TASKS = f"""select t.* from workflow_taskdue t
    where t.site_id = p.site_id and t.ended_as is null and t.missed_at > %(now)s and {_awake("p.today")}"""
_COUNTED = f"""task as materialized (
    select t.site_id, t.assignee, count(*) filter (where t.closes_at > %(now)s) as due,
        count(*) filter (where t.closes_at <= %(now)s) as overdue,
        min(t.closes_on) filter (where t.closes_at <= %(now)s) as oldest
    from (select distinct site_id, timezone, today from asked) p cross join lateral (
        {_OPEN_TASKS} and t.due_at <= %(now)s union all
        {_OPEN_TASKS} and t.due_at > %(now)s and t.booked_on <= p.today) t
    where {_due("p.timezone")} <= %(now)s or t.closes_at <= %(now)s
    group by t.site_id, t.assignee
), counted as (
    select p.site_id, p.id, p.today, c.* from asked p cross join lateral (select
        (select count(*) from workflow_alert a where a.site_id = p.site_id and a.state = 'open') as alerts,
        (select coalesce(sum(t.due), 0)::int from task t where t.site_id = p.site_id and {OWN}) as due,
        (select coalesce(sum(t.overdue), 0)::int from task t where t.site_id = p.site_id and {OWN}) as overdue,
        (select p.today - min(t.oldest) from task t where t.site_id = p.site_id and {OWN}) as oldest_days,
        (select count(*) from workflow_notice n join patients_site s on s.id = n.site_id
            where n.recipient_id = p.id and n.site_id = p.site_id and {RIDING} and n.kind = 'opening'
              and n.due_at <= %(now)s and {TRUE_TASK}) as opened) c
)"""
"""What a digest counts for each of the people `asked`."""

_AT_ONCE_AHEAD = "n.due_at = n.created_at and n.created_at > %(now)s and n.kind <> 'digest'"
_LATE_AHEAD = "(n.attempts > 0 and n.next_try_at > %(now)s::timestamptz + %(longest)s::interval)"
FROM_AHEAD = f"""
update workflow_notice n set created_at = least(n.created_at, %(now)s::timestamptz),
    next_try_at = case when {_AT_ONCE_AHEAD} or {_LATE_AHEAD}
        then least(n.next_try_at, %(now)s::timestamptz) else n.next_try_at end,
    leased_until = case when n.leased_until < %(now)s::timestamptz + %(back)s::interval then n.leased_until end
where n.created_at > %(now)s
   or {OPEN} and ({_LATE_AHEAD} or n.leased_until > %(now)s::timestamptz + %(back)s::interval)"""
"""What was written while the clock was ahead: it goes out now, not when the clock gets there again."""

_HOUR = "(p.today + make_interval(hours => p.digest_hour)) at time zone p.timezone"
_MAIL_DAY = "(p.mail_weekends or extract(isodow from p.today) < 6)"
HOUR_HAS_COME = f"{_passed(_HOUR)} and {_MAIL_DAY}"
SOMETHING_NEW = f"""{_HOUR} <= %(now)s and {_MAIL_DAY} and exists (
    select 1 from workflow_notice n where n.recipient_id = p.id and n.site_id = p.site_id and {RIDING}
      and n.due_at <= %(now)s
)"""

DIGESTS = f"""with {PEOPLE}, asked as materialized (
    select p.* from people p
    where p.mail_digest and (p.coordinator or p.clinician) and ({HOUR_HAS_COME} or {SOMETHING_NEW})
), {_COUNTED}
insert into workflow_notice ({COLUMNS})
select c.site_id, null::uuid, 'digest:' || c.site_id, 'digest', 'digest', c.today::text, c.id, %(now)s::timestamptz,
    %(now)s::timestamptz, 1, {REST}
from counted c where c.alerts + c.due + c.overdue + c.opened > 0
on conflict do nothing"""
"""One a day: at the person's hour, or later when nothing was to be said by then and something came up."""

_STAYS = f"{TRUE_TASK} and (p.mail_digest or p.mail_single)"
TIDY = f"""with {PEOPLE}
update workflow_notice n set
    cancelled_at = case when not ({_STAYS}) then %(now)s::timestamptz end,
    next_try_at = case when {_STAYS} then %(now)s::timestamptz end
from people p join patients_site s on s.id = p.site_id
where {HOUR_HAS_COME} and n.recipient_id = p.id and n.site_id = p.site_id and {RIDING}
  and not (p.mail_digest and {_STAYS})"""
"""Reminders that no digest will carry: they are no longer so, or the person wants single mails or none by now."""

ORPHANED = f"""with {PEOPLE}
update workflow_notice n set cancelled_at = %(now)s
where {RIDING} and not exists (select 1 from people p where p.id = n.recipient_id and p.site_id = n.site_id)"""
"""Reminders to people who work at the site no more."""

COUNT_ONE = f"""with {PEOPLE}, asked as materialized (
    select p.* from people p where p.site_id = %(site)s and p.id = %(person)s
), {_COUNTED}
select alerts, due, overdue, oldest_days, opened, today as on from counted"""

CARRIED = f"""
update workflow_notice n set sent_at = case when {TRUE_TASK} then %(sent)s::timestamptz end,
    delivered_in = case when {TRUE_TASK} then %(digest)s::uuid end,
    cancelled_at = case when {TRUE_TASK} then null else %(sent)s::timestamptz end
from patients_site s
where s.id = n.site_id and n.recipient_id = %(person)s and n.site_id = %(site)s and {RIDING}
  and n.due_at <= %(now)s and n.created_at <= %(now)s"""
"""What a digest counted at `now` has told."""
