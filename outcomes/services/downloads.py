"""The kept files of exports are given out: to people of all its sites, or to the payer it is released to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.utils import timezone

from outcomes.models import Export, Publication
from outcomes.selectors import exports as selector
from outcomes.services.exports import HOUR, within
from patients.access import Principal
from patients.errors import Forbidden, NotFound
from patients.models import Blob
from patients.services import blobs

READS = frozenset({"coordinator", "clinician"})


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
    told = _named(export.files, name)
    blob = Blob.objects.filter(pk=told["blob"]).first()
    if blob is None:
        raise NotFound("There is no such file.")
    codes = "-".join(sorted(selector.site_codes(export.site_ids)))
    return _download(export, told, blobs.opened(blob), blob.media_type, "contract" if export.whole else codes)


def released(
    *, release: Publication, name: str, principal: Principal, at: datetime | None = None
) -> Download:
    """A released file, for its contract's analyst, within the hourly quota. Raises TooMany, NotFound."""
    moment = at or timezone.now()
    within(selector.fetched(principal.user, moment - HOUR), moment)
    told = _named(release.files, name)
    stream = blobs.released(UUID(told["blob"]), release.contract)
    return _download(release, told, stream, told["media_type"], "contract")


def _named(files: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = next((f for f in files if f["name"] == name and "blob" in f), None)
    if found is None:
        raise NotFound("There is no such file.")
    return found


def _download(
    row: Export | Publication, told: Mapping[str, Any], stream: BinaryIO, media_type: str, scope: str
) -> Download:
    stem, _, form = told["name"].rpartition(".")
    shown = row.profile if row.profile != "limited_data_set" else f"{row.profile}_{scope}"
    name = f"{row.contract}_{row.as_of}_{shown}_{stem}.{form}"
    return Download(name, told["bytes"], told["sha256"], media_type, stream)
