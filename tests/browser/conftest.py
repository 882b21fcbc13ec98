"""A real browser against a real server. Skipped, with the reason, where Chromium is not installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def clinic(transactional_db: None) -> Any:
    """A site with a coordinator, and the seeded cohort in every phase."""
    from outcomes.services import cohort
    from patients.access import everywhere
    from tests.factories.people import make_site, make_staff

    with everywhere(by="test"):
        site = make_site("northside", timezone="America/Chicago")
        make_staff(site, "coordinator", "ana")
        make_staff(site, "site_admin", "adam")
        cohort.seed(patients=24, seed=1, today=_today(site), sites=[site])
    return site


def _today(site: Any) -> date:
    from django.utils import timezone

    from workflow.selectors.decisions import local_date

    return local_date(timezone.now(), site.timezone)


@pytest.fixture
def open_browser(chromium: Any, live_server: Any, clinic: Any) -> Iterator[Callable[..., Any]]:
    """Opens a signed-in page; every host but our own is blocked and counted in `page.blocked`."""
    from tests.factories.people import PASSWORD

    contexts: list[Any] = []

    def open_page(
        username: str = "ana", *, scheme: str = "light", width: int = 1280, scripts: bool = True
    ) -> Any:
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.blocked = []
        context.route("**/*", lambda route: _own(route, live_server.url, page.blocked))
        page.goto(f"{live_server.url}/admin/")
        page.fill("#id_login", username)
        page.fill("#id_password", PASSWORD)
        page.click("main button[type=submit]")
        return page

    yield open_page
    for context in contexts:
        context.close()


def _own(route: Any, own: str, blocked: list[str]) -> None:
    url = route.request.url
    if url.startswith((own, "data:")):
        route.continue_()
    else:
        blocked.append(url)
        route.abort()
