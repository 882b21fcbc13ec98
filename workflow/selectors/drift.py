"""Does what is stored still follow from the facts? Everything derived is computed anew and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from patients.models import Patient, ResultHead
from workflow.models import Pathway
from workflow.models.pathway import MERGED
from workflow.rules.effects import Decision
from workflow.rules.facts import History, PatientFacts, known
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.derived import derived_rows, stored_fingerprints
from workflow.selectors.facts import histories

BATCH = 100


def drift() -> Iterator[str]:
    """One sentence per difference between what is stored and what follows from the facts."""
    yield from _merged()
    rows = Pathway.objects.filter(patient__merged_into=None).select_related("site").order_by("pk")
    pathways = rows.iterator(chunk_size=BATCH)
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
        history = told[pathway.pk]
        made = decided(history, as_of=pathway.decided_for)
        for text in (
            *_decision_drift(pathway, history, made.decision, stored[pathway.pk]),
            *_head_drift(history, made.facts, pathway.decided_for, heads.get(pathway.pk, {})),
        ):
            yield f"{name}: {text}"
        if pathway.next_change_on and pathway.next_change_on < local_date(now, pathway.site.timezone):
            yield f"{name}: not decided again since {pathway.next_change_on}"


def _merged() -> Iterator[str]:
    """What is stored under records that are decided under another one, and should not be there."""
    for patient in Patient.objects.exclude(merged_into=None).order_by("pk").values_list("pk", flat=True):
        for kind, key in sorted(stored_fingerprints([patient])[patient]):
            yield f"patient {patient}: {kind} {key} should not be there"
    alone, merged = Q(patient__merged_into=None), Q(phase=MERGED)
    unlike = Pathway.objects.filter(alone & merged | ~alone & ~merged)
    for patient in unlike.values_list("pk", flat=True):
        yield f"patient {patient}: the phase does not say whether the record is merged"


def _decision_drift(
    pathway: Pathway, told: History, decision: Decision, stored: dict[tuple[str, str], str]
) -> Iterator[str]:
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


def _heads(patients: Sequence[UUID]) -> dict[UUID, dict[UUID, UUID | None]]:
    """Per patient and result: the version that the list of heads says counts, None where none does."""
    found: dict[UUID, dict[UUID, UUID | None]] = {}
    rows = ResultHead.objects.filter(Q(patient__in=patients) | Q(patient__merged_into__in=patients))
    for owner, lineage, result, active, suspect in rows.values_list(
        Coalesce("patient__merged_into", "patient_id"), "lineage", "result", "active", "suspect"
    ):
        found.setdefault(owner, {})[lineage] = result if active and not suspect else None
    return found


def _head_drift(
    told: History, facts: PatientFacts, as_of: date, heads: dict[UUID, UUID | None]
) -> Iterator[str]:
    later = any(r.collected_on > as_of for r in told.results)
    counting = {r.lineage: r.id for r in (known(told, as_of=date.max) if later else facts).results}
    wanted = {r.lineage: counting.get(r.lineage) for r in told.results}
    for lineage in wanted.keys() | heads.keys():
        if lineage not in heads or lineage not in wanted:
            yield f"result {lineage} is listed without a version, or not listed"
        elif wanted[lineage] != heads[lineage]:
            yield f"result {lineage} points to another version than counts"
