"""The resource types that are served, each with its rows and its mapper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from patients.data import catalog, products
from workflow import data
from workflow.api.fhir import medication
from workflow.api.fhir.observations import observation
from workflow.api.fhir.pathways import care_plan, task
from workflow.api.fhir.people import patient
from workflow.models import Infusion, Pathway
from workflow.selectors import fhir_more as more
from workflow.selectors.fhir import Stream
from workflow.selectors.fhir_streams import STREAMS

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`shown` maps one page of rows in a fixed number of queries; `private` parameters come by form only.

    `successor` finds the row that stands for a former id.
    """

    name: str
    shown: Callable[[Sequence[Any]], list[Resource]]
    private: frozenset[str] = field(default=frozenset())
    successor: Callable[[UUID], Any | None] = lambda pk: None

    @property
    def streams(self) -> Sequence[Stream]:
        return STREAMS[self.name]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(name for stream in self.streams for name in stream.parameters)


def _patients(rows: Sequence[Any]) -> list[Resource]:
    deaths = more.deaths(rows)
    return [patient(row, deaths.get(row.pk)) for row in rows]


def _observations(rows: Sequence[Any]) -> list[Resource]:
    versions, analytes = more.versions(rows), catalog().analytes
    return [observation(row, analytes[row.analyte], versions[row.lineage]) for row in rows]


def _care_plans(rows: Sequence[Any]) -> list[Resource]:
    tasks = more.tasks_of(rows)
    return [care_plan(row, _therapy(row), tasks[row.patient_id]) for row in rows]


def _tasks(rows: Sequence[Any]) -> list[Resource]:
    fulfilments = more.fulfilments(rows)
    return [task(row, row.state, fulfilments) for row in rows]


def _administrations(rows: Sequence[Any]) -> list[Resource]:
    return [
        medication.infusion(row, _therapy(row.patient.pathway))
        if isinstance(row, Infusion)
        else medication.factor_use(row, products())
        for row in rows
    ]


def _therapy(row: Pathway) -> str:
    return data.protocol(row.pathway, row.pathway_version, row.policy, row.policy_version).title


KINDS = (
    Kind("Patient", _patients, private=frozenset({"family", "given", "name", "birthdate"})),
    Kind("Observation", _observations, successor=more.version),
    Kind("CarePlan", _care_plans),
    Kind("Task", _tasks),
    Kind("MedicationAdministration", _administrations, successor=more.newer_administration),
)
