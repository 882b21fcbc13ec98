"""Writes the data set into a folder, patient by patient in one snapshot of the database, and checks its counts."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from outcomes.files import parquet, workbook
from outcomes.files.tables import TableFile, digest
from outcomes.rules.aggregate import LEAST, Groups
from outcomes.rules.data_package import MANIFEST, Asked, Written, instant, manifest
from outcomes.rules.dataset_tables import (
    AGGREGATE,
    DICTIONARY,
    HARBOR,
    MILESTONES,
    SUMMARY,
    dictionary,
    tables,
)
from outcomes.rules.export_cells import line, text
from outcomes.rules.export_rows import AS_OF_MARK, KNOWN_MARK, SITE_MARK
from outcomes.selectors import dataset
from outcomes.selectors.dataset import Lines
from patients import access
from patients.errors import Invalid

WRITERS = {"parquet": parquet.write, "xlsx": workbook.write}
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Package:
    """Finished files with the manifest last; rows by table and how many subjects there are."""

    files: tuple[Written, ...]
    manifest: bytes
    subjects: int

    @property
    def row_counts(self) -> dict[str, int]:
        return {f.table: f.rows for f in self.files if f.table != DICTIONARY.name}


def write(folder: Path, asked: Asked, sites: Sequence[UUID], told: Told) -> Package:
    """Writes every file of the export. `told` hears (done, total) after each batch, and may raise to stop.

    Raises Invalid when de-identified rows of fewer than 11 subjects were asked for without a determination.
    """
    with access.snapshot(sites):
        written, subjects = _rows(folder, asked, told)
    _enough(asked, subjects)
    written = [*_forms(folder, asked, written), _dictionary(folder, asked.profile)]
    body = manifest(asked, written, None if asked.profile == AGGREGATE else subjects)
    (folder / MANIFEST).write_bytes(body)
    return Package(tuple(written), body, subjects)


def _rows(folder: Path, asked: Asked, told: Told) -> tuple[list[Written], int]:
    total = dataset.how_many(asked.contract["code"])
    sink = _Grouped(folder, asked) if asked.profile == AGGREGATE else _Tables(folder, asked)
    done = subjects = 0
    for batch in dataset.batches(asked.contract["code"]):
        for lines in dataset.lines(
            asked.contract["code"], batch, asked.as_of, asked.as_known_at, sink.wanted
        ):
            done += 1
            if lines is not None:
                subjects += 1
                sink.write(lines)
        told(done, total)
    if done != total:
        raise RuntimeError(f"{done} subjects were read instead of {total}")
    return sink.close(), subjects


class _Tables:
    """Rows by patient: every table of the profile is written at once."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._harbor = asked.profile == HARBOR
        own = MILESTONES.name if self._harbor else "milestones_dated"
        self.wanted = (own, *(t.name for t in tables(asked.profile)[1:]))
        self._files = [TableFile(folder, table) for table in tables(asked.profile)]
        self._marks = ((AS_OF_MARK, asked.as_of.isoformat()), (KNOWN_MARK, instant(asked.as_known_at)))

    def write(self, lines: Lines) -> None:
        for file in self._files:
            name = file.table.name
            file.write(
                self._filled(lines) if name == MILESTONES.name else lines.texts[name], lines.counts[name]
            )

    def _filled(self, lines: Lines) -> str:
        """The lines of milestones.csv with site, date and instant of this export."""
        site = "" if self._harbor else text(lines.subject.site_code)
        found = lines.texts[self.wanted[0]].replace(SITE_MARK, site)
        for mark, value in self._marks:
            found = found.replace(mark, value)
        return found

    def close(self) -> list[Written]:
        return [file.close() for file in self._files]


class _Grouped:
    """Groups only: no row of a person is written anywhere."""

    wanted = (MILESTONES.name,)

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._file = TableFile(folder, SUMMARY)
        self._groups = Groups(asked.contract["code"])

    def write(self, lines: Lines) -> None:
        for cells in csv.reader(lines.texts[MILESTONES.name].splitlines()):
            self._groups.add(dict(zip(MILESTONES.names, cells, strict=True)))

    def close(self) -> list[Written]:
        for one in self._groups.lines():
            self._file.write(one, 1)
        return [self._file.close()]


def _enough(asked: Asked, subjects: int) -> None:
    if asked.profile == HARBOR and subjects < LEAST and not asked.determination:
        raise Invalid.at(
            "/profile", "too-few-subjects",
            f"Fewer than {LEAST} subjects: give the reference of an expert's determination, or ask for the aggregate.",
        )  # fmt: skip


def _forms(folder: Path, asked: Asked, written: Sequence[Written]) -> Iterator[Written]:
    """Every table in every form that was asked for; what was not asked for is removed."""
    known = {t.name: t for t in tables(asked.profile)}
    for file in written:
        source = folder / file.name
        if "csv" in asked.formats:
            yield file
        for form, write_form in WRITERS.items():
            if form in asked.formats:
                target = source.with_suffix(f".{form}")
                rows = write_form(source, target, known[file.table])
                if rows != file.rows:
                    raise RuntimeError(f"{target.name}: {rows} rows instead of {file.rows}")
                yield Written(file.table, target.name, form, digest(target), target.stat().st_size, rows)
        if "csv" not in asked.formats:
            source.unlink()


def _dictionary(folder: Path, profile: str) -> Written:
    file = TableFile(folder, DICTIONARY)
    for row in dictionary(profile):
        file.write(line(map(text, row)), 1)
    return file.close()
