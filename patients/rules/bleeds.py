"""Which bleed records are one bleed.

Same-bleed rule: a record at the same site whose onset lies at most 72 hours after the onset of the record
before it continues that bleed (ISTH: a re-bleed after more than 72 hours is a new bleed).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

SAME_BLEED = timedelta(hours=72)


class Bleed(Protocol):
    @property
    def onset_at(self) -> datetime: ...
    @property
    def site(self) -> str: ...


B = TypeVar("B", bound=Bleed)


def distinct(bleeds: Iterable[B]) -> list[list[B]]:
    """Groups of records that are one bleed each, by first onset."""
    open_groups: dict[str, list[B]] = {}
    groups: list[list[B]] = []
    for bleed in sorted(bleeds, key=lambda b: b.onset_at):
        place = " ".join(bleed.site.lower().split())
        group = open_groups.get(place)
        if group is None or bleed.onset_at - group[-1].onset_at > SAME_BLEED:
            group = []
            open_groups[place] = group
            groups.append(group)
        group.append(bleed)
    return groups
