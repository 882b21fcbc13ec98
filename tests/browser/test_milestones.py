"""A milestone is found, read and signed in a browser; its pages are legible in both themes and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from tests.browser import looking
from tests.factories.people import PASSWORD


def test_a_clinician_reviews_and_attests_a_milestone(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser("dr-a")
    page.goto(f"{server}/admin/milestones/?contract=sample-level&verdict=due")
    row = page.locator("tr[data-row]").first
    assert "Due now" in row.inner_text() and "(rule)" in row.inner_text()
    assert looking.seen(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    with page.expect_navigation():
        row.locator("a.btn").click()
    assert "You sign that this milestone is Met." in page.inner_text("main")
    assert looking.seen(page) == []
    looking.submit(page)
    assert page.locator("ul.messagelist").inner_text() == "Month 12 is attested."
    assert "frozen" in page.inner_text("section[aria-labelledby=versions]")
    assert page.locator("section[aria-labelledby=attest]").count() == 0
    page.goto(f"{server}/admin/patients/{clinic['month_twelve']}/")
    assert "Attested by dr-a" in page.inner_text("section[aria-labelledby=milestones]")
    assert page.blocked == []


def test_a_wrong_password_signs_nothing(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser("dr-a")
    page.goto(f"{server}/admin/milestones/?contract=sample-level&verdict=met")
    with page.expect_navigation():
        page.locator("tr[data-row] a.btn:has-text('Review')").first.click()
    page.fill("#password", "not the password")
    looking.submit(page)
    assert page.title().startswith("Error:")
    assert "The password is wrong." in page.inner_text(".problem")
    page.fill("#password", PASSWORD)
    looking.submit(page)
    assert "is attested." in page.locator("ul.messagelist").inner_text()


def test_each_figure_has_words_a_table_and_a_file(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser("dr-a", scripts=False)
    page.goto(f"{server}/admin/milestones/")
    page.click("text=Figures over all patients")
    page.select_option("#contract", "sample-level")
    looking.submit(page)
    assert "under an invented sample contract" in page.inner_text("main")
    for key in ("fix_activity", "bleeding_rate", "off_prophylaxis"):
        card = page.locator(f"section[aria-labelledby={key}]")
        assert card.locator("svg title").count() == card.locator("svg desc").count() == 1
        shown = card.locator("details tbody tr").count()
        with page.expect_download() as started:
            card.locator("a[download]").click()
        assert len(started.value.path().read_text().splitlines()) == shown + 1
    assert page.blocked == []
