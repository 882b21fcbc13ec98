"""The planner: a date re-colours the gates while it is typed, stepped or dragged; only booking saves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking

LATER = "new Date(Date.now() + {} * 864e5).toISOString().slice(0, 10)"


@pytest.fixture
def page(open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]) -> Any:
    opened = open_browser()
    opened.goto(f"{server}/admin/patients/{clinic['booked']}/plan/")
    return opened


def blocking(page: Any) -> int:
    return page.locator("#preview .gates li.blocks").count()


def plans(patient: UUID) -> int:
    from patients.access import everywhere
    from workflow.models import Act

    with everywhere(by="test"):
        return Act.objects.filter(patient_id=patient, kind="plan").count()


def test_typing_a_date_colours_the_gates_and_saves_nothing(page: Any, clinic: Mapping[str, UUID]) -> None:
    before, saved = blocking(page), plans(clinic["booked"])
    page.fill("#infusion_on", page.evaluate(LATER.format(90)))
    page.wait_for_selector("#finding.bad")
    assert blocking(page) > before
    assert "block" in page.inner_text("#finding")
    assert page.locator("section[aria-labelledby=draws] tbody tr").count() > 0
    assert page.locator("section[aria-labelledby=moves] summary").count() == 1
    assert plans(clinic["booked"]) == saved
    assert looking.axe(page) == [] and looking.poor_contrast(page) == [] and looking.violations(page) == []


def test_the_marker_moves_the_date_by_arrow_keys_and_keeps_the_focus(page: Any) -> None:
    first = page.input_value("#infusion_on")
    page.focus("#marker")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("on => document.querySelector('[data-slider]').dataset.on > on", arg=first)
    assert page.evaluate("document.activeElement.id") == "marker"
    days = page.evaluate("on => (Date.parse(infusion_on.value) - Date.parse(on)) / 864e5", first)
    assert days == 3


def test_dragging_the_marker_moves_the_date(page: Any) -> None:
    box = page.locator("#marker").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_selector("#finding.bad")
    assert blocking(page) > 0


def test_without_scripts_a_date_is_shown_and_booked(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
) -> None:
    page = open_browser(scripts=False)
    page.goto(f"{server}/admin/patients/{clinic['cleared']}/plan/?infusion_on=2020-01-01")
    assert "Choose today or a later date." in page.inner_text(".problem")
    date = page.get_attribute("#infusion_on", "min")
    page.fill("#infusion_on", date)
    with page.expect_navigation():
        page.click("[data-show]")
    assert page.inner_text("#finding").endswith("passes.")
    looking.submit(page)
    assert "Infusion date booked" in page.inner_text(".messagelist")


def test_the_planner_is_readable(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
) -> None:
    page = open_browser()
    page.goto(f"{server}/admin/patients/{clinic['titer_expires']}/plan/")
    assert looking.seen(page) == [] and page.blocked == []
