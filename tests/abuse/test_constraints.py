"""What the database refuses by itself: each CHECK, foreign key and unique rule, broken by the owner with SQL alone.

A row that is there is put in again under another key, with one column spoilt. The list of rules is the database's own;
rules that one spoilt column alone cannot break, and those of tables without a row here, are not counted.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import DataError, IntegrityError, InternalError, ProgrammingError, connection, transaction

from patients.access import as_owner
from tests.abuse.world import ABSENT, Place

SPOILT = ("nosuch", "", -1, 0, 10**9, str(ABSENT), None, True, False, "0001-01-01", "2999-12-31", "2999-12-31T00:00:00Z",
          "[]", "{}", "x" * 64)  # fmt: skip
RULES = """
    select c.conname, t.relname, c.contype::text, array(select attname from pg_attribute where attrelid = t.oid
        and attnum = any (c.conkey)), (select a.attname || ' ' || format_type(a.atttypid, null) from pg_index i
        join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0] where i.indrelid = t.oid and i.indisprimary)
    from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
    where n.nspname = 'public' and c.contype in ('c', 'f', 'u', 'x')
      and t.relname ~ '^(patients|workflow|outcomes)_' and t.relname !~ 'sealedevent$'
    order by t.relname, c.conname
"""


def put(table: str, changes: dict[str, Any]) -> str:
    """The rule that refuses a copy of the table's first row with these changes; "" when nothing does."""
    sql = f'insert into "{table}" select (jsonb_populate_record(x, %s::jsonb)).* from "{table}" x limit 1'
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
            cursor.execute(sql, [json.dumps(changes)])
            transaction.set_rollback(True)
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name or "")
    except (DataError, ProgrammingError, InternalError):
        return ""
    return ""


def fresh(key: str) -> dict[str, Any]:
    name, _, kind = key.partition(" ")
    return {name: 2_000_000_000 if kind in ("integer", "bigint") else str(ABSENT)}


def test_every_rule_of_the_database_holds_on_its_own(place: Place) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(RULES)
        rules = list(cursor.fetchall())
        filled = {t for t in {r[1] for r in rules} if _filled(t)}
        held = set()
        for name, table, kind, columns, key in rules:
            if table not in filled:
                continue
            new = {} if key.split()[0] in columns else fresh(key)
            tries = [new] if kind in "ux" else [{**new, c: bad} for c in columns for bad in SPOILT]
            if name in (put(table, told) for told in tries):
                held.add(name)
    assert len(held) > 110, sorted(r[0] for r in rules if r[1] in filled and r[0] not in held)


def _filled(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'select exists (select from "{table}")')
        return bool(cursor.fetchone()[0])
