"""Items of an import, sorted by patient: in memory while they are few, in a temporary table when they are many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from patients.readers import wire
from patients.readers.envelope import ResultEnvelope

LIMIT, RUN = 10_000, 2_000
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Piled:
    """One item: its number in the file, whose it is (None: nobody's), why not, and the item."""

    number: int
    patient: UUID | None
    stranger: str
    envelope: ResultEnvelope


class Pile:
    """Add items in the file's order, then take them back patient by patient, at most RUN at a time."""

    def __init__(self) -> None:
        self._held: list[Piled] = []
        self._spilled = False

    def add(self, item: Piled) -> None:
        self._held.append(item)
        if len(self._held) >= LIMIT:
            self._spill()

    def runs(self) -> Iterator[list[Piled]]:
        """Runs of one patient's items from one source (or of nobody's), in the order of their numbers."""
        if self._spilled:
            self._spill()
            yield from self._from_table()
            return
        self._held.sort(key=lambda i: (i.patient or NOBODY, i.number))
        yield from _runs(iter(self._held))

    def close(self) -> None:
        """Drops the temporary table."""
        if self._spilled:
            with connection.cursor() as cursor:
                cursor.execute("drop table if exists import_pile")

    def _spill(self) -> None:
        with connection.cursor() as cursor:
            if not self._spilled:
                cursor.execute("drop table if exists import_pile")
                cursor.execute(
                    "create temporary table import_pile (patient uuid, number integer, stranger text, item text)"
                )
                self._spilled = True
            with cursor.copy("copy import_pile from stdin") as copy:
                for item in self._held:
                    told = json.dumps(wire.to_json(item.envelope))
                    copy.write_row((item.patient or NOBODY, item.number, item.stranger, told))
        self._held = []

    def _from_table(self) -> Iterator[list[Piled]]:
        with connection.cursor() as cursor:
            cursor.execute("create index on import_pile (patient, number)")
            cursor.execute("analyze import_pile")
        yield from _runs(_read(row) for row in self._rows())

    def _rows(self) -> Iterator[tuple[UUID, int, str, str]]:
        last: tuple[UUID, int] = (NOBODY, -1)
        while rows := self._page(last):
            yield from rows
            last = rows[-1][0], rows[-1][1]

    def _page(self, last: tuple[UUID, int]) -> list[tuple[UUID, int, str, str]]:
        """The next items after a place."""
        with connection.cursor() as cursor:
            cursor.execute(
                "select patient, number, stranger, item from import_pile where (patient, number) > (%s, %s)"
                f" order by patient, number limit {LIMIT}",
                last,
            )
            return cursor.fetchall()


def _read(row: tuple[UUID, int, str, str]) -> Piled:
    patient, number, stranger, told = row
    return Piled(number, None if patient == NOBODY else patient, stranger, wire.from_json(json.loads(told)))


def _runs(items: Iterator[Piled]) -> Iterator[list[Piled]]:
    run: list[Piled] = []
    for item in items:
        if run and (_whose(item) != _whose(run[0]) or len(run) >= RUN):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _whose(item: Piled) -> tuple[UUID | None, str]:
    """Patient and source; what is nobody's may come from any source."""
    return item.patient, item.envelope.source if item.patient else ""
