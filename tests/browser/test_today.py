"""Today by keyboard: walk the rows, select some, hand them over or put them on hold, without a mouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking
from tests.browser.hands import Hand

TASK = "tr[data-row]:has(input[name=task])"


def tasks(**columns: Any) -> Any:
    from patients.access import everywhere
    from workflow.models import TaskDue

    with everywhere(by="test"):
        return set(TaskDue.objects.filter(**columns).values_list("pk", flat=True))


@pytest.fixture
def page(open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]) -> Any:
    opened = open_browser()
    opened.goto(f"{server}/admin/today/?group=next")
    return opened


def test_rows_are_selected_and_assigned_by_keys(page: Any) -> None:
    """j j x j x a, a name, Enter: two rows are Ana's, no mouse."""
    before, hand = tasks(assignee="ana"), Hand(page)
    for walk in ("jj", "j"):
        for key in walk:
            page.keyboard.press(key)
        hand.press("x")
    boxes = page.locator("input[name=task]:checked")
    assert boxes.count() == 2
    chosen = {UUID(value.partition(" ")[0]) for value in boxes.evaluate_all("all => all.map(b => b.value)")}
    hand.press("a")
    assert page.evaluate("document.activeElement.id") == "assignee"
    page.keyboard.type("ana")
    hand.enter()
    hand.takes(9)
    assert "2 tasks given to ana." in page.inner_text(".messagelist")
    assert tasks(assignee="ana") - before == chosen


def test_a_row_is_put_on_hold_by_keys_and_leaves_the_list(page: Any) -> None:
    page.keyboard.press("j")
    page.keyboard.press("x")
    row = page.locator("input[name=task]:checked").get_attribute("value")
    page.keyboard.press("z")
    assert page.evaluate("document.activeElement.id") == "until"
    assert page.input_value("#until") == page.get_attribute("#until", "min"), "tomorrow, until said otherwise"
    page.focus("#reason")
    page.keyboard.type("Away until Monday")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "put on hold until" in page.inner_text(".messagelist")
    assert page.locator(f'input[name=task][value="{row}"]').count() == 0
    page.goto(page.url.split("?")[0] + "?group=hold")
    assert page.locator(f'input[name=task][value="{row}"]').count() == 1


def test_enter_opens_the_row_and_k_goes_back_up(page: Any) -> None:
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    code = page.locator("tr[data-row] a.code").first.inner_text()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.inner_text("h1") == code


def test_the_list_of_keys_opens_closes_and_turns_keys_off(page: Any) -> None:
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible() and looking.axe(page) == []
    page.uncheck("#keys-switch")
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("input[name=task]:checked").count() == 0
    page.click("[data-open-keys]")
    page.check("#keys-switch")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("input[name=task]:checked").count() == 1
    page.fill("#reason", "x j a z ?")
    assert not page.locator("#keys").is_visible(), "keys are off while typing"


def test_acts_work_without_scripts(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
) -> None:
    page = open_browser(scripts=False)
    page.goto(f"{server}/admin/today/?group=next")
    page.locator("input[name=task]").last.check()
    page.select_option("#assignee", "ana")
    with page.expect_navigation():
        page.click("button:has-text('Apply to selected')")
    assert "1 task given to ana." in page.inner_text(".messagelist")
    page.locator(f"{TASK} td:nth-child(4) a").first.click()
    page.click("summary:has-text('Log a contact')")
    for name, value in (("who", "patient"), ("how", "phone"), ("outcome", "reached")):
        page.select_option(f"#contact-{name}", value)
    with page.expect_navigation():
        page.click("button:has-text('Save contact')")
    assert "Patient by phone: reached" in page.inner_text("main")


def test_the_new_pages_are_safe_accessible_and_legible(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
) -> None:
    page = open_browser()
    faults: list[str] = []
    page.goto(f"{server}/admin/tasks/{min(tasks(patient_id=clinic['weeks_missed'], ended_as=None))}/")
    page.eval_on_selector_all("details", "all => all.forEach(d => { d.open = true; })")
    faults += looking.seen(page)
    assert page.goto(f"{server}/admin/me/mail/").status == 200
    faults += looking.seen(page)
    page.goto(f"{server}/admin/me/feeds/")
    with page.expect_navigation():
        page.click("button:has-text('Make a feed')")
    assert page.input_value("#feed-address").endswith(".ics")
    faults += looking.seen(page)
    adam = open_browser("adam")
    assert adam.goto(f"{server}/admin/health/").status == 200
    faults += looking.seen(adam)
    assert faults == [] and page.blocked == [] and adam.blocked == []
