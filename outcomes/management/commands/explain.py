"""`explain PATIENT`: the status with, per verdict, the rule, its source and its evidence. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from outcomes.selectors.status import patient_status
from patients.management.base import OperatorCommand
from patients.models import Patient
from workflow.management.options import day, instant


class Command(OperatorCommand):
    help = "Says what Daymark decides about a patient and why."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("patient", help="id, or MRN together with --site")
        parser.add_argument("--site", metavar="CODE")
        parser.add_argument("--as-of", type=day)
        parser.add_argument("--as-known-at", type=instant)
        parser.add_argument("--json", action="store_true")

    def run(self, **options: Any) -> None:
        patient = self._patient(options["patient"], options["site"])
        status = patient_status(patient, as_of=options["as_of"], as_known_at=options["as_known_at"])
        if options["json"]:
            self.stdout.write(json.dumps(status, indent=2))
            return
        for line in told(status):
            self.stdout.write(line)

    def _patient(self, text: str, site: str | None) -> UUID:
        if site:
            found = Patient.objects.filter(site__code=site, mrn=text).first()
            if found is None:
                raise CommandError(f"There is no patient with MRN {text} at {site}.")
            return UUID(str(found.pk))
        try:
            return UUID(text)
        except ValueError as error:
            raise CommandError("Give the patient's id, or an MRN together with --site CODE.") from error


def told(status: dict[str, Any]) -> Iterator[str]:
    """The status in sentences."""
    pathway, policy = status["pathway"], status["policy"]
    yield f"{pathway['id']} {pathway['version']} under {policy['id']} {policy['version']}, as of {status['as_of']}"
    yield f"Phase {status['phase']}; ready {status['ready']}; blocked by {', '.join(status['blocked_by']) or 'nothing'}"
    for gate in status["gates"]:
        yield f"\nGate {gate['code']}: {gate['verdict']} ({gate['authority']}, {'blocking' if gate['blocking'] else 'not blocking'})"
        yield f"  {gate['reason']}"
        yield f"  rule {gate['rule']['id']}: {gate['rule']['source']} [{gate['rule']['certainty']}]"
        for fact in gate["evidence"]:
            yield f"  evidence {fact['fact']}: {fact['analyte']} {fact['value']} {fact['unit']} on {fact['on']} {fact['note']}".rstrip()
        if gate["next_step"]:
            yield f"  next: {gate['next_step']}"
    for alert in status["alerts"]:
        yield f"\nAlert {alert['rule']} {alert['state']}: {alert['value']} {alert['unit']}, {', '.join(alert['arms'])}"
        yield f"  baseline {alert['baseline']} (x{alert['ratio_baseline']}), ULN {alert['uln']} (x{alert['ratio_uln']})"
    for task in status["tasks"]:
        yield f"\nTask {task['key']}: {task['state']}, due {task['due_on']} ({task['opens_on']} to {task['closes_on']}); {task['why']}"
    for row in status["milestones"]:
        yield from milestone_told(row)


def milestone_told(row: dict[str, Any]) -> Iterator[str]:
    """One milestone with the arithmetic of its criteria."""
    signed = f", attested (version {row['assessment_version']})" if row["attested"] else ""
    window = f"{row['opens_on']} to {row['closes_on']}"
    yield f"\nMilestone {row['contract']} month {row['month']}: {row['verdict']}{signed}, window {window}"
    yield f"  rule {row['contract']} version {row['contract_version']}, target {row['target_on']}"
    if row["payer"]:
        yield f"  payer {row['payer']}"
    yield f"  refund at risk {row['refund_pct_at_risk']} %, triggered {row['refund_pct_triggered']} %"
    for criterion in row["criteria"]:
        yield f"  criterion {criterion['code']}: {criterion['verdict']}. {criterion['reason']}".rstrip()
        yield f"    rule: {criterion['rule']['source']} [{criterion['rule']['certainty']}]"
        for fact in criterion["evidence"]:
            yield f"    evidence {fact['fact']} on {fact['on']}"
