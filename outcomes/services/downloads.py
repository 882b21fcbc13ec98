"""The kept files of exports are given out: to people of all its sites, or to the payer it is released to."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.utils import timezone

from outcomes.models import Export, Publication
from outcomes.rules.data_package import FORMATS
from outcomes.rules.dataset_tables import DICTIONARY
from outcomes.selectors import exports as selector
from outcomes.services.exports import HOUR, within
from patients.access import Principal
from patients.errors import Forbidden, NotFound
from patients.models import Blob
from patients.services import blobs

READS = frozenset({"coordinator", "clinician"})
PACKAGES = {f"package-{form}.zip": form for form in FORMATS}
SPOOL = 16 << 20
"""Bytes of an archive kept in memory; what is beyond goes to a temporary file."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file: its name outside says contract, date, profile and scope."""

    name: str
    size: int
    sha256: str
    media_type: str
    stream: BinaryIO

    def parts(self) -> Iterator[bytes]:
        while data := self.stream.read(blobs.PART):
            yield data


def own(*, export: Export, name: str, principal: Principal) -> Download:
    """A file of an export, for somebody who works at each of its sites. Raises Forbidden, NotFound."""
    if not all(principal.at(site) & READS for site in export.site_ids):
        raise Forbidden("This export holds patients of other sites, too; it goes to the payer only.")
    codes = "-".join(selector.site_codes(export.site_ids))
    scope = "contract" if export.whole else codes
    if name in PACKAGES:
        return _package(export, export.files, PACKAGES[name], scope, _opened)
    told = _named(export.files, name)
    return _download(export, told, _opened(told), scope)


def _opened(told: Mapping[str, Any]) -> BinaryIO:
    blob = Blob.objects.filter(pk=told["blob"]).first()
    if blob is None:
        raise NotFound("There is no such file.")
    return blobs.opened(blob)


def released(
    *, release: Publication, name: str, principal: Principal, at: datetime | None = None
) -> Download:
    """A released file, for its contract's analyst, within the hourly quota. Raises TooMany, NotFound."""
    moment = at or timezone.now()
    within(selector.fetched(principal.user, moment - HOUR), moment)
    if name in PACKAGES:
        return _package(
            release, release.files, PACKAGES[name], "contract", partial(_released, release.contract)
        )
    told = _named(release.files, name)
    return _download(release, told, _released(release.contract, told), "contract")


def _released(contract: str, told: Mapping[str, Any]) -> BinaryIO:
    return blobs.released(UUID(told["blob"]), contract)


def _package(
    row: Export | Publication,
    files: Iterable[Mapping[str, Any]],
    form: str,
    scope: str,
    opened: Callable[[Mapping[str, Any]], BinaryIO],
) -> Download:
    """The tables in one format with dictionary and manifest, in one archive; the same bytes each time."""
    wanted = [
        f for f in files if "blob" in f and (f["format"] in (form, "json") or f["table"] == DICTIONARY.name)
    ]
    if not any(f["format"] == form for f in wanted):
        raise NotFound("There is no such file.")
    spooled: Any = SpooledTemporaryFile(SPOOL)  # noqa: SIM115 (given to the caller)
    with ZipFile(spooled, "w", ZIP_DEFLATED) as archive:
        for told in wanted:
            with archive.open(ZipInfo(told["name"]), "w", force_zip64=True) as entry:
                shutil.copyfileobj(opened(told), entry, blobs.PART)
    size = spooled.tell()
    spooled.seek(0)
    digest = hashlib.file_digest(spooled, "sha256").hexdigest()
    spooled.seek(0)
    told = {"name": f"package-{form}.zip", "bytes": size, "sha256": digest, "media_type": "application/zip"}
    return _download(row, told, spooled, scope)


def _named(files: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = next((f for f in files if f["name"] == name and "blob" in f), None)
    if found is None:
        raise NotFound("There is no such file.")
    return found


def _download(row: Export | Publication, told: Mapping[str, Any], stream: BinaryIO, scope: str) -> Download:
    stem, _, form = told["name"].rpartition(".")
    shown = row.profile if row.profile != "limited_data_set" else f"{row.profile}_{scope}"
    name = f"{row.contract}_{row.as_of}_{shown}_{stem}.{form}"
    return Download(name, told["bytes"], told["sha256"], told["media_type"], stream)
