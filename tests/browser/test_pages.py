"""Every page in a real browser: strict policy, no outside host, accessible, legible, fits a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.utils import timezone

from patients.models import User
from patients.services import passwords
from tests.browser import looking
from tests.browser.conftest import STORIES, WATCH
from tests.browser.hands import Hand

LISTS = (
    "today/",
    "today/?group=next",
    "patients/",
    "cohort/",
    "cohort/?phase=closed",
    "milestones/",
    "figures/",
    "rules/",
    "records/",
    "nowhere/",
)
FORMS = (
    "results/",
    "results/?analytes=ALT,AST,ALP,TBIL",
    "attestation/",
    "log/bleeds/",
    "log/factor-uses/",
    "values/",
    "lab-entry/",
    "plan/",
    "infusion/",
    "packet/",
    "claim/",
    "merge/",
)

KEPT = """async () => ({local: Object.keys(localStorage), session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).map(d => d.name), caches: await caches.keys()})"""
"""What the browser has put by of all pages: nothing at all, so nothing about anybody."""


def addresses(page: Any, server: str, clinic: Mapping[str, UUID]) -> list[str]:
    """All own pages: the lists, each story's patient, the forms, and every stock list."""
    page.goto(f"{server}/admin/records/")
    stock = page.eval_on_selector_all("#content a", "links => links.map(a => a.pathname)")
    patients = [f"/admin/patients/{clinic[name]}/" for name in STORIES]
    lists = [f"/admin/{name}" for name in LISTS]
    merge = f"{patients[0]}merge/?into={clinic[STORIES[1]]}"
    return [*lists, *patients, *(patients[0] + form for form in FORMS), merge, *sorted(set(stock))]


@pytest.mark.parametrize("half", [0, 1])
def test_every_page_is_safe_accessible_and_legible(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID], half: int
):
    page = open_browser()
    faults: list[str] = []
    for address in addresses(page, server, clinic)[half::2]:
        answer = page.goto(server + address)
        policy = answer.headers.get("content-security-policy", "")
        for wanted in ("default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'"):
            if wanted not in policy:
                faults.append(f"{address}: no {wanted}")
        faults += [f"{address}: {text}" for text in looking.seen(page)]
    assert faults == []
    assert page.blocked == []
    kept = page.evaluate(KEPT)
    assert set(kept.pop("local")) <= {"theme"} and kept == {"session": [], "databases": [], "caches": []}
    assert {c["name"] for c in page.context.cookies()} <= {"sessionid", "csrftoken"}
    assert all(c["httpOnly"] for c in page.context.cookies())


def test_the_pages_before_signing_in_are_safe_accessible_and_legible(
    chromium: Any, server: str, clinic: Mapping[str, UUID]
):
    link = passwords.link(User.objects.get(username="ana"), key=passwords.GIVEN, at=timezone.now())
    context = chromium.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    reset = f"{server}/accounts/password/reset"
    for address in (f"{server}/accounts/login/", f"{reset}/", f"{reset}/done/", f"{reset}/key/x-y/",
                    f"{server}{urlsplit(link).path}", f"{reset}/key/done/"):  # fmt: skip
        page.goto(address)
        assert looking.seen(page) == [], address
    context.close()


def test_a_wrong_password_says_so_and_moves_focus(chromium: Any, server: str, clinic: Mapping[str, UUID]):
    page = chromium.new_page()
    page.goto(f"{server}/accounts/login/")
    page.fill("#id_login", "ana")
    page.fill("#id_password", "not the password")
    looking.submit(page)
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.className") == "problem"
    page.close()


def test_signing_in_lands_on_today_in_order_and_counts_are_rows(open_browser: Callable[..., Any]):
    page = open_browser()
    assert urlsplit(page.url).path == "/admin/today/"
    Hand(page).takes(1)
    headings = page.eval_on_selector_all("main h2[id]", "heads => heads.map(h => h.id)")
    order = ["alerts", "overdue", "expiring", "due", "closing"]
    assert headings == [code for code in order if code in headings]
    assert {"alerts", "expiring"} <= set(headings)
    for code in headings:
        page.goto(page.url.split("?")[0] + f"?group={code}")
        counted = int(page.inner_text(f'.chip[href="?group={code}"] b'))
        assert page.locator("tr[data-row]").count() == counted


def test_a_site_admin_lands_on_the_records_and_sees_no_patient(open_browser: Callable[..., Any], server: str):
    page = open_browser("adam")
    assert urlsplit(page.url).path == "/admin/records/"
    assert page.goto(f"{server}/admin/today/").status == 403
    assert "coordinator" in page.inner_text("main")


def test_finding_a_patient_takes_a_key_and_the_code(
    open_browser: Callable[..., Any], server: str, clinic: Mapping[str, UUID]
):
    page = open_browser()
    page.goto(f"{server}/admin/patients/{clinic['referred']}/")
    code = page.inner_text("h1")
    page.goto(f"{server}/admin/today/")
    hand = Hand(page)
    hand.press("/", *code[-5:])
    hand.enter()
    hand.takes(4)
    assert page.inner_text("h1") == code
    assert page.inner_text(".head .pill") == "Screening"
