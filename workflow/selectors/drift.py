"""Does what is stored still follow from the facts? Everything derived is computed anew and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

from django.utils import timezone

from patients.models import ResultHead
from patients.rules.versions import current
from workflow.models import Pathway
from workflow.rules.facts import History, ResultFact
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
    known, stored = histories(ids), stored_fingerprints(ids)
    heads = _heads(ids)
    now = timezone.now()
    for pathway in pathways:
        name = f"patient {pathway.pk}"
        if pathway.decided_for is None:
            yield f"{name}: never decided"
            continue
        yield from (
            f"{name}: {text}" for text in _decision_drift(pathway, known[pathway.pk], stored[pathway.pk])
        )
        yield from (f"{name}: {text}" for text in _head_drift(known[pathway.pk], heads.get(pathway.pk, {})))
        if pathway.next_change_on and pathway.next_change_on < local_date(now, pathway.site.timezone):
            yield f"{name}: not decided again since {pathway.next_change_on}"


def _decision_drift(pathway: Pathway, known: History, stored: dict[tuple[str, str], str]) -> Iterable[str]:
    assert pathway.decided_for is not None
    decision = decided(known, as_of=pathway.decided_for).decision
    wanted = {(r.kind, r.key): r.fingerprint for r in derived_rows(pathway.pk, decision, known.timezone)}
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


def _head_drift(known: History, heads: dict[UUID, ResultHead]) -> Iterable[str]:
    lineages: dict[UUID, list[ResultFact]] = {}
    for version in known.results:
        lineages.setdefault(version.lineage, []).append(version)
    for lineage, versions in lineages.items():
        counting = current(tuple(versions)).current
        head = heads.get(lineage)
        if head is None or head.active != (counting is not None) or (counting and head.result != counting.id):
            yield f"result {lineage} points to another version than counts"
    for lineage in heads.keys() - lineages.keys():
        yield f"result {lineage} is listed but has no version"
