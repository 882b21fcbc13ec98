"""Whom FHIR resources are about: Patients by every address under which a document may refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urljoin

from patients.readers.documents import Entry, Resource
from patients.readers.envelope import Named, PatientNumber
from patients.readers.moments import BadTime, fhir_moment


@dataclass(slots=True)
class People:
    """Patients by every address under which a document may refer to them.

    `by_id` says where the Patients of an id come from: an id alone means nobody when two servers use it.
    """

    by_address: dict[str, Named] = field(default_factory=dict)
    by_id: dict[str, dict[str, Named]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Remembers a Patient; other resources are passed over."""
        resource = entry.resource
        if resource.get("resourceType") != "Patient":
            return
        named = _named(resource)
        address = entry.full_url.split("/_history/")[0]
        if address:
            self.by_address[address] = named
        if isinstance(resource.get("id"), str):
            server = address.rpartition("/Patient/")[0]
            self.by_id.setdefault(resource["id"], {})[server] = named

    def subject(self, resource: Resource, full_url: str = "") -> Named:
        """Whom an observation is about: nobody we know of (empty) when the reference leads nowhere."""
        subject = resource.get("subject")
        if not isinstance(subject, Mapping):
            return Named()
        reference = subject.get("reference")
        found = self._referred(reference, resource, full_url) if isinstance(reference, str) else None
        if found is not None:
            return found
        number = _number(subject.get("identifier"))
        return Named(numbers=(number,), number_suffices=True) if number else Named()

    def _referred(self, reference: str, resource: Resource, full_url: str) -> Named | None:
        if reference.startswith("#"):
            return _contained(resource, reference[1:])
        address, _, query = reference.split("/_history/")[0].partition("?")
        if query:
            return _by_number(query) if address.rpartition("/")[2] == "Patient" else None
        server, _, number = address.rpartition("Patient/")
        if not server and full_url.startswith("http"):
            server = urljoin(full_url, "..")
        if f"{server}Patient/{number}" in self.by_address:
            return self.by_address[f"{server}Patient/{number}"]
        if address in self.by_address:
            return self.by_address[address]
        return self._by_id(number, server.rstrip("/")) if address.endswith(f"Patient/{number}") else None

    def _by_id(self, number: str, server: str) -> Named | None:
        """The one Patient of that id, unless it is known to be that of another server."""
        found = self.by_id.get(number, {})
        fit = {named for home, named in found.items() if not server or not home or home == server}
        return fit.pop() if len(fit) == 1 else None


def _contained(resource: Resource, number: str) -> Named | None:
    inside = [c for c in _list(resource.get("contained")) if c.get("id") == number]
    return _named(inside[0]) if len(inside) == 1 and inside[0].get("resourceType") == "Patient" else None


def _by_number(query: str) -> Named | None:
    """The Patient that a conditional reference describes by its number."""
    told = [unquote(part.partition("=")[2]) for part in query.split("&") if part.startswith("identifier=")]
    system, bar, value = told[0].rpartition("|") if len(told) == 1 else ("", "", "")
    if not value.strip():
        return None
    number = PatientNumber(value.strip(), (system,) if bar and system else ())
    return Named(numbers=(number,), number_suffices=True)


def _named(patient: Resource) -> Named:
    names = [n for n in _list(patient.get("name")) if n.get("use") not in ("old", "nickname", "anonymous")]
    family = next((n["family"] for n in names if isinstance(n.get("family"), str)), "")
    gender = patient.get("gender")
    try:
        born = fhir_moment(patient.get("birthDate"))
    except BadTime:
        born = None
    numbers = tuple(n for n in map(_number, _list(patient.get("identifier"))) if n is not None)
    return Named(
        numbers=numbers,
        family_name=family,
        birth_date=None if isinstance(born, datetime) else born,
        sex=gender if isinstance(gender, str) else "",
        number_suffices=not family and "birthDate" not in patient,
    )


def _number(identifier: Any) -> PatientNumber | None:
    if not isinstance(identifier, Mapping) or not isinstance(identifier.get("value"), str):
        return None
    if identifier.get("use") == "old":
        return None
    system = identifier.get("system")
    return PatientNumber(identifier["value"].strip(), (system,) if isinstance(system, str) else ())


def _list(value: Any) -> list[Resource]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
