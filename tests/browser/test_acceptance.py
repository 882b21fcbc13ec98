"""What the workplace promises, carried out in a browser; and what its ten most frequent tasks cost in clicks and keys.

The other promises are kept elsewhere: policy, outside hosts, accessibility, contrast, widths and targets on every page
and the order of Today (test_pages), the lab grid by keys and by paste (test_lab_entry), the infusion form
(test_infusion), charts and tables (test_patient), one word a state at midnight (admin/test_words_everywhere), two assays
under two contracts (admin/test_milestone_view), and mail and calendars without patient data (services/test_digests,
services/test_feeds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking

BLEED_KEYS = 25


@pytest.fixture(scope="module")
def ana(browser_for: Callable[..., Any]) -> Any:
    return browser_for("ana")


@pytest.fixture(scope="module")
def doctor(browser_for: Callable[..., Any]) -> Any:
    return browser_for("dr-a")


def code_of(patient: UUID) -> str:
    from patients.access import everywhere
    from patients.models import Patient

    with everywhere(by="test"):
        return Patient.objects.get(pk=patient).code


def site_today(clinic: Mapping[str, UUID]) -> date:
    from patients.access import everywhere
    from patients.models import Site
    from tests.browser.conftest import today_at

    with everywhere(by="test"):
        return today_at(Site.objects.get(code="northside"))


def click(page: Any, target: str) -> int:
    """A click that opens another page; counted as one."""
    with page.expect_navigation():
        page.click(target)
    return 1


def test_an_alert_is_answered_with_a_taper_in_two_clicks_and_its_steps_are_in_the_plot(
    doctor: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    patient, code = clinic["to taper"], code_of(clinic["to taper"])
    doctor.goto(f"{server}/admin/today/?group=alerts")
    row = f"tr[data-row]:has-text('{code}'):has-text('above 2x')"
    assert "Act on ALT 52 U/L" in doctor.inner_text(row)
    clicks = click(doctor, f"{row} a.btn:has-text('Record taper')")
    assert doctor.input_value("#started_on") == site_today(clinic).isoformat(), "the day is filled in"
    assert doctor.is_checked("#how-default"), "and the pathway's template"
    clicks += click(doctor, "button:text-is('Save course')")
    assert clicks == 2
    doctor.goto(f"{server}/admin/today/?group=alerts")
    assert doctor.locator(f"tr[data-row]:has-text('{code}'):has-text('above 2x')").count() == 0
    doctor.goto(f"{server}/admin/patients/{patient}/")
    assert doctor.locator("svg.plot .block").count() > 0
    assert doctor.locator("svg.plot text.dose").last.text_content() == "Prednisone"
    assert "60 mg a day" in doctor.inner_text("ol.doses li[aria-current=step]")


@pytest.mark.parametrize(("titer", "word"), [("1:678", "Fail"), ("1:677", "Pass")])
def test_a_titer_at_the_payers_limit_fails_and_just_below_it_passes(
    ana: Any, server: str, clinic: Mapping[str, UUID], titer: str, word: str
) -> None:
    """Entered in three fields and Enter."""
    ana.goto(f"{server}/admin/patients/{clinic['to gate']}/results/?analytes=AAV5_NAB")
    ana.fill("#collected_on", site_today(clinic).isoformat())
    ana.fill("#collected_time", "08:00" if word == "Fail" else "08:30")
    ana.fill("#value-0", titer)
    ana.fill("#assay-0", "clinical-study")
    with ana.expect_navigation():
        ana.keyboard.press("Enter")
    card = ana.locator(".gates li:has(h3:has-text('Anti-AAV5'))")
    text = card.inner_text()
    assert word in card.locator(".pill").inner_text()
    assert titer in text and "1:678" in text
    assert "label sets no cut-off" in text


def test_a_date_past_what_is_valid_names_the_gate_that_expires(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    """Can we infuse on this date: one click from the patient, one field for another date."""
    ana.goto(f"{server}/admin/patients/{clinic['booked']}/")
    assert click(ana, "a.btn:has-text('Move the date')") == 1
    before = ana.inner_text("#finding")
    assert "passes" in before or "block" in before
    ana.fill("#infusion_on", (site_today(clinic) + timedelta(120)).isoformat())
    ana.wait_for_selector("#finding.bad")
    expired = ana.locator("#preview .gates li.blocks:has(.pill:has-text('Expired')) h3").all_inner_texts()
    assert expired, "the gates that expire are named"
    assert any(title in ana.inner_text("#preview") for title in expired)


def test_where_no_day_works_the_gates_to_repeat_are_named(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    ana.goto(f"{server}/admin/patients/{clinic['liver_on_hold']}/")
    assert "No day works yet. To repeat or add: Liver enzymes" in ana.inner_text("section:has(#window)")


def test_a_milestone_and_its_parts_are_one_click_from_the_patient(
    doctor: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    doctor.goto(f"{server}/admin/patients/{clinic['month_twelve']}/")
    assert click(doctor, "section[aria-labelledby=milestones] tr:has-text('Month 12') a.btn") == 1
    assert "one-stage" in doctor.inner_text("main").lower()


def test_a_bleed_is_entered_by_keys_from_the_patients_page(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    """One click; the day is today until another is chosen, and Enter saves."""
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/")
    assert click(ana, "a.btn:has-text('Record bleed')") == 1
    assert ana.input_value("#onset_at") == site_today(clinic).isoformat()
    ana.focus("#site")
    keys = [*"left hip", "Tab", "Space", "Tab", *"sp", "Tab", "Space", "Enter"]
    for key in keys[:-1]:
        ana.keyboard.press(key)
    with ana.expect_navigation():
        ana.keyboard.press(keys[-1])
    assert len(keys) <= BLEED_KEYS
    assert "Bleed saved." in ana.inner_text(".messagelist")
    assert "left hip" in ana.inner_text("table[aria-labelledby=list]")
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/")
    assert "left hip" in ana.inner_text("section[aria-labelledby=bleeds]")


def test_a_dose_that_looks_odd_is_asked_about_and_one_more_key_keeps_it(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/log/factor-uses/")
    for name, text in (("product", "IDELVION"), ("iu", "0")):
        ana.fill(f"#{name}", text)
    ana.select_option("#reason", "bleed")
    looking.submit(ana)
    assert "A dose of 0 IU is none." in ana.inner_text("#asks")
    assert ana.evaluate("document.activeElement.id") == "asks"
    assert looking.axe(ana) == []
    ana.keyboard.press("Tab")
    with ana.expect_navigation():
        ana.keyboard.press("Enter")
    assert "Factor use saved." in ana.inner_text(".messagelist")


def test_the_cohort_leads_to_what_is_missed_and_keeps_its_heads_in_view(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    code = code_of(clinic["weeks_missed"])
    ana.goto(f"{server}/admin/cohort/")
    link = ana.get_by_role("link", name=f"{code} W6: Missed")
    assert link.count() == 1
    assert ana.locator(".cohort td a").count() < ana.locator(".cohort td").count() / 3
    sticky = ana.eval_on_selector_all(
        ".cohort thead tr+tr th:first-child, .cohort tbody th",
        "all => all.map(e => getComputedStyle(e).position)",
    )
    assert set(sticky) == {"sticky"}
    with ana.expect_navigation():
        link.click()
    assert "week 6" in ana.inner_text("h1").lower() or "week 6" in ana.inner_text("main").lower()


def test_a_view_is_saved_and_is_one_click_afterwards(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    ana.goto(f"{server}/admin/cohort/")
    ana.select_option("#phase", "monitoring")
    click(ana, "button:text-is('Show')")
    rows = ana.locator("tr[data-row]").count()
    ana.click(".views summary")
    ana.fill("#view-name", "In their weeks")
    assert looking.axe(ana) == [] and looking.small_targets(ana) == []
    click(ana, "button:text-is('Save view')")
    ana.goto(f"{server}/admin/cohort/")
    click(ana, ".views a:has-text('In their weeks')")
    assert ana.locator("tr[data-row]").count() == rows
    assert ana.locator(".views a[aria-current=true]").inner_text() == "In their weeks"


def test_every_page_of_the_day_is_two_keys_away(ana: Any, server: str) -> None:
    ana.goto(f"{server}/admin/today/")
    for key, address in zip(
        "plcmet", ("patients", "lab-entry", "cohort", "milestones", "exports", "today"), strict=True
    ):
        ana.keyboard.press("Escape")
        ana.keyboard.press("g")
        with ana.expect_navigation(url=f"**/admin/{address}/"):
            ana.keyboard.press(key)
    ana.click("summary:has-text('More')")
    assert ana.locator(".menu a").all_inner_texts() == ["Desk", "Rules", "Records", "Audit"]
    assert looking.axe(ana) == [] and looking.poor_contrast(ana) == []
    ana.keyboard.press("?")
    assert "Milestones" in ana.inner_text("#keys")
    ana.keyboard.press("Escape")


def test_a_dataset_is_four_clicks_to_its_preview(ana: Any, server: str) -> None:
    ana.goto(f"{server}/admin/today/")
    clicks = click(ana, ".tabs a:has-text('Exports')")
    ana.select_option("#contract", "sample-level")
    clicks += 1
    clicks += click(ana, "button:has-text('Preview')")
    assert clicks <= 4 and "row" in ana.inner_text("main").lower()


def test_today_is_light_and_asks_no_other_host(ana: Any, server: str) -> None:
    assert len(ana.goto(f"{server}/admin/today/").body()) <= 60_000
    assert ana.blocked == []


@pytest.mark.slow
def test_today_is_painted_within_a_second(ana: Any, server: str) -> None:
    ana.bring_to_front()
    assert min(painted(ana, server) for _ in range(3)) < 1000


def painted(page: Any, server: str) -> float:
    """Milliseconds to the first paint of Today."""
    page.goto(f"{server}/admin/today/")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    return page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
