"""Sites, staff and patients for tests, made through the services only."""

from __future__ import annotations

from datetime import date
from typing import Any

import factory

from patients.models import Patient, Site, User
from patients.services import sites
from workflow.services import pathways

PATHWAYS = ("hemgenix", "roctavian", "beqvez")
PASSWORD = "a long enough pass phrase"


def make_site(
    code: str, *, timezone: str = "Europe/Berlin", certified_from: date | None = date(2020, 1, 1)
) -> Site:
    site = sites.create_site(code=code, name=f"Centre {code.title()}", timezone=timezone)
    for pathway in PATHWAYS if certified_from else ():
        sites.set_up(site=site, kind="certification", key=pathway, by="test", from_on=certified_from)
    return site


def make_staff(site: Site, role: str, username: str = "") -> User:
    name = username or f"{role}-{site.code}"
    user = sites.create_staff(
        username=name, email=f"{name}@example.org", role=role, site=site, since=date(2020, 1, 1)
    )
    user.set_password(PASSWORD)
    user.save()
    return user


class PatientFactory(factory.Factory):
    """A decided patient: created by the service, so pins, tasks and gates are there."""

    class Meta:
        model = Patient

    mrn = factory.Sequence(lambda n: f"M{n:06d}")
    family_name = factory.Sequence(lambda n: f"Muster{n}")
    given_name = "Alex"
    birth_date = date(1985, 5, 17)
    sex = "male"
    pathway = "hemgenix"
    policy = "label-us"
    by = "test"
    at = None

    @classmethod
    def _create(cls, model_class: type[Patient], *args: Any, **kwargs: Any) -> Patient:
        names = ("mrn", "family_name", "given_name", "birth_date", "sex")
        fields = {n: kwargs.pop(n) for n in names}
        return pathways.create(fields=fields, **kwargs)
