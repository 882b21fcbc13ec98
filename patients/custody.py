"""Custody in the database: the only functions that move a patient to another site, merge two records, or delete one.

They belong to the owner (SECURITY DEFINER), as the application may neither change a recorded row nor see a site
that is not its own. Who may call them when is decided by the services; that the sites are in view is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.apps import apps
from django.db import models

from patients.models.audit import SealedEvent

OFFER_DAYS = 14
"""An offer to hand a patient over, and a request to delete one, hold for so long."""
IN_VIEW = "any (string_to_array(nullif(current_setting('daymark.sites', true), ''), ',')::uuid[])"
DEFINER = "language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp"
PACKETS = (
    "select (payload ->> 'blob')::uuid from workflow_act where patient_id = who and kind = 'packet-sent'"
)

SENT = "select (payload ->> 'blob')::uuid from workflow_act where patient_id = any(people) and kind = 'packet-sent'"


def statements(patient_tables: Iterable[type[models.Model]]) -> list[str]:
    """The functions and who may call them; `patient_tables` in an order in which rows can be deleted."""
    tables = [model._meta.db_table for model in patient_tables]
    events = [(m._meta.db_table, column) for m in _events() if (column := _patient_column(m))]
    functions = ("daymark_transfer(text, uuid, text, timestamptz)", "daymark_erase(uuid, uuid, text, text, text, text, timestamptz)",
                 "daymark_next_number(uuid)", "daymark_merge(uuid, uuid)", "daymark_unmerge(uuid)")  # fmt: skip
    return [
        NUMBER,
        MERGE,
        UNMERGE,
        _transfer(events),
        _erase(tables, events),
        *(f"revoke all on function {f} from public" for f in functions),
        *(f"grant execute on function {f} to daymark_app" for f in functions),
    ]


def _events() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if issubclass(m, SealedEvent)]


def _patient_column(model: type[models.Model]) -> str:
    if model._meta.label_lower == "patients.patientsealedevent":
        return "pgh_obj_id"
    return "patient_id" if any(f.name == "patient" for f in model._meta.concrete_fields) else ""


NUMBER = """
create or replace function daymark_next_number(place uuid) returns integer language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(max(substring(code from '[0-9]+$')::int), 0) + 1 from patients_patient where recorded_site_id = place
$$
"""
"""The next number for a code at a site: patients who have moved elsewhere keep theirs."""


MERGE = f"""
create or replace function daymark_merge(who uuid, target uuid) returns void {DEFINER} as $$
begin
    perform from patients_patient where id in (who, target) order by id for no key update;
    if not exists (select from patients_patient a join patients_patient b on b.id = target and b.site_id = a.site_id
                   where a.id = who and who <> target and a.site_id = {IN_VIEW}) then
        raise exception 'the records are not in view at one site';
    end if;
    if exists (select from patients_patient where id in (who, target) and merged_into is not null)
        or exists (select from patients_patient where merged_into = who) then
        raise exception 'one of the records is merged already';
    end if;
    update patients_patient set merged_into = target where id = who;
end $$
"""
"""`who` becomes an alias of `target`; chains are not made, so every alias names the one that is decided."""
UNMERGE = f"""
create or replace function daymark_unmerge(who uuid) returns void {DEFINER} as $$
begin
    update patients_patient set merged_into = null where id = who and merged_into is not null and site_id = {IN_VIEW};
    if not found then raise exception 'the record is not in view, or not merged'; end if;
end $$
"""


def _transfer(events: Sequence[tuple[str, str]]) -> str:
    """By the word of an offer: the patient, or null when the word opens nothing. What waits on a desk stays there.

    Records that are merged into the patient move too.
    """
    moved = "\n    ".join(f'update "{t}" set site_id = target where "{c}" = any(people);' for t, c in events)
    return f"""
create or replace function daymark_transfer(word text, target uuid, number text, moment timestamptz) returns uuid
{DEFINER} as $$
declare
    who uuid;
    place uuid;
    people uuid[];
