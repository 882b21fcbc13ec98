"""The manifest of an export: a Frictionless data package that says what is inside and where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from outcomes.rules.dataset_tables import DICTIONARY, LIMITED, SCHEMA_VERSION, Table, tables

MANIFEST = "datapackage.json"
MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
FORMATS = ("csv", "parquet", "xlsx")


@dataclass(frozen=True, slots=True)
class Written:
    """One finished file. `sha256` in hex, `rows` without the header."""

    table: str
    name: str
    format: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an export was asked for, and by whom. `sites`: codes, empty for the whole contract."""

    contract: Mapping[str, Any]
    profile: str
    as_of: date
    as_known_at: datetime
    formats: Sequence[str]
    requester: str
    reason: str = ""
    determination: str = ""
    sites: Sequence[str] = ()
    rule_versions: Mapping[str, Any]


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


def manifest(asked: Asked, files: Iterable[Written], subjects: int | None) -> bytes:
    """The bytes of datapackage.json: the same for the same data and the same question.

    `subjects` is None where the number of persons itself must not be told.
    """
    known = {t.name: t for t in (*tables(asked.profile), DICTIONARY)}
    body = {
        "name": f"daymark-{asked.contract['code']}-{asked.profile}".replace("_", "-"),
        "title": f"Milestone data set of {asked.contract['code']}, {asked.profile.replace('_', ' ')}",
        "schema_version": SCHEMA_VERSION,
        "contract": dict(asked.contract),
        "disclosure_profile": asked.profile,
        "as_of": asked.as_of.isoformat(),
        "as_known_at": instant(asked.as_known_at),
        "rule_versions": dict(asked.rule_versions),
        "requester": asked.requester,
        "reason": asked.reason,
        "determination": asked.determination or None,
        "scope": _scope(asked),
        "subjects": subjects,
        "resources": [_resource(f, known[f.table]) for f in files],
    }
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()


def _scope(asked: Asked) -> dict[str, Any]:
    """A de-identified package does not name its sites."""
    if not asked.sites:
        return {"kind": "contract"}
    return {"kind": "sites", **({"sites": sorted(asked.sites)} if asked.profile == LIMITED else {})}


def _resource(file: Written, table: Table) -> dict[str, Any]:
    """A table as CSV carries its schema; its other forms are plain files with the same rows."""
    told = {
        "name": table.name.replace("_", "-") + ("" if file.format == "csv" else f"-{file.format}"),
        "title": table.title,
        "path": file.name,
        "format": file.format,
        "mediatype": MEDIA[file.format],
        "encoding": "utf-8",
        "hash": f"sha256:{file.sha256}",
        "bytes": file.size,
        "row_count": file.rows,
    }
    if file.format != "csv":
        return {**told, "type": "file"}
    return {
        **told,
        "type": "table",
        "dialect": {"csv": {"lineTerminator": "\n"}},
        "schema": {"fields": [_field(c) for c in table.columns], "missingValues": [""]},
    }


def _field(column: Any) -> dict[str, Any]:
    told = {"name": column.name, "type": column.kind, "description": column.description}
    if column.kind == "boolean":
        told |= {"trueValues": ["true"], "falseValues": ["false"]}
    return told
