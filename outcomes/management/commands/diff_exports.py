"""`diff_exports OLD NEW`: rows added, removed and changed, one JSON object a line, with the fact that caused it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from outcomes.files.tables import digest
from outcomes.rules.data_package import MANIFEST
from outcomes.rules.dataset_diff import Change, Row, changes
from outcomes.rules.dataset_tables import Table, tables
from outcomes.selectors.dataset_causes import Asked, Causes, patient_of
from patients.management.base import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Compares two folders of export_milestones. Exit 0: equal; 1: different; 2: they could not be compared."
        " The columns as_of and as_known_at are not compared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("old", type=Path, metavar="OLD")
        parser.add_argument("new", type=Path, metavar="NEW")

    def run(self, **options: Any) -> int | None:
        try:
            old, new = self._opened(options["old"]), self._opened(options["new"])
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"This is no export with CSV files: {error}", returncode=2) from error
        if (old.asked.contract, old.asked.profile) != (new.asked.contract, new.asked.profile):
            raise CommandError("The exports are of different contracts or profiles.", returncode=2)
        differ = False
        for change, facts in _told(old, new):
            differ = True
            self.stdout.write(json.dumps(change.shown(facts), ensure_ascii=False))
        return 1 if differ else None

    def _opened(self, folder: Path) -> Folder:
        found = Folder(folder)
        for path in found.changed():
            self.stderr.write(f"{path} does not have the hash of its manifest")
        return found


class Folder:
    """One export on disk."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.asked = Asked(
            contract=told["contract"]["code"],
            profile=told["disclosure_profile"],
            as_of=date.fromisoformat(told["as_of"]),
            as_known_at=datetime.fromisoformat(told["as_known_at"]),
        )
        self._hashes = {r["path"]: r["hash"].removeprefix("sha256:") for r in told["resources"]}
        self._folder = folder
        missing = [t.name for t in tables(self.asked.profile) if not self._path(t).exists()]
        if missing:
            raise ValueError(f"{folder} lacks {', '.join(missing)}.csv")

    def changed(self) -> Iterator[Path]:
        """Files that are no longer what the manifest says."""
        for table in tables(self.asked.profile):
            path = self._path(table)
            if digest(path) != self._hashes.get(path.name):
                yield path

    def rows(self, table: Table) -> Iterator[Row]:
        with self._path(table).open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    def _path(self, table: Table) -> Path:
        return self._folder / f"{table.name}.csv"


def _told(old: Folder, new: Folder) -> Iterator[tuple[Change, list[str]]]:
    """Changes table by table and subject by subject: both exports are sorted by subject."""
    causes: dict[str, Causes | None] = {}
    for table in tables(new.asked.profile):
        for subject, before, after in _pairs(old.rows(table), new.rows(table), table.key[0]):
            for change in changes(table, before, after):
                if subject not in causes:
                    causes[subject] = _causes(subject, old.asked, new.asked)
                known = causes[subject]
                yield change, known.of(change) if known else []


def _causes(subject: str, old: Asked, new: Asked) -> Causes | None:
    """None for what is about nobody, or about somebody who is not in this database."""
    patient = patient_of(new.contract, subject)
    return Causes(subject, patient, old, new) if patient else None


def _pairs(old: Iterator[Row], new: Iterator[Row], key: str) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """The rows of each subject from both sides; an empty list where there are none. Groups come as one."""
    if key != "subject_id":
        yield "", list(old), list(new)
        return
    left, right = groupby(old, lambda r: r[key]), groupby(new, lambda r: r[key])
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        first = min(g[0] for g in (a, b) if g is not None)
        before = list(a[1]) if a is not None and a[0] == first else []
        after = list(b[1]) if b is not None and b[0] == first else []
        if a is not None and a[0] == first:
            a = next(left, None)
        if b is not None and b[0] == first:
            b = next(right, None)
        yield first, before, after
