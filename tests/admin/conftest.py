"""A fixed afternoon on the day of an infusion, and a site with its people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from patients.models import Site
from tests.factories.people import make_staff
from tests.services.ready import NOON

LATER = NOON + timedelta(hours=6)


@pytest.fixture
def clock(everywhere: None) -> Iterator[None]:
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def staffed(clock: None, site: Site) -> Site:
    for role, name in (
        ("coordinator", "ana"),
        ("clinician", "dr-a"),
        ("clinician", "dr-b"),
        ("site_admin", "boss"),
    ):
        make_staff(site, role, name)
    return site
