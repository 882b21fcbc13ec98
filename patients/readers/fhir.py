"""FHIR R4 JSON as documents: Bundles, newline-delimited resources and single resources, and who they are about.

Strict where a lenient parser would change a value: numbers keep their digits, a name that stands twice in
an object makes the document unreadable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO
from urllib.parse import unquote, urljoin

from patients.readers.envelope import Named, PatientNumber, Unreadable
from patients.readers.moments import BadTime, fhir_moment

MAX_DOCUMENT = 64 * 1024 * 1024
MAX_LINE = 8 * 1024 * 1024
Resource = Mapping[str, Any]
UNPRINTABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
BROKEN = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a document: where it stood, and the address by which others refer to it."""

    resource: Resource
    where: Mapping[str, object]
    full_url: str = ""


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


def document(data: bytes) -> Any:
    """One JSON document. Raises Unreadable."""
    if len(data) > MAX_DOCUMENT:
        raise Unreadable("too-large", "is one JSON document of more than 64 MB; send it as NDJSON")
    try:
        found = json.loads(
            data.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_once,
        )
        return _printable(found) if UNPRINTABLE.search(data) else found
    except RecursionError as error:
        raise Unreadable("unreadable", "is nested too deeply") from error
    except (ValueError, ArithmeticError) as error:
        raise Unreadable("unreadable", f"is no JSON document: {error}") from error


def _printable(value: Any) -> Any:
    """The document with U+FFFD for what no database keeps: NUL and halves of characters."""
    if isinstance(value, str):
        return BROKEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_printable(name): _printable(held) for name, held in value.items()}
    return [_printable(held) for held in value] if isinstance(value, list) else value


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
            address = entry.get("fullUrl")
            yield Entry(resource, place, address if isinstance(address, str) else "")


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
    name = resource.get("id")
    return {
        "entry": number,
        "resource": resource.get("resourceType"),
        "id": name if isinstance(name, str) else None,
    }


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
