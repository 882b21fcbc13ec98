"""The statements of the sender: which row is next, and whether it still tells what is so."""

from __future__ import annotations

from patients.services.passwords import MAILED
from workflow.services.reminder_sql import OPEN, TRUE_TASK

LEASE = f"""
update workflow_notice set leased_until = %(until)s, leased_by = %(by)s, tried_since = coalesce(tried_since, %(now)s)
where id = (
    select n.id from workflow_notice n
    where not exists (select from patients_hold where name = 'mail')
      and {OPEN} and n.next_try_at <= %(now)s and %(kind)s in ('', n.kind) and (n.leased_until is null or n.leased_until <= %(now)s)
    order by n.urgency, n.next_try_at, n.id limit 1 for update skip locked
) returning id"""
"""The next row to send; none while mail is frozen."""

_IN_FORCE = """m.from_date <= (%(now)s::timestamptz at time zone s.timezone)::date
      and (m.to_date is null or m.to_date >= (%(now)s::timestamptz at time zone s.timezone)::date)"""
_STAFF = f"""exists (
    select 1 from patients_membership m
    where m.user_id = n.recipient_id and m.site_id = n.site_id and {_IN_FORCE}
)"""
_ACCOUNT = "left(encode(sha256(convert_to(u.password || ' ' || u.email, 'UTF8')), 'hex'), 20)"
"""Tells whether an account has still the password and address it had."""
_ABOUT = "split_part(n.key, ':', 2)"
_ANSWERED = (
    f"exists (select 1 from workflow_act b where b.patient_id = n.patient_id and b.key = {_ABOUT} and b.kind "
)
_SO = f"""case
    when n.kind in ('opening', 'due', 'overdue') then (u.mail_digest or u.mail_single) and {TRUE_TASK}
    when n.key like 'task:%%' then {TRUE_TASK}
    when n.rule in ('alert', 'alert-escalation') then exists (
        select 1 from workflow_alert a where a.id = {_ABOUT}::uuid and a.state = 'open')
    when n.rule in ('override', 'override-escalation') then not {_ANSWERED} in ('confirm-override', 'void'))
    when n.rule = 'void' then not {_ANSWERED} = 'void')
    when n.rule = 'emergency-escalation' then exists (
        select 1 from patients_patientaccess e where e.id = {_ABOUT}::uuid and e.found = '')
    when n.kind = 'digest' then u.mail_digest
    when n.kind = 'password_reset' then split_part(n.occurrence, '-', 2) = {_ACCOUNT}
        and n.created_at > %(now)s - interval '{MAILED.lasts.total_seconds():.0f} seconds'
    else true end"""
_JOINED = "workflow_notice n left join patients_site s on s.id = n.site_id join patients_user u on u.id = n.recipient_id"
_TRUE = f"""u.is_active and u.email <> ''
  and (n.kind in ('export_ready', 'intake_failed', 'scheduler_silent', 'password_reset') or {_STAFF})
  and not exists (
    select 1 from workflow_notice y where y.key = n.key and y.recipient_id = n.recipient_id
      and y.created_at > n.created_at and y.cancelled_at is null)
  and {_SO}"""
"""What came up later about the same thing says more; only what is newest is told."""

TRUE = f"select {_TRUE} as so from {_JOINED} where n.id = %(id)s"

DUE = f"""
select n.key, n.kind, n.channel, u.username as recipient, n.rule as reason, n.due_at
from {_JOINED}
where {OPEN} and {_TRUE} and (n.next_try_at <= %(now)s or n.next_try_at is null and n.due_at <= %(now)s and exists (
    select 1 from workflow_notice d where d.kind = 'digest' and d.recipient_id = n.recipient_id
      and d.site_id = n.site_id and d.next_try_at <= %(now)s and {OPEN.replace("n.", "d.")}))
order by n.urgency, n.next_try_at nulls last, n.id"""

PASSWORD = f"""
insert into workflow_notice (id, site_id, key, kind, rule, occurrence, channel, recipient_id, urgency, due_at, count,
    created_at, next_try_at, leased_by, attempts, error)
select (%(ids)s::uuid[])[row_number() over (order by u.id)],
    (select m.site_id from patients_membership m join patients_site s on s.id = m.site_id
     where m.user_id = u.id and {_IN_FORCE} order by m.site_id limit 1),
    'password:' || u.id, 'password_reset', 'password_reset',
    extract(epoch from %(now)s::timestamptz)::bigint || '-' || {_ACCOUNT}, 'email', u.id, 1, %(now)s, 1,
    %(now)s, %(now)s, '', 0, ''
from patients_user u
where upper(u.email) = upper(%(email)s) and u.is_active and %(limit)s > (
    select count(*) from workflow_notice n where n.kind = 'password_reset' and n.recipient_id = u.id
      and n.created_at > %(now)s - interval '1 hour')
order by u.id limit cardinality(%(ids)s::uuid[])
on conflict do nothing"""
"""One statement, so that an address that is nobody's takes the same way."""
