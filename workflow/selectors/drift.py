"""Does what is stored still follow from the facts? Everything derived is computed anew and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from patients.models import Patient
from workflow.models import Pathway
from workflow.models.pathway import MERGED
from workflow.rules.effects import Decision
from workflow.rules.facts import History, PatientFacts, known
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.derived import derived_rows, stored_fingerprints
from workflow.selectors.facts import histories

BATCH = 20
HEADS = """
select coalesce(p.merged_into, p.id), replace(h.lineage::text, '-', ''),
    case when h.active and not h.suspect then replace(h.result::text, '-', '') end
from patients_resulthead h join patients_patient p on p.id = h.patient_id
where p.id = any(%s) or p.merged_into = any(%s)
"""


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
            *_head_drift(history, made.facts, pathway.decided_for, heads[pathway.pk]),
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


def _heads(patients: Sequence[UUID]) -> dict[UUID, dict[str, str | None]]:
    """Per patient and result: the version that the list of heads says counts, None where none does."""
    found: dict[UUID, dict[str, str | None]] = {pk: {} for pk in patients}
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [list(patients)] * 2)
        for owner, lineage, result in cursor.fetchall():
            found[owner][lineage] = result
    return found


def _head_drift(
    told: History, facts: PatientFacts, as_of: date, heads: dict[str, str | None]
) -> Iterator[str]:
    later = any(r.collected_on > as_of for r in told.results)
    counting = (known(told, as_of=date.max) if later else facts).results
    wanted: dict[str, str | None] = dict.fromkeys([r.lineage.hex for r in told.results])
    wanted |= {r.lineage.hex: r.id.hex for r in counting}
    if wanted == heads:
        return
    for lineage in wanted.keys() | heads.keys():
        if lineage not in heads or lineage not in wanted:
            yield f"result {UUID(lineage)} is listed without a version, or not listed"
        elif wanted[lineage] != heads[lineage]:
            yield f"result {UUID(lineage)} points to another version than counts"
