"""A committed cohort for the tests of this folder, because an export reads in a transaction of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import TransactionTestCase

from outcomes.services.cohort import Teller
from patients import access
from patients.models import Site, User
from tests.factories.people import make_site, make_staff

NOW = datetime(2027, 3, 1, 11, 0, tzinfo=UTC)
TODAY = date(2027, 3, 1)
CONTRACT = "sample-level"


@dataclass
class Cohort:
    """Sites north and south with staff, and patients by MRN."""

    north: Site
    south: Site
    patients: dict[str, UUID] = field(default_factory=dict)
    staff: dict[tuple[str, str], User] = field(default_factory=dict)

    def user(self, role: str, site: str = "north") -> User:
        key = (role, site)
        if key not in self.staff:
            with access.everywhere(by="test"):
                self.staff[key] = make_staff(getattr(self, site), role)
        return self.staff[key]

    def told(
        self, mrn: str, months: int, *, site: str = "north", contract: str = CONTRACT, **more: Any
    ) -> UUID:
        """A patient treated so many months ago, with activities, bleeds and concentrate; committed."""
        with access.everywhere(by="test"):
            teller = Teller(getattr(self, site), TODAY, random.Random(mrn), mrn, contract=contract, **more)
            followed(teller, months)
        self.patients[mrn] = teller.patient
        return teller.patient

    @contextmanager
    def teller(self, mrn: str, site: str = "north") -> Iterator[Teller]:
        """More of a patient's story."""
        with access.everywhere(by="test"):
            told = Teller(getattr(self, site), TODAY, random.Random(mrn), mrn)
            told.patient = self.patients[mrn]
            yield told


def followed(t: Teller, months: int) -> None:
    """Off prophylaxis since day 21, activity at the milestones, one bleed a year, concentrate for each."""
    day0 = TODAY - timedelta(round(months * 30.4375) + 3)
    t.taken_over_on = TODAY - timedelta(2)
    t.infuse(day0)
    for month in (3, 6, 12, 24, 36):
        if month <= months:
            t.results(day0 + timedelta(round(month * 30.4375)), {"FIX_OS": str(40 - month), "FIX_CH": "15.5"})
    for year in range(1, months // 12 + 1):
        on = day0 + timedelta(365 * year - 40)
        t.bleed(on)
        t.fact(on, "factor-uses", product="IDELVION", iu="3000", given_on=on.isoformat(), reason="bleed")


@pytest.fixture(scope="package")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Committed rows, at a fixed time; the tables are emptied afterwards."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False):
        try:
            yield
        finally:
            TransactionTestCase._fixture_teardown(TransactionTestCase())  # type: ignore[attr-defined]


@pytest.fixture(scope="package")
def sites(database: None) -> Cohort:
    with access.everywhere(by="test"):
        return Cohort(make_site("north"), make_site("south", timezone="America/New_York"))


@pytest.fixture(scope="package")
def cohort(sites: Cohort) -> Cohort:
    """Three in the north (36, 12 and 5 months), one in the south (24 months)."""
    sites.told("N-36", 36)
    sites.told("N-12", 12)
    sites.told("N-05", 5)
    sites.told("S-24", 24, site="south")
    return sites
