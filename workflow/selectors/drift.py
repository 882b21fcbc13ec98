"""Does what is stored still follow from the facts? Everything derived is computed anew and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from uuid import UUID

from django.utils import timezone

from patients.models import ResultHead
from workflow.models import Pathway
from workflow.rules.facts import History, known
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.derived import derived_rows, stored_fingerprints
from workflow.selectors.facts import histories

BATCH = 100


def drift() -> Iterator[str]:
    """One sentence per difference between what is stored and what follows from the facts."""
    pathways = Pathway.objects.select_related("site").order_by("pk").iterator(chunk_size=BATCH)
    while batch := list(islice(pathways, BATCH)):
        yield from _batch(batch)


def _batch(pathways: Sequence[Pathway]) -> Iterator[str]:
    ids = [p.pk for p in pathways]
    told, stored = histories(ids), stored_fingerprints(ids)
    heads = _heads(ids)
    now = timezone.now()
    for pathway in pathways:
        name = f"patient {pathway.pk}"
        if pathway.decided_for is None:
            yield f"{name}: never decided"
            continue
        yield from (
            f"{name}: {text}" for text in _decision_drift(pathway, told[pathway.pk], stored[pathway.pk])
        )
        yield from (f"{name}: {text}" for text in _head_drift(told[pathway.pk], heads.get(pathway.pk, {})))
        if pathway.next_change_on and pathway.next_change_on < local_date(now, pathway.site.timezone):
            yield f"{name}: not decided again since {pathway.next_change_on}"


def _decision_drift(pathway: Pathway, told: History, stored: dict[tuple[str, str], str]) -> Iterable[str]:
    assert pathway.decided_for is not None
    decision = decided(told, as_of=pathway.decided_for).decision
    wanted = {(r.kind, r.key): r.fingerprint for r in derived_rows(pathway.pk, decision, told.timezone)}
    for kind, key in sorted(wanted.keys() | stored.keys()):
        if wanted.get((kind, key)) != stored.get((kind, key)):
            yield f"{kind} {key} {_difference((kind, key), wanted, stored)}"
    if (pathway.phase, pathway.next_change_on) != (decision.phase, decision.next_change_on):
        yield f"phase {pathway.phase} or next change {pathway.next_change_on} differ"


def _difference(
    key: tuple[str, str], wanted: dict[tuple[str, str], str], stored: dict[tuple[str, str], str]
) -> str:
    if key not in stored:
        return "is missing"
    return "should not be there" if key not in wanted else "differs"


def _heads(patients: Sequence[UUID]) -> dict[UUID, dict[UUID, ResultHead]]:
    found: dict[UUID, dict[UUID, ResultHead]] = {}
    for head in ResultHead.objects.filter(patient__in=patients):
        found.setdefault(head.patient_id, {})[head.lineage] = head
    return found


def _head_drift(told: History, heads: dict[UUID, ResultHead]) -> Iterable[str]:
    counting = {r.lineage: r.id for r in known(told, as_of=date.max).results}
    listed = {h.lineage: h.result for h in heads.values() if h.active and not h.suspect}
    for lineage in counting.keys() | listed.keys():
        if counting.get(lineage) != listed.get(lineage):
            yield f"result {lineage} points to another version than counts"
    versions = {r.lineage for r in told.results}
    for lineage in heads.keys() ^ versions:
        yield f"result {lineage} is listed without a version, or not listed"
