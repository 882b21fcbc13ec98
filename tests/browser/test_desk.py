"""The intake pages in a real browser: safe, legible, on a phone, by keyboard, and without scripts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.browser import looking
from tests.browser.conftest import seed_desk
from tests.factories.lab import ALT, csv_of, row

SHOTS = os.environ.get("DAYMARK_SHOTS", "")


@pytest.fixture(scope="module")
def addresses(clinic: Mapping[str, UUID]) -> dict[str, str]:
    """Every intake page by name, on a desk with an item of every sort."""
    from patients.access import everywhere
    from patients.models import CodeMap, Inbound, QuarantineItem, TableMapping

    with everywhere(by="test"):
        seed_desk(dict(clinic))
        items = {f"item-{q.reason}": f"desk/{q.pk}/" for q in QuarantineItem.objects.all()}
        taken = {f"import-{i.state}-{i.format}": f"desk/imports/{i.pk}/" for i in Inbound.objects.all()}
        code, table = CodeMap.objects.all()[0].pk, TableMapping.objects.all()[0].pk
    fixed = {
        "desk": "desk/",
        "ended": "desk/?state=discarded",
        "imports": "desk/imports/",
        "import-new": "desk/imports/new/",
        "code-maps": "desk/code-maps/",
        "code-map-new": "desk/code-maps/new/",
        "code-map": f"desk/code-maps/{code}/",
        "tables": "desk/table-mappings/",
        "table": f"desk/table-mappings/{table}/",
        "today": "today/",
        "patient": f"patients/{clinic['to file']}/",
    }
    return fixed | items | taken


def shot(page: Any, name: str) -> None:
    """Keeps a picture for a person to look at, where a folder is named."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_every_intake_page_is_safe_accessible_and_legible(
    open_browser: Callable[..., Any], server: str, addresses: Mapping[str, str]
):
    page = open_browser()
    faults: list[str] = []
    for name, address in addresses.items():
        assert page.goto(f"{server}/admin/{address}").status == 200
        found = looking.seen(page, lambda view, name=name: shot(page, f"{name}-{view}"))
        faults += [f"{address}: {text}" for text in found]
    assert faults == []
    assert page.blocked == []


def test_a_faulty_decision_leads_to_its_field_and_a_good_one_says_what_it_did(
    open_browser: Callable[..., Any], server: str, addresses: Mapping[str, str]
):
    page = open_browser()
    page.goto(f"{server}/admin/desk/?source=northside-tables&reason=unmapped-code")
    page.click("tr[data-row] a.btn >> nth=0")
    looking.submit(page)
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.className") == "problem"
    assert looking.axe(page) == []
    page.click(".problem a >> nth=0")
    assert page.evaluate("document.activeElement.id") in ("map-reason", "map-analyte")
    shot(page, "faulty")
    assert page.locator("#map-analyte-fault").count() == 1
    page.fill("#map-reason", "Their own code")
    page.select_option("#map-analyte", "ALT")
    page.keyboard.press("Tab")
    looking.submit(page)
    assert "Code mapped. 6 items read again" in page.inner_text(".messagelist")
    shot(page, "mapped")


def test_a_trial_keeps_the_chosen_file_and_the_import_then_takes_it(
    open_browser: Callable[..., Any], server: str, addresses: Mapping[str, str], tmp_path: Path
):
    file = tmp_path / "trial.csv"
    file.write_bytes(csv_of(row(ALT, who="T1,Muster,1985-05-17"), row("LXYZ")))
    page = open_browser()
    page.goto(f"{server}/admin/desk/imports/new/")
    page.click("button[name=try]")
    page.wait_for_selector(".problem")
    page.set_input_files("#file", str(file))
    page.select_option("#source", "northside-tables")
    page.click("button[name=try]")
    page.wait_for_selector("#trial")
    assert "2 items" in page.inner_text("#outcome")
    assert page.evaluate("document.getElementById('file').files.length") == 1
    assert page.evaluate("document.activeElement.id") == "outcome"
    assert looking.axe(page) == [] and looking.violations(page) == []
    shot(page, "trial")
    page.click("button[name=import]")
    page.wait_for_url("**/imports/*-*/")
    assert "Imported trial.csv" in page.inner_text(".messagelist")


def test_trial_and_decision_work_without_scripts(
    open_browser: Callable[..., Any], server: str, addresses: Mapping[str, str], tmp_path: Path
):
    file = tmp_path / "plain.csv"
    file.write_bytes(csv_of(row("LQQQ", who="T2,Muster,1985-05-17")))
    page = open_browser(scripts=False)
    page.goto(f"{server}/admin/desk/imports/new/")
    page.set_input_files("#file", str(file))
    page.select_option("#source", "northside-tables")
    page.click("button[name=try]")
    assert "Nothing was stored." in page.inner_text("main")
    page.goto(f"{server}/admin/{addresses['item-value-unparseable']}")
    page.fill("#discard-reason", "Sent again")
    page.click("details[open] button[type=submit]")
    assert "1 item discarded" in page.inner_text(".messagelist")


def test_a_site_admin_maps_codes(open_browser: Callable[..., Any], server: str, addresses: Mapping[str, str]):
    page = open_browser("adam")
    page.click(".tabs a:has-text('Code maps')")
    assert page.inner_text("h1") == "Code maps"
    assert looking.seen(page) == []
