"""What became of an export is kept: its files encrypted, their hashes and counts in its row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from outcomes.models import Export
from outcomes.rules.data_package import MANIFEST, MEDIA, Written
from outcomes.services.dataset_files import Package
from patients.models import Site, User
from patients.services import blobs
from workflow.services import ledger


def keep(row: Export, folder: Path, package: Package) -> None:
    """Keeps the files encrypted, says so in the export's row, and tells the person who asked."""
    moment = timezone.now()
    kept = [_kept(row, folder / f.name, told(f), moment) for f in package.files]
    digest = hashlib.sha256(package.manifest).hexdigest()
    own = {
        "name": MANIFEST,
        "table": "",
        "format": "json",
        "sha256": digest,
        "bytes": len(package.manifest),
        "rows": None,
        "media_type": MEDIA["json"],
    }
    kept.append(_kept(row, folder / MANIFEST, own, moment))
    record(row, package, kept, digest, moment)
    row.save()
    _tell(row, moment)


def record(row: Export, package: Package, files: list[dict[str, Any]], digest: str, moment: datetime) -> None:
    """Fills in what became of an export."""
    row.files, row.manifest, row.sha256 = files, json.loads(package.manifest), digest
    row.row_counts, row.done, row.total = package.row_counts, package.subjects, package.subjects
    row.state, row.finished_at, row.error = "ready", moment, ""


def told(file: Written) -> dict[str, Any]:
    return {
        "name": file.name, "table": file.table, "format": file.format, "sha256": file.sha256,
        "bytes": file.size, "rows": file.rows, "media_type": MEDIA[file.format],
    }  # fmt: skip


def _kept(row: Export, path: Path, told: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    one = row.site_ids[0] if len(row.site_ids) == 1 else None
    with path.open("rb") as stream:
        blob = blobs.keep(
            stream=stream, site=one, held_by=() if one else row.site_ids, media_type=told["media_type"], at=moment
        )  # fmt: skip
    if blob.sha256 != told["sha256"]:
        raise RuntimeError(f"{path.name} changed while it was kept")
    return {**told, "blob": str(blob.pk)}


def _tell(row: Export, moment: datetime) -> None:
    if row.requested_by_id is not None:
        person = User.objects.filter(pk=row.requested_by_id, is_active=True)
        site = Site.objects.filter(pk__in=row.site_ids).order_by("code").first()
        assert site is not None
        ledger.export_ready(export=row.pk, site=site, people=list(person), at=moment)
