"""The lab grid in a real browser: thirteen keys a panel, one paste, words at once, and nothing lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking
from tests.browser.hands import Hand

ADDRESS = "/admin/lab-entry/"
PATIENTS = 9


@pytest.fixture(scope="module")
def bench(clinic: Mapping[str, UUID]) -> list[UUID]:
    """A centre of its own, where nine people have their first weekly panel due; in the order of the grid."""
    from outcomes.services import cohort
    from patients.access import everywhere
    from patients.models import Patient
    from tests.browser.conftest import today_at
    from tests.factories.people import make_site, make_staff

    with everywhere(by="test"):
        site = make_site("bench", timezone="America/Chicago")
        make_staff(site, "coordinator", "lee")
        for number in range(PATIENTS):
            teller = cohort.Teller(site, today_at(site), Random(number), f"L{number:04d}")
            cohort.infused_last_week(teller)
        return list(Patient.objects.filter(site=site).order_by("code").values_list("pk", flat=True))


@pytest.fixture(scope="module")
def signed_in(browser_for: Callable[..., Any], bench: list[UUID]) -> Any:
    return browser_for("lee")


@pytest.fixture
def grid(signed_in: Any, server: str) -> Any:
    signed_in.set_viewport_size({"width": 1280, "height": 900})
    signed_in.goto(server + ADDRESS)
    return signed_in


def row_of(page: Any, number: int) -> Any:
    return page.locator(f'[data-entry="{number}"]')


def wait_for(page: Any, number: int, state: str) -> str:
    try:
        page.wait_for_selector(f'[data-entry="{number}"][data-state="{state}"]', timeout=15_000)
    except Exception as error:
        told = row_of(page, number)
        raise AssertionError(
            f"{told.get_attribute('data-state')}: {told.inner_text()} at {page.url}"
        ) from error
    return row_of(page, number).locator(".say").inner_text()


def press(page: Any, keys: list[str]) -> int:
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def panel(*values: str) -> list[str]:
    """The keys of one panel: digits, Tab between the values, Enter at the end."""
    keys: list[str] = []
    for value in values:
        keys += [*value, "Tab"]
    return [*keys[:-1], "Enter"]


def paste(page: Any, text: str) -> None:
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.setData('text/plain', text);
          document.activeElement.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def test_three_panels_in_thirty_nine_keys_without_a_mouse(grid: Any) -> None:
    assert grid.evaluate("document.activeElement.id") == "ALT-0"
    hand = Hand(grid)
    for alt in ("31", "30", "24"):
        hand.press(*panel(alt, "28", "70", "0.5"))
    hand.takes(3)
    assert grid.evaluate("document.activeElement.id") == "ALT-3"
    for number in range(3):
        assert "Saved" in wait_for(grid, number, "saved")
    grid.reload()
    assert [grid.input_value(f"#ALT-{n}") for n in range(4)] == ["31", "30", "24", ""]
    assert grid.input_value("#TBIL-2") == "0.5"
    assert grid.evaluate("document.activeElement.id") == "ALT-3"


def test_a_pasted_block_fills_two_rows_says_which_limit_was_passed_and_is_saved_by_one_key(grid: Any) -> None:
    grid.focus("#ALT-3")
    paste(grid, "52\t41\t88\t0.7\r\n47\t30\t70\t0.6\r\n")
    assert grid.input_value("#ALT-3") == "52" and grid.input_value("#TBIL-4") == "0.6"
    assert "above ULN 45; above 2x baseline 48" in wait_for(grid, 3, "typed")
    assert "above ULN 45" in wait_for(grid, 4, "typed")
    assert "2 rows not saved yet" in grid.inner_text("[data-tally]")
    grid.keyboard.press("Enter")
    assert "Saved" in wait_for(grid, 3, "saved") and "Saved" in wait_for(grid, 4, "saved")
    assert looking.violations(grid) == [] and looking.axe(grid) == []


def test_lines_with_a_code_find_their_own_row_and_an_unknown_one_is_named(grid: Any) -> None:
    codes = [row_of(grid, n).get_attribute("data-code") for n in (5, 6)]
    grid.focus("#ALT-0")
    paste(grid, f"{codes[1]}\t33\n{codes[0]}\t34\nnobody-1\t35")
    assert (grid.input_value("#ALT-5"), grid.input_value("#ALT-6")) == ("34", "33")
    assert "nobody-1" in grid.inner_text("[data-tally]")
    assert "Saved" in row_of(grid, 0).locator(".say").inner_text()


def test_a_value_that_cannot_be_is_named_and_saves_nothing_of_its_row(grid: Any, bench: list[UUID]) -> None:
    grid.focus("#ALT-5")
    press(grid, panel("99999", "28", "70", "0.5"))
    assert "ALT 99999 cannot be" in wait_for(grid, 5, "refused")
    assert grid.get_attribute("#ALT-5", "aria-invalid") == "true"
    assert grid.input_value("#ALP-5") == "70"
    grid.once("dialog", lambda dialog: dialog.accept())
    grid.reload()
    assert grid.input_value("#ALP-5") == ""


def test_an_odd_value_asks_in_its_row_and_enter_keeps_it(grid: Any) -> None:
    grid.focus("#ALT-5")
    press(grid, panel("352"))
    assert "times the last value" in wait_for(grid, 5, "asks")
    grid.keyboard.press("ArrowUp")
    assert grid.evaluate("document.activeElement.id") == "ALT-5"
    grid.keyboard.press("Enter")
    assert "Alert: above ULN 45" in wait_for(grid, 5, "saved")


def test_arrows_move_and_a_question_mark_shows_the_keys(grid: Any) -> None:
    grid.focus("#AST-6")
    grid.keyboard.press("ArrowDown")
    grid.keyboard.press("ArrowRight")
    assert grid.evaluate("document.activeElement.id") == "ALP-7"
    grid.keyboard.press("?")
    assert grid.locator("#grid-help").get_attribute("open") is not None
    assert grid.input_value("#ALP-7") == ""


def test_a_row_that_could_not_be_saved_keeps_its_text_blocks_leaving_and_is_retried(grid: Any) -> None:
    grid.route("**/lab-entry/row/", lambda route: route.abort())
    grid.focus("#ALT-6")
    press(grid, panel("35", "28", "70", "0.5"))
    assert "Not saved, retry" in wait_for(grid, 6, "failed")
    assert grid.input_value("#ALT-6") == "35"
    asked: list[str] = []
    grid.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    grid.evaluate("setTimeout(() => location.reload(), 0)")
    grid.wait_for_timeout(300)
    assert asked == ["beforeunload"] and grid.input_value("#ALT-6") == "35"
    grid.unroute("**/lab-entry/row/")
    grid.click("button:text-is('Retry')")
    assert "Saved" in wait_for(grid, 6, "saved")


def test_a_new_laboratory_gets_a_line_for_its_limits(grid: Any) -> None:
    before = grid.locator("[data-limit]").count()
    grid.fill("#lab-7", "Harbor laboratory")
    grid.keyboard.press("Tab")
    assert grid.locator("[data-limit]").count() == before + 1
    assert grid.get_by_label("Upper limit of ALT, Harbor laboratory, male").input_value() == ""
    assert looking.axe(grid) == []


def open_panel(page: Any) -> str:
    """The first panel whose window closes; returns the patient's code."""
    page.wait_for_selector("table[aria-labelledby=closing]")
    return page.inner_text("table[aria-labelledby=closing] tr:has-text('Liver panel') a.code")


