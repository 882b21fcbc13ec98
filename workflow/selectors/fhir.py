"""Rows behind the FHIR resources: one page at a time, in an order that later rows do not disturb.

A resource type has one or more streams of rows, each with its key (the columns of the order, the last one
unique) and its search parameters. A page costs two queries per stream, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from patients.errors import Fault, Malformed
from workflow.selectors import fhir_parameters as by
from workflow.selectors.fhir_parameters import Condition

Asked = Sequence[tuple[str, str]]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """`rows` are all rows in view, `key` orders them, `parameters` narrow them, `pk` is the logical id."""

    rows: Callable[[], QuerySet[Any]]
    key: Key
    pk: str
    parameters: Mapping[str, Condition]


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is the key of the last row when more rows follow."""

    rows: Sequence[Any]
    total: int
    after: tuple[str, ...] | None


def page(
    streams: Sequence[Stream], asked: Asked, sites: Iterable[UUID], *, after: Sequence[str], count: int
) -> Page:
    """The next `count` rows that meet every parameter. Raises Malformed naming each one that cannot be read."""
    found: list[tuple[tuple[Any, ...], Any]] = []
    total = 0
    for stream in streams:
        rows = stream.rows().filter(_wanted(stream, asked), site__in=list(sites))
        total += rows.count()
        rows = rows.filter(_behind(stream.key, after)) if after else rows
        found += [(_key(row, stream.key), row) for row in rows.order_by(*stream.key)[: count + 1]]
    found.sort(key=lambda pair: pair[0])
    last = found[count - 1][0] if 0 < count < len(found) else None
    return Page([row for _, row in found[:count]], total, tuple(map(_text, last)) if last else None)


def one(streams: Sequence[Stream], pk: UUID) -> Any | None:
    """The row with this logical id, in any of the caller's sites."""
    for stream in streams:
        row = stream.rows().filter(**{stream.pk: pk}).first()
        if row is not None:
            return row
    return None


def _wanted(stream: Stream, asked: Asked) -> Q:
    """Every occurrence of a parameter must hold, one of its alternatives each."""
    wanted, faults = Q(), []
    for name, value in asked:
        try:
            wanted &= by.any_of(map(stream.parameters[name], by.alternatives(value)))
        except (ValueError, OverflowError) as error:
            faults.append(Fault(f"/{name}", "invalid", f"{name}: {error}"))
    if faults:
        raise Malformed.of(*faults)
    return wanted


def _key(row: Any, key: Key) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in key)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _behind(key: Key, after: Sequence[str]) -> Q:
    """Rows that follow a key in the order: the first column greater, or equal and the rest behind."""
    first, *rest = key
    behind = Q(**{f"{first}__gt": after[0]})
    return behind | Q(**{first: after[0]}) & _behind(tuple(rest), after[1:]) if rest else behind
