"""`verify`: everything derived is computed anew and compared with what is stored; exit 1 on any drift."""

from __future__ import annotations

from typing import Any

from outcomes.selectors.drift import milestone_drift
from patients.management.base import OperatorCommand
from patients.selectors.audit import audit_drift
from workflow.selectors.drift import drift


class Command(OperatorCommand):
    help = "Compares gates, tasks, alerts, milestones, result heads and audit seals with what the facts say."

    def run(self, **options: Any) -> int | None:
        found = [*drift(), *milestone_drift(), *audit_drift()]
        for line in found:
            self.stdout.write(line)
        if found:
            self.stderr.write(f"{len(found)} differences")
            return 1
        self.stdout.write("nothing has drifted")
        return None
