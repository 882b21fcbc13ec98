"""`import_facts PATH`: tables of existing patients, their bleeds, factor use, regimens and infusions."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from outcomes.services import takeover
from outcomes.services.takeover import Taken
from patients.access import everywhere
from patients.management.base import OperatorCommand, operator
from patients.models import Site
from patients.readers.envelope import Unreadable
from patients.readers.records import Record, records
from workflow.rules.cells import guarded

COLUMNS = ("row", "field", "code", "detail", "raw")
MAX_FILE = 512 * 1024 * 1024


class Command(OperatorCommand):
    help = (
        "Takes over existing patients from CSV or XLSX tables whose headers are the field names of the API, with"
        " mrn in every table. Local times are the site's. Can be repeated: rows that are recorded change nothing."
        " Exit 0: every row is taken; 1: some were refused, see errors.csv; 2: the file could not be read."
    )
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH")
        parser.add_argument("--kind", required=True, choices=tuple(takeover.KINDS))
        parser.add_argument("--site", required=True, metavar="CODE")
        parser.add_argument("--dry-run", action="store_true", help="store nothing, count as a real run would")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="default: errors.csv beside PATH")

    def run(self, **options: Any) -> int | None:
        path: Path = options["path"]
        errors: Path = options["errors"] or path.with_name("errors.csv")
        if errors.resolve() == path.resolve():
            raise CommandError("The table itself would be written over; name another file with --errors.")
        site = _site(options["site"])
        told = {"kind": options["kind"], "site": site.code, "file": path.name, "dry_run": options["dry_run"]}
        try:
            rows = _rows(path, options["kind"])
        except (Unreadable, OSError) as error:
            reason = error.reason if isinstance(error, Unreadable) else "unreadable"
            self.stdout.write(json.dumps({**told, "rejected": reason, "detail": _words(error)}))
            self.stderr.write(f"{path.name} {_words(error)}")
            return 2
        _write(errors, [])
        taken = self._taken(rows, site, options)
        refused = [t for t in taken if t.faults]
        _write(errors, refused)
        self.stdout.write(json.dumps({**told, **_counts(taken), "errors": str(errors)}))
        return 1 if refused else None

    def _taken(self, rows: Sequence[Record], site: Site, options: dict[str, Any]) -> list[Taken]:
        told: dict[str, Any] = {
            "site": site,
            "kind": options["kind"],
            "by": operator(),
            "dry": options["dry_run"],
        }
        taken: list[Taken] = []
        try:
            for one in takeover.take(records=rows, **told):
                taken.append(one)
                if len(taken) % 500 == 0:
                    self.stderr.write(f"{len(taken)}/{len(rows)} rows")
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database is away after {len(taken)} rows; run the same again."
            ) from error
        return sorted(taken, key=lambda t: t.record.number)


def _rows(path: Path, kind: str) -> list[Record]:
    if path.stat().st_size > MAX_FILE:
        raise Unreadable("too-large", "is larger than 512 MB")
    with path.open("rb") as stream:
        return list(records(stream, known=takeover.columns(kind), needed=["mrn"]))


def _site(code: str) -> Site:
    with everywhere(by=operator()):
        site = Site.objects.filter(code=code).first()
    if site is None:
        raise CommandError(f"There is no site “{code}”; make it with create_site.")
    return site


def _words(error: Unreadable | OSError) -> str:
    return str(error) if isinstance(error, Unreadable) else f"cannot be opened: {error.strerror}"


def _counts(taken: Sequence[Taken]) -> dict[str, Any]:
    found = Counter(t.disposition for t in taken)
    reasons = Counter(code for t in taken for code in {f.code for f in t.faults})
    return {
        "received": len(taken),
        **{name: found[name] for name in (takeover.RECORDED, takeover.DUPLICATE, takeover.REFUSED)},
        "reasons": dict(sorted(reasons.items())),
    }


def _write(path: Path, refused: Sequence[Taken]) -> None:
    """A line for each fault, written whole or not at all; without faults only the header."""
    try:
        _lines(path, refused)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}; name another with --errors."
        ) from error


def _lines(path: Path, refused: Sequence[Taken]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with aside.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        for one in refused:
            for fault in one.faults:
                field = fault.pointer.strip("/").replace("~1", "/").replace("~0", "~")
                cells = (str(one.record.number), field, fault.code, fault.detail, one.record.raw)
                lines.writerow([guarded(cell) for cell in cells])
    aside.replace(path)
