"""The months at which figures over many patients are drawn, parsed with every fault of their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from workflow.rules.reading import Fault, Node


@dataclass(frozen=True, slots=True)
class FigureMonth:
    """A month after Day 0 with the days before and after its target that belong to it."""

    number: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class FigureMonths:
    code: str
    version: str
    effective_from: date
    months: tuple[FigureMonth, ...]


def parse_figures(data: Mapping[str, Any]) -> tuple[FigureMonths | None, list[Fault]]:
    """The months in order, or None, and every fault with its key."""
    faults: list[Fault] = []
    node = Node(data, "", faults)
    node.one_of("status", ("draft", "released"))
    found = FigureMonths(
        code=node.text("code"),
        version=node.text("version"),
        effective_from=node.day("date") or date.min,
        months=tuple(m for table in node.tables_at("months") for m in _months(table)),
    )
    node.close()
    if any(a.number >= b.number for a, b in pairwise(found.months)):
        node.fault("months", "must rise")
    return (None if faults else found), faults


def _months(node: Node) -> tuple[FigureMonth, ...]:
    node.source()
    before, after = node.whole("before"), node.whole("after")
    found = tuple(FigureMonth(number, before, after) for number in node.wholes("numbers"))
    node.close()
    return found
