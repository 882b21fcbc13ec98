"""`restore FILE`: fills an empty database from a backup and freezes outgoing mail until `release_mail`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.errors import DomainError
from patients.services import backups


class Command(BaseCommand):
    help = "Restores a backup into an empty database; mail stays frozen until release_mail."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = backups.restore(file=options["file"])
        except (DomainError, RuntimeError, OSError) as error:
            raise CommandError(str(error)) from error
        rows = sum(head["rows"].values())
        self.stdout.write(
            f"Restored what was there at {head['made_at']}: {rows} rows, newest seal {head['seal']['number']}.\n"
            "Mail is frozen: check with verify, then let it go with release_mail."
        )
