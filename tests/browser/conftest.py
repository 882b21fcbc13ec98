"""A real browser against a real server. Skipped, with the reason, where Chromium is not installed.

The pages of all these tests stand on one seeded clinic in a database of its own, cloned from the template.
Tests that change a patient take one that no other test looks at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import axe_playwright_python
import psycopg
import pytest

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STORIES = (
    "referred",
    "titer_expires",
    "cleared",
    "booked",
    "liver_on_hold",
    "alert_open",
    "steroids_running",
    "weeks_missed",
    "month_five",
    "month_twelve",
    "died",
)
CONTRACTS = {"month_twelve": "sample-level", "died": "sample-level", "month_five": "sample-warranty"}
SPARE = {
    "to alert": "weeks_missed",
    "to answer": "alert_open",
    "to move": "booked",
    "to file": "month_five",
    "to infuse": "cleared",
    "to infuse plainly": "cleared",
    "to override": "referred",
    "to taper": "alert_open",
    "to gate": "titer_expires",
    "to bleed": "month_five",
}
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => {
  window.violations.push(e.violatedDirective + ' ' + e.blockedURI);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(
                    pytest.mark.skip(reason="Chromium is not installed; apt-get install chromium")
                )


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def own_database(django_db_setup: None, django_db_blocker: Any, worker_id: str) -> Iterator[None]:
    """The connection of this process on a database that only the browser tests use."""
    from django.db import connection

    from tests import conftest

    with django_db_blocker.unblock():
        before = dict(connection.settings_dict)
        server = conftest._server(Path(os.environ["DAYMARK_TEST_DIR"]))
        name = f"daymark_browser_{worker_id}"
        with psycopg.connect(server.url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as owner:
            owner.execute(f"create database {name} template {conftest.TEMPLATE}")
        conftest._connect(server.url, name)
        yield
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture(scope="package")
def clinic(own_database: None) -> dict[str, UUID]:
    """Patients by the name of their story, at one site with its people."""
    from outcomes.services import assessments
    from patients.access import everywhere
    from tests.factories.people import make_site, make_staff

    with everywhere(by="test"):
        site = make_site("northside", timezone="America/Chicago")
        make_staff(site, "coordinator", "ana")
        make_staff(site, "site_admin", "adam")
        for name in ("dr-a", "dr-b"):
            make_staff(site, "clinician", name)
        told = {name: name for name in STORIES} | SPARE
        found = {name: _tell(story, site, number) for number, (name, story) in enumerate(told.items())}
        found["to complete"] = _without_activity(site)
        assessments.refresh()
        return found


def today_at(site: Any) -> Any:
    """The site's calendar date."""
    from django.utils import timezone

    from workflow.selectors.decisions import local_date

    return local_date(timezone.now(), site.timezone)


def _tell(story: str, site: Any, number: int) -> UUID:
    from outcomes.services import cohort

    teller = cohort.Teller(
        site, today_at(site), Random(number), f"B{number:04d}", contract=CONTRACTS.get(story)
    )
    getattr(cohort, story)(teller)
    return teller.patient


def _without_activity(site: Any) -> UUID:
    """In the window of month 12, with the weekly panels but without an activity of a later visit."""
    from outcomes.services import cohort

    teller = cohort.Teller(site, today_at(site), Random(99), "B0099", contract="sample-level")
    teller.infuse(teller.today - timedelta(366))
    teller.weeks(teller.today - timedelta(366))
    return teller.patient


@pytest.fixture(scope="package")
def server(own_database: None) -> Iterator[str]:
    """The address of a server in this process, static files included."""
    from pytest_django.live_server_helper import LiveServer

    running = LiveServer("localhost")
    urlopen(f"{running.url}/accounts/login/", timeout=60).close()  # the first answer loads all modules
    yield running.url
    running.stop()


