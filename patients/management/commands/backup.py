"""`backup --out FILE`: the whole database in one encrypted file, whose head says what is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.errors import DomainError
from patients.services import backups


class Command(BaseCommand):
    help = "Writes a consistent, encrypted backup. Runs as the owner; a running installation is not held up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a new file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = backups.backup(out=options["out"])
        except (DomainError, RuntimeError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(head, indent=1))
        self.stderr.write(backups.KEYS)
