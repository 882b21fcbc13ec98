"""What keeps the audit honest in the database itself: seals on every event, and rows that nobody changes.

Each audit table has a trigger that fills in `digest` from the columns its shape names. A row of the audit, a
fact or an act is never updated or deleted, not even by the owner, with two exceptions that the trigger checks
itself: custody (`site_id`) may move, and a lawful deletion leaves the digest of what it removes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.apps import apps
from django.db import connection, models

from patients.models.audit import SealedEvent, SealedRow

Columns = Mapping[str, Sequence[str]]
OUTSIDE = ("digest", "site_id")
"""Columns that no digest covers: the digest itself, and the present custodian."""

FUNCTIONS = """
create or replace function _pgtrigger_should_ignore(trigger_name name) returns boolean language sql immutable as
$$ select false $$;

create or replace function daymark_refuse_truncate() returns trigger language plpgsql as
$$ begin raise exception 'the rows of % are never emptied', tg_table_name; end $$;

create or replace function daymark_keep() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
declare
    was jsonb := to_jsonb(old);
begin
    if tg_op = 'UPDATE' then
        if was - 'site_id' = to_jsonb(new) - 'site_id' then return new; end if;
    elsif tg_nargs = 1 then
        if exists (select from patients_erasedevent where relation = tg_table_name
                   and event = (was ->> tg_argv[0])::bigint and digest is not distinct from old.digest) then
            return old;
        end if;
    elsif exists (select from patients_erasure where erased = (was ->> 'patient_id')::uuid) then
        return old;
    end if;
    raise exception 'the rows of % are never changed', tg_table_name;
end $$;

create or replace function daymark_last_rows() returns table (relation text, last bigint)
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query select s.relation::text, coalesce(
        pg_sequence_last_value(pg_get_serial_sequence(s.relation, min(s.key))), 0)
    from patients_eventshape s group by s.relation;
end $$;

create or replace function daymark_members(wanted text, past bigint, upto bigint, most integer)
returns table (count bigint, last bigint, members bytea)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    key text := (select s.key from patients_eventshape s where s.relation = wanted limit 1);
begin
    return query execute format(
        'select count(*), max(n), coalesce(string_agg(int8send(n) || coalesce(digest, decode(repeat(''00'', 32), ''hex'')), '''' order by n), '''')
         from (select %1$I::bigint as n, digest from %2$I where %1$I > $1 and %1$I <= $2
               union all select event, digest from patients_erasedevent
               where relation = $3 and event > $1 and event <= $2 order by 1 limit $4) found', key, wanted)
    using past, upto, wanted, most;
end $$;

create or replace function daymark_changed(shape bigint) returns setof bigint
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' as $$
declare
    told patients_eventshape := (select s from patients_eventshape s where s.id = shape);
    upto bigint := (select min(s.after) from patients_eventshape s
                    where s.relation = told.relation and s.after > told.after);
    content text;
begin
    select string_agg(piece, ' || ') into content from (
        select format('jsonb_build_object(%s)', string_agg(format('%L, t.%I', c, c), ', ')) as piece
        from unnest(told.columns) with ordinality as u (c, n) group by (n - 1) / 40) pieces;
    return query execute format(
        'select t.%1$I::bigint from %2$I t where t.%1$I > $1 and ($2 is null or t.%1$I <= $2)
         and t.digest is distinct from sha256(convert_to((%3$s)::text, ''UTF8''))',
        told.key, told.relation, content) using told.after, upto;
end $$;
"""


def sealed_models() -> list[type[models.Model]]:
    """Every table whose rows are sealed: the events of all rooms, and the logs of reads and refusals."""
    return [m for m in apps.get_models() if issubclass(m, SealedEvent | SealedRow)]


def sealed_columns() -> dict[str, list[str]]:
    """The columns in the database that a new digest covers, by table; only tables that have digests."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relname, array_agg(a.attname::text order by a.attname) from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relnamespace = 'public'::regnamespace and c.relname = any(%s) group by c.relname",
            [[m._meta.db_table for m in sealed_models()]],
        )
        found = dict(cursor.fetchall())
    return {t: [c for c in names if c not in OUTSIDE] for t, names in found.items() if "digest" in names}


def shape_statements(model: type[models.Model], before: Columns) -> list[str]:
    """Notes the table's columns if they differ from the last shape, and makes the trigger that seals by them.

    `before`: the columns as they were before these migrations. Runs as the owner, in a transaction.
    """
    table, key = model._meta.db_table, str(model._meta.pk.column)
    now: Sequence[str] = sealed_columns()[table]
    last = _last_shape(table)
    with connection.cursor() as cursor:
        cursor.execute(f'lock table "{table}" in share row exclusive mode')
    if last is None:
        last = before.get(table, now)
        _note(table, key, 0 if table in before else _last_row(table, key), last)
    if last != now:
        _note(table, key, _last_row(table, key), now)
    name = f"daymark_seal_{table}"
    return [
        f"""create or replace function "{name}"() returns trigger language plpgsql
        set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' as
        $$ begin new.digest := sha256(convert_to(({_content(now)})::text, 'UTF8')); return new; end $$""",
        f'drop trigger if exists daymark_seal on "{table}"',
        f'create trigger daymark_seal before insert on "{table}" for each row execute function "{name}"()',
    ]


def _content(columns: Sequence[str]) -> str:
    parts = [columns[i : i + 40] for i in range(0, len(columns), 40)]
    told = (", ".join(f"'{c}', new.\"{c}\"" for c in part) for part in parts)
    return " || ".join(f"jsonb_build_object({pairs})" for pairs in told)


def _last_shape(table: str) -> Sequence[str] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select columns from patients_eventshape where relation = %s order by after desc limit 1", [table]
        )
        row = cursor.fetchone()
        return list(row[0]) if row else None


def _last_row(table: str, key: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_sequence_last_value(pg_get_serial_sequence(%s, %s))", [table, key])
        return int(cursor.fetchone()[0] or 0)


def _note(table: str, key: str, after: int, columns: Sequence[str]) -> None:
    """A shape from a row on; where no row came since the last shape, that one is replaced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into patients_eventshape (relation, key, after, columns) values (%s, %s, %s, %s)"
            " on conflict (relation, after) do update set columns = excluded.columns",
            [table, key, after, list(columns)],
        )


def keep_statements(model: type[models.Model]) -> list[str]:
    """The rows of this table are never changed, deleted or emptied by any statement."""
    table = model._meta.db_table
    argument = f"'{model._meta.pk.column}'" if issubclass(model, SealedEvent | SealedRow) else ""
    return [
        f'drop trigger if exists daymark_keep on "{table}"',
        f'create trigger daymark_keep before update or delete on "{table}" for each row'
        f" execute function daymark_keep({argument})",
        f'drop trigger if exists daymark_refuse_truncate on "{table}"',
        f'create trigger daymark_refuse_truncate before truncate on "{table}" for each statement'
        " execute function daymark_refuse_truncate()",
        *_without_append_only(table),
    ]


def _without_append_only(table: str) -> list[str]:
    """The library's own guard lets no custody move; ours takes its place."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tgname from pg_trigger where tgrelid = %s::regclass and tgname like 'pgtrigger\\_append\\_only\\_%%'",
            [table],
        )
        return [f'drop trigger "{row[0]}" on "{table}"' for row in cursor.fetchall()]
