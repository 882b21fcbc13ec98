"""`/payer/`: the one page of a payer's analyst. What is released to the own contracts, and nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from outcomes.models import Publication
from outcomes.rules.dataset_tables import AGGREGATE
from outcomes.selectors import exports as selector
from outcomes.sending import sent
from outcomes.services import downloads
from patients.access import Principal
from patients.admin.roles import principal, require
from patients.errors import DomainError, NotFound

ROLE = ("payer_analyst",)
SHOWN = 50
COLUMNS = (
    ("subject_id", "Subject"), ("month", "Month"), ("verdict", "Verdict"), ("verdict_reason", "Why"),
    ("refund_pct_triggered", "Refund, %"), ("change", "Since the release before"),
)  # fmt: skip
GROUP_COLUMNS = (
    ("month", "Month"), ("measure", "Measure"), ("n", "Subjects, at least"), ("value", "Value"),
    ("change", "Since the release before"),
)  # fmt: skip
WORDS = {
    "met": "Met", "not_met": "Not met", "not_evaluable": "Not evaluable", "due": "Due now", "pending": "Pending",
    "new": "new", "same": "as before", "changed": "corrected", "gone": "withdrawn",
}  # fmt: skip


@login_required
@require_safe
def payer(request: HttpRequest) -> HttpResponse:
    """Releases, newest first, each with its files and first rows."""
    require(request, ROLE)
    who = principal(request)
    found = selector.publications(who)
    chosen = _chosen(request, found)
    rows = _rows(who, chosen) if chosen else {}
    return TemplateResponse(request, "outcomes/payer.html", {"releases": found, "chosen": chosen, **rows})


@login_required
@require_safe
def payer_file(request: HttpRequest, export: UUID, name: str) -> HttpResponse:
    """One released file."""
    require(request, ROLE)
    who = principal(request)
    release = selector.publication(who, export)
    try:
        if release is None:
            raise NotFound("There is no such release.")
        return sent(downloads.released(release=release, name=name, principal=who))  # type: ignore[return-value]
    except NotFound as error:
        raise Http404(error.detail) from error
    except DomainError as error:
        return TemplateResponse(
            request, "outcomes/payer.html", {"problem": error.detail}, status=error.status
        )


def _chosen(request: HttpRequest, found: list[Publication]) -> Publication | None:
    asked = request.GET.get("release", "")
    return next((p for p in found if str(p.export) == asked), found[0] if found else None)


def _rows(who: Principal, release: Publication) -> dict[str, Any]:
    rows = selector.Released(who, release)
    columns = GROUP_COLUMNS if release.profile == AGGREGATE else COLUMNS
    shown = [[_word(row.get(name, ""), name) for name, _ in columns] for row in rows[:SHOWN]]
    return {"columns": [text for _, text in columns], "rows": shown, "total": len(rows)}


def _word(cell: str, column: str) -> str:
    return "withheld" if column == "n" and not cell else WORDS.get(cell, cell)
