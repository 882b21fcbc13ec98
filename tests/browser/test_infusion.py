"""Day 0 in a browser: the summary takes the focus, its links lead to fields, the checks follow what is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.browser import looking

THERE = ZoneInfo("America/Chicago")


@pytest.fixture
def form(open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]) -> Callable[..., Any]:
    def opened(patient: str, username: str = "ana", **options: Any) -> Any:
        page = open_browser(username, **options)
        page.goto(f"{server}/admin/patients/{clinic[patient]}/infusion/")
        return page

    return opened


def ago(hours: float) -> str:
    """A moment that many hours ago, as the form takes it."""
    moment: datetime = timezone.now().astimezone(THERE) - timedelta(hours=hours)
    return f"{moment:%Y-%m-%dT%H:%M}"


def fill(page: Any, volume: str) -> None:
    texts = {"started_at": ago(5), "ended_at": ago(4), "observed_until": ago(0.5), "weight_kg": "70.0",
             "volume_ml": volume, "kit_lot": "L12345"}  # fmt: skip
    for name, text in texts.items():
        page.fill(f"#{name}", text)
    for name, choice in (("outcome", "complete"), ("place_of_service", "22"), ("ndc", "00053-0140-14")):
        page.select_option(f"#{name}", choice)


def save(page: Any) -> None:
    with page.expect_navigation():
        page.click("button[value=save]")


@pytest.mark.parametrize(("patient", "scripts"), [("to infuse", True), ("to infuse plainly", False)])
def test_a_wrong_volume_takes_the_focus_and_the_right_one_saves_once(
    form: Callable[..., Any], server: str, clinic: Mapping[str, UUID], patient: str, scripts: bool
) -> None:
    page = form(patient, scripts=scripts)
    address = page.url
    fill(page, "104")
    save(page)
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.className") == "problem"
    assert page.inner_text(".problem h2") == "There is a problem"
    page.click(".problem a >> text=Volume given must be 140 mL for 70.0 kg, or give a reason.")
    assert page.evaluate("document.activeElement.id") == "volume_ml"
    assert page.input_value("#kit_lot") == "L12345", "what was typed stays"
    page.fill("#volume_ml", "140")
    save(page)
    assert urlsplit(page.url).path == f"/admin/patients/{clinic[patient]}/"
    assert "Infusion recorded. It made" in page.inner_text(".messagelist")
    assert page.locator("text=Record infusion").count() == 0
    page.goto(address)
    assert "the therapy is given once in a lifetime" in page.inner_text(".messagelist")


def test_gates_dose_and_tasks_follow_what_is_typed(form: Callable[..., Any]) -> None:
    page = form("liver_on_hold")
    assert "of 17 pass" in page.inner_text("#gates")
    page.fill("#weight_kg", "70.0")
    page.wait_for_selector("text=2 × 10¹³ vg/kg × 70.0 kg = 1.4 × 10¹⁵ vg = 140 mL = 14 vials of 10 mL")
    page.fill("#started_at", ago(5))
    page.wait_for_selector("text=At the start on")
    page.fill("#rate_ml_h", "900")
    page.wait_for_selector("text=900 mL/h is above the nominal 500 mL/h")
    assert page.input_value("#weight_kg") == "70.0"
    assert looking.violations(page) == [] and page.blocked == []


def test_only_a_clinician_is_offered_the_override(form: Callable[..., Any]) -> None:
    coordinator = form("to override")
    assert coordinator.locator("#override-password").count() == 0
    assert "Only a clinician, with a second one" in coordinator.inner_text("#check")
    doctor = form("to override", "dr-a")
    doctor.fill("#override-reason", "bleeding to death")
    doctor.select_option("#override-second_person", "dr-b")
    doctor.fill("#override-password", "not the password")
    doctor.fill("#weight_kg", "70.0")
    doctor.wait_for_selector("text=14 vials of 10 mL")
    assert doctor.input_value("#override-reason") == "bleeding to death", "a check leaves the override alone"
    fill(doctor, "140")
    save(doctor)
    assert doctor.inner_text(".problem li") == "This is not the password of dr-b."
    assert doctor.input_value("#override-password") == ""
    assert doctor.evaluate("document.activeElement.className") == "problem"


def test_the_form_and_the_void_are_accessible_and_legible(
    form: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
) -> None:
    page = form("to override", "dr-a")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = [f"infusion: {text}" for text in looking.seen(page)]
    save(page)
    found += [f"faults: {text}" for text in looking.seen(page)]
    page.goto(f"{server}/admin/patients/{clinic['month_five']}/void/")
    found += [f"void: {text}" for text in looking.seen(page)]
    assert found == [] and page.blocked == []
