"""FHIR search parameters as conditions: each maker returns what turns one alternative of a value into a condition.

A value that cannot be read raises ValueError with the mend; a well-formed one that fits nothing matches no row.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Q

Condition = Callable[[str], Q]
NOTHING = Q(pk__in=())
BOUNDS = {
    "gt": ("gt", "last"), "sa": ("gt", "last"), "ge": ("gte", "first"),
    "lt": ("lt", "first"), "eb": ("lt", "first"), "le": ("lte", "last"),
}  # fmt: skip
WRITTEN = re.compile(
    r"(?P<prefix>eq|ne|gt|lt|ge|le|sa|eb)?(?P<day>\d{4}(-\d\d(-\d\d)?)?)"
    r"(?P<clock>(?<=-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+ -]\d\d:\d\d))?",
    re.ASCII,
)
DATE_MEND = "Give YYYY, YYYY-MM, YYYY-MM-DD or an instant with its offset, with a prefix such as ge."


def alternatives(text: str) -> list[str]:
    """The alternatives of a value: parted by commas, unless a backslash stands before one."""
    return [re.sub(r"\\([,|$\\])", r"\1", part) for part in re.split(r"(?<!\\),", text)]


def identity(column: str) -> Condition:
    """A logical id."""

    def condition(text: str) -> Q:
        pk = _uuid(text)
        return Q(**{column: pk}) if pk else NOTHING

    return condition


def reference(column: str, kind: str, *others: str) -> Condition:
    """A reference to one type: `ID`, `Patient/ID` or an address that ends so, in one of the columns."""

    def condition(text: str) -> Q:
        found = re.fullmatch(rf"(?:(?:.*/)?{kind}/)?([^/]+)", text)
        pk = _uuid(found[1]) if found else None
        return any_of(Q(**{name: pk}) for name in (column, *others)) if pk else NOTHING

    return condition


def token(by_system: Mapping[str, Callable[[str], Q | None]]) -> Condition:
    """A code with or without its system: `code`, `system|code`. A maker answers None for a code it does not know."""

    def condition(text: str) -> Q:
        system, bar, code = text.rpartition("|")
        makers = by_system.values() if not bar else filter(None, (by_system.get(system),))
        return any_of(found for maker in makers if (found := maker(code)) is not None)

    return condition


def word(system: str, meanings: Mapping[str, Q], known: Iterable[str]) -> Condition:
    """A token of a closed list: `known` are all words of the list, `meanings` those that rows can have."""
    words = frozenset(known) | frozenset(meanings)

    def condition(text: str) -> Q:
        named, bar, code = text.rpartition("|")
        if code not in words:
            raise ValueError(f"Known words are {', '.join(sorted(words))}.")
        return meanings.get(code, NOTHING) if not bar or named == system else NOTHING

    return condition


def start(*columns: str) -> Condition:
    """The beginning of a text in one of the columns, without regard to case."""
    return lambda value: any_of(Q(**{f"{column}__istartswith": value}) for column in columns)


def days(column: str) -> Condition:
    """A date of the site's calendar; of an instant only its date counts."""

    def condition(value: str) -> Q:
        prefix, first, last = _period(value)
        return _compared(prefix, column, _date(first), _date(last))

    return condition


def instants(column: str) -> Condition:
    """An instant; dates are days in UTC."""

    def condition(value: str) -> Q:
        prefix, first, last = _period(value)
        begin = first if isinstance(first, datetime) else datetime.combine(first, time.min, UTC)
        end = last if isinstance(last, datetime) else datetime.combine(last, time.max, UTC)
        return _compared(prefix, column, begin, end)

    return condition


def moments(on: str, at: str, precision: str) -> Condition:
    """When something happened: dates are the site's (`on`), instants are compared with `at`.

    A row whose `precision` is "day" lasts from `at` to a day later; no instant equals it.
    """

    def condition(value: str) -> Q:
        prefix, first, last = _period(value)
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return _compared(prefix, on, _date(first), _date(last))
        exact = Q(**{precision: "second"}) & _compared(prefix, at, first, last)
        return exact | Q(**{precision: "day"}) & _lasting(prefix, at, first, last)

    return condition


def any_of(conditions: Iterable[Q]) -> Q:
    """Rows that meet one of the conditions; none without any."""
    found = NOTHING
    for condition in conditions:
        found |= condition
    return found


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _compared(prefix: str, column: str, first: date, last: date) -> Q:
    """The column, a point, against the period from `first` to `last`, both inclusive."""
    within = Q(**{f"{column}__gte": first, f"{column}__lte": last})
    if prefix in BOUNDS:
        lookup, bound = BOUNDS[prefix]
        return Q(**{f"{column}__{lookup}": last if bound == "last" else first})
    return ~within if prefix == "ne" else within


def _lasting(prefix: str, column: str, first: datetime, last: datetime) -> Q:
    """The day that begins at the column against a period shorter than a day."""
    day = timedelta(days=1)
    return {
        "eq": NOTHING,
        "ne": Q(**{f"{column}__isnull": False}),
        "gt": Q(**{f"{column}__gt": last - day}),
        "ge": Q(**{f"{column}__gt": first - day}),
        "sa": Q(**{f"{column}__gt": last}),
        "lt": Q(**{f"{column}__lt": first}),
        "le": Q(**{f"{column}__lte": last}),
        "eb": Q(**{f"{column}__lte": first - day}),
    }[prefix]


def _period(value: str) -> tuple[str, date, date]:
    """Prefix, first and last day, or first and last instant, that a value stands for."""
    found = WRITTEN.fullmatch(value)
    if found is None:
        raise ValueError(DATE_MEND)
    prefix, day, clock = found["prefix"] or "eq", found["day"], found["clock"]
    try:
        first, last = _instants(day, clock.replace(" ", "+")) if clock else _days(day)
    except (ValueError, OverflowError) as error:
        raise ValueError(DATE_MEND) from error
    return prefix, first, last


def _days(text: str) -> tuple[date, date]:
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 0, 0)[:3]
    if day:
        return date(year, month, day), date(year, month, day)
    last_month = month or 12
    return date(year, month or 1, 1), date(year, last_month, calendar.monthrange(year, last_month)[1])


def _instants(day: str, clock: str) -> tuple[datetime, datetime]:
    first = datetime.fromisoformat(day + clock)
    digits = re.split(r"[Z+-]", clock)[0]
    if "." in digits:
        return first, first
    span = timedelta(seconds=1) if digits.count(":") == 2 else timedelta(minutes=1)
    return first, first + span - timedelta(microseconds=1)
