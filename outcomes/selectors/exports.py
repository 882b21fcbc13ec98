"""Exports as the people of a site see them, and releases as a contract's payer sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from outcomes.models import Export, ExportApproval, Publication, PublishedRow
from outcomes.rules.data_package import instant
from outcomes.rules.dataset_tables import HARBOR
from patients import access
from patients.access import Principal
from patients.models import Patient, ReadLog, Site
from workflow.selectors.acts import patients_with

FETCHED = ("api:export-file", "payer-file")
"""Routes by which files are fetched; the read log counts them."""


def enrolled_sites(contract: str) -> list[UUID]:
    """Sites in view with an enrolled patient."""
    patients = patients_with("enrolment", contract)
    return sorted(set(Patient.objects.filter(pk__in=patients).values_list("site_id", flat=True)))


def enrolled(contract: str) -> int:
    """How many patients in view are enrolled."""
    return len(patients_with("enrolment", contract))


def site_codes(sites: Iterable[UUID]) -> list[str]:
    """Codes of those in view."""
    return list(Site.objects.filter(pk__in=list(sites)).order_by("code").values_list("code", flat=True))


def exports() -> QuerySet[Export]:
    """Exports about a site in view, newest first."""
    return Export.objects.order_by("-requested_at", "-pk")


def export_json(row: Export, principal: Principal) -> dict[str, Any]:
    """One export. Of its sites, and of who approved, only what belongs to the caller's sites is told."""
    sites = dict(Site.objects.filter(pk__in=row.site_ids).values_list("pk", "code"))
    own = set(sites) & set(principal.sites())
    given = ExportApproval.objects.filter(export=row, site__in=own).order_by("at")
    return {
        "id": str(row.pk),
        "contract": row.contract,
        "profile": row.profile,
        "formats": row.formats,
        "scope": "contract" if row.whole else "sites",
        "sites": sorted(sites[pk] for pk in own),
        "as_of": row.as_of.isoformat() if row.as_of else None,
        "as_known_at": _at(row.as_known_at),
        "reason": row.reason,
        "determination": row.determination or None,
        "requester": row.requester,
        "requested_at": _at(row.requested_at),
        "state": row.state,
        "progress": {"done": row.done, "total": row.total},
        "error": row.error or None,
        "finished_at": _at(row.finished_at),
        "row_counts": row.row_counts,
        "sha256": row.sha256 or None,
        "files": file_rows(row.files, f"{row.pk}/files/"),
        "approvals": [{"site": sites[a.site_id], "by": a.by, "at": _at(a.at)} for a in given],
        "published_at": _at(row.published_at),
    }


def file_rows(files: Iterable[Mapping[str, Any]], base: str) -> list[dict[str, Any]]:
    """Files with where they are fetched, relative to the list; null for files that are not kept here."""
    names = ("name", "format", "bytes", "rows", "sha256")
    return [{**{n: f[n] for n in names}, "url": base + f["name"] if "blob" in f else None} for f in files]


def _at(moment: datetime | None) -> str | None:
    return instant(moment) if moment else None


def publications(principal: Principal) -> list[Publication]:
    """What is released to the contracts of an analyst, newest first."""
    with access.payer_context(principal.contracts):
        return list(Publication.objects.order_by("-published_at", "-pk"))


def publication(principal: Principal, export: UUID) -> Publication | None:
    with access.payer_context(principal.contracts):
        return Publication.objects.filter(export=export).first()


def newest(principal: Principal, contract: str, as_of: date | None = None) -> Publication | None:
    """The newest released rows of a contract, of persons and not of groups; none later than a date."""
    found = (p for p in publications(principal) if (p.contract, p.profile) == (contract, HARBOR))
    return next((p for p in found if as_of is None or p.as_of <= as_of), None)


def publication_json(row: Publication) -> dict[str, Any]:
    """A release in the shape of an export, without anything about sites and staff."""
    return {
        "id": str(row.export),
        "contract": row.contract,
        "profile": row.profile,
        "as_of": row.as_of.isoformat(),
        "as_known_at": instant(row.as_known_at),
        "state": "ready",
        "row_counts": row.row_counts,
        "sha256": row.sha256,
        "files": file_rows(row.files, f"{row.export}/files/"),
        "published_at": instant(row.published_at),
    }


class Released:
    """The rows of a release as a sequence to page through, read as the payer; `verdict` narrows them."""

    def __init__(self, principal: Principal, release: Publication, verdict: str = "") -> None:
        self._contracts, self._release, self._verdict = principal.contracts, release, verdict

    def _rows(self) -> QuerySet[PublishedRow]:
        rows = PublishedRow.objects.filter(publication=self._release).order_by("number")
        return rows.filter(verdict=self._verdict) if self._verdict else rows

    def __len__(self) -> int:
        with access.payer_context(self._contracts):
            return self._rows().count()

    def __getitem__(self, asked: slice) -> list[dict[str, Any]]:
        with access.payer_context(self._contracts):
            return [{**row.cells, "change": row.change} for row in self._rows()[asked]]


def fetched(user: UUID, since: datetime) -> list[datetime]:
    """When a person fetched files, oldest first."""
    rows = ReadLog.objects.filter(user_id=user, route__in=FETCHED, at__gt=since)
    with access.bookkeeping():
        return list(rows.order_by("at").values_list("at", flat=True))
