"""Emergency access in a real browser: the form, the record with its banner, and the review at the custodian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from tests.browser import looking

WHY = "Bleeding after a fall, brought by ambulance"


def test_a_record_of_another_centre_is_opened_read_ended_and_reviewed(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    from patients.access import everywhere
    from patients.models import Patient
    from tests.factories.people import make_site, make_staff

    with everywhere(by="test"):
        make_staff(make_site("farside", timezone="America/Denver"), "clinician", "zoe")
        patient = Patient.objects.get(pk=clinic["alert_open"])
    page, faults = open_browser("zoe"), []
    page.goto(f"{server}/admin/patients/?q={patient.code}")
    page.click("text=Open a record of another centre in an emergency")
    looking.submit(page)
    assert page.title().startswith("Error:")
    faults += looking.seen(page)
    page.fill("#code", patient.code)
    page.fill("#birth_date", str(patient.birth_date))
    page.fill("#reason", WHY)
    looking.submit(page)
    assert page.inner_text("h1") == patient.code
    assert "Emergency access until" in page.inner_text(".emergency") and WHY in page.inner_text(".emergency")
    faults += looking.seen(page)
    assert page.locator("main a[href*='/admin/worklist/'], main .acts a").count() == 0
    page.click(".emergency button")
    page.wait_for_url("**/admin/emergency-access/")
    assert page.locator("tr[data-row]").count() == 1
    faults += looking.seen(page)
    assert page.goto(f"{server}/admin/patients/{patient.pk}/").status == 404
    admin = open_browser("adam")
    admin.goto(f"{server}/admin/emergency-reviews/")
    assert WHY in admin.inner_text("main")
    faults += looking.seen(admin)
    admin.click("text=Found right")
    admin.fill("textarea", "Was on duty that night")
    looking.submit(admin)
    assert "Was on duty that night" in admin.inner_text("#done ~ table")
    faults += looking.seen(admin)
    assert faults == []
    assert page.blocked == admin.blocked == []
