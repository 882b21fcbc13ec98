"""The calendar part of a pathway file: windows around week and month targets, and the monitoring series.

Checked here: month bands without gap, overlap or empty band; weekly windows that tile; slots of one
series that neither repeat nor overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from workflow.rules.gate_kinds import Known, analytes
from workflow.rules.protocol import MonitoringItem, Slot, Source
from workflow.rules.reading import Node

AUTHORITIES = ("label-us", "label-eu", "trial", "registry", "contract", "site")
UNITS = ("w", "m", "y")
CONDITIONS = ("", "hcc-risk")
MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class Windows:
    """Days before and after the target: of every week, and per month after Day 0."""

    week: tuple[int, int]
    months: Mapping[int, tuple[int, int]]

    def around(self, unit: str, number: int) -> tuple[int, int] | None:
        if unit == "w":
            return self.week
        return self.months.get(number * MONTHS_PER_YEAR if unit == "y" else number)


def parse_windows(node: Node) -> Windows:
    week = node.table_at("week")
    tolerance = (week.whole("before"), week.whole("after"))
    week.close()
    months: dict[int, tuple[int, int]] = {}
    expected = 1
    for band in node.tables_at("months"):
        expected = _band(band, months, expected)
    node.close()
    return Windows(tolerance, months)


def _band(band: Node, months: dict[int, tuple[int, int]], expected: int) -> int:
    """Adds one band of months to `months`; returns the month that the next band must start with."""
    first, last = band.whole("first"), band.whole("last")
    tolerance = (band.whole("before"), band.whole("after"))
    band.close()
    if last < first:
        band.fault("", f"empty band: month {first} to {last}")
    elif first > expected:
        band.fault("first", f"gap: no window for months {expected} to {first - 1}")
    elif first < expected:
        band.fault("first", f"overlap: month {first} has a window already")
    months.update({m: tolerance for m in range(first, last + 1) if m not in months})
    return max(expected, last + 1)


def parse_monitoring(node: Node, windows: Windows, known: Known) -> tuple[MonitoringItem, ...]:
    return tuple(_item(kind, item, windows, known) for kind, item in node.named_tables("monitoring"))


def _item(kind: str, node: Node, windows: Windows, known: Known) -> MonitoringItem:
    slots: list[Slot] = []
    for group in node.tables_at("slots"):
        slots.extend(_slots(group, windows))
    slots.sort(key=nominal_day)
    item = MonitoringItem(
        kind=kind,
        title=node.text("title"),
        analytes=analytes(node, "analytes", known) if node.has("analytes") else (),
        slots=tuple(slots),
        grace_days=_grace(node, {s.unit for s in slots}),
        source=node.source(),
        condition=node.one_of("condition", CONDITIONS, ""),
    )
    _check_slots(node, item.slots)
    node.close()
    return item


def _grace(node: Node, units: set[str]) -> dict[str, int]:
    """Grace days per unit: how long after a window closes the task is overdue before it is missed."""
    table = node.table_at("grace_days")
    found = {unit: table.whole(unit) for unit in UNITS if unit in units or table.has(unit)}
    table.close()
    return found


def _slots(group: Node, windows: Windows) -> list[Slot]:
    unit = group.one_of("unit", UNITS)
    authority = group.one_of("authority", AUTHORITIES)
    numbers = group.wholes("numbers")
    mandatory, insists = _mandatory(group)
    own = _own_window(group)
    group.close()
    if not set(mandatory) <= set(numbers):
        group.fault("mandatory", "names a number that is not in numbers")
    slots = []
    for number in numbers:
        tolerance = own or windows.around(unit, number)
        if tolerance is None:
            group.fault("numbers", f"no window is given for {unit}{number:02d}")
            continue
        slot = Slot(unit=unit, number=number, before=tolerance[0], after=tolerance[1], authority=authority)
        slots.append(replace(slot, mandatory=insists) if number in mandatory else slot)
    return slots


def _mandatory(group: Node) -> tuple[tuple[int, ...], Source | None]:
    if not group.has("mandatory"):
        return (), None
    return group.wholes("mandatory"), group.sourced("mandatory")[1]


def _own_window(group: Node) -> tuple[int, int] | None:
    if not group.has("window"):
        return None
    window = group.table_at("window")
    tolerance = (window.whole("before"), window.whole("after"))
    window.close()
    return tolerance


def nominal_day(slot: Slot) -> int:
    """The earliest day the target can fall on: exact for weeks, the shortest run of months else.

    Any n months are at least 28 + 30 * (n - 1) days long, and at least 365 days per whole year.
    """
    if slot.unit == "w":
        return 7 * slot.number
    return _shortest(slot.number * MONTHS_PER_YEAR if slot.unit == "y" else slot.number)


def _shortest(months: int) -> int:
    years, rest = divmod(months, MONTHS_PER_YEAR)
    return 365 * years + (28 + 30 * (rest - 1) if rest else 0)


def _check_slots(node: Node, slots: tuple[Slot, ...]) -> None:
    codes = [s.code for s in slots]
    for code in sorted({c for c in codes if codes.count(c) > 1}):
        node.fault("slots", f"{code} is listed twice")
    for former, later in pairwise(slots):
        if former.code != later.code:
            _check_pair(node, former, later)


def _check_pair(node: Node, former: Slot, later: Slot) -> None:
    free = _days_between(former, later) - former.after - later.before
    if free <= 0:
        node.fault("slots", f"the windows of {former.code} and {later.code} overlap")
    tiling = former.unit == later.unit == "w" and later.number == former.number + 1
    if tiling and free > 1:
        node.fault("slots", f"gap of {free - 1} days between the windows of {former.code} and {later.code}")


def _days_between(former: Slot, later: Slot) -> int:
    """The fewest days that two targets can lie apart."""
    if former.unit == "w" or later.unit == "w":
        return nominal_day(later) - nominal_day(former)
    in_months = [s.number * (MONTHS_PER_YEAR if s.unit == "y" else 1) for s in (former, later)]
    return _shortest(in_months[1] - in_months[0])