begin
    if (target = {IN_VIEW}) is not true then raise exception 'the site is not in view'; end if;
    select a.patient_id, a.recorded_site_id into who, place from workflow_act a
    where a.kind = 'transfer-offer' and a.key = word and a.recorded_at > moment - interval '{OFFER_DAYS} days';
    if who is null then return null; end if;
    people := array(select id from patients_patient where id = who or merged_into = who);
    perform from workflow_pathway where patient_id = any(people) order by patient_id for update;
    if not exists (select from patients_patient where id = who and site_id = place and site_id <> target
                   and merged_into is null)
        or exists (select from workflow_act a where a.patient_id = who and a.kind = 'transfer-offer' and a.key <> word
                   and a.recorded_at > (select max(b.recorded_at) from workflow_act b
                                        where b.patient_id = who and b.kind = 'transfer-offer' and b.key = word))
    then return null; end if;
    update patients_inbounditem set patient_id = null where patient_id = any(people);
    update patients_quarantineitem set patient_id = null where patient_id = any(people) and state = 'waiting';
    update patients_patient set site_id = target, version = version + 1,
        mrn = case when id = who then coalesce(nullif(number, ''), mrn) else mrn end
    where id = any(people);
    {moved}
    update patients_blob set site_id = target where id in ({SENT});
    update patients_blobpart set site_id = target where blob_id in ({SENT});
    return who;
end $$
"""


def _erase(tables: Sequence[str], events: Sequence[tuple[str, str]]) -> str:
    """Deletes a patient and leaves the digests of its audit events, so that the seals can still be verified."""
    counted = "\n    ".join(
        f"""select count(*) into gone from "{t}" where patient_id = who;
    if gone > 0 then told := told || jsonb_build_object('{t}', gone); end if;"""
        for t in tables
    )
    deleted = "\n    ".join(f'delete from "{t}" where patient_id = who;' for t in tables)
    buried = "\n    ".join(
        f"""insert into patients_erasedevent (relation, event, digest, erasure)
        select '{t}', pgh_id, digest, tombstone from "{t}" where "{c}" = who;
    delete from "{t}" where "{c}" = who;"""
        for t, c in events
    )
    return f"""
create or replace function daymark_erase(
    tombstone uuid, who uuid, ground text, told_rule text, why text, person text, moment timestamptz) returns void
{DEFINER} as $$
declare
    place uuid;
    told jsonb := '{{}}';
    gone bigint;
    files uuid[];
    own uuid[];
    others jsonb;
    packets uuid[] := array({PACKETS});
begin
    perform from workflow_pathway where patient_id = who for update;
    select site_id into place from patients_patient where id = who for update;
    if (place = {IN_VIEW}) is not true then raise exception 'the patient is not in view'; end if;
    if exists (select from patients_patient where merged_into = who) then
        raise exception 'another record is merged into this one';
    end if;
    files := array(select distinct inbound_id from patients_inbounditem where patient_id = who);
    own := array(select f from unnest(files) f where not exists (
        select from patients_inbounditem i where i.inbound_id = f and i.patient_id is distinct from who));
    others := to_jsonb(array(select f from unnest(files) f where f <> all(own) order by f));
    {counted}
    insert into patients_erasure (id, site_id, erased, basis, rule, reason, by, at, counts, kept)
    values (tombstone, place, who, ground, told_rule, why, person, moment, told, others);
    packets := packets || array(select blob_id from patients_inbound where id = any(own) and blob_id is not null);
    update patients_inbound set blob_id = null, file = 'deleted' where id = any(own);
    {deleted}
    delete from patients_idempotency where route like '%' || who || '%';
    delete from patients_blobpart where blob_id = any(packets);
    delete from patients_blob where id = any(packets);
    delete from patients_patient where id = who;
    {buried}
end $$
"""
