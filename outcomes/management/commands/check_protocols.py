"""`manage.py check_protocols`: all faults of all catalogue, pathway, policy and contract files at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outcomes import data as contracts
from patients import data as catalogue
from workflow import data


class Command(BaseCommand):
    help = (
        "Checks every catalogue, pathway, policy and contract file and prints all faults with file and key."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(lines())
        for line in faults:
            self.stdout.write(line)
        if faults:
            raise CommandError(f"{len(faults)} faults in data files", returncode=1)
        self.stdout.write("All data files are sound.")


def lines() -> Iterator[str]:
    """One line per fault: file, key and what is wrong."""
    for file, message in catalogue.faults():
        yield f"catalog/{file}: {message}"
    found: list[tuple[str, str, str]] = [(f.file, f.key, f.message) for f in data.faults()]
    found += [(f.file, f.key, f.message) for f in contracts.faults()]
    for fault in found:
        yield ": ".join(part for part in fault if part)
