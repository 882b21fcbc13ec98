"""Which rows stand behind each FHIR resource type, and what its search parameters mean for them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet

from patients.data import catalog
from patients.models import FactorUse, Patient, Result, ResultHead
from patients.rules.words import PHASES
from workflow.models import Infusion, Pathway, TaskDue
from workflow.rules import fhir_codes as codes
from workflow.selectors import fhir_parameters as by
from workflow.selectors.fhir import Stream
from workflow.selectors.fhir_more import standing
from workflow.selectors.fhir_parameters import Condition
from workflow.selectors.lists import state_now


def patients() -> QuerySet[Patient]:
    return Patient.objects.select_related("site")


def results() -> QuerySet[Result]:
    """The version of each result that counts, or its last one when none does; never the twin of another."""
    head = ResultHead.objects.filter(lineage=OuterRef("lineage"), result=OuterRef("pk"), suspect=False)
    return Result.objects.filter(Exists(head))


def _by_loinc(code: str) -> Q | None:
    """Rows that carry a LOINC code: as the analyte's own, or as the one they were reported with."""
    analyte = catalog().analytes.get(catalog().by_loinc.get(code, ""))
    if analyte is None:
        return None
    rows = Q(analyte=analyte.code)
    return rows if code == analyte.loinc[0] else rows & Q(loinc=code) & (Q(factor=1) | Q(factor=None))


def _by_analyte(code: str) -> Q | None:
    return Q(analyte=code) if code in catalog().analytes else None


def _by_category(code: str) -> Q | None:
    found = [a.code for a in catalog().analytes.values() if codes.category(a) == code]
    return Q(analyte__in=found) if found else None


def _identified(value: str) -> Q:
    """`number` or `system|number`, the system being that of the site."""
    system, bar, number = value.rpartition("|")
    site = system.removeprefix(codes.mrn_system(""))
    if not bar:
        return Q(mrn=number)
    return Q(mrn=number, site__code=site) if system == codes.mrn_system(site) else by.NOTHING


def pathways() -> QuerySet[Pathway]:
    return Pathway.objects.filter(patient__merged_into=None)


def tasks() -> QuerySet[TaskDue]:
    return TaskDue.objects.annotate(state=state_now())


def infusions() -> QuerySet[Infusion]:
    return standing(Infusion).select_related("patient__pathway")


def factor_uses() -> QuerySet[FactorUse]:
    return standing(FactorUse)


def _grouped(column: str, theirs: Mapping[str, str]) -> dict[str, Q]:
    """For each of FHIR's words the rows whose column holds one of ours that it stands for."""
    words = set(theirs.values())
    return {word: Q(**{f"{column}__in": [ours for ours, w in theirs.items() if w == word]}) for word in words}


def _assessing(code: str) -> Q | None:
    """Every care plan has the one category of US Core."""
    return Q(patient__isnull=False) if code == "assess-plan" else None


GIVEN = Q(retracted=False)
INFUSED = {
    "entered-in-error": Q(retracted=True),
    "completed": GIVEN & Q(outcome="complete"),
    "stopped": GIVEN & (Q(outcome="partial") | Q(outcome="abandoned", volume_ml__gt=0)),
    "not-done": GIVEN & Q(outcome="abandoned", volume_ml=0),
}
USED = {"entered-in-error": Q(retracted=True), "completed": GIVEN}
STATUS = "http://hl7.org/fhir/"
PATIENT = by.reference("patient_id", "Patient", "patient__merged_into")
OF_PATIENT: dict[str, Condition] = {"patient": PATIENT, "subject": PATIENT}


def _administered(on: str, meanings: Mapping[str, Q]) -> dict[str, Condition]:
    system = "http://terminology.hl7.org/CodeSystem/medication-admin-status"
    return {
        "_id": by.identity("pk"),
        "_lastUpdated": by.instants("recorded_at"),
        **OF_PATIENT,
        "status": by.word(system, meanings, codes.ADMINISTRATION_STATUSES),
        "effective-time": by.days(on),
    }


PATIENTS: dict[str, Condition] = {
    "_id": by.identity("pk"),
    "identifier": _identified,
    "family": by.start("family_name"),
    "given": by.start("given_name"),
    "name": by.start("family_name", "given_name"),
    "birthdate": by.days("birth_date"),
}
OBSERVATIONS: dict[str, Condition] = {
    "_id": by.identity("lineage"),
    "_lastUpdated": by.instants("recorded_at"),
    **OF_PATIENT,
    "code": by.token({codes.LOINC: _by_loinc, codes.ANALYTES: _by_analyte}),
    "category": by.token({codes.CATEGORIES: _by_category}),
    "status": by.word(
        STATUS + "observation-status",
        _grouped("status", codes.OBSERVATION_STATUS),
        codes.OBSERVATION_STATUSES,
    ),
    "date": by.moments("collected_on", "collected_at", "precision"),
}
CARE_PLANS: dict[str, Condition] = {
    "_id": by.identity("pk"),
    **OF_PATIENT,
    "status": by.word(
        STATUS + "request-status",
        _grouped("phase", {phase: codes.care_plan_status(phase) for phase in PHASES}),
        codes.CARE_PLAN_STATUSES,
    ),
    "category": by.token({codes.CARE_PLAN_CATEGORIES: _assessing}),
}
TASKS: dict[str, Condition] = {
    "_id": by.identity("pk"),
    **OF_PATIENT,
    "status": by.word(STATUS + "task-status", _grouped("state", codes.TASK_STATUS), codes.TASK_STATUSES),
    "code": by.token({codes.TASK_KINDS: lambda code: Q(kind=code)}),
}
STREAMS: dict[str, tuple[Stream, ...]] = {
    "Patient": (Stream(patients, ("id",), "pk", PATIENTS),),
    "Observation": (Stream(results, ("collected_at", "lineage"), "lineage", OBSERVATIONS),),
    "CarePlan": (Stream(pathways, ("patient_id",), "pk", CARE_PLANS),),
    "Task": (Stream(tasks, ("due_on", "id"), "pk", TASKS),),
    "MedicationAdministration": (
        Stream(infusions, ("day0", "id"), "pk", _administered("day0", INFUSED)),
        Stream(factor_uses, ("given_on", "id"), "pk", _administered("given_on", USED)),
    ),
}