@pytest.fixture
def open_browser(chromium: Any, server: str, clinic: Any) -> Iterator[Callable[..., Any]]:
    """Opens a signed-in page; every host but our own is blocked and counted in `page.blocked`."""
    yield from _opening(chromium, server)


@pytest.fixture(scope="module")
def browser_for(chromium: Any, server: str, clinic: Any) -> Iterator[Callable[..., Any]]:
    """The same for the tests of a whole file, which sign in once."""
    yield from _opening(chromium, server)


def _opening(chromium: Any, server: str) -> Iterator[Callable[..., Any]]:
    from tests.factories.people import PASSWORD

    contexts: list[Any] = []

    def open_page(username: str = "ana", **options: Any) -> Any:
        page = new_page(chromium, server, contexts, **options)
        page.goto(f"{server}/admin/")
        page.fill("#id_login", username)
        page.fill("#id_password", PASSWORD)
        with page.expect_navigation(url="**/admin/**"):
            page.click("main button[type=submit]")
        return page

    yield open_page
    for context in contexts:
        context.close()


def new_page(
    chromium: Any,
    server: str,
    contexts: list[Any],
    *,
    scheme: str = "light",
    width: int = 1280,
    scripts: bool = True,
) -> Any:
    context = chromium.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, java_script_enabled=scripts
    )
    contexts.append(context)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.blocked = []
    context.route("**/*", lambda route: _own(route, server, page.blocked))
    return page


def _own(route: Any, own: str, blocked: list[str]) -> None:
    url = route.request.url
    if url.startswith((own, "data:")):
        route.continue_()
    else:
        blocked.append(url)
        route.abort()


def seed_desk(clinic: dict[str, UUID]) -> None:
    """A desk with every sort of item, imports of several formats, a code map and a table mapping."""
    from patients.models import CodeMap, Patient
    from patients.services.mappings import save_table_mapping
    from tests.factories import lab
    from workflow.services import desk

    patient = Patient.objects.select_related("site").get(pk=clinic["to file"])
    source = lab.make_source(
        patient.site, "northside-lab", sending_app="LAB", sending_facility="NORTH", mrn_authorities=["NORTH"]
    )
    if CodeMap.objects.filter(site=patient.site).exists():
        return
    who = f"{patient.mrn},{patient.family_name},{patient.birth_date}"
    table = lab.make_source(patient.site, "northside-tables")
    columns = {"mrn": "Patient number", "value": "Result", "collected_at": "Date", "code": "Test"}
    save_table_mapping(
        source=table,
        name="weekly-panel",
        columns=columns,
        constants={"unit": "U/L"},
        date_formats=["%d.%m.%Y"],
    )
    rows = [lab.row("LALT", str(20 + n), who=who, day=n + 1) for n in range(6)]
    rows += [lab.row(lab.ALT, "31", "furlong", who, 9), lab.row(lab.AST, "99999999", who=who, day=10)]
    rows += [lab.row(lab.ALT, "hemolysed", who=who, day=11), lab.row(lab.AST, "33", "mg/dL", who, 12)]
    rows += [
        lab.row(lab.ALT, "30", who="X77,Muster,1985-05-17", day=13),
        lab.row(lab.ALT, "28", who=who, day=14),
    ]
    rows += [lab.row("UNKNOWN-LONG-CODE-WITH-A-LOT-OF-LETTERS-IN-IT", "12", who=who, day=15)]
    lab.take(table, lab.csv_of(*rows), name="weekly panel of November, second version (final).csv")
    lab.take(table, lab.csv_of(lab.row(lab.ALT, "56", who=who, day=14)), name="again.csv")
    lab.take(table, b"name,result\nx,1\n", name="wrong columns.csv")
    lab.take(source, lab.oru(patient, "H1", "31"), name="messages.hl7")
    desk.save_code_map(source=table, system="", code="LGGT", analyte="GGT", by="ana")
    item = lab.waiting(reason="implausible")
    desk.resolve(item=item.pk, action="discard", reason="A sentinel, no value", by="ana")
