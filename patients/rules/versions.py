"""Which version of a result counts, whatever the order and number of arrivals.

Versions of one result are ordered by when the laboratory reported them. A correction replaces; a final
value replaces a preliminary one; a retraction hides the result until a later final report; two differing
finals without a correction are a conflict: the earlier report is kept and somebody must look. A correction
or retraction without a time of report follows everything that it can be about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

RANK = {
    "pending": 0,
    "preliminary": 1,
    "final": 2,
    "corrected": 3,
    "amended": 3,
    "cancelled": 4,
    "entered_in_error": 5,
}
REPLACING = frozenset({"corrected", "amended"})
FINAL = frozenset({"final", "corrected", "amended"})
COUNTING = FINAL | {"preliminary"}
TWIN = timedelta(minutes=1)
NEAR = timedelta(days=1)
"""Results further apart than this never have a say in whether one of them repeats another (see `suspects`)."""


class Version(Protocol):
    """What the resolution needs to know of a version."""

    @property
    def id(self) -> Any: ...
    @property
    def status(self) -> Any: ...
    @property
    def reported_at(self) -> Any: ...
    @property
    def collected_at(self) -> Any: ...
    @property
    def content_hash(self) -> Any: ...
    @property
    def value(self) -> Any: ...
    @property
    def comparator(self) -> Any: ...
    @property
    def code(self) -> Any: ...


class Correctable(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def supersedes(self) -> UUID | None: ...
    @property
    def retracted(self) -> bool: ...


V = TypeVar("V", bound=Version)
C = TypeVar("C", bound=Correctable)


@dataclass(frozen=True, slots=True)
class Resolution(Generic[V]):
    """`current` counts (None: retracted, cancelled or not there yet); `former` once counted or is passed over."""

    current: V | None
    former: tuple[V, ...]
    conflict: bool


def current(versions: Sequence[V]) -> Resolution[V]:
    """Resolves the versions of one result. Equal content counts once."""
    if len(versions) == 1:
        return _resolution(versions[0], (), conflict=False)
    ordered = _ordered(list({v.content_hash: v for v in sorted(versions, key=_tie)}.values()))
    standing: V | None = None
    conflict = False
    for version in ordered:
        if standing is None or _replaces(version, standing):
            standing = version
            conflict = False
        elif _conflicts(version, standing):
            conflict = True
    return _resolution(standing, tuple(v for v in ordered if v is not standing), conflict)


def _resolution(standing: V | None, former: tuple[V, ...], conflict: bool) -> Resolution[V]:
    """A report that hides or only announces a result counts for nothing."""
    if standing is None or counts(standing):
        return Resolution(standing, former, conflict)
    return Resolution(None, (*former, standing), conflict)


def counts(version: Version) -> bool:
    """Whether a result's standing version counts: it is a value, final or not yet."""
    return version.status in COUNTING


def likeness(version: Version, analyte: str) -> str:
    """Equal for results that may be one measurement reported twice: same analyte, finality and value."""
    number = "" if version.value is None else format(version.value.normalize(), "f")
    final = "final" if version.status in FINAL else "unconfirmed"
    return "|".join((analyte, final, version.comparator or "", number, version.code or ""))


def suspects(alike: Iterable[tuple[UUID, datetime, datetime, bool]]) -> set[UUID]:
    """Of results with one likeness, those that repeat another one: of several within a minute, one counts.

    Each is given as (lineage, collected at, first recorded at, accepted as a measurement of its own). The one
    recorded first counts; a repetition of a repetition is judged against those that count.
    """
    counting: list[datetime] = []
    found: set[UUID] = set()
    for lineage, collected, _, accepted in sorted(alike, key=lambda row: (row[2], row[0])):
        if not accepted and any(abs(collected - other) <= TWIN for other in counting):
            found.add(lineage)
        else:
            counting.append(collected)
    return found


def active_facts(facts: Iterable[C]) -> list[C]:
    """Facts that are neither superseded by another one at hand nor retracted."""
    rows = list(facts)
    superseded = {f.supersedes for f in rows if f.supersedes is not None}
    return [f for f in rows if f.id not in superseded and not f.retracted]


def _ordered(versions: list[V]) -> list[V]:
    """By time of report, then by what a status can follow, then by content."""
    return sorted(versions, key=lambda v: (_reported(v, versions), RANK[v.status], v.content_hash))


def _reported(version: Version, versions: Iterable[Version]) -> Any:
    """When a version was reported: as told, or with the last version that it can correct or retract."""
    told = version.reported_at or version.collected_at
    if version.reported_at or RANK[version.status] <= RANK["final"]:
        return told
    before = (v for v in versions if RANK[v.status] < RANK[version.status])
    return max([told, *(v.reported_at or v.collected_at for v in before)])


def _tie(version: Version) -> Any:
    """Of two arrivals with equal content the later id is looked at last, so the first id stays."""
    return -version.id.int


def _replaces(new: Version, standing: Version) -> bool:
    if new.status in REPLACING or new.status in ("entered_in_error", "cancelled"):
        return True
    if new.status == "final":
        return standing.status not in FINAL
    if new.status == "preliminary":
        return standing.status in ("preliminary", "pending")
    return bool(standing.status == "pending")


def _conflicts(new: Version, standing: Version) -> bool:
    both_final = bool(new.status == "final") and standing.status in FINAL
    return both_final and _content(new) != _content(standing)


def _content(version: Version) -> tuple[Any, ...]:
    return (version.value, version.comparator, version.code)
