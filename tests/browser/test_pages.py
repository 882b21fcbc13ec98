"""Every page in a real browser: strict policy, no outside host, accessible, legible, fits a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser import looking

SITE_PAGES = ("/admin/today/", "/admin/patients/", "/admin/rules/", "/admin/records/")
VIEWS = [("light", 1280), ("dark", 1280), ("light", 390)]
FORMS = ("results/", "results/?analytes=ALT,AST,ALP,TBIL", "attestation/", "bleed/", "plan/")


def addresses(page: Any, base: str) -> list[str]:
    """All own pages: the lists, one patient of each phase with its forms, and every stock list."""
    page.goto(f"{base}/admin/patients/")
    rows = page.eval_on_selector_all(
        "tr[data-row]",
        "rows => rows.map(r => [r.children[1].textContent.trim(), r.querySelector('a').pathname])",
    )
    one_each = list({phase: path for phase, path in rows}.values())
    page.goto(f"{base}/admin/records/")
    stock = page.eval_on_selector_all("#content a", "links => links.map(a => a.pathname)")
    forms = [one_each[0] + form for form in FORMS]
    return [
        *SITE_PAGES,
        "/admin/today/?group=next",
        *one_each,
        *forms,
        *sorted(set(stock)),
        "/admin/nowhere/",
    ]


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_every_page_is_safe_accessible_and_legible(
    open_browser: Callable[..., Any], live_server: Any, scheme: str, width: int
):
    page = open_browser(scheme=scheme, width=width)
    faults: list[str] = []
    for address in addresses(page, live_server.url):
        answer = page.goto(live_server.url + address)
        policy = answer.headers.get("content-security-policy", "")
        for wanted in ("default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'"):
            if wanted not in policy:
                faults.append(f"{address}: no {wanted}")
        found = [*looking.axe(page), *looking.poor_contrast(page), *looking.small_targets(page)]
        found += looking.violations(page)
        if width == 390 and looking.width(page) != 390:
            found.append(f"page is {looking.width(page)} wide")
        faults += [f"{address}: {text}" for text in found]
    assert faults == []
    assert page.blocked == []


def test_signing_in_is_safe_accessible_and_legible(chromium: Any, live_server: Any, transactional_db: None):
    for scheme, width in VIEWS:
        page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        page.goto(f"{live_server.url}/accounts/login/")
        assert [*looking.axe(page), *looking.poor_contrast(page), *looking.small_targets(page)] == []
        assert looking.width(page) == width
        page.close()


def test_a_wrong_password_says_so_and_moves_focus(chromium: Any, live_server: Any, transactional_db: None):
    page = chromium.new_page()
    page.goto(f"{live_server.url}/accounts/login/")
    page.fill("#id_login", "nobody")
    page.fill("#id_password", "not the password")
    page.click("main button[type=submit]")
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.className") == "problem"
    page.close()


def test_signing_in_lands_on_today_in_order_and_counts_are_rows(open_browser: Callable[..., Any]):
    page = open_browser()
    assert urlsplit(page.url).path == "/admin/today/"
    headings = page.eval_on_selector_all("main h2[id]", "heads => heads.map(h => h.id)")
    order = ["alerts", "overdue", "expiring", "due", "closing"]
    assert headings == [g for g in order if g in headings]
    assert "alerts" in headings
    for code in headings:
        page.goto(page.url.split("?")[0] + f"?group={code}")
        counted = int(page.inner_text(f'.chip[href="?group={code}"] b'))
        assert page.locator("tr[data-row]").count() == counted


def test_a_site_admin_lands_on_the_records_and_sees_no_patient(
    open_browser: Callable[..., Any], live_server: Any
):
    page = open_browser("adam")
    assert urlsplit(page.url).path == "/admin/records/"
    assert page.goto(f"{live_server.url}/admin/today/").status == 403
    assert "coordinator" in page.inner_text("main")


def test_finding_a_patient_takes_a_key_and_the_code(open_browser: Callable[..., Any]):
    from patients.access import everywhere
    from patients.models import Patient

    with everywhere(by="test"):
        code = Patient.objects.order_by("code").first().code
    page = open_browser()
    page.keyboard.press("/")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/patients/**")
    assert page.inner_text("h1") == code
