"""Exports made by the operator: into a folder, of the whole contract, recorded like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from django.utils import timezone

from outcomes import data
from outcomes.models import Export
from outcomes.rules.data_package import FORMATS
from outcomes.rules.dataset_tables import PROFILES, tables
from outcomes.selectors import exports as selector
from outcomes.services import export_keeping, export_run
from outcomes.services.dataset_files import Package, Told
from patients import access
from patients.errors import Invalid


def make(
    *, folder: Path, fields: Mapping[str, Any], by: str, told: Told, at: datetime | None = None
) -> Export:
    """Makes an export of the whole contract and moves its files into `folder` once all of them are finished.

    `fields`: contract, profile, formats, as_of, as_known_at, reason, determination. Raises Invalid for an
    unknown contract, an instant in the future, or too few subjects; then nothing is left behind.
    """
    moment = at or timezone.now()
    row = _row(fields, by, moment)
    asked = export_run.asked_of(row)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".daymark-", dir=folder) as name:
        package = export_run.package_of(Path(name), asked, row.site_ids, by, told)
        _refuse_leftovers(folder, Path(name))
        for path in sorted(Path(name).iterdir()):
            path.replace(folder / path.name)
    _record(row, package)
    return row


def _refuse_leftovers(folder: Path, made: Path) -> None:
    """Files of another export beside these would be taken for a part of them."""
    new = {path.name for path in made.iterdir()}
    known = {f"{t.name}.{form}" for p in PROFILES for t in tables(p) for form in FORMATS}
    left = sorted(path.name for path in folder.iterdir() if path.name in known - new)
    if left:
        raise Invalid.at("/out", "not-empty", f"{folder} holds {', '.join(left)} of another export.")


def _row(fields: Mapping[str, Any], by: str, moment: datetime) -> Export:
    found = data.find_contract(fields["contract"])
    if found is None:
        known = ", ".join(sorted({c.code for c in data.contracts()}))
        raise Invalid.at(
            "/contract", "unknown", f"There is no contract “{fields['contract']}”; known are {known}."
        )
    asked_at = fields.get("as_known_at")
    if asked_at and asked_at > moment:
        raise Invalid.at("/as_known_at", "future", "“as_known_at” must not lie in the future.")
    with access.everywhere(by=by):
        sites: Sequence[UUID] = selector.enrolled_sites(found.code)
        known_at = export_run.settled(moment, asked_at)
        on = fields.get("as_of") or export_run.day_of(sites, known_at)
    return Export(
        contract=found.code, profile=fields["profile"], formats=list(fields["formats"]), site_ids=sorted(sites),
        whole=True, as_of=on, as_known_at=known_at, reason=fields.get("reason") or "",
        determination=fields.get("determination") or "", requester=by, requested_at=moment, started_at=moment,
        state="running",
    )  # fmt: skip


def _record(row: Export, package: Package) -> None:
    """One of a contract without patients is nobody's, so there is no row to show."""
    files = [export_keeping.told(f) for f in package.files]
    digest = hashlib.sha256(package.manifest).hexdigest()
    export_keeping.record(row, package, files, digest, timezone.now())
    if row.site_ids:
        with access.site_context(row.site_ids, by=row.requester):
            row.save(force_insert=True)
