"""An export is released to its contract's payer: files and rows that name neither patient nor site."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from outcomes.models import Export, Publication, PublishedRow
from outcomes.rules.dataset_tables import AGGREGATE, LIMITED, MILESTONES, SUMMARY, Table
from outcomes.services.exports import APPROVES, approved
from patients import access
from patients.access import Principal
from patients.errors import Conflict, Forbidden, Invalid
from patients.models import Blob
from patients.services import blobs

BATCH = 1000
NOT_COMPARED = frozenset({"as_of", "as_known_at"})


def publish(*, export: Export, principal: Principal, at: datetime | None = None) -> Publication:
    """Releases a finished, approved export. Raises Forbidden, Conflict, or Invalid for a limited data set, which
    keeps dates and is not de-identified. Each row says what it is beside the release before: new, same, changed
    or gone."""
    if not any(APPROVES in principal.at(s) for s in export.site_ids):
        raise Forbidden("Only an administrator of a site in this export may release it.")
    if export.profile == LIMITED:
        raise Invalid.at(
            "/profile",
            "not-de-identified",
            "A limited data set keeps dates; release safe_harbor or aggregate.",
        )
    with access.everywhere(by=principal.username), transaction.atomic():
        locked = Export.objects.select_for_update().get(pk=export.pk)
        _refuse(locked, principal.username)
        moment = at or timezone.now()
        locked.published_at, locked.published_by = moment, principal.username
        locked.save(update_fields=["published_at", "published_by"])
        blobs.release(blobs=[UUID(f["blob"]) for f in locked.files], contract=locked.contract)
        return _released(locked, moment)


def _refuse(export: Export, by: str) -> None:
    if export.state != "ready":
        raise Conflict("Only a finished export can be released.")
    if export.published_at is not None:
        raise Conflict("This export is released already.")
    if not approved(export, by):
        raise Conflict("A site of this export has not approved it yet.")
    if _table_file(export) is None:
        raise Conflict("Only an export whose files are kept here as CSV can be released.")


def _released(export: Export, moment: datetime) -> Publication:
    assert export.as_of is not None and export.as_known_at is not None
    before = _before(export)
    made = Publication(
        export=export.pk, contract=export.contract, profile=export.profile, series=_series(export), as_of=export.as_of,
        as_known_at=export.as_known_at, row_counts=export.row_counts, files=export.files,
        manifest=export.manifest, sha256=export.sha256, published_at=moment,
    )  # fmt: skip
    made.save(force_insert=True)
    rows = _rows(made, export, before)
    while batch := list(islice(rows, BATCH)):
        PublishedRow.objects.bulk_create(batch)
    return made


def _rows(
    made: Publication, export: Export, before: dict[tuple[str, ...], dict[str, str]]
) -> Iterator[PublishedRow]:
    key = table_of(export.profile).key
    number = 0
    for number, cells in enumerate(_cells(export), 1):
        old = before.pop(tuple(cells[name] for name in key), None)
        yield _row(made, number, cells, _change(old, cells))
    for more, cells in enumerate(before.values(), number + 1):
        yield _row(made, more, cells, "gone")


def _row(made: Publication, number: int, cells: dict[str, str], change: str) -> PublishedRow:
    return PublishedRow(
        publication=made, contract=made.contract, number=number, verdict=cells.get("verdict", ""), change=change,
        cells=cells,
    )  # fmt: skip


def _change(old: Mapping[str, str] | None, new: Mapping[str, str]) -> str:
    if old is None:
        return "new"
    return "same" if _compared(old) == _compared(new) else "changed"


def _compared(cells: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in cells.items() if k not in NOT_COMPARED}


def _cells(export: Export) -> Iterator[dict[str, str]]:
    told = _table_file(export)
    assert told is not None
    blob = Blob.objects.get(pk=told["blob"])
    yield from csv.DictReader(io.TextIOWrapper(blobs.opened(blob), encoding="utf-8", newline=""))


def _table_file(export: Export) -> dict[str, Any] | None:
    wanted = f"{table_of(export.profile).name}.csv"
    return next((f for f in export.files if f["name"] == wanted and "blob" in f), None)


def _series(export: Export) -> str:
    """Nobody outside knows the ids of sites, which are random, so the digest tells nothing of them."""
    told = [export.contract, export.profile, *sorted(map(str, export.site_ids))]
    return hashlib.sha256("|".join(told).encode()).hexdigest()


def table_of(profile: str) -> Table:
    """The table whose rows a payer pages through."""
    return SUMMARY if profile == AGGREGATE else MILESTONES


def _before(export: Export) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows of the release before, about the same sites, by their key, as the payer sees them."""
    key = table_of(export.profile).key
    with access.payer_context([export.contract]):
        earlier = Publication.objects.filter(series=_series(export))
        last = earlier.order_by("-published_at").first()
        if last is None:
            return {}
        rows = PublishedRow.objects.filter(publication=last).exclude(change="gone").order_by("number")
        return {tuple(c[name] for name in key): c for c in rows.values_list("cells", flat=True).iterator()}
