"""Moving to another policy is an explicit act that first shows what changes."""

from __future__ import annotations

from datetime import date

import pytest

from outcomes.selectors.status import patient_status
from patients.errors import Invalid
from patients.models import Site
from tests.services.ready import NOON, ready_patient
from workflow.selectors.pins import pin_changes
from workflow.services import pathways


def test_a_move_shows_what_changes_and_then_does_it(site: Site) -> None:
    patient = ready_patient(site, policy="label-us", without="WEIGHT")
    fields = {"policy": "us-standard", "reason": "new payer"}
    pins = pathways.new_pins(patient.pk, fields, today=NOON.date())
    seen = pin_changes(patient.pk, pins, today=NOON.date())
    changed = {c["key"]: (c["old"]["blocking"], c["new"]["blocking"]) for c in seen["gates"]}
    assert changed["weight"] == (False, True)
    assert seen["blocked_by"] == {"old": [], "new": ["weight"]}
    assert patient_status(patient.pk)["policy"]["id"] == "label-us", "a preview saves nothing"
    pathways.move_pins(patient=patient.pk, fields=fields, by="t", at=NOON)
    status = patient_status(patient.pk, as_of=date(2026, 3, 2))
    assert (status["policy"]["id"], status["blocked_by"]) == ("us-standard", ["weight"])


def test_a_version_that_does_not_exist_is_refused(site: Site) -> None:
    patient = ready_patient(site)
    with pytest.raises(Invalid):
        pathways.new_pins(patient.pk, {"pathway_version": "99"}, today=NOON.date())
    with pytest.raises(Invalid):
        pathways.new_pins(patient.pk, {"policy": "nobody"}, today=NOON.date())
