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
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.browser import hands, looking
from tests.browser.hands import Hand

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


def click(page: Any, target: str) -> None:
    """A click that opens another page."""
    Hand(page).click(target)


def test_an_alert_is_answered_with_a_taper_in_two_clicks_and_its_steps_are_in_the_plot(
    doctor: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    patient, code = clinic["to taper"], code_of(clinic["to taper"])
    doctor.goto(f"{server}/admin/today/?group=alerts")
    row = f"tr[data-row]:has-text('{code}'):has-text('above 2x')"
    assert "Act on ALT 52 U/L" in doctor.inner_text(row)
    hand = Hand(doctor)
    hand.click(f"{row} a.btn:has-text('Record taper')")
    assert doctor.input_value("#started_on") == site_today(clinic).isoformat(), "the day is filled in"
    assert doctor.is_checked("#how-default"), "and the pathway's template"
    hand.click("button:text-is('Save course')")
    hand.takes(5)
    doctor.goto(f"{server}/admin/today/?group=alerts")
    assert doctor.locator(f"tr[data-row]:has-text('{code}'):has-text('above 2x')").count() == 0
    doctor.goto(f"{server}/admin/patients/{patient}/")
    assert doctor.locator("svg.plot .block").count() > 0
    assert doctor.locator("svg.plot text.dose").last.text_content() == "Prednisone"
    assert "60 mg a day" in doctor.inner_text("ol.doses li[aria-current=step]")


@pytest.mark.parametrize(("titer", "word", "ago"), [("1:678", "Fail", 2), ("1:677", "Pass", 1)])
def test_a_titer_at_the_payers_limit_fails_and_just_below_it_passes(
    ana: Any, server: str, clinic: Mapping[str, UUID], titer: str, word: str, ago: int
) -> None:
    """Entered from its card; the focus stands on the value, the day is today until another is chosen."""
    ana.goto(f"{server}/admin/patients/{clinic['to gate']}/")
    hand = Hand(ana)
    hand.click(".gates li:has(h3:has-text('Anti-AAV5')) a.btn:has-text('Add result')")
    assert ana.evaluate("document.activeElement.id") == "value-0"
    assert ana.input_value("#collected_on") == site_today(clinic).isoformat()
    hand.fill("#collected_on", (site_today(clinic) - timedelta(ago)).isoformat())
    hand.fill("#value-0", titer)
    hand.fill("#assay-0", "clinical-study")
    hand.enter()
    hand.takes(7)
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
    hand = Hand(ana)
    hand.click("a.btn:has-text('Move the date')")
    before = ana.inner_text("#finding")
    assert "passes" in before or "block" in before
    hand.fill("#infusion_on", (site_today(clinic) + timedelta(120)).isoformat())
    ana.wait_for_selector("#finding.bad")
    expired = ana.locator("#preview .gates li.blocks:has(.pill:has-text('Expired')) h3").all_inner_texts()
    assert expired, "the gates that expire are named"
    assert any(title in ana.inner_text("#preview") for title in expired)
    hand.takes(6)


def test_where_no_day_works_the_gates_to_repeat_are_named(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    ana.goto(f"{server}/admin/patients/{clinic['liver_on_hold']}/")
    assert "No day works yet. To repeat or add: Liver enzymes" in ana.inner_text("section:has(#window)")


def test_a_milestone_and_its_parts_are_one_click_from_the_patient(
    doctor: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    doctor.goto(f"{server}/admin/patients/{clinic['month_twelve']}/")
    click(doctor, "section[aria-labelledby=milestones] tr:has-text('Month 12') a.btn")
    assert "one-stage" in doctor.inner_text("main").lower()


def test_a_milestone_is_complete_after_one_click_and_both_activities(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    """Bleeds and use of concentrate are counted from their logs; only the activities are typed."""
    ana.goto(f"{server}/admin/milestones/?contract=sample-level&verdict=due")
    row = f"tr[data-row]:has-text('{code_of(clinic['to complete'])}')"
    assert "one-stage activity" in ana.inner_text(row).lower(), "the assay that the contract judges by"
    hand = Hand(ana)
    hand.click(f"{row} a.btn:has-text('Enter result')")
    hand.press(*"14.2", "Tab", "Tab", "Tab", "Tab", "Tab", *"6.9")
    hand.enter()
    hand.takes(8)
    ana.goto(f"{server}/admin/milestones/?contract=sample-level&verdict=due")
    told = ana.inner_text(row)
    assert "14.2" in told and "6.9" in told
    assert ana.locator(f"{row} td[data-label='Still missing']").inner_text() == "nothing"
    assert ana.locator(f"{row} a.btn").inner_text().startswith("Review")


def test_a_bleed_is_entered_by_keys_from_the_patients_page(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    """One click; the day is today until another is chosen, the focus stands on the place, and Enter saves."""
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/")
    hand = Hand(ana)
    hand.click("a.btn:has-text('Record bleed')")
    assert ana.input_value("#onset_at") == site_today(clinic).isoformat()
    assert ana.evaluate("document.activeElement.id") == "site"
    hand.press(*"left hip", "Tab", "Space", "Tab", *"sp", "Tab", "Space")
    hand.enter()
    assert (hand.clicks, hand.keys) <= (1, BLEED_KEYS)
    assert "Bleed saved." in ana.inner_text(".messagelist")
    assert "left hip" in ana.inner_text("table[aria-labelledby=list]")
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/")
    assert "left hip" in ana.inner_text("section[aria-labelledby=bleeds]")


def test_a_use_of_factor_is_its_dose_and_its_reason(
    ana: Any, server: str, clinic: Mapping[str, UUID]
) -> None:
    """Day and product are filled in; Enter saves from the list of reasons too."""
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/log/factor-uses/")
    before = (site_today(clinic) - timedelta(10)).isoformat()
    for name, text in (("given_on", before), ("product", "IDELVION"), ("iu", "3000")):
        ana.fill(f"#{name}", text)
    ana.select_option("#reason", "bleed")
    looking.submit(ana)
    ana.goto(f"{server}/admin/patients/{clinic['to bleed']}/")
    hand = Hand(ana)
    hand.click("a.btn:has-text('Record factor')")
    assert ana.evaluate("document.activeElement.id") == "product"
    assert ana.input_value("#product") == "IDELVION"
    hand.press("Tab", *"3500", "Tab", "b")
    hand.enter()
    assert "Factor use saved." in ana.inner_text(".messagelist")
    assert "3,500 IU" in ana.inner_text("table[aria-labelledby=list]")
    assert (hand.clicks, hand.keys) == (1, 8)


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


def test_a_dataset_is_four_clicks_away_from_today(ana: Any, server: str) -> None:
    """The contract used last and today as cut-off are filled in, and the data set is there when the page is."""
    ana.goto(f"{server}/admin/exports/")
    ana.select_option("#contract", "sample-warranty")
    click(ana, "button:has-text('Preview')")
    click(ana, "button:has-text('Make the data set')")
    ana.goto(f"{server}/admin/today/")
    hand = Hand(ana)
    hand.click(".tabs a:has-text('Exports')")
    assert ana.input_value("#contract") == "sample-warranty"
    hand.click("button:has-text('Preview')")
    assert "Preview:" in ana.inner_text("#ask ~ h3")
    hand.click("button:has-text('Make the data set')")
    with ana.expect_download() as started:
        ana.click("tr[data-row] >> nth=0 >> a:has-text('Download CSV')")
    hand.clicks += 1
    assert started.value.path().read_bytes()[:2] == b"PK"
    hand.takes(10)


def test_the_ten_tasks_stand_in_the_documentation_as_they_were_counted() -> None:
    """Each is counted by one of the browser tests."""
    here = Path(__file__).parent
    assert hands.table() in (here.parents[1] / "docs" / "ten-tasks.md").read_text(encoding="utf-8")
    told = "".join(path.read_text(encoding="utf-8") for path in here.glob("test_*.py"))
    assert [n for n in hands.TASKS if f".takes({n})" not in told] == []


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
