"""Many patients from one told through the services: rows copied in SQL under ids of their own.

What follows from facts in the outcomes is left out: it is made anew. Every id but those of sites and people is
hashed with the number of the copy, so references hold; gates and tasks get the ids that deciding would give them;
birth dates go back a year per copy, MRN and code get its number. A patient with alerts, whose keys name results,
cannot be copied. For sizes at which telling each story takes too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, models

from outcomes.models import DatasetRows, FigureRow, SubjectCode
from outcomes.rules.cohort_figures import ASSAYS
from outcomes.selectors import dataset
from patients.access import as_owner
from patients.db import patient_tables
from patients.models import Patient
from workflow.models import Act, GateDecision, Pathway, TaskDue

VARIED = "select array_agg(u.v + (k %% 97) / 10.0 order by u.o) from unnest(t.{}) with ordinality u (v, o)"
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


def clone_outcomes(patient: UUID, copies: int, *, first: int, letter: str) -> None:
    """Makes copies of a patient with what is stored of the outcomes, and without any fact: enough to read exports and
    figures. Their codes are `letter` and the number of the copy."""
    code = f"'S{letter}' || lpad(k::text, 8, '0')"
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("select code from outcomes_subjectcode where patient_id = %s", [patient])
        (own,) = cursor.fetchone()
        cursor.execute("set session_replication_role = replica")
        asked = [first, first + copies - 1, patient]
        cursor.execute(_copy(Patient), asked)
        cursor.execute(_copy(Pathway), asked)
        cursor.execute(_copy(FigureRow, {name: f"({VARIED.format(name)})" for name in ASSAYS}), asked)
        cursor.execute(_copy(SubjectCode, {"code": code}), asked)
        texts = {name: f"replace(t.\"{name}\", '{own}', {code})" for name in dataset.TEXTS}
        cursor.execute(_copy(DatasetRows, texts), asked)
        enrolled = "t.kind = 'enrolment'"
        cursor.execute(f"{_copy(Act)} and {enrolled}", asked)
        cursor.execute("set session_replication_role = origin")
        cursor.execute("analyze")


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


def _copy(model: type[models.Model], told: Mapping[str, str] | None = None) -> str:
    """`told`: the value of some columns."""
    table, owner = model._meta.db_table, "id" if model is Patient else "patient_id"
    columns = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
    names = ", ".join(f'"{f.column}"' for f in columns)
    values = ", ".join((told or {}).get(f.column) or _value(model, f) for f in columns)
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
