"""What a search asks for: parameters, page size and place, read from an address or from a form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from patients.errors import Fault, Malformed

CONTROLS = frozenset({"_count", "_format", "_pretty", "_summary", "_total", "_cursor"})
DEFAULT_COUNT, MAX_COUNT = 50, 200
MAX_LENGTH = 2000
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """`pairs` are the parameters that are used, `after` the key of the last row already seen."""

    pairs: Pairs
    count: int = DEFAULT_COUNT
    summary: bool = False
    after: tuple[str, ...] = ()


def read(
    given: Mapping[str, Sequence[str]], known: Iterable[str], *, refused: frozenset[str], strict: bool
) -> Asked:
    """Raises Malformed with every fault. An unknown parameter is a fault only where `strict`.

    `refused` parameters would put a name into an address. A modifier or a chain on a known parameter is
    always a fault: without it the answer would hold rows that nobody asked for.
    """
    names = frozenset(known)
    faults = [
        fault for name, values in given.items() if (fault := _fault(name, values, names, refused, strict))
    ]
    count, count_fault = _count(given)
    faults += filter(None, [count_fault, _length_fault(given)])
    if faults:
        raise Malformed.of(*faults)
    pairs = tuple((name, value) for name, values in given.items() if name in names for value in values)
    summary = count == 0 or given.get("_summary", [""])[-1] == "count"
    return Asked(pairs, count, summary)


def _fault(
    name: str, values: Sequence[str], known: frozenset[str], refused: frozenset[str], strict: bool
) -> Fault | None:
    base = name.partition(":")[0].partition(".")[0]
    if name in CONTROLS:
        return None
    if base in refused:
        text = f"{base}: people are searched by POST _search, so that no name stands in an address."
        return Fault(f"/{name}", "not-in-address", text)
    if base not in known:
        text = f"{name} is not known here; known are {', '.join(sorted(known - refused))}."
        return Fault(f"/{name}", "unknown-parameter", text) if strict else None
    if base != name:
        return Fault(f"/{name}", "modifier", f"{name}: modifiers and chains are not supported.")
    if not all(v.strip() and "\x00" not in v for v in values):
        return Fault(f"/{name}", "empty", f"{name}: give a value.")
    return None


def _length_fault(given: Mapping[str, Sequence[str]]) -> Fault | None:
    """The parameters travel on in links, and addresses have an end."""
    if sum(len(value) for values in given.values() for value in values) <= MAX_LENGTH:
        return None
    return Fault("/", "too-long", f"Ask for fewer at a time: at most {MAX_LENGTH} characters in all.")


def _count(given: Mapping[str, Sequence[str]]) -> tuple[int, Fault | None]:
    text = given.get("_count", [str(DEFAULT_COUNT)])[-1]
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return min(int(text), MAX_COUNT), None
    return 0, Fault("/_count", "invalid", "_count: give a whole number of resources per page.")
