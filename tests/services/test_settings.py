"""A site's settings: what is no such number is refused by name, and every patient is decided again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outcomes.selectors.status import patient_status
from patients.errors import Invalid
from patients.models import Site, SiteSetting
from tests.services.ready import DAY0, NOON, ready_patient
from workflow.models import GateDecision
from workflow.selectors.drift import drift
from workflow.services import settings

IMAGING = "gates.liver-imaging.validity_days"


def differences() -> list[str]:
    return [text for text in drift() if "not decided again" not in text]


def stored(patient: Any, gate: str) -> str:
    return GateDecision.objects.get(patient=patient, key=gate).verdict


def test_a_sites_number_decides_its_patients_again(site: Site) -> None:
    patient = ready_patient(site)
    settings.override(site=site, name=IMAGING, value="30", by="t", at=NOON)
    assert stored(patient, "liver-imaging") == "expired"
    assert not differences()
    told = {g["code"]: g for g in patient_status(patient.pk, as_of=DAY0)["gates"]}["liver-imaging"]
    assert "validity_days 30 set by the site since 2026-03-02 instead of 180" in told["rule"]["source"]
    settings.override(site=site, name=IMAGING, value="180", by="t", at=NOON + timedelta(minutes=1))
    assert stored(patient, "liver-imaging") == "pass"


def test_an_ended_certification_decides_its_patients_again(site: Site) -> None:
    patient = ready_patient(site)
    assert stored(patient, "site-of-care") == "pass"
    settings.certify(site=site, pathway="hemgenix", by="t", to_on=date(2026, 2, 1))
    assert stored(patient, "site-of-care") == "fail"
    assert not differences()


@pytest.mark.parametrize(
    ("name", "value", "pointer"),
    [
        ("gates.age.min_years", "16", "/name"),
        ("gates.nothing.validity_days", "30", "/name"),
        (IMAGING, "soon", "/value"),
        (IMAGING, "1.5", "/value"),
        (IMAGING, "-1", "/value"),
    ],
)
def test_what_is_no_number_of_a_site_is_refused(site: Site, name: str, value: str, pointer: str) -> None:
    with pytest.raises(Invalid) as error:
        settings.override(site=site, name=name, value=value, by="t", at=NOON)
    assert [f.pointer for f in error.value.faults] == [pointer]


def test_an_unknown_pathway_and_a_span_backwards_are_refused(site: Site) -> None:
    with pytest.raises(Invalid) as error:
        settings.certify(site=site, pathway="nothing", by="t", at=NOON)
    assert error.value.faults[0].pointer == "/pathway"
    with pytest.raises(Invalid) as error:
        settings.certify(site=site, pathway="hemgenix", by="t", from_on=DAY0, to_on=date(2026, 1, 1), at=NOON)
    assert error.value.faults[0].pointer == "/to_on"


def test_the_command_sets_numbers_and_ends_certifications(everywhere: None, site: Site) -> None:
    call_command("set_site", site.code, "--number", IMAGING, "90", "--from", "2026-03-01")
    call_command("set_site", site.code, "--certified-for", "hemgenix", "--to", "2026-02-01")
    rows = SiteSetting.objects.filter(site=site).order_by("-recorded_at")[:2]
    assert [(r.kind, r.payload, r.to_on) for r in rows] == [
        ("certification", {}, date(2026, 2, 1)),
        ("override", {"value": "90"}, None),
    ]
    with pytest.raises(CommandError, match="NOWHERE"):
        call_command("set_site", "NOWHERE", "--certified-for", "hemgenix")
    with pytest.raises(CommandError, match="no number that a site may set"):
        call_command("set_site", site.code, "--number", "gates.age.min_years", "16")
