"""The patient page: from an entered result to the alert, its picture and its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking


def enter_alt(page: Any, base: str, patient: Any, value: str) -> None:
    page.goto(f"{base}/admin/patients/{patient}/results/?analytes=ALT")
    page.fill("#value-0", value)
    page.fill("#reference_high-0", "45")
    looking.submit(page)


def test_a_raised_alt_makes_one_alert_on_the_patient_and_on_today(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser()
    enter_alt(page, server, clinic["to alert"], "152")
    assert "1 result saved" in page.inner_text(".messagelist")
    alert = page.locator("section", has=page.locator("#alerts"))
    assert alert.locator("tbody tr").count() == 1
    assert "ALT 152 U/L" in alert.inner_text()
    assert "above ULN 45" in alert.inner_text()
    assert page.locator("svg .flag").count() == 1
    code = page.inner_text("h1")
    page.goto(f"{server}/admin/today/?group=alerts")
    assert code in page.inner_text("main")


def test_an_alert_is_answered_and_leaves_today(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser()
    page.goto(f"{server}/admin/patients/{clinic['to answer']}/")
    page.click("a.btn:has-text('Answer')")
    page.select_option("#decision", "repeat_test")
    looking.submit(page)
    assert "Answered" in page.inner_text("section:has(#alerts)")
    code = page.inner_text("h1")
    page.goto(f"{server}/admin/today/?group=alerts")
    assert code not in page.inner_text("main")


def test_a_faulty_form_keeps_what_was_typed_and_leads_to_the_field(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser()
    page.goto(f"{server}/admin/patients/{clinic['month_five']}/results/?analytes=ALT,AST")
    page.fill("#collected_on", "")
    page.fill("#value-0", "31")
    looking.submit(page)
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.className") == "problem"
    assert page.input_value("#value-0") == "31"
    page.click(".problem a")
    assert page.evaluate("document.activeElement.id") == "collected_on"
    assert looking.axe(page) == []


@pytest.mark.parametrize("chart", ["alt", "fix"])
def test_a_chart_says_in_text_what_it_draws(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID], chart: str
):
    page = open_browser(scripts=False)
    page.goto(f"{server}/admin/patients/{clinic['month_five']}/")
    section = page.locator(f"section[aria-labelledby={chart}]")
    svg = section.locator("svg.plot")
    assert svg.get_attribute("role") == "img"
    assert svg.locator("title").text_content()
    assert "newest" in svg.locator("desc").text_content().lower()
    assert svg.locator(".dot").count() == section.locator("table tbody tr").count() > 0


def test_the_window_planner_names_what_expires(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser()
    page.goto(f"{server}/admin/patients/{clinic['to move']}/plan/")
    late = page.evaluate("new Date(Date.now() + 200 * 864e5).toISOString().slice(0, 10)")
    page.fill("#infusion_on", late)
    looking.submit(page)
    cards = page.locator(".gates li", has_text="Expired")
    assert cards.count() > 0
    assert "No day works" in page.inner_text("section:has(#window)") or "Any day" in page.inner_text(
        "section:has(#window)"
    )
