"""Emergency access in the database: who reads another centre's record now, and the only way to open one.

The functions belong to the owner (SECURITY DEFINER), as the application sees no patient of a centre that is not in
view. An access counts while the database finds it live at the application's clock: the policies ask that each time.
"""

from __future__ import annotations

MINUTES = 60
"""So long an emergency access holds, and never longer: a CHECK of the table says so too."""
DEFINER = "security definer set search_path = pg_catalog, public, pg_temp"
LIVE = "ended_at is null and from_at <= moment and moment < to_at"
OWN_COLUMNS = "ended_at, ended_by, found, review, reviewed_at, reviewed_by"
"""What may be changed in an access that was opened."""


def _asked(function: str) -> str:
    """In a policy: what the access named in the context opens; nothing, and at no cost, when none is named."""
    return f"(select case when current_setting('daymark.shared', true) <> '' then {function}() end)"


PATIENT, SITE = _asked("daymark_shared_patient"), _asked("daymark_shared_site")


def _shared(function: str, column: str) -> str:
    return f"""
create or replace function {function}() returns uuid language sql stable {DEFINER} as $$
    select a.{column} from patients_patientaccess a,
        (select current_setting('daymark.moment', true)::timestamptz as moment) now
    where a.id = current_setting('daymark.shared', true)::uuid and {LIVE}
$$;
"""


FUNCTIONS = f"""
{_shared("daymark_shared_patient", "patient_id")}
{_shared("daymark_shared_site", "site_id")}
create or replace function daymark_emergency(who uuid, about uuid, moment timestamptz)
returns table (id uuid, patient uuid, site uuid, to_site uuid, until timestamptz, reason text, zone text)
language sql stable {DEFINER} as $$
    select a.id, a.patient_id, a.site_id, a.to_site_id, a.to_at, a.reason, s.timezone
    from patients_patientaccess a join patients_site s on s.id = a.to_site_id
    where a.person_id = who and a.patient_id = about and {LIVE} order by a.to_at desc limit 1
$$;

create or replace function daymark_open_emergency(
    access uuid, who uuid, home uuid, own uuid[], centre text, number text, told_code text, born date, why text,
    moment timestamptz, until timestamptz) returns uuid language plpgsql volatile {DEFINER} as $$
declare
    people uuid[];
    about patients_patient;
    known uuid;
begin
    if (home = any (string_to_array(nullif(current_setting('daymark.sites', true), ''), ',')::uuid[])) is not true
    then raise exception 'the centre is not in view'; end if;
    people := array(
        select distinct coalesce(p.merged_into, p.id) from patients_patient p join patients_site s on s.id = p.site_id
        where p.birth_date = born
            and case when told_code <> '' then p.code = told_code else s.code = centre and p.mrn = number end);
    if cardinality(people) <> 1 then return null; end if;
    select * into about from patients_patient p where p.id = people[1] and p.site_id <> all (own);
    if about.id is null then return null; end if;
    perform pg_advisory_xact_lock(hashtextextended('emergency|' || who || '|' || about.id, 0));
    select e.id into known from daymark_emergency(who, about.id, moment) e;
    if known is not null then return known; end if;
    insert into patients_patientaccess (id, patient_id, site_id, to_site_id, person_id, by, place, code, reason,
        from_at, to_at, ended_by, found, review, reviewed_by)
    select access, about.id, about.site_id, home, who, u.username, s.name, about.code, why, moment, until, '', '', '', ''
    from patients_user u, patients_site s where u.id = who and s.id = home;
    return access;
end $$;
"""

_CALLED = (
    "daymark_open_emergency(uuid, uuid, uuid, uuid[], text, text, text, date, text, timestamptz, timestamptz)",
    "daymark_emergency(uuid, uuid, timestamptz)",
)
RIGHTS = [
    *(f"revoke all on function {f} from public" for f in _CALLED),
    *(f"grant execute on function {f} to daymark_app" for f in _CALLED),
]
