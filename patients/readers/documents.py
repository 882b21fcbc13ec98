"""JSON documents of FHIR resources: Bundles, newline-delimited resources and single resources.

Strict where a lenient parser would change a value: numbers keep their digits, a name that stands twice in
an object makes the document unreadable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from patients.readers.envelope import Unreadable

MAX_DOCUMENT = 64 * 1024 * 1024
MAX_LINE = 8 * 1024 * 1024
Resource = Mapping[str, Any]
UNPRINTABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
BROKEN = re.compile("[\x00\ud800-\udfff]")
BLANKS = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a document: where it stood, and the address by which others refer to it."""

    resource: Resource
    where: Mapping[str, object]
    full_url: str = ""


def document(data: bytes) -> Any:
    """One JSON document. Raises Unreadable."""
    with _faults():
        text = _text(data)
        found = DECODER.decode(text)
        return _printable(found) if UNPRINTABLE.search(text) else found


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
    for number, element in enumerate(listed):
        yield from _entry(number, element, line)


def streamed(data: bytes) -> Iterator[Entry]:
    """The same for one document, however large, with one resource in memory at a time. Raises Unreadable.

    Only the end tells whether all of it can be read: go through it once before anything is done with it.
    """
    with _faults():
        text = _text(data)
        if text.lstrip()[:1] != "{":
            yield from entries(DECODER.decode(text))
            return
        whole: dict[str, Any] = {}
        number = 0
        broken = UNPRINTABLE.search(text) is not None
        for name, value in _members(text):
            held = _printable(value) if broken else value
            if name is not None:
                whole[name] = held
                continue
            yield from _entry(number, held)
            number += 1
        listed = whole.get("resourceType") == "Bundle" and "entry" not in whole
        yield from () if listed else entries(whole)


def _members(text: str) -> Iterator[tuple[str | None, Any]]:
    """Names and values of the document's object; the elements of its `entry` list one by one, without a name."""
    names: set[str] = set()
    at = _after(text, 0, "{")
    while names or text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise ValueError(f"a name is missing at character {at}")
        name, at = DECODER.raw_decode(text, at)
        if name in names:
            raise ValueError("a name stands twice in one object")
        names.add(name)
        at = _after(text, at, ":")
        if name == "entry" and text[at : at + 1] == "[":
            at = yield from _elements(text, at)
        else:
            value, at = DECODER.raw_decode(text, at)
            yield name, value
        at = _skipped(text, at)
        if text[at : at + 1] == "}":
            break
        at = _after(text, at, ",")
    if _after(text, at, "}") != len(text):
        raise ValueError(f"more text follows at character {at}")


def _elements(text: str, at: int) -> Generator[tuple[None, Any], None, int]:
    at = _after(text, at, "[")
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        value, at = DECODER.raw_decode(text, at)
        yield None, value
        at = _skipped(text, at)
        if text[at : at + 1] == "]":
            return at + 1
        at = _after(text, at, ",")


def _after(text: str, at: int, mark: str) -> int:
    """The place of what follows a mark, blanks passed over."""
    at = _skipped(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"“{mark}” is missing at character {at}")
    return _skipped(text, at + 1)


def _skipped(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return found.end() if found else at


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The documents of an NDJSON file with their line numbers (from 1); blank lines are passed over."""
    number = 0
    while data := stream.readline(MAX_LINE + 1):
        number += 1
        if len(data) > MAX_LINE:
            raise Unreadable("too-large", f"holds a document of more than 8 MB in line {number}")
        if data.strip().removeprefix(b"\xef\xbb\xbf"):
            yield number, data


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise Unreadable("unreadable", "is nested too deeply") from error
    except (ValueError, ArithmeticError) as error:
        raise Unreadable("unreadable", f"is no JSON document: {error}") from error


def _text(data: bytes) -> str:
    if len(data) > MAX_DOCUMENT:
        raise Unreadable("too-large", "is one JSON document of more than 64 MB; send it as NDJSON")
    return data.decode("utf-8-sig")


def _printable(value: Any) -> Any:
    """The value with U+FFFD for what no database keeps: NUL and halves of characters."""
    if isinstance(value, str):
        return BROKEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_printable(name): _printable(held) for name, held in value.items()}
    return [_printable(held) for held in value] if isinstance(value, list) else value


def _entry(number: int, element: Any, line: int = 0) -> Iterator[Entry]:
    """An element of a Bundle, if it holds a resource."""
    resource = element.get("resource") if isinstance(element, dict) else None
    if isinstance(resource, dict):
        place = {"line": line, "entry": number} if line else _where(number, resource)
        address = element.get("fullUrl")
        yield Entry(resource, place, address if isinstance(address, str) else "")


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


DECODER = json.JSONDecoder(
    parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse, object_pairs_hook=_once
)
