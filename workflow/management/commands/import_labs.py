"""`import_labs PATH…`: laboratory files into facts; one JSON object per file on stdout, progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from patients.management.base import OperatorCommand, operator
from patients.models import Source
from workflow.services import labfiles


class Command(OperatorCommand):
    help = "Reads laboratory files (CSV in this version). Exit 2 when a file could not be read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--source", required=True, metavar="CODE")
        parser.add_argument("--format", default="auto", choices=("auto", "csv"))
        parser.add_argument("--dry-run", action="store_true", help="store nothing, count as a real run would")
        parser.add_argument("--json", action="store_true", help="the default; kept for scripts")

    def run(self, **options: Any) -> int | None:
        source = Source.objects.filter(code=options["source"]).first()
        if source is None:
            raise CommandError(f"There is no source “{options['source']}”; make it with create_source.")
        unread = 0
        for path in _files(options["paths"]):
            self.stderr.write(f"reading {path.name}")
            report = labfiles.import_file(
                name=path.name,
                data=path.read_bytes(),
                source=source,
                by=operator(),
                dry_run=options["dry_run"],
            )
            self.stdout.write(json.dumps(report.shown()))
            if report.rejected:
                unread += 1
                self.stderr.write(f"{path.name} {report.rejected}")
        return 2 if unread else None


def _files(paths: list[Path]) -> Iterator[Path]:
    """Files as given, and the files of folders by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.is_file())
        elif path.is_file():
            yield path
        else:
            raise CommandError(f"There is no file {path}.")
