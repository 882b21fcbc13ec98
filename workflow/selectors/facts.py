"""Loads everything ever recorded about a patient in three queries, as plain values.

Facts of records that were merged into the patient's are the patient's; a merged record has none of its own. One more
query tells whose they are where there are any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, models
from psycopg import Cursor
from psycopg.pq import Format

from patients.errors import NotFound
from patients.models import (
    Attestation,
    Bleed,
    Coverage,
    Draw,
    Event,
    FactorUse,
    Patient,
    QuarantineItem,
    Regimen,
    Result,
    SiteSetting,
)
from patients.selectors.records import merged_into
from workflow.models import Act, Authorization, Infusion, Kit
from workflow.rules.facts import (
    FACTS,
    AttestationFact,
    AuthorizationFact,
    BleedFact,
    CoverageFact,
    DrawFact,
    EventFact,
    FactorUseFact,
    History,
    InfusionFact,
    KitFact,
    Person,
    RegimenFact,
    ResultFact,
    WaitingItem,
)
from workflow.rules.facts import (
    Act as ActFact,
)
from workflow.rules.records import joined
from workflow.rules.site_settings import Setting

RECORDS = (
    "with records as materialized (select id from patients_patient"
    " where id = any(%s) or merged_into = any(%s))"
)
ONE_OF_THEM = "any(array(select id from records))"
"""The statements begin with “select”: before any other the audit sends its context along."""
NOBODY = UUID(int=0)
READ_JSON = json.JSONDecoder(parse_float=Decimal).decode


def history(patient: UUID) -> History:
    """All facts and acts of one patient. Raises NotFound for one that is not, or not in the caller's sites, Merged for
    a record that is merged into another one."""
    people = _people([patient])
    if people[0].merged_into:
        raise merged_into(people[0].merged_into)
    return histories_of(people)[patient]


def histories(patients: Sequence[UUID], *, analytes: Sequence[str] | None = None) -> dict[UUID, History]:
    """The same for many patients at once, still in three queries; of `analytes` only, where they are named. A merged
    record has no facts of its own."""
    return histories_of(_people(patients), analytes=analytes)


def _people(patients: Sequence[UUID]) -> list[Patient]:
    people = list(Patient.objects.filter(pk__in=patients).select_related("site"))
    if len(people) != len(set(patients)):
        raise NotFound("There is no such patient.")
    return people


def histories_of(people: Sequence[Patient], *, analytes: Sequence[str] | None = None) -> dict[UUID, History]:
    """The same for patients at hand with their sites, in two queries."""
    patients = [p.pk for p in people if p.merged_into is None]
    results = _results(patients, analytes)
    small = _small_facts(patients, {p.site_id for p in people})
    merged = _merged({*results, *(owner for name, owner in small if name != "settings")} - set(patients))

    def recorded(person: Patient, record: UUID) -> History:
        """What is written under one record."""
        facts = {name: tuple(small.get((name, record), ())) for name in FACTS if name != "results"}
        return History(
            person=Person(id=person.pk, birth_date=person.birth_date, sex=person.sex),
            timezone=person.site.timezone,
            site_code=person.site.code,
            results=tuple(results.get(record, ())),
            settings=tuple(small.get(("settings", person.site_id), ())),
            **facts,
        )

    found = {}
    for p in people:
        told = recorded(p, p.pk if p.merged_into is None else NOBODY)
        for record in merged.get(p.pk, ()):
            told = joined(told, recorded(p, record), since=_since(told, record))
        found[p.pk] = told
    return found


def _merged(records: set[UUID]) -> dict[UUID, list[UUID]]:
    """Records merged into each patient."""
    found: dict[UUID, list[UUID]] = {}
    rows = Patient.objects.filter(pk__in=records).order_by("pk") if records else ()
    for row in rows:
        assert row.merged_into is not None
        found.setdefault(row.merged_into, []).append(row.pk)
    return found


def _since(history: History, record: UUID) -> datetime:
    """When a record was merged into the patient's, the last time."""
    return max(a.recorded_at for a in history.acts if (a.kind, a.key) == ("merge", str(record)))


def _results(patients: Sequence[UUID], analytes: Sequence[str] | None) -> dict[UUID, list[ResultFact]]:
    found: defaultdict[UUID, list[ResultFact]] = defaultdict(list)
    asked: list[Any] = [list(patients)] * 2 + ([] if analytes is None else [list(analytes)])
    with _binary_cursor() as cursor:
        cursor.execute(_select_results(only=analytes is not None), asked)
        for row in cursor.fetchall():
            found[row[-1]].append(ResultFact._make(row[:-1]))
    return found


def _binary_cursor() -> Any:
    """Django's cursor over one that is answered in binary: instants and numbers need no parsing."""
    connection.ensure_connection()
    raw: Any = Cursor(connection.connection)
    raw.format = Format.BINARY
    return connection.make_debug_cursor(raw) if connection.queries_logged else connection.make_cursor(raw)


@cache
def _select_results(*, only: bool) -> str:
    """In the order of the fact's fields, numbers without trailing zeros."""
    kinds = {f.name: f.get_internal_type() for f in Result._meta.concrete_fields}
    columns = [f"trim_scale({n})" if kinds[n] == "DecimalField" else n for n in ResultFact._fields]
    columns[ResultFact._fields.index("code")] = "nullif(code, '')"
    return (
        f"select * from ({RECORDS} select {', '.join(columns)}, patient_id from {Result._meta.db_table}"
        f" where patient_id = {ONE_OF_THEM}{' and analyte = any(%s)' if only else ''}) told"
    )


