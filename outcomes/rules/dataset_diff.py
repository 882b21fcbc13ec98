"""What changed between two exports: rows added, removed and changed, told by the keys of their table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcomes.rules.dataset_tables import Table

IGNORED = frozenset({"as_of", "as_known_at"})
"""Columns that say when was asked: two exports of different days differ in them everywhere."""

Row = Mapping[str, str]
Key = tuple[str, ...]
"""The cells of a table's key, and a number that tells rows with the same ones apart."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference; a changed row gives one per column. `row` is a whole row that is only in one export."""

    change: str
    file: str
    key: Mapping[str, str]
    row_key: Key = ()
    column: str | None = None
    old: str | None = None
    new: str | None = None
    row: Mapping[str, str] = field(default_factory=dict)

    def shown(self, facts: list[str]) -> dict[str, Any]:
        """The public shape; `facts` are the facts that caused it, the newest last."""
        whole: dict[str, Any] = {
            "old": dict(self.row) if self.change == "removed" else self.old,
            "new": dict(self.row) if self.change == "added" else self.new,
        }
        told = {"change": self.change, "file": self.file, "key": dict(self.key), "column": self.column}
        more = {"facts": facts} if len(facts) > 1 else {}
        return {**told, **whole, "fact": facts[-1] if facts else None, **more}


def changes(table: Table, old: Iterable[Row], new: Iterable[Row]) -> Iterator[Change]:
    """Differences in the order of the keys. Rows that share a key are told apart by a number."""
    before, after = keyed(table, old), keyed(table, new)
    for key in sorted(before.keys() | after.keys()):
        yield from _changed(table, key, before.get(key), after.get(key))


def _changed(table: Table, key: Key, before: Row | None, after: Row | None) -> Iterator[Change]:
    told = dict(zip(table.key, key, strict=False))
    if key[-1] != "1":
        told["number"] = key[-1]
    if before is None or after is None:
        change, row = ("added", after) if before is None else ("removed", before)
        yield Change(change=change, file=table.name, key=told, row_key=key, row=row or {})
        return
    for column in (*before, *(c for c in after if c not in before)):
        if column not in IGNORED and before.get(column) != after.get(column):
            yield Change(
                change="changed", file=table.name, key=told, row_key=key, column=column,
                old=before.get(column), new=after.get(column),
            )  # fmt: skip


def keyed(table: Table, rows: Iterable[Row]) -> dict[Key, Row]:
    """Rows by their key."""
    seen: Counter[Key] = Counter()
    found: dict[Key, Row] = {}
    for row in rows:
        key = tuple(row.get(name, "") for name in table.key)
        seen[key] += 1
        found[(*key, str(seen[key]))] = row
    return found
