"""`import_labs PATH…`: laboratory files into facts; one JSON object per file on stdout, progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from patients.management.base import OperatorCommand, operator
from patients.models import Source
from patients.readers import fhir_results, files
from patients.readers.envelope import Unreadable
from patients.readers.fhir import People
from workflow.management.options import MAX_FILE, source_named
from workflow.services import imports
from workflow.services.imports import Report


class Command(OperatorCommand):
    help = "Reads laboratory files: HL7 v2, FHIR JSON and NDJSON, CSV, XLSX. Exit 2 when a file could not be read."
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--source", required=True, metavar="CODE")
        parser.add_argument("--format", default="auto", choices=("auto", *files.FORMATS))
        parser.add_argument("--mapping", default="", metavar="NAME", help="a saved column map of the source")
        parser.add_argument("--dry-run", action="store_true", help="store nothing, count as a real run would")
        parser.add_argument("--json", action="store_true", help="the default; kept for scripts")

    def run(self, **options: Any) -> int | None:
        source = source_named(options["source"], options["mapping"])
        paths = list(_files(options["paths"]))
        people = _people(paths, options["format"])
        unread = 0
        for number, path in enumerate(paths, start=1):
            self.stderr.write(f"[{number}/{len(paths)}] reading {path.name}")
            report = self._read(path, source, people, options)
            self.stdout.write(json.dumps(report.shown()))
            if report.rejected:
                unread += 1
                self.stderr.write(f"{path.name} {report.rejected}")
        return 2 if unread else None

    def _read(self, path: Path, source: Source, people: People, options: dict[str, Any]) -> Report:
        told: dict[str, Any] = {
            "name": path.name, "site": source.site_id, "source": source, "by": operator(),
            "form": options["format"], "mapping": options["mapping"],
        }  # fmt: skip
        if path.stat().st_size > MAX_FILE:
            return Report(file=path.name, source=source.code, rejected="is larger than 512 MB").refused(
                "too-large"
            )
        with path.open("rb") as stream:
            if options["dry_run"]:
                return imports.preview(stream=stream, people=people, **told)
            inbound = imports.keep(stream=stream, **told)
        return imports.run(inbound=inbound, people=people)


def _people(paths: list[Path], form: str) -> People:
    """Patients of all files: in a bulk export they stand in a file of their own."""
    people = People()
    for path in paths:
        with path.open("rb") as stream:
            try:
                kind = files.sniffed(stream) if form == "auto" else form
            except Unreadable:
                continue
            if kind in ("fhir", "ndjson") and len(paths) > 1:
                fhir_results.learn(stream, people, lines=kind == "ndjson")
    return people


def _files(paths: list[Path]) -> Iterator[Path]:
    """Files as given, and the files of folders by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.is_file())
        elif path.is_file():
            yield path
        else:
            raise CommandError(f"There is no file {path}.")
