"""`run_exports`: makes the exports that wait, as the worker does."""

from __future__ import annotations

from typing import Any

from outcomes.services import export_run
from patients.management.base import OperatorCommand


class Command(OperatorCommand):
    help = "Makes every export that waits, oldest first, and those that were cut off."
    one_transaction = False

    def run(self, **options: Any) -> None:
        self.stdout.write(f"{export_run.run_open()} exports made")
