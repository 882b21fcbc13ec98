"""Reads a parsed data file with typed questions, and collects every fault instead of stopping at the first.

A number in a data file must say where it comes from. It is written either as
`{ value = 28, source = "…", certainty = "payer" }`, or plainly in a table that carries `source` and
`certainty` for all its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from workflow.rules.protocol import CERTAINTIES, Source

N = TypeVar("N", int, Decimal)
UNKNOWN = Source("", "assumption")
MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a data file: the dotted key and what is wrong with it."""

    key: str
    message: str


class Node:
    """One table of a data file. Every question about a key marks it as read; `close` names the others."""

    def __init__(self, table: Mapping[str, Any], key: str, faults: list[Fault]) -> None:
        self.table = table
        self.key = key
        self.faults = faults
        self.read: set[str] = {"source", "certainty"}

    def path(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def fault(self, name: str, message: str) -> None:
        self.faults.append(Fault(self.path(name) if name else self.key, message))

    def has(self, name: str) -> bool:
        return name in self.table

    def text(self, name: str, default: str = MISSING) -> str:
        value: str = self._typed(name, str, "", default)
        return value

    def flag(self, name: str, default: bool = MISSING) -> bool:
        value: bool = self._typed(name, bool, False, default)
        return value

    def day(self, name: str, default: date | None = MISSING) -> date | None:
        value: date | None = self._typed(name, date, None, default)
        return value

    def texts(self, name: str, default: tuple[str, ...] = MISSING) -> tuple[str, ...]:
        rows = self._typed(name, list, [], default)
        if all(isinstance(r, str) for r in rows):
            return tuple(rows)
        self.fault(name, "must be a list of texts")
        return ()

    def one_of(self, name: str, allowed: tuple[str, ...], default: str = MISSING) -> str:
        value = self.text(name, default)
        if value not in allowed and (self.has(name) or default is MISSING):
            self.fault(name, f"“{value}” is none of {', '.join(allowed)}")
        return value

    def table_at(self, name: str) -> Node:
        table = self._typed(name, Mapping, {}, MISSING)
        return Node(table, self.path(name), self.faults)

    def tables_at(self, name: str, default: list[Any] = MISSING) -> list[Node]:
        rows = self._typed(name, list, [], default)
        if not all(isinstance(row, Mapping) for row in rows):
            self.fault(name, "must be a list of tables")
            return []
        return [Node(row, f"{self.path(name)}[{i}]", self.faults) for i, row in enumerate(rows)]

    def named_tables(self, name: str) -> Iterator[tuple[str, Node]]:
        parent = self.table_at(name)
        for key in parent.table:
            yield key, parent.table_at(key)

    def source(self) -> Source:
        """The source of this table, which covers the plain numbers in it."""
        text, certainty = self.table.get("source"), self.table.get("certainty")
        if not isinstance(text, str) or not text.strip():
            self.fault("source", "is missing: every number and rule says where it comes from")
        if certainty not in CERTAINTIES:
            self.fault("certainty", f"“{certainty}” is none of {', '.join(CERTAINTIES)}")
            return UNKNOWN
        return Source(str(text), certainty)

    def sourced(self, name: str) -> tuple[Any, Source]:
        """The raw value of a key and its source: its own, or that of the table it stands in."""
        raw = self._take(name)
        if isinstance(raw, Mapping) and "value" in raw:
            own = Node(raw, self.path(name), self.faults)
            own.read.add("value")
            own.close()
            return raw["value"], own.source()
        if raw is MISSING:
            self.fault(name, "is missing")
            return MISSING, UNKNOWN
        if "source" not in self.table:
            self.fault(name, "has no source")
            return raw, UNKNOWN
        return raw, self.source()

    def whole(self, name: str, default: int = MISSING) -> int:
        """A whole number, at least 0 (days, weeks, months, vials)."""
        return self.whole_from(name, default)[0]

    def whole_from(self, name: str, default: int = MISSING) -> tuple[int, Source]:
        return self._number(name, default, 0, lambda raw: raw if _is_whole(raw) else None)

    def decimal(self, name: str, default: Any = MISSING) -> Decimal:
        """A number at least 0, exactly as written."""
        return self.decimal_from(name, default)[0]

    def decimal_from(self, name: str, default: Any = MISSING) -> tuple[Decimal, Source]:
        return self._number(name, default, Decimal(0), _as_decimal)

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers with one source."""
        raw, _ = self.sourced(name)
        if isinstance(raw, list) and raw and all(_is_whole(n) and n >= 0 for n in raw):
            return tuple(raw)
        if raw is not MISSING:
            self.fault(name, "must be a list of whole numbers, none negative")
        return ()

    def steps(self, name: str) -> tuple[tuple[int, Decimal], ...]:
        """A list of pairs (days, amount) with one source."""
        raw, _ = self.sourced(name)
        if isinstance(raw, list) and raw and all(_is_step(pair) for pair in raw):
            return tuple((days, Decimal(amount)) for days, amount in raw)
        if raw is not MISSING:
            self.fault(name, "must be a list of [days, amount], all above 0")
        return ()

    def close(self) -> None:
        for name in self.table:
            if name not in self.read:
                self.fault(name, "is no known key here")

    def _take(self, name: str) -> Any:
        self.read.add(name)
        return self.table.get(name, MISSING)

    def _typed(self, name: str, kind: type[Any], empty: Any, default: Any) -> Any:
        raw = self._take(name)
        if raw is MISSING:
            if default is MISSING:
                self.fault(name, "is missing")
                return empty
            return default
        if isinstance(raw, kind):
            return raw
        self.fault(name, f"must be a {kind.__name__.lower()}")
        return empty

    def _number(self, name: str, default: Any, empty: N, read: Callable[[Any], N | None]) -> tuple[N, Source]:
        if not self.has(name) and default is not MISSING:
            return default, UNKNOWN
        raw, source = self.sourced(name)
        if raw is MISSING:
            return empty, source
        value = read(raw)
        if value is None:
            self.fault(name, f"“{raw}” is no number of the right kind")
            return empty, source
        if value < empty:
            self.fault(name, "is negative")
        return value, source


def _is_whole(raw: Any) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool)


def _as_decimal(raw: Any) -> Decimal | None:
    return Decimal(raw) if _is_whole(raw) or (isinstance(raw, Decimal) and raw.is_finite()) else None


def _is_step(pair: Any) -> bool:
    if not isinstance(pair, list) or len(pair) != 2 or not _is_whole(pair[0]):
        return False
    amount = _as_decimal(pair[1])
    return pair[0] > 0 and amount is not None and amount > 0