def _plain(value: Decimal | None) -> Decimal | None:
    """The number without the trailing zeros of its column."""
    if value is None:
        return None
    normal = value.normalize()
    return normal if normal.as_tuple().exponent <= 0 else normal.quantize(Decimal(1))  # type: ignore[operator]


def _small_facts(patients: Sequence[UUID], sites: Iterable[UUID]) -> dict[tuple[str, UUID], list[Any]]:
    """Every other kind of fact in one query: each table's rows as JSON, told apart by their name."""
    parts: list[str] = []
    parameters: list[Any] = [list(patients)] * 2
    for name, (model, _) in SMALL.items():
        owner, those = ("site_id", "any(%s)") if name == "settings" else ("patient_id", ONE_OF_THEM)
        only = " and (state = 'waiting' or resolved_at is not null)" if name == "waiting" else ""
        parts.append(
            f"select '{name}', {owner}, to_jsonb(t)::text from \"{model._meta.db_table}\" t"
            f" where {owner} = {those}{only}"
        )
    parameters.append(list(sites))
    found: dict[tuple[str, UUID], list[Any]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"select * from ({RECORDS} {' union all '.join(parts)}) told", parameters)
        for name, owner, text in cursor.fetchall():
            model, build = SMALL[name]
            found.setdefault((name, owner), []).append(build(_typed(model, READ_JSON(text))))
    return found


def _typed(model: type[models.Model], row: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON values as Python values, by column type."""
    for column, convert in _conversions(model):
        if row[column] is not None:
            row[column] = convert(row[column])
    return row


@cache
def _conversions(model: type[models.Model]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Columns whose JSON value is not the value itself."""
    kinds = ((f.column or f.name, f.get_internal_type()) for f in model._meta.concrete_fields)
    return tuple((column, CONVERT[kind]) for column, kind in kinds if kind in CONVERT)


def _decimal(value: Any) -> Decimal:
    number = _plain(Decimal(str(value)))
    assert number is not None
    return number


CONVERT: dict[str, Callable[[Any], Any]] = {
    "DecimalField": _decimal,
    "DateField": date.fromisoformat,
    "DateTimeField": datetime.fromisoformat,
    "UUIDField": UUID,
}


def _fact(build: type[Any], *names: str, **renamed: str) -> Callable[[dict[str, Any]], Any]:
    """A builder that takes the common columns, the named ones, and renamed ones (`field=column`)."""

    def make(row: dict[str, Any]) -> Any:
        common = {n: row[n] for n in ("id", "recorded_at", "by", "supersedes", "retracted")}
        return build(**common, **{n: row[n] for n in names}, **{f: row[c] for f, c in renamed.items()})

    return make


def _act(row: dict[str, Any]) -> ActFact:
    names = ("id", "recorded_at", "by", "kind", "key", "payload", "true_on", "reason")
    return ActFact(**{n: row[n] for n in names})


def _setting(row: dict[str, Any]) -> Setting:
    names = ("kind", "key", "recorded_at", "from_on", "to_on", "payload")
    return Setting(**{n: row[n] for n in names})


def _waiting(row: dict[str, Any]) -> WaitingItem:
    names = ("id", "analyte", "reason", "received_at", "collected_on", "resolved_at")
    return WaitingItem(**{n: row[n] for n in names})


INFUSION_SHOWN = (
    "started_at", "ended_at", "diluted_at", "observed_until", "weight_kg", "volume_ml", "rate_ml_h", "kit_lot",
    "vial_lots", "ndc", "place_of_service", "outcome", "percent_given", "premedication", "interruptions",
    "reactions", "vitals", "warnings",
)  # fmt: skip


def _infusion(row: dict[str, Any]) -> InfusionFact:
    common = {n: row[n] for n in ("id", "recorded_at", "by", "supersedes", "retracted")}
    names = (
        "started_at",
        "ended_at",
        "day0",
        "weight_kg",
        "volume_ml",
        "outcome",
        "percent_given",
        "place_of_service",
    )
    return InfusionFact(
        **common,
        **{n: row[n] for n in names},
        details={n: shown_value(row[n]) for n in INFUSION_SHOWN},
    )


def shown_value(value: Any) -> Any:
    """A column's value as the public interface shows it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


SMALL: dict[str, tuple[type[models.Model], Callable[[dict[str, Any]], Any]]] = {
    "settings": (SiteSetting, _setting),
    "waiting": (QuarantineItem, _waiting),
    "bleeds": (
        Bleed,
        _fact(
            BleedFact, "onset_at", "onset_on", "joint", "cause", "life_threatening", "treated", site="body_site"
        ),
    ),
    "factor_uses": (FactorUse, _fact(FactorUseFact, "product", "iu", "given_on", "reason")),
    "regimens": (
        Regimen,
        _fact(RegimenFact, "product", "iu_per_kg", "interval_days", "from_on", "to_on", "reason"),
    ),
    "attestations": (Attestation, _fact(AttestationFact, "code", "on", "value", "source", "note")),
    "events": (Event, _fact(EventFact, "kind", "from_on", "to_on", "source")),
    "coverages": (Coverage, _fact(CoverageFact, "payer", "contract", "from_on", "to_on")),
    "draws": (Draw, _fact(DrawFact, "panel", "drawn_at", "drawn_on", "lab")),
    "infusions": (Infusion, _infusion),
    "kits": (Kit, _fact(KitFact, "ordered_on", "weight_kg", "vials", "received_on", "ndc", "lot", "vial_lots")),
    "authorizations": (
        Authorization,
        _fact(
            AuthorizationFact,
            "payer", "number", "status", "submitted_on", "decided_on", "valid_from", "valid_to",
        ),
    ),
    "acts": (Act, _act),
}  # fmt: skip
