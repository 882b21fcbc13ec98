"""Who is served by which visit: one sample may satisfy the label, contracts and registries at once.

A month owed to somebody joins the slot of the same month; where the series runs by weeks, the week nearest
the month's target among those that lie in the month's window. So the fewest visits are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workflow.rules.effects import ObligationSet
from workflow.rules.protocol import MonitoringItem, Protocol, Slot
from workflow.rules.windows import Window, add_months, around

MONTHS = {"m": 1, "y": 12}


@dataclass(frozen=True, slots=True)
class Owed:
    """A month owed to `code`, in days around its target (None: the very month only)."""

    code: str
    month: int
    tolerance: tuple[int, int] | None


def by_slot(
    protocol: Protocol,
    owed: Sequence[ObligationSet],
    item: MonitoringItem,
    slots: Sequence[Slot],
    windows: Sequence[Window],
    day0: date,
) -> list[tuple[str, ...]]:
    """Per slot whom it serves: its own authority, then contracts, then registries."""
    found: list[list[str]] = [[slot.authority] for slot in slots]
    months = {MONTHS[s.unit] * s.number: i for i, s in enumerate(slots) if s.unit in MONTHS}
    weeks = {i: windows[i].target for i, s in enumerate(slots) if s.unit not in MONTHS}
    last = max(weeks.values(), default=day0)
    for one in _owed(protocol, owed, item):
        index = months.get(one.month)
        if index is None and one.tolerance is not None:
            span = around(add_months(day0, one.month), *one.tolerance)
            index = _nearest(span, weeks) if span.opens <= last else None
        if index is not None:
            found[index].append(one.code)
    return [tuple(dict.fromkeys(codes)) for codes in found]


def _owed(protocol: Protocol, owed: Sequence[ObligationSet], item: MonitoringItem) -> Iterator[Owed]:
    for contract in owed:
        if set(contract.analytes) & set(item.analytes):
            yield from (Owed(contract.code, s.month, (s.before, s.after)) for s in contract.slots)
    for registry in protocol.registries:
        for month in registry.months:
            yield Owed(f"registry:{registry.code}", month, protocol.windows.get(month))


def _nearest(span: Window, weeks: Mapping[int, date]) -> int | None:
    """The week nearest the target among those in the window; of equally near ones the later."""
    inside = [i for i, on in weeks.items() if span.opens <= on <= span.closes]
    return min(inside, key=lambda i: (abs((weeks[i] - span.target).days), -i), default=None)
