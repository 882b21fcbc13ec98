"""Many patients from one told through the services: rows copied in SQL under ids of their own.

What follows from facts in the outcomes is left out: it is made anew. Every id but those of sites and people is
hashed with the number of the copy, so references hold; gates and tasks get the ids that deciding would give them;
birth dates go back a year per copy, MRN and code get its number. A patient with alerts, whose keys name results,
cannot be copied. For sizes at which telling each story takes too long.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from django.db import connection, models

from patients.access import as_owner
from patients.db import patient_tables
from patients.models import Patient
from workflow.models import GateDecision, TaskDue

KEPT = {"site_id", "recorded_site_id", "recipient_id", "user_id"}


def clone(patient: UUID, copies: int, *, first: int = 1) -> None:
    """Makes `copies` of a committed patient, numbered from `first`."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        for model in (Patient, *(m for m in patient_tables() if m._meta.app_label != "outcomes")):
            cursor.execute(_copy(model), [first, first + copies - 1, patient])
        for derived, kind in ((GateDecision, "gate"), (TaskDue, "task")):
            _rename(cursor, derived._meta.db_table, kind, [patient, first, first + copies - 1])
        cursor.execute("set session_replication_role = origin")


def _rename(cursor: Any, table: str, kind: str, copied: list[Any]) -> None:
    """Gives derived rows the ids that follow from their patient and key."""
    cursor.execute(
        f"select t.id, t.patient_id, t.key from {table} t"
        " join (select md5(%s::text || k)::uuid as id from generate_series(%s, %s) k) p on p.id = t.patient_id",
        copied,
    )
    named = [(row, uuid5(patient, f"{kind}:{key}")) for row, patient, key in cursor.fetchall()]
    cursor.execute("create temp table renamed (old uuid, new uuid)")
    with cursor.copy("copy renamed from stdin") as rows:
        for pair in named:
            rows.write_row(pair)
    cursor.execute(f"update {table} t set id = renamed.new from renamed where t.id = renamed.old")
    cursor.execute("drop table renamed")


def _copy(model: type[models.Model]) -> str:
    table, owner = model._meta.db_table, "id" if model is Patient else "patient_id"
    columns = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
    names = ", ".join(f'"{f.column}"' for f in columns)
    values = ", ".join(_value(model, f) for f in columns)
    return (
        f'insert into "{table}" ({names}) select {values} from "{table}" t,'
        f' generate_series(%s, %s) k where t."{owner}" = %s'
    )


def _value(model: type[models.Model], field: models.Field) -> str:  # type: ignore[type-arg]
    column = f't."{field.column}"'
    if field.column in KEPT:
        return column
    if model is Patient and field.column in ("mrn", "code"):
        return f"{column} || '-' || k"
    if model is Patient and field.column == "birth_date":
        return f"({column} - make_interval(years => k %% 70))::date"
    if field.db_type(connection) == "uuid":
        return f"md5({column}::text || k)::uuid"
    return column