def test_one_panel_from_today_is_one_click_and_thirteen_keys_and_works_without_scripts(
    open_browser: Callable[..., Any], server: str, bench: list[UUID]
) -> None:
    page = open_browser("lee")
    hand = Hand(page)
    hand.click(f"tr:has-text('{open_panel(page)}'):has-text('Liver panel') a.btn")
    page.wait_for_selector("input[id^=ALT-]:focus")
    number = int(page.evaluate("document.activeElement.id").partition("-")[2])
    hand.press(*panel("31", "28", "70", "0.5"))
    assert "Saved" in wait_for(page, number, "saved")
    hand.takes(2)
    page.goto(f"{server}/admin/today/")
    with page.expect_navigation():
        page.click(f"tr:has-text('{open_panel(page)}'):has-text('Liver panel') a.btn")
    page.wait_for_selector("input[id^=ALT-]:focus")
    focused = page.evaluate("document.activeElement.id")
    assert looking.axe(page) == []
    plain = open_browser("lee", scripts=False)
    plain.goto(page.url)
    for analyte, value in zip(("ALT", "AST", "ALP", "TBIL"), ("31", "28", "70", "0.5"), strict=True):
        plain.fill(f"#{focused.replace('ALT', analyte)}", value)
    looking.submit(plain)
    assert "1 panel saved" in plain.inner_text(".messagelist")


def test_the_grid_is_readable(grid: Any) -> None:
    assert looking.seen(grid) == [] and grid.blocked == []
