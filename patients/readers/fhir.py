"""FHIR R4 JSON as documents: Bundles, newline-delimited resources and single resources, and who they are about.

Strict where a lenient parser would change a value: numbers keep their digits, a name that stands twice in
an object makes the document unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

from patients.readers.envelope import Named, PatientNumber, Unreadable
from patients.readers.moments import BadTime, fhir_moment

MAX_DOCUMENT = 64 * 1024 * 1024
MAX_LINE = 8 * 1024 * 1024
Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a document: where it stood, and the address by which others refer to it."""

    resource: Resource
    where: Mapping[str, object]
    full_url: str = ""


@dataclass(slots=True)
class People:
    """Patients by every address under which a document may refer to them."""

    by_address: dict[str, Named] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Remembers a Patient; other resources are passed over."""
        resource = entry.resource
        if resource.get("resourceType") != "Patient":
            return
        named = _named(resource)
        if isinstance(resource.get("id"), str):
            self.by_address[f"Patient/{resource['id']}"] = named
        if entry.full_url:
            self.by_address[entry.full_url] = named

    def subject(self, resource: Resource) -> Named:
        """Whom an observation is about: nobody we know of (empty) when the reference leads nowhere."""
        subject = resource.get("subject")
        if not isinstance(subject, Mapping):
            return Named()
        reference = subject.get("reference")
        found = self._referred(reference, resource) if isinstance(reference, str) else None
        if found is not None:
            return found
        number = _number(subject.get("identifier"))
        return Named(numbers=(number,), number_suffices=True) if number else Named()

    def _referred(self, reference: str, resource: Resource) -> Named | None:
        if reference.startswith("#"):
            inside = [c for c in _list(resource.get("contained")) if c.get("id") == reference[1:]]
            return _named(inside[0]) if inside else None
        if "Patient?identifier=" in reference:
            system, bar, value = reference.split("Patient?identifier=", 1)[1].partition("|")
            number = PatientNumber(value.strip(), (system,)) if bar else PatientNumber(system.strip())
            return Named(numbers=(number,), number_suffices=True)
        if reference in self.by_address:
            return self.by_address[reference]
        parts = reference.split("/_history/")[0].rsplit("/", 2)
        relative = "/".join(parts[-2:])
        return self.by_address.get(relative)


def document(data: bytes) -> Any:
    """One JSON document. Raises Unreadable."""
    if len(data) > MAX_DOCUMENT:
        raise Unreadable("too-large", "is one JSON document of more than 64 MB; send it as NDJSON")
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable("unreadable", f"is no JSON document: {error}") from error


def entries(document: Any, line: int = 0) -> Iterator[Entry]:
    """The resources of a document: a Bundle's entries in order, or the one resource. Raises Unreadable."""
    if not isinstance(document, dict) or not isinstance(document.get("resourceType"), str):
        raise Unreadable("not-a-result", "is JSON, but no FHIR resource")
    if document["resourceType"] != "Bundle":
        yield Entry(document, {"line": line} if line else _where(0, document))
        return
    listed = document.get("entry", [])
    if not isinstance(listed, list):
        raise Unreadable("unreadable", "is a Bundle whose entry is no list")
    for number, entry in enumerate(listed):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            place = {"line": line, "entry": number} if line else _where(number, resource)
            yield Entry(resource, place, str(entry.get("fullUrl") or ""))


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The documents of an NDJSON file with their line numbers (from 1); blank lines are passed over."""
    number = 0
    while data := stream.readline(MAX_LINE + 1):
        number += 1
        if len(data) > MAX_LINE:
            raise Unreadable("too-large", f"holds a document of more than 8 MB in line {number}")
        if data.strip().removeprefix(b"\xef\xbb\xbf"):
            yield number, data


def _where(number: int, resource: Resource) -> dict[str, object]:
    return {"entry": number, "resource": resource.get("resourceType"), "id": resource.get("id")}


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _named(patient: Resource) -> Named:
    names = [n for n in _list(patient.get("name")) if n.get("use") not in ("old", "nickname", "anonymous")]
    family = next((n["family"] for n in names if isinstance(n.get("family"), str)), "")
    try:
        born = fhir_moment(patient.get("birthDate"))
    except BadTime:
        born = None
    numbers = tuple(n for n in map(_number, _list(patient.get("identifier"))) if n is not None)
    return Named(
        numbers=numbers,
        family_name=family,
        birth_date=born if type(born).__name__ == "date" else None,
        sex=str(patient.get("gender") or ""),
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
