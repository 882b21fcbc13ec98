"""The resource types that are served, each with its rows and its mapper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from patients.data import catalog
from workflow.api.fhir.observations import observation
from workflow.api.fhir.people import patient
from workflow.selectors import fhir
from workflow.selectors.fhir import STREAMS, Stream

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`shown` maps one page of rows in a fixed number of queries; `private` parameters come by form only."""

    name: str
    shown: Callable[[Sequence[Any]], list[Resource]]
    private: frozenset[str] = field(default=frozenset())

    @property
    def streams(self) -> Sequence[Stream]:
        return STREAMS[self.name]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(name for stream in self.streams for name in stream.parameters)


def _patients(rows: Sequence[Any]) -> list[Resource]:
    return [patient(row) for row in rows]


def _observations(rows: Sequence[Any]) -> list[Resource]:
    versions, analytes = fhir.versions(rows), catalog().analytes
    return [observation(row, analytes[row.analyte], versions[row.lineage]) for row in rows]


KINDS = (
    Kind("Patient", _patients, frozenset({"family", "given", "name", "birthdate"})),
    Kind("Observation", _observations),
)
