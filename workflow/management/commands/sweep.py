"""`sweep`: what beat wakes, by hand: notices that fell due and patients whose decision changes with the date."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workflow.management.options import instant
from workflow.services import sweep


class Command(BaseCommand):
    help = "Writes the notices that are due and decides again the patients whose date has come."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", type=instant, help="the clock, RFC 3339; default: now")

    def handle(self, *args: Any, **options: Any) -> None:
        decided = sweep.redecide(at=options["at"])
        written = sweep.sweep(at=options["at"])
        self.stdout.write(f"{decided} patients decided again, {written} notices written")
